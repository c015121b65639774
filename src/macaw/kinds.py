"""Kinds: how raw output becomes answers, one entry for each Result that a row of the table gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from macaw.card import Card
from macaw.data.letterbox import Letter
from macaw.results.labels import decode_labels

# Shapes: B pictures


class Told(NamedTuple):
    """What is known of the B pictures besides the output; `sources` and `pictures` may be empty."""

    sources: Sequence[str]
    pictures: Sequence[np.ndarray]  # each (H, W, 3) uint8
    letters: Sequence[Letter]  # where each lies on its sheet; empty where pictures are cut square


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

    return decode_mask(outputs[0], card.names, **told._asdict())


def _points(outputs: Sequence[np.ndarray], card: Card, told: Told) -> Sequence[Any]:
    from macaw.results.point_decode import decode_simcc

    side, edges = card.prepare["size"], tuple((one, two) for one, two in card.decode.get("edges", ()))
    return decode_simcc(outputs[0], card.names, prepared=(side, side), edges=edges, **told._asdict())


KINDS: dict[str, Decode] = {"Labels": _labels, "Boxes": _boxes, "Mask": _mask, "Points": _points}
