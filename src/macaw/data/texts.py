"""Texts: a corpus of any layout becomes splits of documents, which stay on disk and are read one at a time.

A document is the smallest part that stays whole: what a model reads without a border, and what a split moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from macaw.data.documents import Documents, TextFile
from macaw.data.examples import SPLITS, licence_lines, listed
from macaw.data.find import entries, no_such, shown, walk
from macaw.data.reading import in_order
from macaw.data.text_splits import carve
from macaw.data.textfiles import BETWEEN, JSON, documents, first_words, is_title, text_kind, text_stem
from macaw.errors import DataError, InputError, UnknownName, did_you_mean

__all__ = ["Documents", "Texts", "read_texts"]

_LOOKED = (
    "train.txt and valid.txt; one .txt; a folder of them; .jsonl with a field 'text' "
    "(each may be packed: .xz, .gz, .bz2)"
)


@dataclass(frozen=True, eq=False)
class Texts:
    """A corpus: its documents by split."""

    splits: dict[str, Documents]  # by train, val, test, or a name of the data's own
    notes: tuple[str, ...]  # one line each, for the user
    path: Path
    terms: str = ""  # licence lines of a README.md beside the data
    carved: bool = False  # whether val, or test, was taken out of train here


def read_texts(
    path: str | Path,
    *,
    between: str | None = None,
    val_share: float = 0.1,
    test_share: float = 0.0,
    seed: int = 0,
) -> Texts:
    """Read a corpus: a file or a folder of `.txt` and `.jsonl` files, as they are or packed (.xz, .gz, .bz2).

    The split of a document is what its JSON line says, else the name of its file (`train.txt`, `valid.jsonl`)
    or of a folder above it, else train. `between` is what parts the documents of plain files, one of BETWEEN;
    left out, titles do in a file that begins with one, and any other file is one document.

    Where there is no val, a share `val_share` of the documents of train becomes val (0 to leave train whole),
    chosen by the hash of their texts, so that it survives renames and copies stay together; `seed` chooses
    another such share. So does `test_share` for test. A text without boundaries, alone in train, is cut
    instead: its first characters are train, the next val, the last test; with the shares as they are that is
    nanoGPT's split of tiny Shakespeare.

    Texts stay on disk. Raises InputError when there is no such path, UnknownName for another `between`,
    DataError when the data cannot be used.
    """
    path = Path(path)
    _check(between, val_share, test_share)
    files, root = text_files(path, between=between), path if path.is_dir() else path.parent
    splits = {
        split: Documents(tuple(file for file in files if file.mixed or file.split == split), split, root)
        for split in in_order(_splits(path, files))
    }
    asked = {"val": val_share, "test": test_share}
    shares = {name: share for name, share in asked.items() if share and name not in splits}
    notes: list[str] = []
    if carved := bool(shares) and "train" in splits:
        more, notes = carve(splits["train"], shares, seed=seed)
        splits |= more
    ordered = {split: splits[split] for split in in_order(splits)}
    return Texts(ordered, tuple(notes), path, licence_lines(root), carved)


def text_files(path: Path, *, between: str | None = None) -> tuple[TextFile, ...]:
    """The text files of a path, in order, each with its split.

    Raises InputError when there is no such path, DataError when there is no text.
    """
    if not path.exists():
        raise InputError(no_such(path))
    found = [file for file in ([path] if path.is_file() else walk(path)) if text_kind(file)]
    if not found:
        raise DataError(f"no text in '{shown(path)}'{_clue(path)}; looked for: {_LOOKED}")
    return tuple(looked_at(file, path, between) for file in found)


def looked_at(file: Path, root: Path, between: str | None) -> TextFile:
    """What the name of a text file of the corpus `root` and its first line say about it. Raises DataError."""
    split = _split_of(file, root)
    if text_kind(file) == JSON:
        first = islice(documents(file, "lines"), 1)
        return TextFile(file, "lines", split, mixed=any(one.split for one in first))
    return TextFile(file, between or ("titles" if is_title(first_words(file)) else "nothing"), split)


def _check(between: str | None, val_share: float, test_share: float) -> None:
    if not (val_share >= 0 and test_share >= 0 and val_share + test_share < 1):
        raise InputError(f"val_share {val_share} and test_share {test_share}: give shares, together below 1")
    if between is not None and between not in BETWEEN:
        known = f"documents are parted by {', '.join(BETWEEN)}"
        raise UnknownName(f"between '{between}' is unknown; {known}.{did_you_mean(between, BETWEEN)}")


def _split_of(file: Path, root: Path) -> str:
    """By the name of the file, else of the nearest folder that is called like a split."""
    above = file.relative_to(root).parent.parts if file != root else ()
    names = (text_stem(file), *reversed(above))
    return next((SPLITS[name.lower()] for name in names if name.lower() in SPLITS), "train")


def _splits(path: Path, files: Sequence[TextFile]) -> set[str]:
    """The splits that there are; files whose lines say theirs are read through once.

    Raises DataError for one without a word.
    """
    named = {file.split for file in files if not file.mixed}
    filled = {one.split for file in files if file.mixed for one in file}
    for file in files:
        if not file.mixed and file.split not in filled and first_words(file.path):
            filled.add(file.split)
    if not filled:
        raise DataError(f"{shown(path)}: the texts are empty; there is nothing to read, add some text")
    if empty := in_order(named - filled):
        raise DataError(
            f"{shown(path)}: the texts of {listed(empty)} are empty; add some, or remove the files"
        )
    return filled


def _clue(path: Path) -> str:
    if path.is_file():
        return " (a file of another kind)"
    folders, files = entries(path)
    if not folders and not files:
        return " (the folder is empty)"
    return f" ({listed(file.name for file in files)})" if files else ""
