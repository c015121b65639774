"""TextParity: how alike two ways of computing one language model foretell texts, and what both write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.errors import InputError
from macaw.results.base import Result
from macaw.results.parity_parts import FLOOR, MARGIN, WIDTH, figures

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.draw import Box, Sheet

# Shapes: N tokens, M continuations
_MOST = 1.0  # nats: the top of the drawing, unless a difference is larger


@dataclass(frozen=True, eq=False)
class TextParity(Result):
    """What became of a language model on another way; `macaw.language.exporting_proof.compare` makes it.

    Raises InputError without a token, for differences that are none, and where numbers do not go together.
    """

    between: tuple[str, str]  # the two ways: ("numpy, float32", "onnxruntime, int8")
    texts: str  # what was looked at: "a text of macaw's own"
    apart: np.ndarray  # (N,) nats, the difference of each token's log-probability, 0 or more
    bits: tuple[float, float]  # a byte, or a token: before, after
    agreed: np.ndarray  # (M,) tokens from the first on that are the same in both, written greedily
    length: np.ndarray  # (M,) of how many
    per: str = "byte"  # "token" where bits per byte do not exist

    def __post_init__(self) -> None:
        if self.apart.ndim != 1 or len(self.apart) == 0:
            raise InputError(f"apart has shape {self.apart.shape}; it must be (N,), one for each token")
        if not (np.isfinite(self.apart).all() and self.apart.min() >= 0):
            raise InputError("apart must be finite, and 0 or more: how far log-probabilities are apart")
        if self.agreed.shape != self.length.shape or not (self.agreed <= self.length).all():
            raise InputError("agreed must be (M,) as length is, and nowhere more")
        if self.per not in {"byte", "token"}:
            raise InputError(f"per is '{self.per}'; bits are counted per byte or per token")

    def __str__(self) -> str:
        return figures(self.title, self.rows())

    @property
    def title(self) -> str:
        """One line: what was compared with what, on how many tokens."""
        return f"{self.between[1]} against {self.between[0]}, {len(self.apart):,} tokens ({self.texts})"

    @property
    def headline(self) -> str:
        """What is lost, in one line."""
        same = f"{self.same} of {len(self.agreed)} continuations the same"
        return f"{self._lost} bits per {self.per}; {same}"

    @property
    def largest(self) -> float:
        """The largest difference of a log-probability, in nats."""
        return float(self.apart.max())

    @property
    def lost(self) -> float:
        """By what share there are more bits than before; below 0 where there are fewer."""
        before, after = self.bits
        return after / before - 1 if before else 0.0

    @property
    def same(self) -> int:
        """How many of the continuations are the same to their end."""
        return int((self.agreed == self.length).sum())

    def rows(self) -> dict[str, str]:
        """The figures by name, in words."""
        return {
            "largest difference": f"{self.largest:.2g} nats of a log-probability",
            "mean difference": f"{float(self.apart.mean()):.2g}",
            f"bits per {self.per}": f"{self.bits[0]:.4f}, now {self.bits[1]:.4f}, {self._lost}",
            "greedy continuations": self._written,
        }

    @property
    def _lost(self) -> str:
        return f"{round(100 * self.lost, 2) + 0.0:+.2f} %"  # no minus before a zero

    @property
    def _written(self) -> str:
        if not len(self.agreed):
            return "none was written"
        same = f"{self.same} of {len(self.agreed)} the same"
        if self.same == len(self.agreed):
            return f"{same}, {int(self.length.sum()):,} tokens"
        first = int(self.agreed[self.agreed < self.length].min())
        return f"{same}; the others from token {first + 1} on"

    def to_dict(self) -> dict[str, Any]:
        """The figures, with quantiles in place of the differences of single tokens."""
        return {
            "between": list(self.between),
            "texts": self.texts,
            "tokens": len(self.apart),
            "largest": self.largest,
            "mean": float(self.apart.mean()),
            "median": float(np.median(self.apart)),
            f"bits_per_{self.per}": {"before": self.bits[0], "after": self.bits[1], "lost": self.lost},
            "continuations": {
                "count": len(self.agreed),
                "same": self.same,
                "agreed": self.agreed.tolist(),
                "length": self.length.tolist(),
            },
        }

    def plot(self) -> Image:
        """The differences of all tokens in order, on a logarithmic scale, over the figures."""
        from macaw.results.draw import BODY, NOTE, TITLE, Box, Sheet

        rows = self.rows()
        sheet = Sheet(WIDTH, 620 + 40 * len(rows))
        sheet.text(MARGIN, MARGIN + 16, sheet.fit(self.headline, WIDTH - 2 * MARGIN, TITLE), style=TITLE)
        sheet.text(MARGIN, MARGIN + 58, sheet.fit(self.title, WIDTH - 2 * MARGIN, NOTE), style=NOTE)
        _draw(sheet, Box(MARGIN + 90, MARGIN + 130, WIDTH - 2 * MARGIN - 90, 310), self.apart)
        for number, (name, value) in enumerate(rows.items()):
            y = MARGIN + 530 + 40 * number
            sheet.text(MARGIN, y, name)
            sheet.text(MARGIN + 290, y, value, style=BODY._replace(weight="bold"))
        return sheet.picture()


def _draw(sheet: Sheet, box: Box, apart: np.ndarray) -> None:
    from macaw.results.draw import BLUE, PALE_BLUE, TICK

    values = np.maximum(np.sort(apart), FLOOR)
    share = (np.arange(len(values)) + 0.5) / len(values)
    axes = sheet.axes(box)
    axes.set_yscale("log")
    top = max(_MOST, 2 * float(values[-1]))
    axes.set(xlim=(0, 1), ylim=(FLOOR, top), yticks=[1e-8, 1e-6, 1e-4, 1e-2, 1], xticks=[])
    axes.minorticks_off()
    axes.set_yticklabels(["0", "0.000001", "0.0001", "0.01", "1"])
    axes.fill_between(share, FLOOR, values, color=PALE_BLUE, lw=0, step="mid")
    axes.step(share, values, color=BLUE, lw=3, where="mid")
    words = "difference of a token's log-probability, in nats"
    sheet.text(box.x - 90, box.y - 26, words, style=TICK)
    below = box.y + box.height + 22
    sheet.text(box.x, below, "most alike", style=TICK)
    sheet.text(box.x + box.width / 2, below, "the median token", style=TICK, align="center")
    sheet.text(box.x + box.width, below, "least alike", style=TICK, align="right")
