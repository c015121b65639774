"""The scores of a segmentation as a sheet, and as one self-contained HTML page, for phones and paper too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import panels, score_panels
from macaw.results.draw import Box, Sheet
from macaw.results.measure_page import Section, matrix_of_shares, measures, score_page, share, table
from macaw.results.score_panels import GAP, MARGIN

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.mask_scores import MaskScores

_MATRIX = 20  # up to this many classes a matrix fits a page
_RIGHT = 700  # pixels of the sheet's right column


def mask_page(scores: MaskScores) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    return score_page(scores.headline, f"{scores.title}.", _sections(scores), scores.notes)


def mask_sheet(scores: MaskScores) -> Image:
    """Shares of pixels that were taken for what, the metrics, and the IoU of each class or of the hardest."""
    few = len(scores.names) <= panels.NAMED
    known = sorted((one for one in scores.per_class if one.iou is not None), key=lambda one: one.iou or 0)
    shown = list(scores.per_class) if few else known[: panels.NAMED]
    tall = score_panels.scores_height(scores.metrics, scores.missing) + 110 + panels.ROW * len(shown)
    left = max(700, min(1280, 420 + 34 * len(scores.names))) if few else 820
    height = max(tall, left + 110)
    sheet = Sheet(left + _RIGHT + 2 * MARGIN + GAP, MARGIN + 104 + height + MARGIN)
    top = score_panels.titled(sheet, scores.headline, scores.title)
    _draw_matrix(sheet, Box(MARGIN, top, left, height), scores)
    x = MARGIN + left + GAP
    end = score_panels.scores(sheet, Box(x, top, _RIGHT, height), scores.metrics, scores.missing)
    words = (
        "IoU of each class" if few else f"IoU of the {len(shown)} hardest of {len(scores.names):,} classes"
    )
    place = panels.heading(sheet, Box(x, end + 40, _RIGHT, 50 + panels.ROW * len(shown)), words)
    score_panels.bars(sheet, place, [(one.name, one.iou) for one in shown])
    return sheet.picture()


def _draw_matrix(sheet: Sheet, box: Box, scores: MaskScores) -> None:
    """Per cent of the pixels of each class, since millions of pixels fit no cell."""
    totals = np.maximum(scores.confusion.sum(axis=1) + scores.unanswered, 1)
    cells = np.rint(100 * scores.confusion / totals[:, None]).astype(np.int64)
    place = panels.heading(sheet, box, "What was taken for what", "per cent of the pixels of the true class")
    panels.matrix(sheet, place, cells, scores.names)


def _sections(scores: MaskScores) -> Iterator[Section]:
    words = "Over the pixels of all pictures together; boundary F1 is a mean over pictures."
    yield Section("Scores", words, measures(scores.metrics, scores.missing))
    title = "What was taken for what"
    if len(scores.names) <= _MATRIX:
        totals = np.maximum(scores.confusion.sum(axis=1) + scores.unanswered, 1)
        html = matrix_of_shares(scores.confusion / totals[:, None], scores.names)
        yield Section(title, "Per cent of the pixels of the true class.", html)
    elif pairs := scores.worst(20):
        rows = [(f"{one.truth} → {one.answer}", f"{one.count:,}", share(one.share)) for one in pairs]
        html = table(("truth → answer", "pixels", "share of the class"), rows)
        yield Section(title, "The confusions of most pixels.", html)
    head = ("class", "pixels", "share", "IoU", "recall", "precision", "boundary F1")
    yield Section(
        "Class by class",
        "Recall: of the pixels of a class, how many are told. Precision: of those told, how many are.",
        table(
            head,
            (
                (
                    one.name,
                    f"{one.pixels:,}",
                    f"{100 * one.share:.1f} %",
                    *(share(x) for x in (one.iou, one.recall, one.precision, one.boundary)),
                )
                for one in scores.per_class
            ),
        ),
    )
