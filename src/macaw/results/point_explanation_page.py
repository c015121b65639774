"""An explanation of a key point as one self-contained HTML page, for whoever wants to know; and as a piece.

The two lines stand along the edges of the picture that they speak of, in the page's own colours.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import fragments, heat
from macaw.results.box_explanation_tables import TABLES, scale_bar
from macaw.results.explanation_inside import section
from macaw.results.explanation_style import STYLE
from macaw.results.explanation_words import percent
from macaw.results.fragments import image
from macaw.results.page import document
from macaw.results.point_explanation_parts import Line
from macaw.results.point_explanation_pictures import SIDE, heat_picture
from macaw.results.point_explanation_words import lede, sentences, told, words_of

if TYPE_CHECKING:
    from macaw.results.point_explanation import PointExplanation

ROWS = 24  # points that have a line of their own
_STEPS = 256  # places at which a line is drawn

_OWN = """
.edges { display: grid; grid-template-columns: minmax(0, 1fr) 4.5rem; grid-template-rows: 4.5rem auto;
  gap: .375rem; margin-top: 1.5rem; }
.edges .line { position: relative; min-width: 0; }
.edges .line svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.edges .line path { fill: var(--pale); stroke: var(--strong); stroke-width: 1.5; stroke-linejoin: round; }
.edges .line .mark { stroke: #c2411c; stroke-dasharray: 4 3; fill: none; }
.edges .photo { max-height: none; }
.rows .mine > * { font-weight: 600; }
"""


def point_explanation_page(why: PointExplanation) -> str:
    """The whole page."""
    header = f'<h1>{escape(why.question)}</h1>\n<p class="lede">{escape(lede(why))}</p>'
    main = "\n".join((_lines(why), _points(why), _made(why)))
    return document(why.headline, header, main, style=fragments.STYLE + STYLE + TABLES + _OWN)


def point_explanation_fragment(why: PointExplanation) -> str:
    """The heat with its words, for a page that carries MAPS."""
    words = escape(" ".join(sentences(why)))
    figure = f"<figure>{_photo(why)}<figcaption><p>{escape(words_of(why).heat)}</p></figcaption></figure>"
    return f'<div class="why">\n<div class="maps">\n{figure}\n</div>\n<p>{words}</p>\n</div>'


def _lines(why: PointExplanation) -> str:
    height, width = why.picture.shape[:2]
    wide = min(40.0, 34 * width / height)  # rem: a tall picture is made narrower
    edges = (
        f'<div class="edges" style="max-width:{wide + 4.9:.1f}rem">\n'
        f'<div class="line">{_curve(why.across, why.point.x, told(why.across, "Across"))}</div><div></div>\n'
        f'{_photo(why)}<div class="line">{_curve(why.down, why.point.y, told(why.down, "Down"), turn=True)}'
        "</div>\n</div>"
    )
    scale = scale_bar(heat.scale(66)[33:], "unlikely", "likeliest")
    said = "".join(f"<li>{escape(words)}</li>" for words in sentences(why))
    how = words_of(why)
    return section(
        "The lines behind it",
        f'<p>{escape(how.heat)} <span class="quiet">{escape(how.hides)}</span></p>',
        f'<div class="why">{edges}\n{scale}</div>\n<ul>{said}</ul>',
    )


def _photo(why: PointExplanation) -> str:
    alt = f"The photograph under the probability of where {why.target} is"
    return image(heat_picture(why), alt, side=SIDE, kind="photo")


def _curve(line: Line, place: float, alt: str, *, turn: bool = False) -> str:
    """A line as a hill along the picture's edge, with a mark where the point is; `turn`: down its side."""
    along = np.linspace(0, 1, _STEPS)
    tall = 1 - 0.96 * line.at(along * line.extent) / line.probs.max()
    points = [(0.0, 1.0), *zip(along.tolist(), tall.tolist(), strict=True), (1.0, 1.0)]
    mark = [(place / line.extent, 0.0), (place / line.extent, 1.0)]
    hill, stroke = ("M" + "L".join(_pair(x, y, turn=turn) for x, y in part) for part in (points, mark))
    scaling = 'vector-effect="non-scaling-stroke"'
    return (
        '<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(alt)}"><path d="{hill}" {scaling}/><path class="mark" d="{stroke}" {scaling}/>'
        "</svg>"
    )


def _pair(along: float, tall: float, *, turn: bool) -> str:
    x, y = (1 - tall, along) if turn else (along, tall)
    return f"{1000 * x:.0f} {1000 * y:.0f}"


def _points(why: PointExplanation) -> str:
    words = ("", "score", "spread across", "spread down", "place")
    kinds = ("", "", "", "", ' class="place"')
    head = "".join(f'<th scope="col"{kind}>{one}</th>' for one, kind in zip(words, kinds, strict=True))
    places = why.order.tolist()
    rows = "\n".join(_row(why, place) for place in places[:ROWS])
    more = len(places) - ROWS
    rest = f'\n<p class="more">and {more:,} more, surer</p>' if more > 0 else ""
    table = f'<table class="bars rows">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'
    return section("All points", f"<p>{escape(words_of(why).table)}</p>", table + rest)


def _row(why: PointExplanation, place: int) -> str:
    name, score, x, y = why.answer[place]
    across, down = why.spreads[place].tolist()
    kind = ' class="mine"' if name == why.target else ""
    return (
        f'<tr{kind}><th scope="row">{escape(name)}</th><td>{percent(score)}</td><td>{across:.1f}</td>'
        f'<td>{down:.1f}</td><td class="place">{x:.1f}, {y:.1f}</td></tr>'
    )


def _made(why: PointExplanation) -> str:
    made = words_of(why).made.items()
    items = "\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(words)}</dd></div>" for name, words in made)
    return section("How it was made", f'<dl class="made">\n{items}\n</dl>')
