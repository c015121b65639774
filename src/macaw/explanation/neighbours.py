"""Neighbours: the training pictures nearest to one in feature space, shown from the user's own copy of them.

A picture is shown only where its bytes still hash to what was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.examples import count
from macaw.data.hashing import digests
from macaw.data.labelled import read_labelled
from macaw.data.prepare import Fit, read_fit
from macaw.errors import InputError
from macaw.explanation.index import Index, Near, file_name
from macaw.model import Model
from macaw.results.insides import Neighbour, Neighbours

SHOWN = 8


def find_neighbours(
    model: Model, features: np.ndarray, *, data: str | Path | None = None
) -> tuple[Neighbours, list[str]]:
    """The pictures of the model's index nearest to `features` (D,), and notes of a line each.

    With `data`, a copy of the training data in any layout, they carry their pictures as the model sees them.
    Raises ModelError without an index or with a damaged one, InputError and DataError for `data`.
    """
    index = Index.load(model.folder)
    near = index.nearest(features, SHOWN)
    sources, notes = ({}, []) if data is None else _at_hand(Path(data), near)
    items = tuple(
        Neighbour(one.name, one.labels, one.likeness, _picture(model, sources.get(one.name))) for one in near
    )
    return Neighbours(items, len(index), index.source), notes


def _at_hand(data: Path, near: Sequence[Near]) -> tuple[dict[str, Any], list[str]]:
    """Those of `near` that lie in `data`, by name, unchanged; and what is missing or changed, in words."""
    splits = read_labelled(data, val_share=0.0).splits.values()
    root = data if data.is_dir() else data.parent
    wanted = {one.name: one.mark for one in near}
    found = _named((source for some in splits for source in some.sources), root, wanted)
    marks = zip(found, digests(list(found.values())), strict=True)
    changed = [name for name, mark in marks if not mark.startswith(wanted[name])]
    notes = []
    if missing := len(wanted) - len(found):
        notes.append(f"{count(missing, 'near picture')} not found in '{data}': is it what was trained on?")
    if changed:
        notes.append(
            f"{count(len(changed), 'near picture')} in '{data}' changed since the training, not shown"
        )
    return {name: source for name, source in found.items() if name not in changed}, notes


def _named(sources: Iterable[Any], root: Path, wanted: Iterable[str]) -> dict[str, Any]:
    """The sources of these names, as the index names them."""
    names = set(wanted)
    return {name: source for source in sources if (name := file_name(source, root)) in names}


def _picture(model: Model, source: Any) -> np.ndarray | None:
    """The square that the model sees of a picture; None for one that cannot be read any more."""
    if source is None:
        return None
    levels = model.card.prepare.get("levels")
    try:
        return read_fit(source, Fit.of(model.card.prepare), levels=tuple(levels) if levels else None)
    except InputError:
        return None
