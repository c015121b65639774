"""Proof: the pictures that an export is proved on, and those that int8 is calibrated with.

Pictures without classes, or with other classes than the model's, serve as well: then answers are compared
and not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.annotated import read_annotated
from macaw.data.apart import is_single, objects_apart
from macaw.data.examples import Examples, count, listed
from macaw.data.find import find_pictures
from macaw.data.hashing import digests, hashed_split
from macaw.data.labelled import read_labelled
from macaw.data.masked import Legend
from macaw.data.maskfolders import read_masked
from macaw.data.objects import Annotated
from macaw.data.pointfiles import read_points
from macaw.data.textures import stand_ins
from macaw.errors import DataError, InputError

CALIBRATION = 256  # pictures; from 32 to 1,024 serve the embedded model alike (runtime/int8.py)
FEWEST = 16  # of them; with fewer the extremes of activations are chance
MOST = 2000  # pictures of a proof: enough to see one changed answer in a thousand
STAND_INS = 200


@dataclass(frozen=True)
class Proof:
    """Pictures to compare answers on, and what is known of them."""

    words: str  # what they are, for the reader
    pictures: Any  # Examples; Annotated or Masked where their objects or masks are known
    labelled: bool = False  # whether what is known of them means anything
    calibration: Any = None  # of the same kind
    notes: tuple[str, ...] = ()  # a line each, for the user
    legend: Legend | None = None  # what the numbers in masks mean


def proof_of(data: str | Path, names: Sequence[str], *, multi: bool, calibrated: bool) -> Proof:
    """Of labelled data test, or else val; train, which is not among them, calibrates.

    `names` is the model's class table, `multi` whether it gives several labels. Raises InputError for data
    without a picture, or with too few to calibrate on.
    """

    def read() -> Any:
        labelled = read_labelled(data, names=names)
        if labelled.multi != multi:
            raise DataError(f"'{data}' has another number of labels a picture than the model gives")
        return labelled

    return _proof(Path(data), read, calibrated=calibrated)


def proof_of_objects(data: str | Path, names: Sequence[str], *, calibrated: bool) -> Proof:
    """The same of pictures with annotated boxes, in any layout that `read_annotated` knows."""
    return _proof(Path(data), lambda: read_annotated(data, names=names), calibrated=calibrated)


def proof_of_masks(data: str | Path, names: Sequence[str], *, calibrated: bool) -> Proof:
    """The same of pictures with masks, in the folders that `read_masked` knows."""
    return _proof(Path(data), lambda: read_masked(data, names=names), calibrated=calibrated)


def proof_of_points(data: str | Path, names: Sequence[str], *, calibrated: bool) -> Proof:
    """The same of pictures of one object with key points, `names`, as `read_points` knows them."""

    def read() -> Any:
        pointed = read_points(data)
        found = pointed.skeleton.names if pointed.skeleton else ()
        if found != tuple(names):
            raise DataError(f"'{data}' has the points {listed(found)}, not those of the model")
        return pointed if all(map(is_single, pointed.splits.values())) else objects_apart(pointed)

    return _proof(Path(data), read, calibrated=calibrated)


def proof_of_pictures(data: str | Path, *, calibrated: bool) -> Proof:
    """Bare pictures, whatever is known of them: a joined model has no labels that would judge all of it."""

    def read() -> Any:
        raise DataError("several parts answer at once; export one of them to measure what it loses")

    return _proof(Path(data), read, calibrated=calibrated)


def proof_without_data(photographs: Sequence[np.ndarray]) -> Proof:
    """Stand-ins, for where no data is given: the photographs, windows of them and textures."""
    pictures = stand_ins(photographs, STAND_INS)
    sides = [side for picture in pictures for side in picture.shape[:2]]
    words = f"{count(len(photographs), 'photograph')}, windows and textures"
    return Proof(f"{words}, {min(sides)} to {max(sides)} pixels", _examples(pictures))


def _proof(path: Path, read: Callable[[], Any], *, calibrated: bool) -> Proof:
    """Of what `read` gives, a data set with splits; of bare pictures where it finds no such thing."""
    try:
        known = read()
    except DataError as problem:
        proof = _unlabelled(path, problem, calibrated=calibrated)
    else:
        proof = _labelled(known, calibrated=calibrated)
    if calibrated and len(proof.calibration or ()) < FEWEST:
        some = count(len(proof.calibration or ()), "picture")
        raise InputError(f"'{path}' leaves {some} to calibrate on; give {2 * FEWEST} or more")
    return proof


def _labelled(data: Any, *, calibrated: bool) -> Proof:
    usual: list[str] = [name for name in ("test", "val", "train") if name in data.splits]
    names = usual or list(data.splits)
    pictures, rest = data.splits[names[0]], data.splits[names[-1]]
    if len(names) == 1 and calibrated:
        rest, pictures = _halves(pictures)
    words = f"{names[0]} of {data.path.resolve().name}"
    known = {"labelled": True, "notes": data.notes, "legend": getattr(data, "legend", None)}
    return _drawn(words, pictures, rest if calibrated else None, **known)


def _unlabelled(path: Path, problem: DataError, *, calibrated: bool) -> Proof:
    try:
        pictures = _examples(find_pictures([path]))
    except InputError:
        raise problem from None
    rest = None
    if calibrated:
        rest, pictures = _halves(pictures)
    notes = (f"labels are not looked at: {problem}",)
    return _drawn(path.resolve().name, pictures, rest, notes=notes)


def _drawn(words: str, pictures: Any, rest: Any, **known: Any) -> Proof:
    """A proof on `pictures`, calibrated by `rest`, with no more of either than is needed."""
    some = _some(pictures, MOST)
    words = words if len(some) == len(pictures) else f"drawn from the {len(pictures):,} of {words}"
    return Proof(words, some, calibration=_some(rest, CALIBRATION) if rest else None, **known)


def _some(examples: Any, most: int) -> Any:
    """At most so many of them, drawn without regard to their order."""
    if len(examples) <= most:
        return examples
    return examples.subset(np.sort(np.random.default_rng(0).permutation(len(examples))[:most]))


def _halves(examples: Any) -> tuple[Any, Any]:
    """Two halves by content; copies of a picture stay together."""
    one, other = hashed_split(digests(examples.sources), _shown(examples), share=0.5)
    return examples.subset(one), examples.subset(other)


def _shown(examples: Any) -> np.ndarray:
    """What both halves shall have of, as the targets of Examples; one class where nobody can say."""
    if isinstance(examples, Annotated):
        shows = np.zeros((len(examples), 1 + max(int(o.labels.max(initial=0)) for o in examples.objects)))
        for row, objects in zip(shows, examples.objects, strict=True):
            row[objects.labels] = 1
        return shows
    return np.asarray(getattr(examples, "targets", np.zeros(len(examples), np.int64)))


def _examples(sources: Sequence[Path] | Sequence[np.ndarray]) -> Examples:
    return Examples(sources, np.zeros(len(sources), np.int64))
