"""The contract of results, over every kind there is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import numpy as np
import pytest

import macaw.results
from macaw.metrics.labels import score_labels
from macaw.results.base import Result
from macaw.results.boxes import Boxes
from macaw.results.completion import Completion
from macaw.results.joint import Joint
from macaw.results.labels import Labels
from macaw.results.mask import Mask
from macaw.results.points import Points
from macaw.results.story import Story
from macaw.tasks import TASKS
from macaw.testing import check_result

NAMES = ("cat", "dog", "tree frog")
PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.3, 0.1]], np.float32)

RESULTS = {
    "Labels": [
        Labels(NAMES, PROBS[0]),
        Labels(NAMES, PROBS[0], source="photo.jpg", picture=np.full((20, 30, 3), 99, np.uint8)),
        Labels(NAMES, np.array([0.9, 0.8, 0.0], np.float32), multi=True),
    ],
    "Boxes": [
        Boxes(NAMES, np.zeros((0, 4)), [], [], (20, 10)),
        Boxes(NAMES, np.array([[1, 2, 9, 8.5], [0, 0, 4, 4]]), [1, 0], [0.9, 0.4], (20, 10)),
    ],
    "Mask": [Mask(NAMES, np.array([[0, 1], [2, 255]]))],
    "Points": [Points(NAMES, np.ones((3, 2)), np.full(3, 0.5))],
    "Joint": [Joint({"classify": Labels(NAMES, PROBS[0]), "segment": Mask(NAMES, np.array([[0, 1]]))})],
    "Completion": [
        Completion("Once ", "upon", ("up", "on"), np.array([-0.5, -0.1]), "limit", pieces=("up", "on")),
        Completion("", "", ("<end>",), np.array([-9.0]), "end", model="toy", settings={"top_k": 4}),
    ],
    "Story": [
        Story("The Fox\n\n", "It slept.", ("It", "␣slept.", "<end>"), np.full(3, -1.0), "end"),
        Story("", "The F", ("The", "␣F"), np.full(2, -1.0), "limit", pieces=("The", " F")),
    ],
    "LabelScores": [
        score_labels(PROBS, np.array([0, 1, 2, 1]), NAMES),
        score_labels(PROBS, np.eye(4, 3, dtype=np.float32), NAMES),
    ],
}


# Made in tests/results, where each is drawn and told
ELSEWHERE = {
    "Autoregression", "BoxExplanation", "BoxParity", "BoxScores", "Explanation", "Exported", "Findings",
    "JointParity", "MaskExplanation", "MaskParity", "MaskScores", "Parity", "Parrot", "PointExplanation",
    "PointParity", "PointScores", "Scored", "TextParity", "TextScores",
}  # fmt: skip


def kinds(base: type[Result] = Result) -> Iterator[str]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("macaw."):  # the tests of other files make their own
            yield kind.__name__
            yield from kinds(kind)


def test_every_kind_is_tried():
    for module in pkgutil.iter_modules(macaw.results.__path__, "macaw.results."):
        importlib.import_module(module.name)
    assert set(kinds()) == {*RESULTS, *ELSEWHERE}
    assert {task.gives for task in TASKS.values()} <= set(RESULTS)


@pytest.mark.parametrize(
    "result", [one for some in RESULTS.values() for one in some], ids=lambda one: type(one).__name__
)
def test_result(result: Result):
    check_result(result)
