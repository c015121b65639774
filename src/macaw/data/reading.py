"""Reading: what a reader of annotations is told, and where it puts what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from macaw.data.examples import SPLITS
from macaw.data.problems import Problems
from macaw.errors import DataError, UnknownName, did_you_mean

ROWS = ("detect", "segment", "pose", "obb")
FORMS = ("centre", "corners")
ORDER = ("train", "val", "test")


@dataclass
class Reading:
    """One reading of one data set.

    Raises UnknownName for rows or a form that is not known.
    """

    rows: str | None = None  # what the rows of YOLO text hold, one of ROWS; "pose" asks COCO for key points
    form: str | None = None  # how YOLO boxes are written, one of FORMS; None: detected
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for what, value, allowed in (("rows", self.rows, ROWS), ("form", self.form, FORMS)):
            if value is not None and value not in allowed:
                words = ", ".join(allowed)
                hint = did_you_mean(value, allowed)
                raise UnknownName(f"{what}='{value}' is unknown; allowed are {words}.{hint}")


def split_of(stem: str) -> str:
    """The split that a file's name tells: `instances_val2017` is val, `annotations` none, ''."""
    word = ""
    for letter in [*stem.lower(), " "]:
        if letter.isalpha():
            word += letter
            continue
        if word in SPLITS:
            return SPLITS[word]
        word = ""
    return ""


def lines_of(path: Path) -> list[str]:
    """The lines of a text file that hold something, blanks at their ends cut off.

    Raises DataError where it cannot be read as UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        row = problem.object[: problem.start].count(b"\n") + 1
        raise DataError(f"{path}, row {row}: not UTF-8; save it as UTF-8") from None
    except OSError as problem:
        raise DataError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    return [line.strip() for line in text.splitlines() if line.strip()]


def in_order(splits: Iterable[str]) -> list[str]:
    """Splits as they are listed: train, val, test, then others by name."""
    return sorted(splits, key=lambda split: (ORDER.index(split) if split in ORDER else len(ORDER), split))


def one_each(root: Path, pairs: Sequence[tuple[str, Path]]) -> dict[str, Path]:
    """Split -> its file or folder, in order. Raises DataError where two mean the same split."""
    found: dict[str, Path] = {}
    for split, path in pairs:
        if split in found:
            both = f"'{found[split].name}' and '{path.name}'"
            raise DataError(f"{root} has both {both}, which mean the same split; keep one")
        found[split] = path
    return {split: found[split] for split in in_order(found)}
