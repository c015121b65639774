"""Joint parity: how alike a joined model and each of its parts alone answered the same pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError
from macaw.results.base import Result

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class JointParity(Result):
    """What became of the answers of each part; its own proof says it. Raises InputError for no part."""

    parts: Mapping[str, Result]  # name -> Parity, BoxParity, MaskParity or PointParity

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("no part to compare answers of; give one or more, each by its name")
        object.__setattr__(self, "parts", dict(self.parts))

    def __str__(self) -> str:
        return "\n".join(f"{name}: {part}" for name, part in self.parts.items())

    @property
    def headline(self) -> str:
        """What became of each part, in one line."""
        return "; ".join(f"{name}: {part.headline}" for name, part in self.parts.items())

    def to_dict(self) -> dict[str, Any]:
        """`parts`: the figures of each, by its name."""
        return {"parts": {name: part.to_dict() for name, part in self.parts.items()}}

    def plot(self) -> Image:
        """The pictures of the parts below each other."""
        from macaw.results.stack import stack

        return stack(self.parts)
