"""An explanation of a box as one self-contained HTML page, for whoever wants to know why; and as a piece.

Every picture has one sentence that says how to read it, and one that says what it does not show.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results import fragments, heat
from macaw.results.box_explanation_parts import LevelScores
from macaw.results.box_explanation_pictures import (
    BOX,
    OTHER,
    RIVAL,
    SIDE,
    found_picture,
    heat_picture,
    level_picture,
    missed_picture,
    peak,
)
from macaw.results.box_explanation_tables import (
    TABLES,
    fates,
    names_of,
    proposals_table,
    scale_bar,
    signed_scale,
    swatch,
)
from macaw.results.box_explanation_words import (
    APART,
    HEAT,
    HEAT_HIDES,
    LEVELS,
    LEVELS_HIDE,
    MADE,
    MISSES,
    SUPPRESSION,
    claimed,
    confused,
    headline,
    held,
    lede,
    missed,
    removed,
    sentences,
)
from macaw.results.box_mixture_page import mixture_section
from macaw.results.explanation_inside import section
from macaw.results.explanation_style import STYLE
from macaw.results.explanation_words import percent
from macaw.results.fragments import Ranked, image, ranking
from macaw.results.page import document

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.box_explanation import BoxExplanation

COVERED = "The part of the photograph around the box, under its map by covering"
LISTED = 5  # boxes of the answer that have a line of their own


def box_explanation_page(why: BoxExplanation) -> str:
    """The whole page."""
    header = f'<h1>{escape(why.question)}</h1>\n<p class="lede">{escape(lede(why))}</p>'
    outline = mixture_section(why)
    sections = (_found(why), _levels(why), outline, _taken(why), _below(why), _held(why), _made(why))
    style = fragments.STYLE + STYLE + TABLES
    return document(headline(why), header, "\n".join(filter(None, sections)), style=style)


def box_explanation_fragment(why: BoxExplanation) -> str:
    """The map by covering and the level that found it, with their words: for a page that carries MAPS."""
    figures = []
    if why.heat is not None:
        figures.append(_figure(heat_picture(why, why.heat), COVERED, HEAT))
    if level := _deciding(why):
        words = LEVELS.format(name=why.box.name)
        figures.append(_figure(level_picture(why, level), _level_alt(why, level), words))
    maps = f'<div class="maps">\n{"".join(figures)}\n</div>' if figures else ""
    scale = signed_scale() if why.heat is not None else ""
    words = " ".join(sentences(why))
    said = f"<p>{escape(words)}</p>" if words else ""
    return "\n".join(['<div class="why">', *filter(None, (maps, scale, said)), "</div>"])


def _found(why: BoxExplanation) -> str:
    photo = image(found_picture(why), f"The photograph with {_alt(why)}", side=SIDE, kind="photo")
    kinds = [("", BOX, "the box in question" if why.found else "the candidate in question")]
    if len(why.answer) > why.found:
        kinds.append(("", OTHER, "others that were found"))
    if why.suppression is not None and why.found and len(why.suppression.of(why.place)):
        kinds.append(("dashed", RIVAL, "what it removed"))
    key = "; ".join(swatch(kind, color, words) for kind, color, words in kinds)
    rows = [Ranked(rank, one.name, one.score) for rank, one in enumerate(why.answer, start=1)]
    shown = [row for row in rows if row.rank <= LISTED or row.rank == why.place]
    listed = ranking(shown) if shown else "<p>Nothing reached the threshold.</p>"
    more = len(rows) - len(shown)
    rest = f'\n<p class="more">and {more:,} more</p>' if more else ""
    return section(
        "What it found",
        f'<div class="pair">\n<figure>{photo}<figcaption><p>{key}.</p></figcaption></figure>',
        f"<div>{listed}{rest}</div>\n</div>",
    )


def _levels(why: BoxExplanation) -> str:
    if not why.levels:
        return ""
    figures = "\n".join(_level(why, level) for level in why.levels)
    scale = scale_bar(heat.scale(66)[33:], "0 %", percent(peak(why)))
    claims = ""
    if why.claims is not None and len(why.claims):
        table = proposals_table(why.claims, fates(why, why.claims))
        claims = f"<h3>The cells that claim it</h3>\n<p>{escape(claimed(why))}</p>\n{table}"
    words = f'{escape(LEVELS.format(name=why.box.name))} <span class="quiet">{escape(LEVELS_HIDE)}</span>'
    return section(
        "Which cells see it",
        f'<p>{words}</p>\n<div class="why">\n<div class="levels3">\n{figures}\n</div>\n{scale}\n</div>',
        claims,
    )


def _level(why: BoxExplanation, level: LevelScores) -> str:
    rows, columns = level.scores.shape
    words = (
        f"<b>Stride {level.stride}.</b> {columns} × {rows} cells, the highest score "
        f"{percent(float(level.scores.max()))}"
    )
    return _figure(level_picture(why, level), _level_alt(why, level), words, plain=False)


def _taken(why: BoxExplanation) -> str:
    """What suppression removed for this box, and what else it could have been."""
    parts = []
    if why.suppression is not None:
        words = escape(removed(why) or "It lies below the threshold, so suppression never saw it.")
        told = escape(SUPPRESSION.format(iou=why.suppression.iou)) if why.suppression.needed else ""
        total, stay = len(why.suppression.removed), len(why.answer)
        rest = f" In the whole picture {total:,} were removed, and {stay:,} stay." if total else ""
        parts.append(f"<p>{told} {words}{rest}</p>")
        if why.claims is None and why.found:  # else they stand among those that claim it
            rivals = why.suppression.of(why.place)
            parts.append(proposals_table(rivals, names_of(why, rivals)) if len(rivals) else "")
    if why.classes:
        rows = ranking(Ranked(rank, *one) for rank, one in enumerate(why.classes, start=1))
        parts.append(
            f"<h3>What else it could have been</h3>\n<p>{escape(confused(why))} {APART}</p>\n"
            f'<div class="pair"><div>{rows}</div></div>'
        )
    return section("What stood against it", *parts) if parts else ""


def _below(why: BoxExplanation) -> str:
    if why.misses is None or not len(why.misses):
        return ""
    drawn = missed_picture(why, why.misses)
    words = f"{escape(missed(why))} {escape(MISSES)}"
    dashed = swatch("dashed", RIVAL, "what the threshold left out")
    photo = image(drawn, "The photograph with what nearly became a box", side=SIDE, kind="photo")
    return section(
        "What nearly became a box",
        f'<p>{words}</p>\n<div class="pair">\n<figure>{photo}<figcaption><p>{dashed}.</p></figcaption>',
        f"</figure>\n<div>{proposals_table(why.misses, names_of(why, why.misses))}</div>\n</div>",
    )


def _held(why: BoxExplanation) -> str:
    if why.heat is None:
        return ""
    drawn = heat_picture(why, why.heat)
    words = f"{escape(HEAT)} <i>{escape(HEAT_HIDES)}</i>"
    figure = _figure(drawn, COVERED, words, plain=False)
    facts = (
        ("as it is", why.heat.before),
        ("the worst spot covered", max(0.0, why.heat.worst)),
        ("the box covered", why.heat.hidden),
        ("all but the box covered", why.heat.alone),
    )
    rows = "\n".join(
        f'<tr><th scope="row">{name}</th><td>{percent(score)}</td></tr>' for name, score in facts
    )
    table = f'<table class="bars rows">\n<tbody>\n{rows}\n</tbody>\n</table>'
    return section(
        "What holds it up",
        f"<p>{escape(held(why))}</p>",
        f'<div class="why">\n<div class="pair">\n{figure}\n<div>{table}</div>\n</div>',
        f"{signed_scale()}\n</div>",
    )


def _made(why: BoxExplanation) -> str:
    parts = (why.claims, why.suppression, why.heat, why.mixture)
    there = (bool(why.levels), *(part is not None for part in parts))
    facts = [(name, words) for (name, words), so in zip(MADE.items(), there, strict=True) if so]
    items = "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return section("How it was made", f'<dl class="made">\n{items}\n</dl>') if facts else ""


def _figure(drawn: Image, alt: str, words: str, *, plain: bool = True) -> str:
    """A picture and what it shows; `words` are HTML where they are not plain."""
    photo = image(drawn, alt, side=SIDE, kind="photo")
    said = escape(words) if plain else words
    return f"<figure>{photo}<figcaption><p>{said}</p></figcaption></figure>"


def _deciding(why: BoxExplanation) -> LevelScores | None:
    """The level of the surest cell that claims the box; else the one with the highest score."""
    if not why.levels:
        return None
    if why.claims is not None and len(why.claims):
        return next(level for level in why.levels if level.stride == why.claims.strides[0])
    return max(why.levels, key=lambda level: float(level.scores.max()))


def _level_alt(why: BoxExplanation, level: LevelScores) -> str:
    return f"The scores of {why.box.name} at stride {level.stride}, over the photograph"


def _alt(why: BoxExplanation) -> str:
    left, top, right, bottom = why.box.xyxy
    return f"a box around {why.box.name}: {left:.0f}, {top:.0f} to {right:.0f}, {bottom:.0f}"
