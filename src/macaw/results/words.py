"""Words: how many of what, as a person says it."""

from __future__ import annotations

from collections.abc import Mapping

MOST = 5  # kinds that a line names

_ODD = {
    "child": "children",
    "deer": "deer",
    "fish": "fish",
    "foot": "feet",
    "goose": "geese",
    "knife": "knives",
    "leaf": "leaves",
    "man": "men",
    "mouse": "mice",
    "nucleus": "nuclei",
    "person": "people",
    "scissors": "scissors",
    "sheep": "sheep",
    "skis": "skis",
    "tooth": "teeth",
    "wolf": "wolves",
    "woman": "women",
}


def counted(counts: Mapping[str, int], most: int = MOST) -> str:
    """`2 dogs, 1 cat`; of more than `most` kinds the rest is counted. Empty where nothing is."""
    parts = [several(number, name) for name, number in list(counts.items())[:most]]
    rest = len(counts) - most
    more = f" and {several(rest, 'kind')} more" if rest > 0 else ""
    return ", ".join(parts) + more


def several(number: int, name: str) -> str:
    """`1 dog`, `2 dogs`, `3 people`; a name that is not English words, such as WBC, is only counted."""
    if number == 1:
        return f"1 {name}"
    if not (name.isascii() and name.replace(" ", "").isalpha() and name[-1].islower()):
        return f"{number:,} × {name}"
    return f"{number:,} {_plural(name)}"


def _plural(name: str) -> str:
    before, space, last = name.rpartition(" ")
    if last.lower() in _ODD:
        return f"{before}{space}{_ODD[last.lower()]}"
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if last.endswith("y") and last[-2:-1] not in tuple("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"
