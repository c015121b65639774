"""What the recipes share: a trained folder is scored on a split that chose nothing, its card completed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from macaw import verbs
from macaw.card import Card
from macaw.data.objects import AnnotatedPictures
from macaw.machine import cpu_count, processor
from macaw.metrics.coco_ap import score_boxes
from macaw.results.box_scores import BoxScores
from macaw.results.boxes import Boxes
from macaw.results.measures import Interval

MOST = 100  # boxes of a baseline in a picture, as many as COCO's average precision looks at


def rows(metrics: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Scores as a card holds them: value, low, high."""
    return {name: [round(x, 4) for x in (m.value, m.low, m.high)] for name, m in metrics.items()}


def finish(  # noqa: PLR0913  (a card has so many fields)
    out: Path,
    data: Path,
    *,
    name: str,
    split: str,
    measured: str,
    baselines: Mapping[str, Mapping[str, Interval]],
    training: Mapping[str, Any],
    terms: dict[str, str],
    limits: str,
) -> None:
    """Score `out` on a split of `data`, called `measured` on the card, and write there what only we know.

    `baselines` are scores of answers that look at no picture, measured on the same split.
    """
    scores = verbs.evaluate(out, data, split=split, board=None)
    print(scores)
    card, cores = Card.load(out), cpu_count()
    machine = f"{processor()}, {cores} core{'s' if cores > 1 else ''}, shared with other work"
    card.replace(
        name=name,
        scores={measured: rows(scores.metrics), **{key: rows(some) for key, some in baselines.items()}},
        training={**card.training, **training, "machine": machine},
        terms=terms,
        limits=limits,
    ).save(out)


def usual_boxes(data: AnnotatedPictures, split: str) -> BoxScores:
    """The scores of an answer that gives every picture of `split` the same boxes: some of those of train."""
    train, judged = data.splits["train"], data.splits[split]
    boxes = np.concatenate([objects.xyxy for objects in train.objects])
    labels = np.concatenate([objects.labels for objects in train.objects])
    share = np.bincount(labels) / len(labels)
    some = np.random.default_rng(0).permutation(len(boxes))[:MOST]
    some = some[np.argsort(-share[labels[some]], kind="stable")]  # the commonest class first
    found = (boxes[some].astype(np.float32), labels[some], share[labels[some]].astype(np.float32))
    answers = [Boxes(data.names, *found, (int(width), int(height))) for width, height in judged.sizes]
    return score_boxes(answers, judged.objects, data.names)
