"""What every decoding, and every answer about a picture, is checked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from macaw.errors import InputError, ModelError


def own(values: Any, kind: type[np.generic]) -> np.ndarray:
    """A copy of `values` that nobody can change."""
    array = np.array(values, kind)
    array.setflags(write=False)
    return array


def check_picture(picture: np.ndarray) -> None:
    """Refuse, with InputError, what is not a picture (H, W, 3) uint8."""
    shape, kind = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
        raise InputError(f"picture is {kind} of shape {shape}; it must be uint8 of shape (H, W, 3)")


def check_names(names: Sequence[str], what: str) -> None:
    """Refuse, with InputError, a table of `what` that is empty, or has a name twice."""
    if not names:
        raise InputError(f"the table of {what} is empty; an answer needs at least one")
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise InputError(f"the table of {what} has '{twice}' twice; they are known by name, so rename one")


def check_parts(count: int, **parts: Sequence[Any]) -> None:
    """Refuse, with InputError, parts that are neither empty nor one for each of `count` outputs."""
    for what, items in parts.items():
        if len(items) not in (0, count):
            raise InputError(f"{len(items)} {what} for {count} outputs; give one for each, or none")


def check_finite(raw: np.ndarray) -> None:
    """Refuse, with ModelError, outputs (B, ...) that are not finite; it names the first such input."""
    finite = np.isfinite(raw).all(axis=tuple(range(1, raw.ndim)))
    if not finite.all():
        row = int(np.argmin(finite))
        raise ModelError(f"the model's output for input {row} is not finite; its weights may be damaged")
