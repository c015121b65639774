"""The parts of an explanation of a mask: what two classes are at odds about."""

from __future__ import annotations

from typing import Any, NamedTuple


class Contest(NamedTuple):
    """Two classes that are the most probable ones of the same pixels, or that share a border in the answer.

    A pixel counts where the second class has at least half the probability of the first.
    """

    name: str  # the class that wins more of them
    other: str
    won: int  # contested pixels that `name` wins
    lost: int  # contested pixels that `other` wins
    border: int  # pixels of their common border in the answer, along rows and columns

    @property
    def pixels(self) -> int:
        """Contested pixels in all."""
        return self.won + self.lost

    @property
    def width(self) -> float | None:
        """Contested pixels for each of the border: how wide the doubtful band is; None without a border."""
        return self.pixels / self.border if self.border else None

    def to_dict(self, total: int) -> dict[str, Any]:
        """Plain values; `total` is the number of pixels of the picture."""
        width = None if self.width is None else round(self.width, 2)
        return {
            "names": [self.name, self.other],
            "share": round(self.pixels / total, 6),
            "won": round(self.won / self.pixels, 4) if self.pixels else None,
            "border": self.border,
            "width": width,
        }
