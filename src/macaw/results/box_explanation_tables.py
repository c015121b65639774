"""Tables, keys and scales of the page that explains a box, and their style."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import heat
from macaw.results.box_explanation_parts import Proposals
from macaw.results.box_explanation_pictures import OTHER
from macaw.results.explanation_words import percent

if TYPE_CHECKING:
    from macaw.results.box_explanation import BoxExplanation

ROWS = 8  # proposals that have a line of their own

TABLES = """
.rows td { text-align: right; white-space: nowrap; }
.rows thead th + th { text-align: right; }
.rows .place { font-size: .8125rem; color: var(--muted); }
.levels3 { display: grid; gap: 1.5rem 1.25rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); }
.levels3 > * { min-width: 0; }
.why .pair .photo { max-height: 34rem; object-fit: contain; }
.more { margin-top: .75rem; font-size: .875rem; color: var(--muted); }
.swatch { display: inline-block; width: 1.5rem; vertical-align: .25em; border-top: .1875rem solid; }
.swatch.dashed { border-top-style: dashed; }
@media (max-width: 30rem) { .rows .place { display: none; } }
@media print { .levels3 { grid-template-columns: repeat(3, 1fr); gap: 5mm; } }
"""


def names_of(why: BoxExplanation, some: Proposals) -> list[str]:
    """The class of each proposal."""
    return [why.answer.names[label] for label in some.labels]


def fates(why: BoxExplanation, claims: Proposals) -> list[str]:
    """What became of each cell's box: they overlap the one in question too much to stay beside it."""
    beside = "removed" if why.suppression is None or why.suppression.needed else "another box"
    said = [beside if score >= why.threshold else "below the threshold" for score in claims.scores]
    return ["the box", *said[1:]] if why.found else said


def proposals_table(some: Proposals, heads: list[str]) -> str:
    """A line for each of the surest proposals, with its head, then how many more there are."""
    head = "".join(f'<th scope="col">{words}</th>' for words in ("", "score", "overlap", "stride"))
    head += '<th scope="col" class="place">box</th>'
    rows = "\n".join(_row(some, heads[place], place) for place in range(min(ROWS, len(some))))
    more = len(some) - ROWS
    rest = f'\n<p class="more">and {more:,} more</p>' if more > 0 else ""
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<table class="bars rows">\n{body}\n</table>{rest}'


def _row(some: Proposals, head: str, place: int) -> str:
    left, top, right, bottom = some.xyxy[place]
    return (
        f'<tr><th scope="row">{escape(head)}</th>'
        f"<td>{percent(float(some.scores[place]))}</td><td>{some.overlaps[place]:.2f}</td>"
        f"<td>{some.strides[place]}</td>"
        f'<td class="place">{left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}</td></tr>'
    )


def swatch(kind: str, color: str, words: str) -> str:
    """A line as the pictures draw it, and what it stands for."""
    edge = ";outline:1px solid #64717f" if color == OTHER else ""
    look = f"swatch {kind}".strip()
    return f'<span class="{look}" style="border-color:{color}{edge}"></span> {escape(words)}'


def scale_bar(colors: np.ndarray, low: str, high: str) -> str:
    """Colours (K, 3), with words at both ends."""
    steps = "".join(
        f'<rect x="{x}" width="1.1" height="1" fill="rgb({r},{g},{b})"/>'
        for x, (r, g, b) in enumerate(colors.tolist())
    )
    box = f'viewBox="0 0 {len(colors)} 1" preserveAspectRatio="none" aria-hidden="true"'
    return f'<p class="scale"><span>{low}</span><svg {box}>{steps}</svg><span>{high}</span></p>'


def signed_scale() -> str:
    """The colours of the map by covering."""
    return scale_bar(heat.scale(33), "covering it helps", "covering it hurts")
