"""Completion: a text that a language model went on with, token by token, and how likely each of them was.

Shapes: N tokens that were added
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from macaw.results.base import Result
from macaw.results.shaded import Shaded, check_tokens, listed_tokens, plain, save_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from PIL.Image import Image
    from rich.text import Text


@dataclass(frozen=True, eq=False)
class Completion(Result):
    """A prompt, and what was added to it; `str` gives both as one text.

    Raises InputError when the parts do not fit together.
    """

    application: ClassVar[str] = "complete"  # the row of the table that gives it
    prompt: str  # as the model was given it; nothing where a document starts
    text: str  # what was added
    names: tuple[str, ...]  # N tokens as people read them, a document's end among them
    logp: np.ndarray  # (N,) float64 natural-log probability the model gives each, whatever the settings
    ends: str  # why nothing follows: "end" of the document, "limit", or "stop": a string of `stop` came
    model: str = ""  # what its card calls it
    settings: dict[str, float] = field(default_factory=dict)  # what differs from the model's probabilities
    seed: int = 0
    item: int = 0  # which of several continuations, from 0
    source: str = ""  # where the prompt came from: a file, or nothing
    pieces: tuple[str, ...] = ()  # N, what each token adds to the text, perhaps nothing; none: not known
    limit: int = 0  # tokens that were to be added at most; 0: not known
    stop: tuple[str, ...] = ()  # strings that would have ended it

    def __post_init__(self) -> None:
        check_tokens(self, self.text)

    def __str__(self) -> str:
        return self.whole

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text.assemble((self.prompt, "dim"), self.text)

    @property
    def whole(self) -> str:
        """Prompt and text."""
        return self.prompt + self.text

    @property
    def bits(self) -> float:
        """How much the added tokens surprised the model, altogether, in bits."""
        return float(-self.logp.sum() / np.log(2))

    @property
    def headline(self) -> str:
        """The beginning of the text, on one line."""
        from macaw.results.completion_words import line

        return line(self.whole)

    @property
    def shaded(self) -> Shaded:
        """The text by its tokens, for whoever draws it."""
        return Shaded(self.prompt, self.pieces or (self.text,), self.names, self.logp)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain values; `tokens` with what each adds and its natural-log probability."""
        return {
            "source": self.source,
            "model": self.model,
            "prompt": self.prompt,
            "text": self.text,
            "ends": self.ends,
            "settings": dict(self.settings),
            "seed": self.seed,
            "item": self.item,
            "limit": self.limit,
            "stop": list(self.stop),
            "bits": plain(self.bits, 4),
            "tokens": listed_tokens(self),
        }

    def plot(self) -> Image:
        """One sheet: the text, each token on a ground the darker the more it surprised."""
        from macaw.results.completion_sheet import draw_completion

        return draw_completion(self)

    def to_html(self) -> str:
        """One self-contained page: the text, what it cost, and how to make it again."""
        from macaw.results.completion_page import completion_page

        return completion_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The text, each token the darker the more it surprised, for a page that shows several answers."""
        from macaw.results.completion_page import completion_fragment

        return completion_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Write `.txt` (prompt and text), `.json` (the values), `.html` (a page), `.png` ... (a sheet)."""
        return save_text(self, path) or super().save(path)
