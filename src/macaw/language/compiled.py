"""Compiled: loops over arrays as numba makes them fast; the same loops in Python where it is not installed.

Importing numba takes a while, so modules of loops are imported by the functions that call them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

FAST = True  # whether loops are machine code
try:
    from numba import njit
except ModuleNotFoundError:
    FAST = False


def compiled(function: Function) -> Function:
    """`function` as machine code, made at its first call with arrays of these types and kept on disk.

    It lets other threads run. It may call other compiled functions of its module or those before it.
    """
    if not FAST:
        return function
    try:
        return cast(Function, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # neither beside the source nor at home is a folder that can be written
        return cast(Function, njit(nogil=True)(function))
