"""Model: prepare -> core -> decode. Only the core is a graph; around it is numpy, whatever the engine."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from macaw.card import Card
from macaw.data.crops import MARGIN
from macaw.data.examples import Examples
from macaw.data.frames import Frame
from macaw.data.hashing import in_chunks
from macaw.data.inputs import Input, Refuse, batched, each_input, is_one, origin, refuse
from macaw.data.letterbox import fit_letter
from macaw.data.pictures import read_picture
from macaw.data.pixels import load_pixels
from macaw.data.prepare import Fit, fit, normalise, read_whole
from macaw.data.sources import PackItem
from macaw.data.views import View, views_of
from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.kinds import KINDS, Told
from macaw.results.boxes import Boxes
from macaw.results.point_boxes import boxes_at, pointed
from macaw.runtime.engine import Engine, open_engine
from macaw.runtime.part import PartEngine
from macaw.runtime.places import card_of, engine_for

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
        holds = "parts" if card.parts else "classes"
        return f"Model({card.name!r}: {card.task}, {len(card.names)} {holds}, {size} px, {self.engine})"

    def part(self, name: str) -> Self:
        """One part of a joined model, with all the verbs. Of a folder it is opened alone, as fast as before.

        Raises UnknownName, which lists the parts; InputError for a model that is not joined.
        """
        parts = self.card.parts
        if not parts:
            raise InputError(f"'{self.folder}' is one model, not several joined; use it as it is")
        if name not in parts:
            known = ", ".join(parts)
            raise UnknownName(f"no part '{name}'.{did_you_mean(name, parts)} There are: {known}")
        if self.folder.is_dir():
            return type(self)(self.folder / name, engine=self.engine)
        one = copy.copy(self)
        one.card, one._opened = parts[name], PartEngine(self._engine, self.card.places[name])
        return one

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
        wholes, how = sizes or [_size(picture) for picture in pictures], self._fit
        letters = [how.placing(*whole) for whole in wholes] if how.places else []
        gives = self.card.row.gives
        return list(KINDS[gives](outputs, card or self.card, Told(sources, pictures, letters)))

    def run(
        self,
        inputs: Input | Iterable[Input],
        *,
        batch: int = 32,
        every: int = 1,
        after: Model | None = None,
        only: Sequence[str] = (),
    ) -> Any:
        """One input -> one Labels; a folder, a glob, a list, an iterator or (N, H, W, 3) -> a list of them.

        A video, of which `every` takes each n-th frame alone, gives one for each frame; all of them, with
        their pictures, are kept in memory, which `stream` does not do.
        With a detector `after`, key points of every object that it finds, of the classes `only`: Boxes.
        Raises InputError, with its name, for an input that cannot be read.
        """
        if after is None:
            answers = list(self.stream(inputs, batch=batch, every=every))
        else:
            answers = list(self.stream_after(after, inputs, every=every, only=only))
        return answers[0] if is_one(inputs) else answers

    def stream(
        self,
        inputs: Input | Iterable[Input],
        *,
        batch: int = 32,
        every: int = 1,
        on_error: Refuse | None = None,
        card: Card | None = None,
    ) -> Iterator[Any]:
        """One answer for each input, in order, `batch` at a time: memory does not grow with their number.

        Takes what `run` takes, and a camera (`camera:0`), which does not end. Of large frames fewer are taken
        at a time. An input that cannot be read raises InputError, or is handed to `on_error` and left out.
        `card` decodes in place of the model's own, with another threshold say.
        """
        for waiting in batched(each_input(inputs, every=every, on_error=on_error), batch):
            yield from self._answer(waiting, on_error, card)

    def at(self, picture: Input, boxes: Boxes | np.ndarray, *, batch: int = 32) -> Boxes:
        """The key points of every object of one picture, each cut out by its box: Boxes with points.

        `boxes` is what a detector answered, or (N, 4) as left, top, right, bottom in pixels of the picture,
        which come back as boxes of score 1. The card's `decode` says with which "margin" a box is cut out,
        `macaw.data.crops.MARGIN` by default. Where a box shows nothing of the picture, points have score 0.
        Raises InputError for a model without key points, and for what is no picture or no box.
        """
        if (gives := self.card.row.gives) != "Points":
            raise InputError(
                f"'{self.card.name}' gives {gives}; only a model of key points looks at one object at a time"
            )
        source, whole = origin(picture), read_picture(picture, levels=self._levels)
        size = _size(whole)
        given = boxes.xyxy if isinstance(boxes, Boxes) else boxes
        views = views_of(given, size, self._fit, margin=self.card.decode.get("margin", MARGIN))
        points: list[np.ndarray] = []
        for start in range(0, len(views), batch):
            points += self._points_in(whole, views[start : start + batch])
        edges = tuple((one, two) for one, two in self.card.decode.get("edges", ()))
        found = boxes if isinstance(boxes, Boxes) else boxes_at(boxes, size=size, source=source)
        seen = {"picture": whole if found.picture is None else found.picture, "size": size}
        return pointed(found, points, self.card.names, edges=edges, **seen)

    def stream_after(
        self,
        detector: Model,
        inputs: Input | Iterable[Input],
        *,
        every: int = 1,
        only: Sequence[str] = (),
        on_error: Refuse | None = None,
    ) -> Iterator[Boxes]:
        """One Boxes for each input: what `detector` finds there, of the classes `only`, each with its points.

        Takes what `run` takes; errors as in `stream`. Raises UnknownName for a class that the detector lacks.
        """
        if (gives := detector.card.row.gives) != "Boxes":
            raise InputError(f"'{detector.card.name}' gives {gives}; key points come after a detector")
        for one in each_input(inputs, every=every, on_error=on_error):
            # An open file gives its bytes once, and two models want them
            held = one.read() if hasattr(one, "read") and not isinstance(one, PackItem | Frame) else one
            try:
                found = next(detector.stream([held], batch=1))
                answer = self.at(held, found.only(*only) if only else found)
            except InputError as problem:
                refuse(problem, on_error)
                continue
            yield replace(answer, source=origin(one))

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
        if isinstance(one, Frame):  # whole: it is decoded already, and shown as large as it is
            picture = one.read()
            return picture, _size(picture)
        if self._fit.places:  # only answers that are places ask for the whole size
            return read_whole(one, self._fit, levels=self._levels)
        picture = read_picture(one, levels=self._levels, at_least=self._fit.at_least)
        return picture, _size(picture)

    def _points_in(self, whole: np.ndarray, views: Sequence[View]) -> list[np.ndarray]:
        """The points (K, 3) of the object in each view of a picture: x, y in pixels of it, and a score."""
        outputs = self.outputs(self._normalised(np.stack([view.sheet(whole) for view in views])))
        answers = KINDS["Points"](outputs, self.card, Told((), (), views))
        pairs = zip(views, answers, strict=True)
        return [np.column_stack([answer.xy, answer.scores * view.sees]) for view, answer in pairs]

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
                refuse(read, on_error)
                continue
            sources.append(origin(one))
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
