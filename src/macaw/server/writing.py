"""Writing: a language model that is served, and the texts of a request as steps that wait for their turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from macaw.card import Card
from macaw.errors import InputError
from macaw.language.asked import Asked
from macaw.language.coder import utf8
from macaw.language.stream import Piece
from macaw.language.writer import Writer
from macaw.results.completion import Completion
from macaw.server.limits import Limits, Refusal
from macaw.server.turns import Turns

# Shapes: V vocabulary


class Made(NamedTuple):
    """One token of a text, as soon as it is there."""

    number: int  # of the text, among those of the request
    text: str  # what it adds to it
    token: str  # as people read it
    logp: float


class HostedWriter:
    """One model that writes, under the name that requests choose it by."""

    def __init__(self, name: str, writer: Writer, limits: Limits) -> None:
        self.name, self.writer, self.limits = name, writer, limits
        self.task = writer.row
        self.turns = Turns()
        self.texts = self.tokens = 0  # made so far
        for _ in writer.write(limit=2):  # what is broken shows now, and what is compiled is compiled
            pass

    @property
    def card(self) -> Card:
        """What the model is."""
        return self.writer.card

    @property
    def size(self) -> dict[str, int]:
        """How many tokens it knows, for /tasks."""
        return {"tokens": len(self.writer.model.vocabulary)}

    @property
    def computed(self) -> dict[str, int]:
        """What it did since the start, for /health."""
        return {"texts": self.texts, "tokens": self.tokens}

    def close(self) -> None:
        """End the thread, once everything is written."""
        self.turns.close()

    def asked(self, prompts: list[str], wishes: dict[str, Any]) -> Asked:
        """What is asked for, over what the card says; the card's own limit is shortened where it is too long.

        Raises Refusal for what is beyond the server's limits, and what `Asked.of` and half a character raise.
        """
        if not prompts:
            raise InputError("the list of prompts is empty; give one or more")
        self.check_prompts(sum(len(utf8(one)) for one in prompts))
        asked = self.writer.asked(**wishes)
        texts = len(prompts) * asked.count
        if "limit" not in wishes:
            asked = replace(asked, limit=max(1, min(asked.limit, self.limits.max_tokens // texts)))
        self.check_tokens(texts * asked.limit)
        return asked

    def check_prompts(self, size: int) -> None:
        """Refuse prompts of so many bytes, or tokens where they come as such, beyond the limit."""
        most = self.limits.max_prompt
        if size > most:
            words = f"the prompts have {size:,} bytes, and this server takes {most:,} in a request"
            raise Refusal(413, "long_prompt", words, "send the end of the text, or fewer", param="prompt")

    def check_tokens(self, count: int, *, param: str = "limit") -> None:
        """Refuse to make so many tokens where that is beyond the limit."""
        most = self.limits.max_tokens
        if count > most:
            words = f"the request is for {count:,} tokens, and this server makes {most:,} for one"
            raise Refusal(422, "too_many_tokens", words, "ask for shorter texts, or for fewer", param=param)

    def written(
        self, prompts: list[str], asked: Asked, wishes: dict[str, Any]
    ) -> Iterator[Made | Completion]:
        """Each token as it is made, and after those of each text its Completion; text by text."""
        names = self.writer.model.vocabulary.names
        wishes = {**wishes, "limit": asked.limit}
        for place, prompt in enumerate(prompts):
            for item in range(asked.count):
                pieces: list[Piece] = []
                for piece in self.writer.write(prompt, item=item, **wishes):
                    pieces.append(_light(piece))
                    self.tokens += 1
                    token = piece.step.token
                    yield Made(place * asked.count + item, piece.text, names[token], piece.step.score)
                self.texts += 1
                yield self.writer.completed(self.writer.prompt(prompt), pieces, asked, item=item)


def _light(piece: Piece) -> Piece:
    """The piece without the distributions (V,) it was drawn from: a text is kept whole, and those are large.

    In their place stands the token's own value, once for all V.
    """
    flat = np.broadcast_to(piece.step.logp[piece.step.token], piece.step.logp.shape)
    return piece._replace(step=replace(piece.step, logp=flat, warped=flat))
