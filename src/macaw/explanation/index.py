"""Index: the training pictures of a model by their features, small enough to be kept in its folder.

It holds directions, names and content hashes, never a picture: about 60 bytes for each.

Shapes: N pictures, D features, K directions kept
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from macaw.data.examples import Examples
from macaw.data.hashing import digests
from macaw.data.sources import source_name
from macaw.errors import InputError, ModelError
from macaw.files import atomic_write
from macaw.model import Model

NAME = "neighbours.safetensors"
FORMAT = "1"
WIDTH = 80  # directions kept, at four bits each: recall@10 of 10,000 is 0.90, of 40 at eight 0.69
MOST = 20_000  # pictures of an index: more are thinned out, each class alike
_MARK = 8  # bytes of SHA-256 that a picture is known by
_TEXT = 1 << 26  # bytes that the names may unpack to: a damaged file must not fill the memory


class Near(NamedTuple):
    """One picture of the index."""

    name: str  # its file below the data set's folder, or its place in a pack as in `train.npz[17]`
    labels: tuple[str, ...]
    likeness: float  # cosine to what was asked for, -1..1
    mark: bytes  # the first 8 bytes of the SHA-256 of its content


@dataclass(frozen=True, eq=False)
class Index:
    """The training pictures of a model by the direction of their features, seen from the mean of all."""

    vectors: np.ndarray  # (N, K) float32, unit length
    basis: np.ndarray  # (K, D) float32, orthonormal
    mean: np.ndarray  # (D,) float32
    names: tuple[str, ...]  # N
    labels: tuple[tuple[str, ...], ...]  # N
    marks: np.ndarray  # (N, 8) uint8
    source: str = ""  # what the data set is called

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(self, vector: np.ndarray, count: int) -> tuple[Near, ...]:
        """The `count` pictures whose features point most nearly the way of `vector` (D,), nearest first.

        Raises InputError for features of another width.
        """
        if vector.shape != self.mean.shape:
            raise InputError(f"features of shape {vector.shape}; this index was made of {self.mean.shape}")
        likeness = self.vectors @ _unit(_unit(vector - self.mean) @ self.basis.T)  # (N,)
        order = np.argsort(-likeness, kind="stable")[:count]
        return tuple(
            Near(self.names[i], self.labels[i], float(likeness[i]), self.marks[i].tobytes()) for i in order
        )

    @classmethod
    def load(cls, folder: Path) -> Index:
        """Read the index of a model's folder.

        Raises ModelError when there is none, or it is damaged or of a later macaw.
        """
        path = folder / NAME
        if not path.is_file():
            raise ModelError(f"{folder} has no {NAME}; train again to have its training pictures indexed")
        try:
            with safe_open(path, framework="np") as file:
                about, held = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
            return _opened(about, held)
        except (SafetensorError, LookupError, TypeError, ValueError, OSError, zlib.error) as problem:
            reason = " ".join(str(problem).split())[:200]
            raise ModelError(f"{path} is damaged ({reason}); remove it, or train again") from problem


def save_index(
    folder: Path,
    features: np.ndarray,
    examples: Examples,
    *,
    names: Sequence[str],
    root: Path,
    marks: Sequence[bytes] | None = None,
    seed: int = 0,
) -> Path:
    """Write the index of `examples`, whose `features` (N, D) are given, into a model's folder.

    `names` is the class table that the targets index, `root` the data set, below which files are named;
    `marks` are the SHA-256 digests where they are known already. Beyond MOST pictures a class-balanced part
    is kept, chosen by `seed`. Raises InputError for a picture that cannot be read, StorageError.
    """
    kept = balanced(examples.targets, MOST, seed=seed)
    features, examples = features[kept], examples.subset(kept)
    marks = digests(examples.sources) if marks is None else [marks[i] for i in kept]
    base = root if root.is_dir() else root.parent
    files = [file_name(source, base) for source in examples.sources]
    sets, codes = _label_sets(examples.targets, names)
    vectors, basis, mean = _compressed(features.astype(np.float32))
    tensors = {
        "vectors": vectors, "basis": basis.astype(np.float16), "mean": mean, "codes": codes,
        "marks": np.frombuffer(b"".join(mark[:_MARK] for mark in marks), np.uint8).reshape(-1, _MARK),
        "names": np.frombuffer(zlib.compress("\0".join(files).encode(errors="surrogateescape"), 9), np.uint8),
    }  # fmt: skip
    about = {"format": FORMAT, "labels": json.dumps(sets, ensure_ascii=False), "source": base.resolve().name}
    return atomic_write(folder / NAME, save(tensors, about))


def index_examples(
    model: Model,
    examples: Examples,
    root: Path,
    *,
    most: int = MOST,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Ask the model for the features of what it was trained on, at most `most`, and write their index.

    Raises DataError for pictures that cannot be read, StorageError.
    """
    some = examples.subset(balanced(examples.targets, most, seed=seed))
    features = model.features(some, progress=progress)
    return save_index(model.folder, features, some, names=model.card.names, root=root, seed=seed)


def balanced(targets: np.ndarray, most: int, *, seed: int = 0) -> np.ndarray:
    """Positions, rising, of at most `most` examples: equally many of each class, or all that it has.

    A picture of several labels, or of none, counts for the first of them. Chosen by `seed`.
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    kinds = targets if targets.ndim == 1 else np.where(targets.any(axis=1), targets.argmax(axis=1), -1)
    order = np.random.default_rng(seed).permutation(len(kinds))
    turn = np.empty(len(kinds), int)  # the how many-th of its class each is, in that order
    for kind in np.unique(kinds):
        members = order[kinds[order] == kind]
        turn[members] = np.arange(len(members))
    return np.asarray(np.sort(order[np.argsort(turn[order], kind="stable")[:most]]))


def file_name(source: Any, root: Path) -> str:
    """What the index calls a picture: its path below `root`, or its place in a pack."""
    if not isinstance(source, str | Path):
        return source_name(source)
    path = Path(source)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _compressed(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (N, K / 2) uint8, two numbers of four bits a byte, their directions (K, D) and the mean (D,).

    Principal directions of unit vectors, so that dot products, which are cosines, lose least; then turned at
    random, so that all matter alike and four bits do for each (as in RaBitQ, Gao and Long 2024, arXiv
    2405.12497). The mean is taken off first: rectified features all point the same way, which tells nothing.
    """
    mean = features.mean(axis=0)
    unit = _unit(features - mean)
    _, directions = np.linalg.eigh(unit.T.astype(np.float64) @ unit)  # (D, D), the largest last
    kept = min(WIDTH, features.shape[1]) // 2 * 2
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(kept, kept)))
    # Contiguous: safetensors writes the memory as it lies, whatever the strides say
    basis = np.ascontiguousarray(turn @ directions[:, ::-1][:, :kept].T, np.float32)
    vectors = _unit(unit @ basis.T)
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-12)
    levels = (np.rint(7 * vectors / largest) + 8).astype(np.uint8)  # (N, K) 1..15, 8 is zero
    return levels[:, ::2] << 4 | levels[:, 1::2], basis, mean


def _unpacked(pairs: np.ndarray) -> np.ndarray:
    """(N, K / 2) uint8 -> (N, K) float32 of unit length."""
    levels = np.stack([pairs >> 4, pairs & 15], axis=-1).reshape(len(pairs), -1)
    return _unit(levels.astype(np.float32) - 8)


def _opened(about: dict[str, str], held: dict[str, np.ndarray]) -> Index:
    """The index that a file holds; what is wrong with it is raised in few words, for `load` to complete."""
    if about.get("format") != FORMAT:
        raise ModelError(f"format '{about.get('format')}', this macaw reads '{FORMAT}'")
    vectors, (basis, mean) = (
        _unpacked(held["vectors"]),
        (held[n].astype(np.float32) for n in ("basis", "mean")),
    )
    sets = [tuple(map(str, labels)) for labels in json.loads(about["labels"])]
    text = zlib.decompressobj().decompress(held["names"].tobytes(), _TEXT)
    names = tuple(text.decode(errors="surrogateescape").split("\0"))
    labels = tuple(sets[code] for code in held["codes"].tolist())
    shapes = {len(names), len(labels), len(held["marks"]), len(vectors)}
    if len(shapes) > 1 or basis.shape != (vectors.shape[1], *mean.shape) or held["marks"].shape[1] != _MARK:
        raise ModelError("its parts do not fit together")
    return Index(vectors, basis, mean, names, labels, held["marks"], about.get("source", ""))


def _label_sets(targets: np.ndarray, names: Sequence[str]) -> tuple[list[list[str]], np.ndarray]:
    """Every set of labels that occurs, by name, and which of them each example has: (N,) uint16 or uint32."""
    rows = targets[:, None] if targets.ndim == 1 else targets
    kinds, codes = np.unique(rows, axis=0, return_inverse=True)
    places = (
        kinds.astype(int).tolist() if targets.ndim == 1 else [np.flatnonzero(kind).tolist() for kind in kinds]
    )
    sets = [[names[place] for place in some] for some in places]
    return sets, codes.reshape(-1).astype(np.uint16 if len(sets) <= 1 << 16 else np.uint32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1 along the last axis; those of length 0 stay."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
