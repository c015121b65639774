"""Packs: thousands of small picture files in one `.npz`, read from where they lie and without pickle.

A pack holds `blob` (the files' bytes end to end), `off` (N + 1 positions in it) and `label` (N integers that
the `classes.txt` beside it names).
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import IO, Any

import numpy as np

from macaw.data.examples import SPLITS, Examples, LabelledPictures, listed, nfc
from macaw.data.find import entries
from macaw.data.sources import Pack
from macaw.errors import DataError


class FilePack(Pack):
    """The picture files of one `.npz`; their bytes stay on disk, mapped into memory."""

    def __init__(self, name: str, blob: np.ndarray, off: np.ndarray) -> None:
        self.name = name
        self.blob = blob.data  # (bytes,) uint8
        self.off = off.tolist()  # N + 1 positions: Python integers slice three times faster than numpy's

    def __len__(self) -> int:
        return len(self.off) - 1

    def content(self, index: int) -> bytes:
        """The bytes of file `index`."""
        return bytes(self.blob[self.off[index] : self.off[index + 1]])


def read_pack(path: Path) -> LabelledPictures | None:
    """A folder of `.npz` files with classes.txt, or one such file; None when there is no `.npz`."""
    folder, files = (path, entries(path)[1]) if path.is_dir() else (path.parent, [path])
    files = [file for file in files if file.suffix.lower() == ".npz"]
    if not files:
        return None
    classes = _class_table(folder / "classes.txt")
    splits = {}
    for file in files:
        split = SPLITS.get(file.stem.lower(), file.stem)
        if split in splits:
            raise DataError(f"{path} has two files for split '{split}'; keep one")
        splits[split] = _read_npz(file, classes)
    names = tuple(classes.values())
    order = {"train": 0, "val": 1, "test": 2}
    splits = dict(sorted(splits.items(), key=lambda item: (order.get(item[0], 3), item[0])))
    return LabelledPictures(names, splits, multi=False, kind="pack", notes=(), path=path)


def _class_table(path: Path) -> dict[int, str]:
    """Label -> name from classes.txt; its lines are `name`, `index<tab>name` or `index<tab>id<tab>synonyms`.

    Of synonyms the first becomes the name; where two classes share it, each takes on its next ones.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(
            f"{path} cannot be read, and it names the pack's classes ({problem}); add it"
        ) from problem
    lines = [line.rstrip().split("\t") for line in text.splitlines() if line.strip()]
    numbers = [row[0] if len(row) > 1 else str(index) for index, row in enumerate(lines)]
    wrong = next((index for index, number in enumerate(numbers) if not number.strip().isdecimal()), None)
    if wrong is not None or len(set(map(int, numbers))) < len(numbers):
        which = (
            f"row {wrong + 1}: '{numbers[wrong]}' is no index"
            if wrong is not None
            else "an index comes twice"
        )
        raise DataError(f"{path}, {which}; write `index<tab>name` in each line, indices from 0")
    names = _unique(lines)
    if len(set(names)) < len(names):
        twice = [name for name, times in Counter(names).items() if times > 1]
        raise DataError(f"{path}: two classes are called {listed(twice)}; give each its own name")
    return dict(zip(map(int, numbers), names, strict=True))


def _unique(rows: list[list[str]]) -> list[str]:
    """The first synonym of each row; more of them, and at last the id, where two would be called alike."""
    words = [row[-1].split(",") if len(row) > 2 else row[-1:] for row in rows]
    words = [[nfc(word.strip()) for word in some] for some in words]
    used = [1] * len(rows)
    while True:
        names = [", ".join(some[:number]) for some, number in zip(words, used, strict=True)]
        times = Counter(names)
        again = [i for i, name in enumerate(names) if times[name] > 1 and used[i] < len(words[i])]
        if not again:
            break
        for index in again:
            used[index] += 1
    alike = [times[name] > 1 and len(row) > 2 for name, row in zip(names, rows, strict=True)]
    return [f"{name}, {row[1]}" if same else name for name, row, same in zip(names, rows, alike, strict=True)]


def _read_npz(path: Path, classes: dict[int, str]) -> Examples:
    try:
        # np.load would leave a file that it cannot read open
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            present = set(arrays.files)
            fields = ", ".join(sorted(present - {"blob", "off"})) or "none"
            for field, what in (("blob", "the bytes"), ("off", "the positions"), ("label", "the classes")):
                if field not in present:
                    raise DataError(
                        f"{path}: no field '{field}' ({what}); beside blob and off it has: {fields}"
                    )
            off, labels = arrays["off"], arrays["label"]
            blob = mapped(path, "blob.npy")
            if blob is None:  # compressed
                blob = arrays["blob"]
    except DataError:
        raise
    except Exception as problem:  # zipfile and numpy raise half a dozen kinds
        words = " ".join(str(problem).split())
        raise DataError(f"{path} is not a whole .npz file ({words}); fetch or copy it again") from problem
    _check_arrays(path, blob, off, labels)
    known = np.array(sorted(classes))
    bad = np.flatnonzero(~np.isin(labels, known))
    if bad.size:
        item = f"{path.name}[{bad[0]}]"
        raise DataError(
            f"{path}: label {labels[bad[0]]} of {item} is not in classes.txt, "
            f"which has {known[0]} to {known[-1]}; add its line"
        )
    position = {label: index for index, label in enumerate(classes)}
    targets = np.array([position[label] for label in labels.tolist()], np.int64)
    return Examples(FilePack(path.name, blob, off), targets)


def _check_arrays(path: Path, blob: np.ndarray, off: np.ndarray, labels: np.ndarray) -> None:
    if blob.ndim != 1 or blob.dtype != np.uint8:
        raise DataError(f"{path}, field 'blob': {blob.dtype} of shape {blob.shape}; expected uint8 (bytes,)")
    for field, array in (("off", off), ("label", labels)):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            found = f"{array.dtype} of shape {array.shape}"
            raise DataError(f"{path}, field '{field}': {found}; expected integers (N,)")
    if len(off) != len(labels) + 1:
        raise DataError(f"{path}: {len(off)} positions in 'off' for {len(labels)} labels; expected one more")
    if len(labels) == 0:
        raise DataError(f"{path} holds no picture")
    off = off.astype(np.int64)
    back = np.flatnonzero(np.diff(off) < 0)
    if back.size or off[0] < 0 or off[-1] > len(blob):
        where = f"falls after item {back[0]}" if back.size else f"runs {off[0]}..{off[-1]}"
        raise DataError(f"{path}, field 'off': {where}, but must rise within the {len(blob)} bytes of blob")


def mapped(path: Path, member: str) -> np.ndarray | None:
    """An array of an uncompressed `.npz`, mapped from disk; None when it is compressed."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(member)
        if info.compress_type != zipfile.ZIP_STORED:
            return None
        file.seek(info.header_offset)
        head = file.read(
            30
        )  # a zip's local header; names and extras follow, of the lengths in its last 4 bytes
        file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
        shape, fortran, dtype = _npy_header(file)
        if dtype.hasobject:
            raise DataError(f"{path}, field '{member[:-4]}': Python objects; expected uint8 (bytes,)")
        if fortran and len(shape) > 1:
            return None
        return np.asarray(np.memmap(path, dtype, "r", offset=file.tell(), shape=shape))


def _npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
