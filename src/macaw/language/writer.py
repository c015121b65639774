"""Writer: a language model as the verbs use it: prompts in, texts out, and how likely a text is.

A text is made by `macaw.language.stream` from the model, the settings and a seed, and by nothing else: the
same three give the same text again, whatever is written beside it. None of it needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from macaw import tasks
from macaw.card import Card
from macaw.errors import InputError, ModelError
from macaw.language.asked import Asked
from macaw.language.drafts import Draft, write, write_many
from macaw.language.opening import check_engine, open_model
from macaw.language.prompts import each_prompt, is_one, read_prompt, titled
from macaw.language.protocol import LanguageModel
from macaw.language.settings import Settings
from macaw.language.spelling import Spelling
from macaw.language.stream import Piece
from macaw.results.completion import Completion
from macaw.results.scored import Scored
from macaw.results.story import Story
from macaw.runtime.places import card_of

KINDS: dict[str, type[Completion]] = {"Completion": Completion, "Story": Story}  # by what a row gives


class Writer:
    """The folder of a language model, or its exported file; the model is opened when it is first needed.

    `engine` is one of `macaw.language.opening.ENGINES`; `task` the row of the table that it is to serve, by
    default that of its card. Raises ModelError for what is no language model, UnknownName.
    """

    def __init__(self, folder: str | Path, *, engine: str = "numpy", task: str = "") -> None:
        check_engine(engine)
        self._serve(card_of(Path(folder)), Path(folder), task)
        self.engine = engine

    @classmethod
    def around(cls, model: LanguageModel, card: Card, *, folder: str | Path, task: str = "") -> Self:
        """A Writer of a model that is open already, as one of the Hub is; `folder` is where it came from."""
        made = cls.__new__(cls)
        made._serve(card, Path(folder), task)
        made.engine = "torch"
        made.model = model
        return made

    def _serve(self, card: Card, folder: Path, task: str) -> None:
        row = tasks.find(task) if task else card.row
        if card.row.takes != "text":
            raise ModelError(f"'{folder}' is a model of '{card.task}', which writes no text")
        if row.gives not in KINDS:
            raise InputError(f"'{card.name}' writes text; it cannot serve '{row.name}'")
        if row.name != card.task:  # a limit on the card is that of the row it was made for
            decode = {name: value for name, value in card.decode.items() if name != "limit"}
            card = card.replace(task=row.name, decode=decode)
        self.card, self.folder, self.row, self.task = card, folder, row, row.name

    def __repr__(self) -> str:
        kind = f"{self.card.head['name']} over {self.card.frontend['name']}"
        return f"Writer({self.card.name!r}: {self.task}, {kind}, {self.engine})"

    @cached_property
    def model(self) -> LanguageModel:
        """The model itself. Raises what `open_model` raises."""
        return open_model(self.folder, engine=self.engine)

    def asked(self, **asked: Any) -> Asked:
        """What is asked of it: its card's `decode`, and over that what a user wants. Raises as `Asked.of`."""
        return Asked.of(self.card, task=self.task, **asked)

    def prompt(self, words: str) -> str:
        """What the model is given of a prompt: itself; of a story its title, and a blank line behind it."""
        return titled(words) if self.row.gives == "Story" else words

    def write(self, prompt: str = "", *, item: int = 0, **asked: Any) -> Iterator[Piece]:
        """What it adds to the prompt, each piece as soon as it is there; together they are the text.

        `item` is which of several continuations: each depends on the seed and its own number alone. Raises,
        before the first piece, what `Asked.of` and `stream` raise.
        """
        return write(self.model, self.prompt(prompt), self.asked(**asked), item=item)

    def run(self, prompts: str | Path | Iterable[str | Path], **asked: Any) -> Any:
        """One text for one prompt; a list of them for several prompts, and for `count` above one.

        A prompt is a string, or the Path of a text file whose content it is; nothing starts a document.
        Raises InputError, with its name, for a file that cannot be read, and what `Asked.of` raises.
        """
        answers = list(self.stream(prompts, **asked))
        return answers[0] if is_one(prompts) and self.asked(**asked).count == 1 else answers

    def stream(
        self,
        prompts: str | Path | Iterable[str | Path],
        *,
        on_error: Callable[[InputError], None] | None = None,
        **asked: Any,
    ) -> Iterator[Completion]:
        """The texts, one after another, `count` for each prompt in turn, as items 0 to count - 1.

        A prompt that cannot be used raises InputError, or is handed to `on_error` and left out.
        """
        return self._all(prompts, self.asked(**asked), on_error)

    def scored(self, text: str | Path, *, source: str = "") -> Scored:
        """How likely each token of a text, or of a text file, is, given all before it; a document begins.

        The document's end is not part of it. Raises InputError for a text without a token, or for a file that
        cannot be read.
        """
        words, place = read_prompt(text)
        vocabulary = self.model.vocabulary
        ids = vocabulary.encode(words)
        if not len(ids):
            raise InputError("there is no text to score; give a word or more")
        spelling = Spelling(vocabulary, ids[:0])
        pieces = [spelling.add(int(token)) for token in ids]
        pieces[-1] += spelling.rest()
        return Scored(
            text=words,
            names=tuple(vocabulary.names[token] for token in ids),
            logp=self.model.score(ids),
            size=len(words.encode()),
            lossless=vocabulary.lossless,
            model=self.card.name,
            source=source or place,
            pieces=tuple(pieces),
        )

    def completed(
        self, prompt: str, pieces: Iterable[Piece], asked: Asked, *, item: int = 0, source: str = ""
    ) -> Completion:
        """The answer that pieces are together; `prompt` is what the model was given."""
        draft = Draft(prompt, item, source)
        for piece in pieces:
            draft.add(piece)
        return self._told(draft, asked)

    def _told(self, draft: Draft, asked: Asked) -> Completion:
        names = self.model.vocabulary.names
        return KINDS[self.row.gives](
            prompt=draft.prompt,
            text="".join(draft.pieces),
            names=tuple(names[token] for token in draft.tokens),
            logp=np.array(draft.scores, np.float64),
            ends=draft.ends,
            model=self.card.name,
            settings=self._settings(asked.settings),
            seed=asked.seed,
            item=draft.item,
            source=draft.source,
            pieces=tuple(draft.pieces),
            limit=asked.limit,
            stop=asked.stop,
        )

    def _settings(self, settings: Settings) -> dict[str, float]:
        """What makes the text again: what differs from the model's own probabilities, or is the card's."""
        return {
            name: value
            for name, value in asdict(settings).items()
            if name in settings.changed or name in self.card.decode
        }

    def _all(
        self, prompts: Any, asked: Asked, on_error: Callable[[InputError], None] | None
    ) -> Iterator[Completion]:
        """The texts of all prompts; a single one is written by itself, exactly as `write` does."""
        given = ((self.prompt(one.text), one.source) for one in each_prompt(prompts, on_error))
        if is_one(prompts) and asked.count == 1:
            for prompt, source in given:
                yield self.completed(prompt, write(self.model, prompt, asked), asked, source=source)
            return
        for draft in write_many(self.model, given, asked):
            yield self._told(draft, asked)
