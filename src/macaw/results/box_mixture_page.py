"""The part of an explanation of a box that tells of its outline: pictures, and a section of the page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results.box_explanation_pictures import SIDE, map_picture
from macaw.results.box_explanation_tables import scale_bar
from macaw.results.box_explanation_words import mixed
from macaw.results.explanation_inside import section
from macaw.results.fragments import image
from macaw.results.heat import scale

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.box_explanation import BoxExplanation
    from macaw.results.box_mixture import Mixture

HOW = (
    "For the whole picture the model draws {count} prototypes, once for all objects. The cell of this box "
    "says how much its outline takes of each, and the outline is where the sum is above zero, inside the "
    "box. Yellow adds to the object, blue takes from it."
)
HIDES = "No prototype stands for a thing by itself: what one gives too much another takes away."


def mixture_pictures(why: BoxExplanation, mixture: Mixture) -> list[tuple[str, Image]]:
    """What each says and its picture: the strongest prototypes on one scale, then the sum of all."""
    peak = max(float(np.abs(mixture.parts).max()), 1e-6)
    drawn = [
        (f"Prototype {number} × {mixture.weights[number]:+.2f}", part / peak)
        for number, part in zip(mixture.shown.tolist(), mixture.parts, strict=True)
    ]
    drawn.append((f"All {len(mixture.weights)} added up", 2 * mixture.outline - 1))
    return [(words, map_picture(why, values, mixture.frame)) for words, values in drawn]


def mixture_section(why: BoxExplanation) -> str:
    """The section; nothing where a model gives no outlines, or nobody asked."""
    if why.mixture is None:
        return ""
    figures = "\n".join(
        f"<figure>{image(picture, f'{words}, over the photograph', side=SIDE, kind='photo')}"
        f"<figcaption><p>{escape(words)}</p></figcaption></figure>"
        for words, picture in mixture_pictures(why, why.mixture)
    )
    words = HOW.format(count=len(why.mixture.weights))
    return section(
        "What its outline is mixed from",
        f'<p>{escape(words)} <span class="quiet">{escape(HIDES)}</span></p>',
        f"<p>{escape(mixed(why))}</p>",
        f'<div class="why">\n<div class="levels3">\n{figures}\n</div>',
        f"{scale_bar(scale(33), 'not the object', 'the object')}\n</div>",
    )
