"""Exchange: Boxes to and from the `Detections` of the supervision library, which many tools take."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError, MissingExtra
from macaw.results.box_values import labels_of
from macaw.results.silhouette import Silhouette

if TYPE_CHECKING:
    from macaw.results.boxes import Boxes


class _MissingLibrary(MissingExtra):
    """A library that no extra of ours brings: whoever wants this has it already."""

    def __init__(self, purpose: str, module: str) -> None:
        super(MissingExtra, self).__init__(
            f"{purpose} needs '{module}'. Install it with: pip install {module}"
        )


def to_supervision(boxes: Boxes) -> Any:
    """What `Boxes.to_supervision` gives: boxes, masks, scores, class numbers and, in its data, names."""
    try:
        library = import_module("supervision")
    except ImportError as problem:
        raise _MissingLibrary("to_supervision", "supervision") from problem
    masks = np.stack([region.mask() for region in boxes.regions]) if boxes.regions else None
    return library.Detections(
        xyxy=boxes.xyxy.copy(),
        mask=masks,
        confidence=boxes.scores.copy(),
        class_id=boxes.labels.astype(int),
        data={"class_name": np.array([boxes.names[label] for label in boxes.labels], str)},
    )


def fields_of(detections: Any, names: Sequence[str]) -> dict[str, Any]:
    """The fields of Boxes that `detections` hold. Those without a score have 1, as annotations do."""
    xyxy = np.asarray(detections.xyxy, np.float32).reshape(-1, 4)
    scores = detections.confidence
    scores = np.ones(len(xyxy), np.float32) if scores is None else np.asarray(scores, np.float32)
    order = np.argsort(-scores, kind="stable")
    fields = {"names": names, "xyxy": xyxy[order], "scores": scores[order]}
    fields["labels"] = _labels(detections, names)[order]
    if detections.mask is not None:
        masks = np.asarray(detections.mask, bool)  # (N, H, W)
        fields["size"] = masks.shape[:0:-1]
        fields["regions"] = tuple(Silhouette.of_mask(masks[place]) for place in order)
    return fields


def _labels(detections: Any, names: Sequence[str]) -> np.ndarray:
    """Class numbers (N,): by name, since another tool may count its classes otherwise."""
    told = (detections.data or {}).get("class_name")
    if told is not None:
        return labels_of([str(name) for name in told], names)
    if detections.class_id is not None:
        return np.asarray(detections.class_id, np.int64)
    if len(detections.xyxy):
        raise InputError("these detections have neither class_id nor data['class_name']; give one of them")
    return np.empty(0, np.int64)
