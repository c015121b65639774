"""Feature cache: what a front-end saw in a picture, kept on disk by the picture's content.

A cache is a folder of files that only ever appear whole; each holds some rows and the digests they belong to.
Renamed and moved pictures are found again, changed ones are not; several processes may fill it at once.

Shapes: N pictures, D features
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from macaw.errors import StorageError
from macaw.files import atomic_write, cache_folder

_SUFFIX = ".safetensors"


class FeatureCache:
    """The features of one front-end under one preparation, which `key` stands for.

    `notes` says in a line each what the user should know: a damaged file, a disk that is full.
    """

    def __init__(self, key: str) -> None:
        self.folder = cache_folder() / "features" / key
        self.notes: list[str] = []
        self.found = self.computed = 0  # rows that were here, and that were not

    def rows(self, marks: Sequence[bytes], compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The features (N, D) float32 of the pictures with these digests, in their order.

        `compute` gets the positions (M,) of those that are not here yet and gives their features (M, D). All
        are rounded to half precision, which is what is kept: the first answer equals every later one.
        """
        known = self._read()
        self.found += sum(mark in known for mark in marks)
        missing = {mark: place for place, mark in enumerate(marks) if mark not in known}
        if missing:
            places = np.fromiter(missing.values(), int)
            fresh = compute(places).astype(np.float16)
            self.computed += len(fresh)
            known |= dict(zip(missing, fresh, strict=True))
            self._write(list(missing), fresh)
        return np.stack([known[mark] for mark in marks]).astype(np.float32)

    def _read(self) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            try:
                held = load_file(path)
                marks, features = held["marks"], held["features"]
            except (SafetensorError, LookupError, ValueError, OSError):
                self.notes.append(
                    f"the cache file {path} is damaged: removed, its features are computed again"
                )
                path.unlink(missing_ok=True)
                continue
            found |= zip(map(bytes, marks), features, strict=True)
        return found

    def _write(self, marks: list[bytes], features: np.ndarray) -> None:
        data = save({"marks": np.frombuffer(b"".join(marks), np.uint8).reshape(-1, 32), "features": features})
        try:
            atomic_write(self.folder / (hashlib.sha256(data).hexdigest()[:32] + _SUFFIX), data)
        except StorageError as problem:  # the answer is there; only the next run will be as slow as this one
            self.notes.append(f"features are not kept: {problem}")


def cache_key(parts: Sequence[bytes]) -> str:
    """One name for everything that features depend on."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:32]
