"""The categories of a COCO file: ids to names, and the key points that one of them may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from macaw.data.examples import nfc
from macaw.data.objects import Skeleton
from macaw.data.reading import Reading
from macaw.data.skeletons import named_skeleton
from macaw.errors import DataError, InputError

Table = dict[int, str]  # a category's id -> its name


def class_table(file: Path, content: dict[str, Any], reading: Reading) -> Table:
    """Id -> name of every category.

    The category that Roboflow adds, above all others and without annotations, is left out, with a note.
    Raises DataError for an id or a name that is missing, or given twice.
    """
    table: Table = {}
    parents: dict[str, str] = {}
    for number, entry in enumerate(content["categories"]):
        where = f"{file}, categories[{number}]"
        ident, name = (entry.get("id"), entry.get("name")) if isinstance(entry, dict) else (None, None)
        if type(ident) is not int or ident in table:
            found = "given twice" if type(ident) is int else "no whole number"
            raise DataError(f"{where}, field 'id': {ident!r} is {found}; give each category an id of its own")
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{where}, field 'name': {name!r} is no name; give each category one")
        name = nfc(name.strip())
        if name in table.values():
            raise DataError(
                f"{where}, field 'name': '{name}' is the name of another category too; "
                "give each its own, or merge them"
            )
        table[ident] = name
        parents[name] = str(entry.get("supercategory") or "")
    if not table:
        raise DataError(f"{file}, field 'categories': empty; give each class an id and a name")
    return _without_parent(file, table, parents, content, reading)


def _without_parent(
    file: Path, table: Table, parents: dict[str, str], content: dict[str, Any], reading: Reading
) -> Table:
    root = next((i for i, n in table.items() if all(p == n for c, p in parents.items() if c != n)), None)
    annotations = content["annotations"] if isinstance(content["annotations"], list) else []
    if root is None or len(table) < 2:
        return table
    if any(isinstance(entry, dict) and entry.get("category_id") == root for entry in annotations):
        return table
    note = f"category '{table[root]}' stands above all others and has no object, left out"
    if note not in reading.notes:
        reading.notes.append(note)
    return {ident: name for ident, name in table.items() if ident != root}


def key_points(file: Path, content: dict[str, Any]) -> Skeleton | None:
    """The key points that categories name, edges from 0; None where none does.

    Raises DataError where two categories name different ones, and where their skeleton does not fit.
    """
    found: dict[tuple[str, ...], list[Any]] = {}
    for entry in content["categories"]:
        if isinstance(entry, dict) and entry.get("keypoints"):
            found[tuple(map(str, entry["keypoints"]))] = entry.get("skeleton") or []
    if not found:
        return None
    if len(found) > 1:
        raise DataError(f"{file}, field 'categories': {len(found)} kinds of key points; a model learns one")
    names, pairs = next(iter(found.items()))
    try:
        return named_skeleton(names, edges=[(int(start) - 1, int(end) - 1) for start, end in pairs])
    except (InputError, TypeError, ValueError) as problem:
        raise DataError(
            f"{file}, field 'skeleton': pairs of numbers from 1 are expected ({problem})"
        ) from problem
