"""Labels: what a picture (or text, or sound) shows, as a probability for every class of the model's table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean
from macaw.results.base import Result

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.draw import Box, Sheet, Style

# Shapes: N inputs, C classes, H and W pixels
SHOWN = 5  # guesses in text, JSON and pictures: the five of the "top-5" convention
NAME_WIDTH = 60  # characters of a name in text; the longest of ImageNet would fill two lines of a terminal
SUM_TOLERANCE = 1e-3  # probabilities that went through half precision still sum to one this closely


class Guess(NamedTuple):
    """One class and its probability, 0 to 1."""

    name: str
    prob: float


@dataclass(frozen=True, eq=False)
class Labels(Result):
    """The answer of a classifier for one input.

    Ranked by probability; classes of equal probability keep the order of the class table. `labels[0]` is the
    best guess, `labels[:3]` the best three, `labels["espresso"]` the probability of a class; iterating gives
    every guess, best first.
    Raises InputError when shapes or ranges are wrong.
    """

    names: tuple[str, ...]  # the model's class table, C names
    probs: np.ndarray  # (C,) float32; they sum to 1, or each is in 0..1 when multi
    source: str = ""  # where the input came from: a file name, or nothing
    picture: np.ndarray | None = None  # (H, W, 3) uint8, for plot
    multi: bool = False  # True: each class is its own yes or no

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        probs = np.array(self.probs, np.float32)
        probs.setflags(write=False)
        object.__setattr__(self, "probs", probs)
        _check_probs(probs, len(self.names), multi=self.multi)
        if self.picture is not None:
            _check_picture(self.picture)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Guess]:
        return iter(self.top(len(self)))

    @overload
    def __getitem__(self, key: int) -> Guess: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Guess, ...]: ...
    @overload
    def __getitem__(self, key: str) -> float: ...
    def __getitem__(self, key: int | slice | str) -> Guess | tuple[Guess, ...] | float:
        """A guess by rank (0 is the best), guesses by a slice of ranks, or the probability of a name."""
        if not isinstance(key, str):
            return self.top(len(self))[key]
        if key not in self.names:
            hint = did_you_mean(key, self.names) or f" The {len(self)} names are in .names."
            raise UnknownName(f"no class '{key}' in this model.{hint}")
        return float(self.probs[self.names.index(key)])

    def __str__(self) -> str:
        return self.text()

    def text(self, n: int = SHOWN) -> str:
        """The `n` best guesses, a line each: rank, name and percentage."""
        guesses = self.top(n)
        names = [name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…" for name, _ in guesses]
        width = max(map(len, names), default=0)
        rows = enumerate(zip(names, guesses, strict=True), start=1)
        return "\n".join(
            f"{rank:3}  {name:<{width}}  {100 * prob:5.1f} %" for rank, (name, (_, prob)) in rows
        )

    @property
    def best(self) -> Guess:
        """The most probable class."""
        return self.top(1)[0]

    def top(self, n: int = SHOWN) -> tuple[Guess, ...]:
        """The `n` most probable classes, best first; all C of them when n is larger."""
        if n < 0:
            raise InputError(f"top({n}): ask for 0 or more guesses")
        order = np.argsort(-self.probs, kind="stable")[:n]  # stable: ties keep the order of the table
        return tuple(Guess(self.names[i], float(self.probs[i])) for i in order)

    def chosen(self, threshold: float = 0.5) -> tuple[Guess, ...]:
        """Every class of at least `threshold` (0 to 1), best first; perhaps none. The answer when multi."""
        if not 0 <= threshold <= 1:
            raise InputError(f"the threshold is {threshold}; it must lie between 0 and 1")
        return tuple(guess for guess in self if guess.prob >= threshold)

    @property
    def headline(self) -> str:
        """The best guess and its percentage."""
        return f"{self.best.name} {100 * self.best.prob:.1f} %"

    def rank(self, names: Collection[str]) -> int | None:
        """The place, from 1, of the first guess among `names`; None when the model knows none of them."""
        return next((rank for rank, guess in enumerate(self, start=1) if guess.name in names), None)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The five best guesses as bars; those in `right` are ticked, the best of them shown at any rank."""
        from macaw.results.fragments import Ranked, ranking

        rows = [Ranked(rank, *guess, guess.name in right) for rank, guess in enumerate(self, start=1)]
        far = [row for row in rows[SHOWN:] if row.right and row.rank == self.rank(right)]
        return ranking([*rows[:SHOWN], *far])

    def to_dict(self) -> dict[str, Any]:
        """`source`, `multi` and `labels`: the five best as {name, prob}, prob rounded to 6 digits."""
        guesses = [{"name": name, "prob": round(prob, 6)} for name, prob in self.top(SHOWN)]
        return {"source": self.source, "multi": self.multi, "labels": guesses}

    def plot(self) -> Image:
        """The picture, if there is one, beside the five best guesses as bars."""
        from macaw.results import draw

        margin, side, gap, panel = 44, 480, 48, 560
        start = margin if self.picture is None else margin + side + gap
        sheet = draw.Sheet(start + panel + margin, side + 2 * margin)
        if self.picture is not None:
            place = sheet.paste(self.picture, draw.Box(margin, margin, side, side))
            sheet.rule(place)
        _draw_guesses(sheet, self, draw.Box(start, margin, panel, side))
        return sheet.picture()


def decode_labels(
    raw: np.ndarray,
    names: Sequence[str],
    *,
    temperature: float = 1.0,
    multi: bool = False,
    sources: Sequence[str] = (),
    pictures: Sequence[np.ndarray] = (),
) -> list[Labels]:
    """One Labels for each row of `raw`, the (N, C) logits of a label head.

    Softmax of raw / temperature, or its sigmoid when `multi`; a temperature above 1 makes the answers less
    sure and never changes their order (Guo et al. 2017, arXiv 1706.04599, section 4.2). `sources` and
    `pictures` are empty or have N items. Raises ModelError when the logits do not fit the class table or are
    not finite.
    """
    raw, names = np.asarray(raw, np.float64), tuple(names)
    if raw.ndim != 2 or raw.shape[1] != len(names):
        raise ModelError(f"the model's output has shape {raw.shape}; its class table needs (N, {len(names)})")
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(f"the temperature is {temperature}; it must be a number above 0")
    for what, items in (("sources", sources), ("pictures", pictures)):
        if len(items) not in (0, len(raw)):
            raise InputError(f"{len(items)} {what} for {len(raw)} outputs; give one for each, or none")
    if not np.isfinite(raw).all():
        row = int(np.argmin(np.isfinite(raw).all(axis=1)))
        raise ModelError(f"the model's output for input {row} is not finite; its weights may be damaged")
    probs = probabilities(raw / temperature, multi=multi)
    return [
        Labels(names, row, sources[i] if sources else "", pictures[i] if len(pictures) else None, multi)
        for i, row in enumerate(probs)
    ]


def probabilities(logits: np.ndarray, *, multi: bool = False) -> np.ndarray:
    """Softmax over the last axis, or sigmoid of each value when `multi`; float64, no overflow at any size."""
    logits = np.asarray(logits, np.float64)
    if multi:
        small = np.exp(-np.abs(logits))  # never above 1
        return np.asarray(np.where(logits >= 0, 1, small) / (1 + small))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _check_probs(probs: np.ndarray, classes: int, *, multi: bool) -> None:
    if classes == 0:
        raise InputError("the class table is empty; labels need at least one class")
    if probs.shape != (classes,):
        raise InputError(f"probs has shape {probs.shape}; {classes} names need ({classes},)")
    if not ((probs >= 0) & (probs <= 1)).all():  # false for NaN too
        raise InputError(f"probs lie between {probs.min():.4g} and {probs.max():.4g}; they must lie in 0..1")
    if not multi and abs(float(probs.sum(dtype=np.float64)) - 1) > SUM_TOLERANCE:
        raise InputError(f"probs sum to {probs.sum():.4g}; they must sum to 1 (or pass multi=True)")


def _check_picture(picture: np.ndarray) -> None:
    shape, kind = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[-1] != 3 or 0 in shape:
        raise InputError(f"picture is {kind} of shape {shape}; it must be uint8 of shape (H, W, 3)")


def _draw_guesses(sheet: Sheet, labels: Labels, panel: Box) -> None:
    """Five rows in `panel`: the name over its bar, the percentage at the right end."""
    from macaw.results import draw

    guesses = labels.top(SHOWN)
    pitch, x, width = panel.height / SHOWN, panel.x, panel.width
    top = panel.y + (panel.height - pitch * len(guesses)) / 2
    for rank, (name, prob) in enumerate(guesses):
        y = top + rank * pitch
        strong = prob >= 0.5 if labels.multi else rank == 0
        style = draw.Style(26, draw.INK, "bold" if strong else "normal")
        sheet.text(x + width, y + 32, f"{100 * prob:.1f} %", style=style, align="right")
        _draw_name(sheet, name, draw.Box(x, y + 32, width - sheet.measure("100.0 %", style) - 24, 0), style)
        sheet.bar(draw.Box(x, y + 62, width, 12), draw.TRACK)
        sheet.bar(draw.Box(x, y + 62, width * prob, 12), draw.BLUE if strong else draw.PALE_BLUE)


def _draw_name(sheet: Sheet, name: str, place: Box, style: Style) -> None:
    """A class name on one line, the smaller the longer; a very long one in two lines rather than cut."""
    for size in (26, 23, 20):
        style = style._replace(size=size)
        if sheet.measure(name, style) <= place.width:
            sheet.text(place.x, place.y, name, style=style)
            return
    for line, y in zip(sheet.wrap(name, place.width, style=style), (-17, 8), strict=True):
        sheet.text(place.x, place.y + y, line, style=style)
