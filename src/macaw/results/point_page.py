"""The scores of key points as a sheet, and as one self-contained HTML page, for phones and paper too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import panels, score_panels
from macaw.results.draw import Box, Sheet
from macaw.results.fragments import image
from macaw.results.measure_page import Section, measures, score_page, share, table
from macaw.results.score_panels import GAP, MARGIN, Curve

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.point_scores import PointScores

END = 0.10  # of the normaliser, where the cumulative curve ends
_LEFT, _RIGHT, _CURVE = 760, 700, 520  # pixels of the sheet


def point_page(scores: PointScores) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    return score_page(scores.headline, f"{scores.title}.", _sections(scores), scores.notes)


def point_sheet(scores: PointScores) -> Image:
    """The cumulative curve and the metrics; beyond 30 points those that lie off most."""
    shown = scores.per_point if len(scores.names) <= panels.NAMED else scores.hardest(panels.NAMED)
    tall = score_panels.scores_height(scores.metrics, scores.missing)
    height = max(tall + 60 + _CURVE, 78 + panels.ROW * len(shown))
    sheet = Sheet(_LEFT + _RIGHT + 2 * MARGIN + GAP, MARGIN + 104 + height + MARGIN)
    top = score_panels.titled(sheet, scores.headline, scores.title)
    words = (
        "Error of each point"
        if len(shown) == len(scores.names)
        else f"The {len(shown)} points that lie off most"
    )
    place = panels.heading(
        sheet, Box(MARGIN, top, _LEFT, height), words, f"mean, in parts of the {scores.normaliser}"
    )
    full = max((one.error for one in shown if one.error), default=1.0)
    score_panels.bars(sheet, place, [(one.name, one.error) for one in shown], decimals=2, full=full)
    x = MARGIN + _LEFT + GAP
    end = score_panels.scores(sheet, Box(x, top, _RIGHT, height), scores.metrics, scores.missing)
    place = Box(x, end + 40, _RIGHT, _CURVE)
    _draw_curve(
        sheet, panels.heading(sheet, place, "Pictures below an error", "the cumulative curve"), scores
    )
    return sheet.picture()


def _draw_curve(sheet: Sheet, place: Box, scores: PointScores) -> None:
    """Which share of the pictures has an error of at most so much."""
    errors = np.sort(scores.errors[~np.isnan(scores.errors)])
    if not len(errors):
        score_panels.quiet(sheet, place, "no point is labelled")
        return
    across = np.linspace(0, END, 201)
    up = np.searchsorted(errors, across, side="right") / len(errors)
    name = f"{len(errors):,} pictures"
    across_words = f"mean error, in parts of the {scores.normaliser}"
    score_panels.curves(
        sheet, place, [Curve(name, across, up)], across=across_words, up="share of pictures", end=END
    )


def _sections(scores: PointScores) -> Iterator[Section]:
    words = "Area is under the cumulative curve; PCK is the share of points that lie so near to the truth."
    yield Section("Scores", words, measures(scores.metrics, scores.missing))
    sheet = Sheet(900, 560)
    _draw_curve(sheet, Box(24, 16, 852, 528), scores)
    drawn = image(sheet.picture(), "share of pictures over their mean error", side=1000, kind="drawn")
    yield Section(
        "The cumulative curve",
        f"How many pictures have an error of at most so much of the {scores.normaliser}.",
        f'<div class="drawing">{drawn}</div>',
    )
    largest = max((one.error for one in scores.per_point if one.error is not None), default=1.0)
    yield Section(
        "Point by point",
        f"Mean error in parts of the {scores.normaliser}, and how often a point lies within 5 % of it.",
        table(
            ("point", "pictures", "error", "within 5 %"),
            (
                (one.name, f"{one.count:,}", share(one.error, full=largest), share(one.within))
                for one in scores.per_point
            ),
        ),
    )
