"""Numbers of a recipe: which values the training loop can run with."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from macaw.errors import InputError


def check_number(
    name: str, value: Any, *, whole: Collection[str], positive: Collection[str], shares: Collection[str]
) -> None:
    """Refuse what is no number of 0 or more; by its name also a part, a 0, or more than 1.

    Raises InputError.
    """
    if not (isinstance(value, int | float | np.number) and 0 <= value < math.inf):
        raise InputError(f"{name}={value!r}: a number of 0 or more")
    if name in whole and value != int(value):
        raise InputError(f"{name}={value!r}: a whole number")
    if name in positive and value == 0:
        raise InputError(f"{name}={value!r}: a number above 0")
    if name in shares and value > 1:
        raise InputError(f"{name}={value!r}: a share, from 0 to 1")
