"""The scores of a detector as one self-contained HTML page, for a screen, a phone and paper."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import charts
from macaw.results.measure_page import Section, matrix, measures, score_page, share, table
from macaw.results.score_parts import BACKGROUND, CURVES

if TYPE_CHECKING:
    from macaw.results.box_scores import BoxScores

_MATRIX = 20  # up to this many classes a matrix fits a page


def box_page(scores: BoxScores) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    lede = f"{scores.title}. {scores.cut[:1].upper()}{scores.cut[1:]}."
    return score_page(scores.headline, lede, _sections(scores), scores.notes)


def _sections(scores: BoxScores) -> Iterator[Section]:
    words = "AP is average precision, AR the recall that few answers reach; both are means over classes."
    yield Section("Scores", words, measures(scores.metrics, scores.missing))
    if scores.curve is not None:
        yield Section("Precision and recall", "The mean over classes, at three overlaps.", _curves(scores))
    yield _confusion(scores)
    rows = (
        (
            one.name,
            f"{one.count:,}",
            share(one.ap),
            share(one.ap50),
            f"{one.right:,}",
            f"{one.missed:,}",
            f"{one.wrong:,}",
        )
        for one in scores.per_class
    )
    head = ("class", "objects", "AP", "AP50", "found", "missed", "wrong")
    yield Section("Class by class", f"Found, missed and wrong {_cut(scores)}.", table(head, rows))


def _curves(scores: BoxScores) -> str:
    assert scores.curve is not None  # noqa: S101  (its caller looked)
    recalls = np.linspace(0, 1, scores.curve.shape[1])
    lines = [charts.Line(name, recalls, scores.curve[i]) for i, name in CURVES]
    drawn = charts.lines(lines, "recall", "precision over recall at overlaps of 0.50, 0.75 and 0.95")
    return f'<div class="drawing">{drawn}{charts.key([name for _, name in CURVES])}</div>'


def _confusion(scores: BoxScores) -> Section:
    names, title = (*scores.names, BACKGROUND), "What was taken for what"
    if len(scores.names) <= _MATRIX:
        words = f"{_cut(scores).capitalize()}. Background: a missed object, or an answer on nothing."
        return Section(title, words, matrix(scores.confusion, names))
    rows = [(f"{one.truth} → {one.answer}", f"{one.count:,}", share(one.share)) for one in scores.worst(20)]
    if not rows:
        return Section(title, f"No object was taken for one of another class {_cut(scores)}.", "")
    words = f"The most frequent confusions, truth → answer, {_cut(scores)}."
    return Section(title, words, table(("truth → answer", "objects", "share of the class"), rows))


def _cut(scores: BoxScores) -> str:
    if scores.threshold is None:
        return "among all answers, at an overlap of 0.5"
    return f"among answers of a score of {scores.threshold:.3g} or more, at an overlap of 0.5"
