"""The sheet of BoxScores: what was taken for what, the metrics with their intervals, precision and recall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from macaw.results import panels, score_panels
from macaw.results.draw import Box, Sheet
from macaw.results.score_panels import GAP, MARGIN, Curve
from macaw.results.score_parts import BACKGROUND, CURVES

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.box_scores import BoxScores

_RIGHT, _CURVES = 700, 440  # pixels: the right column's width, and the height of precision and recall
OVERLAPS = "overlaps of 0.50 to 0.95"
_BARS = 12  # up to this many classes their average precisions stand below the confusions


def box_sheet(scores: BoxScores) -> Image:
    """Draw it. Beyond 29 classes their average precisions stand where the confusions would be too small."""
    classes = len(scores.names)
    few, below = classes < panels.NAMED, 118 + panels.ROW * classes if classes <= _BARS else 0
    tall = score_panels.scores_height(scores.metrics, scores.missing) + 60 + _CURVES
    left = max(860, 420 + 34 * (classes + 1)) if few else 820
    height = max(tall, 260 + 34 * (classes + 1) + below if few else 78 + panels.ROW * panels.NAMED)
    sheet = Sheet(left + _RIGHT + 2 * MARGIN + GAP, MARGIN + 104 + height + MARGIN)
    top = score_panels.titled(sheet, scores.headline, f"{scores.title}; {scores.cut}")
    _draw_classes(sheet, Box(MARGIN, top, left, height - below), scores)
    if below:
        place = Box(MARGIN, top + height - below + 40, left, below - 40)
        rows = [(one.name, one.ap) for one in scores.per_class]
        score_panels.bars(sheet, panels.heading(sheet, place, "AP of each class", OVERLAPS), rows)
    x = MARGIN + left + GAP
    end = score_panels.scores(sheet, Box(x, top, _RIGHT, height), scores.metrics, scores.missing)
    place = panels.heading(
        sheet, Box(x, end + 40, _RIGHT, _CURVES + 20), "Precision and recall", "mean over classes"
    )
    if scores.curve is None:
        score_panels.quiet(sheet, place, "nothing to be found")
    else:
        recalls = np.linspace(0, 1, scores.curve.shape[1])
        lines = [Curve(name, recalls, scores.curve[i]) for i, name in CURVES]
        score_panels.curves(sheet, place, lines, across="recall", up="precision")
    return sheet.picture()


def _draw_classes(sheet: Sheet, box: Box, scores: BoxScores) -> None:
    if len(scores.names) < panels.NAMED:
        cut = (
            "of all answers" if scores.threshold is None else f"of answers of {scores.threshold:.3g} or more"
        )
        place = panels.heading(sheet, box, "What was taken for what", f"{cut}, at an overlap of 0.5")
        panels.matrix(sheet, place, scores.confusion, (*scores.names, BACKGROUND))
        return
    known = sorted((one for one in scores.per_class if one.ap is not None), key=lambda one: one.ap or 0)
    shown = known[: panels.NAMED]
    words = f"AP of the {len(shown)} hardest of {len(scores.names):,} classes"
    place = panels.heading(sheet, box, words if shown else "AP of each class", OVERLAPS)
    if shown:
        score_panels.bars(sheet, place, [(one.name, one.ap) for one in shown])
    else:
        score_panels.quiet(sheet, place, "nothing to be found")
