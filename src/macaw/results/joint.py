"""Joint: what several heads say of one picture, each by its name."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.results.base import Result
from macaw.results.boxes import Boxes
from macaw.results.labels import SHOWN, Labels

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, eq=False)
class Joint(Result):
    """The answers of a joined model to one picture: `joint["detect"]` is what that part says, as if alone.

    Its names, in the order of the model, are what it iterates over. Raises InputError for no answer at all.
    """

    parts: Mapping[str, Result]  # name -> answer

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("no answer to join; give one or more, each by the name of its part")
        object.__setattr__(self, "parts", dict(self.parts))

    def __getitem__(self, name: str) -> Any:
        """The answer of one part.

        Raises UnknownName for a part that is not there.
        """
        if name not in self.parts:
            hint = did_you_mean(name, self.parts)
            raise UnknownName(f"no part '{name}'.{hint} There are: {', '.join(self.parts)}")
        return self.parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self.parts

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __str__(self) -> str:
        return self.text()

    def items(self) -> ItemsView[str, Result]:
        """The parts with their names."""
        return self.parts.items()

    @property
    def names(self) -> tuple[str, ...]:
        """What the parts are called."""
        return tuple(self.parts)

    @property
    def source(self) -> str:
        """Where the picture came from: a file name, or nothing."""
        return str(getattr(next(iter(self.parts.values())), "source", ""))

    def text(self, n: int = SHOWN) -> str:
        """The name of each part, and below it what it says; of those that rank, the `n` best."""
        return "\n".join(f"{name}\n{_text(part, n)}" for name, part in self.items())

    @property
    def headline(self) -> str:
        """What each part says in short: `detect: 2 dogs; classify: tabby 61.2 %`."""
        return "; ".join(f"{name}: {part.headline}" for name, part in self.items())

    def rank(self, names: Collection[str]) -> int | None:
        """The best place, from 1, that any part gives one of `names`; None where none ranks them."""
        found = (part.rank(names) for part in self.parts.values())
        return min((rank for rank in found if rank is not None), default=None)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The fragments of the parts, each under its name."""
        return "\n".join(
            f"<h4>{escape(name)}</h4>\n{part.fragment(right=right)}" for name, part in self.items()
        )

    def to_dict(self) -> dict[str, Any]:
        """`source`, and `parts`: what each of them says, by its name."""
        parts = {name: part.to_dict() for name, part in self.items()}
        return {"source": self.source, "parts": parts}

    def plot(self) -> Image:
        """The pictures of the parts below each other, each under its name."""
        from macaw.results.stack import stack

        return stack(self.parts)


def _text(part: Result, n: int) -> str:
    return part.text(n) if isinstance(part, Labels | Boxes) else str(part)
