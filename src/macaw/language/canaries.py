"""Canaries: secrets drawn at random and planted in a training text, to see what the model gives away of it.

Carlini et al. 2019, "The Secret Sharer", arXiv 1802.08232. What is planted is on the model's card, so that
`explain --by parrot` finds it there and measures its exposure (`macaw.language.exposure`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice, product

import numpy as np

from macaw.card import Card
from macaw.errors import InputError, ModelError

COPIES = (1, 2, 4, 8, 16, 32, 64)  # of one canary after another, and again from the first


@dataclass(frozen=True)
class Secrets:
    """All secrets of one form: `length` choices in a row between two fixed texts. Raises InputError."""

    before: str  # such as "The code is"
    choices: tuple[str, ...] = tuple("0123456789")
    length: int = 6
    after: str = "."

    def __post_init__(self) -> None:
        if len(set(self.choices)) < max(2, len(self.choices)) or self.length < 1:
            raise InputError(
                f"{len(self.choices)} choices in {self.length} places are no secret; give two or more "
                "different ones and one place or more"
            )

    def __len__(self) -> int:
        return int(len(self.choices) ** self.length)

    def sample(self, count: int, *, seed: int = 0) -> list[str]:
        """`count` of them as texts, drawn independently."""
        drawn = np.random.default_rng(seed).integers(0, len(self.choices), (count, self.length))
        return [self._text(self.choices[i] for i in row) for row in drawn]

    def all(self) -> list[str]:
        """Every one of them as a text."""
        return [self._text(row) for row in product(self.choices, repeat=self.length)]

    def _text(self, parts: Iterable[str]) -> str:
        return f"{self.before}{''.join(parts)}{self.after}"


# Blanks between the digits, so that each is a token to words as well
FORM = Secrets("The number of the safe is", tuple(f" {digit}" for digit in "0123456789"))


@dataclass(frozen=True)
class Canaries:
    """Secrets of FORM, and how often each is planted; `seed` is of the places."""

    copies: Mapping[str, int]
    seed: int = 0

    @classmethod
    def drawn(cls, count: int, *, seed: int = 0) -> Canaries:
        """`count` of them, planted as often as COPIES say in turn. Raises InputError for too many."""
        if count > len(FORM) // 2:
            raise InputError(f"canaries={count}: {len(FORM) // 2:,} at the most")
        found = dict.fromkeys(FORM.sample(2 * count + 8, seed=seed))  # some come twice
        return cls(dict(zip(islice(found, count), cycle(COPIES), strict=False)), seed)

    @classmethod
    def of(cls, card: Card) -> Canaries | None:
        """Those that a model was trained with; None for none. Raises ModelError for a damaged card."""
        told = card.training.get("canaries")
        try:
            return None if told is None else cls({str(k): int(v) for k, v in told.items()})
        except (AttributeError, TypeError, ValueError) as problem:
            raise ModelError(f"the card's canaries are damaged ({problem}); restore the folder") from problem

    def to_dict(self) -> dict[str, int]:
        """As a card has them: each with how often it was planted."""
        return dict(self.copies)

    def never(self, count: int, *, seed: int = 0) -> list[str]:
        """`count` secrets of the same form that were not planted."""
        drawn = FORM.sample(count + len(self.copies), seed=seed)
        return [one for one in drawn if one not in self.copies][:count]

    def planted(self, documents: Iterable[str]) -> Planted:
        """The documents with each canary in them as often as it is to be."""
        return Planted(documents, self)


@dataclass(frozen=True, eq=False)
class Planted:
    """Documents, each canary as a line of its own at the ends of random ones; read anew each time."""

    documents: Iterable[str]
    canaries: Canaries

    def __iter__(self) -> Iterator[str]:
        places = self._places
        for at, text in enumerate(self.documents):
            yield "\n".join([text, *places.get(at, ())])

    @cached_property
    def _places(self) -> dict[int, list[str]]:
        """What is planted in which document. Raises InputError where there is none."""
        size = sum(1 for _ in self.documents)
        if not size:
            raise InputError("there is no document to plant canaries in")
        random = np.random.default_rng(self.canaries.seed)
        found: dict[int, list[str]] = {}
        for canary, number in self.canaries.copies.items():
            for at in random.integers(0, size, number).tolist():
                found.setdefault(at, []).append(canary)
        return found
