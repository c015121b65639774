"""Scored: a text that was given, and how likely a language model finds each of its tokens.

Shapes: N tokens
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.results.base import Result
from macaw.results.shaded import Shaded, check_tokens, coloured, listed_tokens, plain, save_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from PIL.Image import Image
    from rich.console import Group


@dataclass(frozen=True, eq=False)
class Scored(Result):
    """How likely a text is, by the chain rule: the product over its tokens, each given all before it.

    Raises InputError when the parts do not fit together.
    """

    text: str  # as it was given
    names: tuple[str, ...]  # N tokens as people read them
    logp: np.ndarray  # (N,) float64 natural-log probability of each, given all before it
    size: int  # bytes of the text, as UTF-8
    model: str = ""  # what its card calls it
    source: str = ""  # where the text came from: a file, or nothing
    lossless: bool = True  # whether the tokens tell the text to the letter; words do not
    pieces: tuple[str, ...] = ()  # N, what each token adds to the text; none: not known

    def __post_init__(self) -> None:
        check_tokens(self, "".join(self.pieces))

    def __str__(self) -> str:
        from macaw.results.completion_words import scored_lines

        return "\n".join(scored_lines(self))

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(coloured(self.shaded), str(self))

    @property
    def bits(self) -> float:
        """How much the text surprised the model, altogether, in bits."""
        return float(-self.logp.sum() / np.log(2))

    @property
    def bits_per_byte(self) -> float | None:
        """What can be compared between models of every kind of token; None where tokens lose text."""
        return self.bits / self.size if self.lossless and self.size else None

    @property
    def perplexity(self) -> float:
        """Per token: among how many the model was undecided, on average (the geometric mean)."""
        return float(np.exp(-self.logp.mean())) if len(self.logp) else 1.0

    @property
    def headline(self) -> str:
        """The figures, on one line."""
        from macaw.results.completion_words import figures

        return figures(self)

    @property
    def shaded(self) -> Shaded:
        """The text by its tokens, for whoever draws it."""
        return Shaded("", self.pieces or (self.text,), self.names, self.logp)

    def hardest(self, n: int = 10) -> tuple[int, ...]:
        """The places of the `n` least likely tokens, the least likely first."""
        return tuple(np.argsort(self.logp, kind="stable")[:n].tolist())

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values; a figure that cannot be is null."""
        return {
            "source": self.source,
            "model": self.model,
            "text": self.text,
            "bytes": self.size,
            "bits": plain(self.bits, 4),
            "bits_per_byte": plain(self.bits_per_byte, 6),
            "perplexity": plain(self.perplexity, 4),
            "tokens": listed_tokens(self),
        }

    def plot(self) -> Image:
        """One sheet: the text by its surprise, the figures, and the hardest tokens."""
        from macaw.results.completion_sheet import draw_scored

        return draw_scored(self)

    def to_html(self) -> str:
        """One self-contained page: the figures, the text by its surprise, and its hardest tokens."""
        from macaw.results.scored_page import scored_page

        return scored_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The text, each token the darker the more it surprised, and the figures."""
        from macaw.results.scored_page import scored_fragment

        return scored_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.txt` (the figures), `.json` (the values), `.html` (a page), `.png` ... (a sheet)."""
        return save_text(self, path) or super().save(path)
