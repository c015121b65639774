"""The parts of a page of scores: figures, tables with bars, a matrix; dark too, and on paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from macaw.results import charts
from macaw.results.measures import FRACTION, Interval
from macaw.results.page import document
from macaw.results.score_parts import ABSENT

# Bars are borders, not backgrounds: browsers leave backgrounds out when they print.
STYLE = """
section > p { max-width: 44rem; text-wrap: pretty; }
.wide { overflow-x: auto; margin-top: 1.25rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
table.measures { max-width: 44rem; margin-top: 1.25rem; }
.measures td { vertical-align: middle; }
th { font-weight: 400; text-align: left; }
thead th { font-size: .8125rem; color: var(--muted); vertical-align: bottom; }
td, thead th + th { text-align: right; white-space: nowrap; }
th, td { padding: .35rem 0 .35rem 1rem; border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 0; overflow-wrap: anywhere; min-width: 6.5rem; }
.measures th + td { width: 34%; }
.track { display: block; position: relative; height: .375rem; border-bottom: .1875rem solid var(--track); }
.track i { position: absolute; bottom: -.3125rem; height: 0; border-bottom: .4375rem solid var(--pale); }
.track b { position: absolute; bottom: -.4375rem; width: 0; height: .6875rem;
  border-left: .1875rem solid var(--strong); transform: translateX(-50%); }
.share { display: inline-block; vertical-align: middle; width: 4.5rem; margin-right: .6rem;
  border-top: .375rem solid var(--track); }
.share i { display: block; margin-top: -.375rem; border-top: .375rem solid var(--strong); }
.matrix { width: auto; }
.matrix td, .matrix thead th + th { text-align: center; padding: .35rem .5rem; }
.matrix thead th + th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left;
  vertical-align: top; padding: .5rem .35rem; }
.matrix td { border: 1px solid var(--line); min-width: 2.25rem; }
.matrix td.right { background: color-mix(in srgb, var(--strong) calc(var(--s) * 55%), transparent); }
.matrix td.wrong { background: color-mix(in srgb, var(--scarlet) calc(var(--s) * 55%), transparent); }
.drawing { max-width: 44rem; margin-top: 1.25rem; }
.drawn { display: block; width: 100%; height: auto; border-radius: .375rem; }
.notes { margin-top: 3rem; font-size: .875rem; color: var(--muted); max-width: 44rem; }
@media (min-width: 44rem) { body { padding: 4rem 2.5rem 5rem; } table { font-size: 1rem; } }
@media print { .wide { overflow: visible; } tr { break-inside: avoid; } }
"""


class Section(NamedTuple):
    """A part of the page: its heading, a line under it, and its HTML."""

    title: str
    note: str
    html: str


def score_page(headline: str, lede: str, sections: Iterable[Section], notes: Sequence[str] = ()) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    header = f'<h1>{escape(headline)}</h1>\n<p class="lede">{escape(lede)}</p>'
    parts = (
        f"<section>\n<h2>{escape(one.title)}</h2>\n<p>{escape(one.note)}</p>\n{one.html}\n</section>"
        for one in sections
    )
    ends = "".join(f"<p>{escape(note[:1].upper() + note[1:])}.</p>\n" for note in notes)
    main = "\n".join([*parts, f'<div class="notes">\n{ends}</div>' if ends else ""])
    return document(headline, header, main, style=STYLE + charts.STYLE)


def measures(metrics: Mapping[str, Interval], missing: Sequence[str] = ()) -> str:
    """A table of metrics: name, the interval on a track, value and interval in figures."""
    highest = max((one.high for one in metrics.values() if one.unit == FRACTION), default=1.0)
    end = next((limit for limit in (0.02, 0.05, 0.1, 0.2, 0.5, 1) if highest <= limit), highest)
    rows = "".join(_measure(name, one, end) for name, one in metrics.items())
    rows += "".join(
        f"<tr><th>{escape(name)}</th><td></td><td>{ABSENT}</td><td></td></tr>\n" for name in missing
    )
    return (
        '<table class="measures">\n<thead><tr><th>measure</th>'
        f"<th>0 to {100 * end:.4g} %</th><th>value</th><th>95 % interval</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is names; all cells but these are HTML already."""
    top = "".join(f"<th>{escape(word)}</th>" for word in head)
    body = "\n".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'
    )


def share(value: float | None, *, full: float = 1.0) -> str:
    """A share as a bar and a figure; `full` fills the bar."""
    if value is None:
        return ABSENT
    width = 100 * min(1.0, value / full) if full else 0
    return f'<span class="share"><i style="width:{width:.1f}%"></i></span>{100 * value:.1f} %'


def matrix(counts: np.ndarray, names: Sequence[str]) -> str:
    """Counts (C, C), rows truth and columns answer; a cell is as strong as its share of the row."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return _matrix(shares, names, [[f"{n:,}" if n else "" for n in row] for row in counts.tolist()])


def matrix_of_shares(shares: np.ndarray, names: Sequence[str]) -> str:
    """Shares (C, C) of the rows in per cent; one that is not nothing, but below a half, is a dot."""
    words = [[f"{100 * s:.0f}" if s >= 0.005 else "·" if s else "" for s in row] for row in shares.tolist()]
    return _matrix(shares, names, words)


def _matrix(shares: np.ndarray, names: Sequence[str], words: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = (
        "".join(_cell(words[i][j], float(shares[i, j]), i, j) for j in range(len(names)))
        for i in range(len(names))
    )
    body = "\n".join(f"<tr><th>{escape(name)}</th>{row}</tr>" for name, row in zip(names, rows, strict=True))
    return (
        '<div class="wide"><table class="matrix">\n'
        f"<thead><tr><th>truth down, answer across</th>{top}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(words: str, strength: float, row: int, column: int) -> str:
    kind = "right" if row == column else "wrong"
    return f'<td class="{kind}" style="--s:{strength:.3f}">{words}</td>'


def _measure(name: str, one: Interval, end: float) -> str:
    figures = escape(str(one).removeprefix(one.text).strip())
    track = ""
    if one.unit == FRACTION:
        low, value, high = (100 * min(1.0, x / end) for x in (one.low, one.value, one.high))
        track = (
            f'<span class="track"><i style="left:{low:.2f}%;width:{high - low:.2f}%"></i>'
            f'<b style="left:{value:.2f}%"></b></span>'
        )
    value_cell = f"<b>{escape(one.text)}</b>"
    return f"<tr><th>{escape(name)}</th><td>{track}</td><td>{value_cell}</td><td>{figures}</td></tr>\n"
