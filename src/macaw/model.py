"""Model: prepare -> core -> decode. Only the core is a graph; around it is numpy, whatever the engine."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macaw import tasks
from macaw.card import Card
from macaw.data.examples import Examples
from macaw.data.hashing import in_chunks
from macaw.data.letterbox import fit_letter, place
from macaw.data.pictures import find_pictures, read_picture
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit, fit, normalise, read_whole
from macaw.errors import InputError
from macaw.kinds import KINDS, Told
from macaw.runtime.engine import Engine, open_engine
from macaw.runtime.places import card_of, engine_for

Input = Any  # a path, bytes, an open file, a PIL picture or an array: whatever read_picture takes

Refuse = Callable[[InputError], None]
Size = tuple[int, int]  # width and height of a picture, upright, pixels

_CHUNK = 1024  # pictures read at a time when a set is scored


class Model:
    """A model's folder, or a file that `macaw export` wrote; its graph is opened when it is first needed.

    `engine` is "onnxruntime" (default; torch is not imported), "openvino" or "torch". Raises ModelError for
    what is no model, or for an engine that cannot open it.
    """

    def __init__(self, folder: str | Path, *, engine: str = "onnxruntime") -> None:
        self.folder = Path(folder)
        self.card = card_of(self.folder)
        self.engine = engine_for(self.folder, engine)
        self._opened: Engine | None = None

    def __repr__(self) -> str:
        card = self.card
        size = card.prepare["size"]
        return f"Model({card.name!r}: {card.task}, {len(card.names)} classes, {size} px, {self.engine})"

    def prepare(self, pictures: Sequence[np.ndarray], *, sizes: Sequence[Size] = ()) -> np.ndarray:
        """Pictures (H, W, 3) uint8 of any sizes -> (N, 3, size, size) float32, as the card says.

        `sizes` are those of the whole pictures, where some are smaller copies.
        """
        if not self._lettered:
            return self._normalised(np.stack([fit(picture, self._fit) for picture in pictures]))
        wholes, side = sizes or [_size(picture) for picture in pictures], self._fit.size
        sheets = [fit_letter(one, side, whole=whole)[0] for one, whole in zip(pictures, wholes, strict=True)]
        return self._normalised(np.stack(sheets))

    def core(self, *arrays: np.ndarray) -> np.ndarray:
        """Prepared arrays -> raw output (N, ...) float32.

        Raises ModelError for a damaged folder, MissingExtra for an engine that is not installed.
        """
        return self._engine(*arrays)

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Prepared arrays -> everything that `decode` reads: the raw output first.

        Raises what `core` raises.
        """
        return self._engine.outputs(*arrays)

    def pooled(self, *arrays: np.ndarray) -> np.ndarray:
        """Prepared arrays -> the front-end's pooled features (N, D) float32, which the head reads.

        Raises what `core` raises.
        """
        return self._engine.features(*arrays)

    def decode(
        self,
        raw: np.ndarray | Sequence[np.ndarray],
        *,
        sources: Sequence[str] = (),
        pictures: Sequence[np.ndarray] = (),
        sizes: Sequence[Size] = (),
        card: Card | None = None,
    ) -> list[Any]:
        """Raw output (N, ...), or all that `outputs` gives -> one Result each, by `card` or the model's own.

        `sizes` are those of the whole pictures, by default of those in `pictures`; a model whose answers are
        places needs one or the other.
        """
        outputs = (raw,) if isinstance(raw, np.ndarray) else tuple(raw)
        wholes, side = sizes or [_size(picture) for picture in pictures], self._fit.size
        letters = [place(*whole, side) for whole in wholes] if self._lettered else []
        gives = tasks.find(self.card.task).gives
        return list(KINDS[gives](outputs, card or self.card, Told(sources, pictures, letters)))

    def run(self, inputs: Input | Iterable[Input], *, batch: int = 32) -> Any:
        """One input -> one Labels; a folder, a glob, a list, an iterator or (N, H, W, 3) -> a list of them.

        Raises InputError, with its name, for an input that cannot be read.
        """
        answers = list(self.stream(inputs, batch=batch))
        single = os.path.isfile(inputs) if isinstance(inputs, str | Path) else not _is_several(inputs)
        return answers[0] if single else answers

    def stream(
        self,
        inputs: Input | Iterable[Input],
        *,
        batch: int = 32,
        on_error: Refuse | None = None,
        card: Card | None = None,
    ) -> Iterator[Any]:
        """One answer for each input, in order, `batch` at a time: memory does not grow with their number.

        Takes what `run` takes. An input that cannot be read raises InputError, or is handed to `on_error` and
        left out. `card` decodes in place of the model's own, with another threshold say.
        """
        remaining = _pictures_of(inputs, on_error)
        while waiting := list(itertools.islice(remaining, batch)):
            yield from self._answer(waiting, on_error, card)

    def probabilities(
        self, examples: Examples, *, batch: int = 64, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """(N, C) float32 for every picture of a labelled set; reads a thousand at a time, on all processors.

        Raises DataError, which names the pictures that cannot be read.
        """

        def probs(prepared: np.ndarray) -> np.ndarray:
            return np.stack([answer.probs for answer in self.decode(self.core(prepared))])

        return self._mapped(probs, examples, batch, progress)

    def features(
        self, examples: Examples, *, batch: int = 64, progress: Callable[[int, int], None] | None = None
    ) -> np.ndarray:
        """(N, D) float32: the front-end's pooled features of every picture of a set, labels not looked at.

        Raises DataError, which names the pictures that cannot be read.
        """
        return self._mapped(self.pooled, examples, batch, progress)

    def _mapped(
        self,
        work: Callable[[np.ndarray], np.ndarray],
        examples: Examples,
        batch: int,
        progress: Callable[[int, int], None] | None,
    ) -> np.ndarray:
        """What `work` makes of the prepared pictures, `batch` at a time, one row each."""
        return np.concatenate(list(map(work, self.batches(examples, batch=batch, progress=progress))))

    def batches(
        self, examples: Examples, *, batch: int = 64, progress: Callable[[int, int], None] | None = None
    ) -> Iterator[np.ndarray]:
        """Prepared arrays (B, 3, size, size) of a set, in its order, `batch` pictures at the most in each.

        Raises DataError, which names the pictures that cannot be read.
        """
        for start in range(0, len(examples), _CHUNK):
            some = examples.subset(slice(start, start + _CHUNK))
            pixels = load_pixels(some, self._fit, levels=self._levels)
            for i in range(0, len(pixels), batch):
                yield self._normalised(pixels[i : i + batch])
            if progress:
                progress(start + len(some), len(examples))

    def _seen(self, one: Input) -> tuple[np.ndarray, Size]:
        """An input as (H, W, 3) uint8, perhaps smaller than it is, and the size that it has."""
        if self._lettered:  # only answers that are places ask for the whole size
            return read_whole(one, self._fit, levels=self._levels)
        picture = read_picture(one, levels=self._levels, at_least=self._fit.at_least)
        return picture, _size(picture)

    @property
    def _engine(self) -> Engine:
        if self._opened is None:
            self._opened = open_engine(self.engine, self.folder, self.card)
        return self._opened

    @property
    def _fit(self) -> Fit:
        return Fit.of(self.card.prepare)

    @property
    def _lettered(self) -> bool:
        """Whether pictures keep their shape, on a grey sheet, as all do whose answers are places."""
        return self._fit.resize == "letter"

    @property
    def _levels(self) -> tuple[float, float] | None:
        levels = self.card.prepare.get("levels")
        return (levels[0], levels[1]) if levels else None

    def _normalised(self, fitted: np.ndarray) -> np.ndarray:
        return normalise(fitted, self.card.prepare["mean"], self.card.prepare["std"])

    def _answer(self, inputs: Sequence[Input], on_error: Refuse | None, card: Card | None) -> list[Any]:
        sources, pictures, sizes = [], [], []
        for one, read in zip(inputs, self._read(inputs), strict=True):
            if isinstance(read, InputError):
                _refuse(read, on_error)
                continue
            sources.append(_origin(one))
            pictures.append(read[0])
            sizes.append(read[1])
        if not pictures:
            return []
        outputs = self.outputs(self.prepare(pictures, sizes=sizes))
        return self.decode(outputs, sources=sources, pictures=pictures, sizes=sizes, card=card)

    def _read(self, inputs: Sequence[Input]) -> list[tuple[np.ndarray, Size] | InputError]:
        """Every input as (H, W, 3) uint8 with its whole size, or why not; several at a time."""

        def some(part: range) -> list[tuple[np.ndarray, Size] | InputError]:
            found: list[tuple[np.ndarray, Size] | InputError] = []
            for index in part:
                try:
                    found.append(self._seen(inputs[index]))
                except InputError as problem:
                    found.append(problem)
            return found

        return [read for _, found in in_chunks(some, len(inputs), chunk=8) for read in found]


def _size(picture: np.ndarray) -> Size:
    return picture.shape[1], picture.shape[0]


def _is_several(inputs: Any) -> bool:
    """Whether a value that is no path stands for many inputs; an open file, an iterator too, is one."""
    if isinstance(inputs, np.ndarray):
        return inputs.ndim == 4
    return isinstance(inputs, list | tuple | Iterator) and not hasattr(inputs, "read")


def _pictures_of(inputs: Input | Iterable[Input], on_error: Refuse | None) -> Iterator[Input]:
    """The single inputs; each name is looked up on its own, so that a bad one does not hide the rest."""
    for one in inputs if _is_several(inputs) else [inputs]:
        if not isinstance(one, str | Path):
            yield one
            continue
        try:
            found = find_pictures([one])
        except InputError as problem:
            _refuse(problem, on_error)
            continue
        yield from found


def _refuse(problem: InputError, on_error: Refuse | None) -> None:
    if on_error is None:
        raise problem
    on_error(problem)


def _origin(one: Input) -> str:
    """Where an input came from: its path, the name of an open file or of a packed item, or nothing."""
    if isinstance(one, str | Path):
        return str(one)
    label = getattr(one, "label", None) or getattr(one, "name", None)
    return label if isinstance(label, str) else ""
