"""Skeleton: what key points are called, and which of them are joined when they are drawn."""

from __future__ import annotations

from typing import NamedTuple, Protocol

Edges = tuple[tuple[int, int], ...]


class Joined(Protocol):
    """What an answer asks of a skeleton; the Skeleton of a data set has it, and more."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the K points."""
        ...

    @property
    def edges(self) -> Edges:
        """Pairs of points that are joined, each below K."""
        ...


class Bones(NamedTuple):
    """A skeleton as an answer brings it along."""

    names: tuple[str, ...]
    edges: Edges = ()
