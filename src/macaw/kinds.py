"""Kinds: how raw output becomes answers, one entry for each Result that a row of the table gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from macaw.card import Card
from macaw.data.prepare import Fit
from macaw.results.labels import decode_labels
from macaw.results.placing import Placing

# Shapes: B pictures


class Told(NamedTuple):
    """What is known of the B pictures besides the output; `sources` and `pictures` may be empty."""

    sources: Sequence[str]
    pictures: Sequence[np.ndarray]  # each (H, W, 3) uint8
    letters: Sequence[Placing]  # where each lies on its sheet; empty where pictures are cut square


_FORMS = {"heatmap": "maps"}  # head -> which of point_decode.DECODERS reads it, where no card says it

Decode = Callable[[Sequence[np.ndarray], Card, Told], Sequence[Any]]


def _labels(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    how = {key: card.decode[key] for key in ("temperature", "multi")}
    return decode_labels(outputs[0], card.names, sources=told.sources, pictures=told.pictures, **how)


def _boxes(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    from macaw.results.box_decode import Keep, decode_boxes

    raw, *more = outputs
    prototypes = more[0] if more else None
    return decode_boxes(raw, card.names, keep=Keep.of(card.decode), prototypes=prototypes, **told._asdict())


def _mask(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    from macaw.results.mask_decode import decode_mask

    evidence = card.decode.get("evidence", "logits")
    return decode_mask(outputs[0], card.names, evidence=evidence, **told._asdict())


def _points(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    from macaw.results.point_decode import DECODERS

    decode = DECODERS[card.decode.get("form") or _FORMS.get(card.head["name"], "lines")]
    edges = tuple((one, two) for one, two in card.decode.get("edges", ()))
    prepared = Fit.of(card.prepare).sheet
    return decode(outputs[0], card.names, prepared=prepared, edges=edges, **told._asdict())


def _joint(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    """Each part reads its own outputs by its own card, as if it were alone."""
    from macaw.results.joint import Joint

    answers = [
        KINDS[part.row.gives](outputs[card.places[name]], part, told) for name, part in card.parts.items()
    ]
    return [Joint(dict(zip(card.parts, some, strict=True))) for some in zip(*answers, strict=True)]


KINDS: dict[str, Decode] = {
    "Labels": _labels,
    "Boxes": _boxes,
    "Mask": _mask,
    "Points": _points,
    "Joint": _joint,
}
