"""An explanation of a mask as one self-contained HTML page, for whoever wants to know why; and as a piece.

Every picture has one sentence that says how to read it, and one that says what it does not show.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import fragments, heat
from macaw.results.box_explanation_tables import TABLES, scale_bar, swatch
from macaw.results.explanation_inside import section
from macaw.results.explanation_style import STYLE
from macaw.results.explanation_words import percent
from macaw.results.fragments import image
from macaw.results.mask_explanation_parts import Contest
from macaw.results.mask_explanation_pictures import (
    SIDE,
    answer_picture,
    bits_picture,
    peak,
    probs_picture,
)
from macaw.results.mask_explanation_words import (
    BITS,
    BITS_HIDE,
    CONTESTS,
    MADE,
    PROBS,
    PROBS_HIDE,
    doubted,
    lede,
    sentences,
    taken,
    where,
)
from macaw.results.page import document
from macaw.results.palette import colors

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.mask_explanation import MaskExplanation

LISTED, ROWS = 12, 12  # classes in the key, and pairs in the table

_OWN = """
.classes { list-style: ""; padding: 0; margin: 0; display: grid; gap: .5rem; font-size: .9375rem;
  font-variant-numeric: tabular-nums; }
.classes li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 1rem; overflow-wrap: anywhere; }
.classes .mine { font-weight: 600; }
.classes .swatch { border-top-width: .75rem; vertical-align: 0; margin-right: .25rem; }
.bars.rows .where { white-space: normal; text-align: left; padding-left: .75rem; }
@media (max-width: 30rem) { .rows .won { display: none; } }
"""


def mask_explanation_page(why: MaskExplanation) -> str:
    """The whole page."""
    header = f'<h1>{escape(why.question)}</h1>\n<p class="lede">{escape(lede(why))}</p>'
    main = "\n".join(filter(None, (_found(why), _maps_section(why), _contests(why), _made())))
    return document(why.headline, header, main, style=fragments.STYLE + STYLE + TABLES + _OWN)


def mask_explanation_fragment(why: MaskExplanation) -> str:
    """The two maps with their words, for a page that carries MAPS."""
    words = escape(" ".join(f"{one.rstrip('.')}." for one in sentences(why)))
    return f'<div class="why">\n{_maps(why)}\n<p>{words}</p>\n</div>'


def _found(why: MaskExplanation) -> str:
    tones = colors(why.answer.names)
    drawn = answer_picture(why)
    photo = image(drawn, f"The photograph tinted by class: {why.answer.headline}", side=SIDE, kind="photo")
    lines = []
    for name, share in list(why.answer.shares.items())[:LISTED]:
        kind = ' class="mine"' if name == why.target else ""
        lines.append(
            f"<li{kind}><span>{swatch('', tones[name], name)}</span><span>{percent(share)}</span></li>"
        )
    more = len(why.answer.shares) - LISTED
    rest = f'\n<p class="more">and {more:,} more</p>' if more > 0 else ""
    body = "\n".join(lines)
    return section(
        "What it found",
        f'<div class="pair">\n<figure>{photo}</figure>\n<div><ul class="classes">\n{body}\n</ul>{rest}</div>',
        "</div>",
    )


def _maps_section(why: MaskExplanation) -> str:
    words = f"<p>{escape(taken(why))} {escape(doubted(why))}</p>"
    return section("How sure it is", words, f'<div class="why">\n{_maps(why)}\n</div>')


def _maps(why: MaskExplanation) -> str:
    """The two maps, each over its own scale."""
    half = heat.scale(66)[33:]
    probs = _figure(
        probs_picture(why), f"The probability of {why.target}, over the photograph", half, ("0 %", "100 %"),
        (PROBS.format(name=why.target), PROBS_HIDE),
    )  # fmt: skip
    bits = _figure(
        bits_picture(why), "The doubt, over the photograph", half, ("sure", f"{peak(why):.2g} bits"),
        (BITS.format(peak=peak(why)), BITS_HIDE),
    )  # fmt: skip
    return f'<div class="maps">\n{probs}\n{bits}\n</div>'


def _figure(
    drawn: Image | np.ndarray, alt: str, tones: np.ndarray, ends: tuple[str, str], words: tuple[str, str]
) -> str:
    """A map, its colours, how to read it and what it does not show."""
    photo = image(drawn, alt, side=SIDE, kind="photo")
    said = f"<p>{escape(words[0])} <i>{escape(words[1])}</i></p>"
    return f"<figure>{photo}<figcaption>{scale_bar(tones, *ends)}{said}</figcaption></figure>"


def _contests(why: MaskExplanation) -> str:
    if not why.contests:
        return ""
    heads = (
        ("", "pair"),
        ("", "contested"),
        (' class="won"', "won by the first"),
        (' class="where"', "where"),
    )
    head = "".join(f'<th scope="col"{kind}>{words}</th>' for kind, words in heads)
    rows = "\n".join(_row(why, one) for one in why.contests[:ROWS])
    more = len(why.contests) - ROWS
    rest = f'\n<p class="more">and {more:,} more</p>' if more > 0 else ""
    table = f'<table class="bars rows">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'
    return section(
        "Between which classes", f"<p>{escape(CONTESTS.format(cell=max(1.0, why.cell)))}</p>", table + rest
    )


def _row(why: MaskExplanation, one: Contest) -> str:
    won = percent(one.won / one.pixels) if one.pixels else "–"
    return (
        f'<tr><th scope="row">{escape(one.name)} | {escape(one.other)}</th>'
        f'<td>{percent(one.pixels / why.bits.size)}</td><td class="won">{won}</td>'
        f'<td class="where">{escape(where(why, one))}</td></tr>'
    )


def _made() -> str:
    items = "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in MADE.items())
    return section("How it was made", f'<dl class="made">\n{items}\n</dl>')
