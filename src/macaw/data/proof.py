"""Proof: the pictures that an export is proved on, and those that int8 is calibrated with.

Pictures without classes, or with other classes than the model's, serve as well: then answers are compared
and not judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from macaw.data.examples import Examples, LabelledPictures, count
from macaw.data.find import find_pictures
from macaw.data.hashing import digests, hashed_split
from macaw.data.labelled import read_labelled
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
    pictures: Examples
    labelled: bool = False  # whether their targets mean anything
    calibration: Examples | None = None
    notes: tuple[str, ...] = ()  # a line each, for the user


def proof_of(data: str | Path, names: Sequence[str], *, multi: bool, calibrated: bool) -> Proof:
    """Of labelled data test, or else val; train, which is not among them, calibrates.

    `names` is the model's class table, `multi` whether it gives several labels. Raises InputError for data
    without a picture, or with too few to calibrate on.
    """
    try:
        labelled = read_labelled(data, names=names)
        if labelled.multi != multi:
            raise DataError(f"'{data}' has another number of labels a picture than the model gives")
    except DataError as problem:
        proof = _unlabelled(Path(data), problem, calibrated=calibrated)
    else:
        proof = _labelled(labelled, calibrated=calibrated)
    if calibrated and len(proof.calibration or ()) < FEWEST:
        some = count(len(proof.calibration or ()), "picture")
        raise InputError(f"'{data}' leaves {some} to calibrate on; give {2 * FEWEST} or more")
    return proof


def proof_without_data(photographs: Sequence[np.ndarray]) -> Proof:
    """Stand-ins, for where no data is given: the photographs, windows of them and textures."""
    pictures = stand_ins(photographs, STAND_INS)
    sides = [side for picture in pictures for side in picture.shape[:2]]
    words = f"{count(len(photographs), 'photograph')}, windows and textures"
    return Proof(f"{words}, {min(sides)} to {max(sides)} pixels", _examples(pictures))


def _labelled(data: LabelledPictures, *, calibrated: bool) -> Proof:
    usual: list[str] = [name for name in ("test", "val", "train") if name in data.splits]
    names = usual or list(data.splits)
    pictures, rest = data.splits[names[0]], data.splits[names[-1]]
    if len(names) == 1 and calibrated:
        rest, pictures = _halves(pictures)
    words = f"{names[0]} of {data.path.resolve().name}"
    return _drawn(words, pictures, rest if calibrated else None, labelled=True, notes=data.notes)


def _unlabelled(path: Path, problem: DataError, *, calibrated: bool) -> Proof:
    try:
        pictures = _examples(find_pictures([path]))
    except InputError:
        raise problem from None
    rest = None
    if calibrated:
        rest, pictures = _halves(pictures)
    notes = (f"labels are not looked at: {problem}",)
    return _drawn(path.resolve().name, pictures, rest, labelled=False, notes=notes)


def _drawn(
    words: str, pictures: Examples, rest: Examples | None, *, labelled: bool, notes: tuple[str, ...]
) -> Proof:
    some = _some(pictures, MOST)
    words = words if len(some) == len(pictures) else f"drawn from the {len(pictures):,} of {words}"
    return Proof(words, some, labelled, _some(rest, CALIBRATION) if rest else None, notes)


def _some(examples: Examples, most: int) -> Examples:
    """At most so many of them, drawn without regard to their order."""
    if len(examples) <= most:
        return examples
    return examples.subset(np.sort(np.random.default_rng(0).permutation(len(examples))[:most]))


def _halves(examples: Examples) -> tuple[Examples, Examples]:
    """Two halves by content; copies of a picture stay together."""
    one, other = hashed_split(digests(examples.sources), examples.targets, share=0.5)
    return examples.subset(one), examples.subset(other)


def _examples(sources: Sequence[Path] | Sequence[np.ndarray]) -> Examples:
    return Examples(sources, np.zeros(len(sources), np.int64))
