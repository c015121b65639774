"""Hosting: opened models behind one bounded queue, from the bytes of pictures to their answers.

The event loop only waits: pictures are decoded and prepared by a few threads, one for each processor, and
each model's core is run by the one thread of its `Batches`. A model that writes has one too, of its `Turns`:
see `macaw.server.writing`.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from macaw import registry, tasks, verbs
from macaw.card import JOINED, Card
from macaw.data.guard import quiet, refused
from macaw.data.pictures import read_picture
from macaw.data.prepare import Fit, read_whole
from macaw.data.sniff import impostor, picture_format
from macaw.errors import InputError, did_you_mean
from macaw.language import opening
from macaw.language.writer import Writer
from macaw.machine import cpu_count
from macaw.model import Model, Size
from macaw.named import HUB, place_of
from macaw.runtime.places import card_of
from macaw.server.batches import Batches
from macaw.server.forms import Upload
from macaw.server.limits import Limits, Refusal
from macaw.server.writing import HostedWriter

# Shapes: B pictures of a batch, S their side


class Prepared(NamedTuple):
    """A picture that is ready to be computed."""

    array: np.ndarray  # (1, 3, S, S)
    size: Size  # of the whole picture: where answers are places, they are brought back to it
    source: str  # its name as the client says it, or nothing


class Hosted:
    """One model that is served, under the name that requests choose it by."""

    def __init__(self, name: str, model: Model, limits: Limits) -> None:
        self.name, self.model, self.limits = name, model, limits
        self.task = model.card.row
        self.batches = Batches(self.compute, most=limits.batch)
        levels = model.card.prepare.get("levels")
        self._levels = (levels[0], levels[1]) if levels else None
        self._fit = Fit.of(model.card.prepare)
        self.compute([self._prepared(np.zeros((8, 8, 3), np.uint8), (8, 8), "")])  # what is broken shows now

    @property
    def card(self) -> Card:
        """What the model is."""
        return self.model.card

    @property
    def size(self) -> dict[str, int]:
        """How many classes it tells apart, for /tasks."""
        return {"classes": len(self.card.names)}

    @property
    def computed(self) -> dict[str, int]:
        """What it did since the start, for /health."""
        return {"pictures": self.batches.pictures, "batches": self.batches.batches}

    def close(self) -> None:
        """End the thread, once everything is computed."""
        self.batches.close()

    def compute(self, some: Sequence[Prepared]) -> list[Any]:
        """The answers to B pictures, computed together."""
        outputs = self.model.outputs(np.concatenate([one.array for one in some]))  # each (B, ...)
        sizes, sources = [one.size for one in some], [one.source for one in some]
        return self.model.decode(outputs, sources=sources, sizes=sizes)

    def enter(self, upload: Upload) -> Future[Any]:
        """Decode one picture, prepare it and queue it, after it was announced; the future holds its answer.

        Raises Refusal for what is no picture or too large, InputError for one that cannot be read.
        """
        try:
            check_picture(upload.data, upload.name, self.limits.max_pixels)
            prepared = self._prepared(*self._read(upload), upload.source)
        except BaseException:
            self.batches.forget()
            raise
        return self.batches.put(prepared)

    def _read(self, upload: Upload) -> tuple[np.ndarray, Size]:
        """The picture, perhaps smaller than it is, and the size that it has."""
        if self._fit.resize == "letter":  # only answers that are places ask for the whole size
            return read_whole(upload.data, self._fit, levels=self._levels, name=upload.name)
        detail = self._fit.at_least
        picture = read_picture(upload.data, levels=self._levels, at_least=detail, name=upload.name)
        return picture, (picture.shape[1], picture.shape[0])

    def _prepared(self, picture: np.ndarray, size: Size, source: str) -> Prepared:
        return Prepared(self.model.prepare([picture], sizes=[size]), size, source)


Host = Hosted | HostedWriter
Some = TypeVar("Some", Hosted, HostedWriter)


class House:
    """All models of one server, its queue and its threads."""

    def __init__(self, hosted: Sequence[Host], limits: Limits) -> None:
        self.hosted, self.limits = tuple(hosted), limits
        self.began = time.monotonic()
        self.accepted = 0  # requests, and not answered yet
        self.stopping = False
        self._pool = ThreadPoolExecutor(cpu_count(), thread_name_prefix="macaw-decode")

    @property
    def rows(self) -> tuple[tasks.Task, ...]:
        """The applications that are served, in the order of the table."""
        served = {one.task.name for one in self.hosted}
        return tuple(row for row in (*tasks.TASKS.values(), JOINED) if row.name in served)

    @property
    def writers(self) -> list[HostedWriter]:
        """The models that write."""
        return [one for one in self.hosted if isinstance(one, HostedWriter)]

    def find(self, task: str, name: str | None) -> Hosted:
        """The model of that name for an application of pictures; the first without a name. Raises Refusal."""
        able = [one for one in self.hosted if isinstance(one, Hosted) and one.task.name == task]
        return _chosen(able, name, f" for {task}")

    def find_writer(self, name: str | None, *, task: str = "") -> HostedWriter:
        """The same of those that write; of any application where none is named."""
        able = [one for one in self.writers if task in {"", one.task.name}]
        return _chosen(able, name, f" for {task}" if task else "")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue for one request, until it is answered. Raises Refusal when there is none."""
        if self.accepted >= self.limits.queue:
            words = f"{self.accepted} requests wait already, as many as this server takes"
            raise Refusal(429, "busy", words, "try again in a second")
        self.accepted += 1
        try:
            yield
        finally:
            self.accepted -= 1

    async def answers(self, hosted: Hosted, uploads: Sequence[Upload]) -> list[Any]:
        """An answer for each picture, in their order; the first that cannot be read raises."""
        waiting = [asyncio.ensure_future(self._answer(hosted, upload)) for upload in uploads]
        try:
            return list(await asyncio.gather(*waiting))
        finally:
            for one in waiting:
                one.cancel()

    async def _answer(self, hosted: Hosted, upload: Upload) -> Any:
        hosted.batches.announce()
        entering = self._pool.submit(hosted.enter, upload)
        try:
            queued = await asyncio.wrap_future(entering)
        except asyncio.CancelledError:
            if entering.cancelled():  # before a thread took it up; else it forgets by itself
                hosted.batches.forget()
            raise
        return await asyncio.wrap_future(queued)

    def close(self) -> None:
        """End the threads; nothing may wait any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for one in self.hosted:
            one.close()


def open_house(
    models: Sequence[str | Path | Model | Writer],
    limits: Limits,
    engine: str | None,
    *,
    download: bool = False,
    note: Callable[[str], None] | None = None,
) -> House:
    """Load and try every model; without one, those of all applications of the table.

    Where several are served, `engine` is for those that have it. Raises what `verbs.load` raises, and
    InputError when two would have one name.
    """
    named: dict[str, Model | Writer] = {}
    for one in models or list(tasks.TASKS):
        name = _name(one)
        if name in named:
            raise InputError(f"two models would be served as '{name}'; rename the folder of one")
        if isinstance(one, Model | Writer):
            named[name] = one
        else:
            own = engine if len(models) == 1 else _engine_of(one, engine)
            named[name] = verbs.load(one, engine=own, download=download, note=note)
    return House([_hosted(name, one, limits) for name, one in named.items()], limits)


def _engine_of(model: str | Path, engine: str | None) -> str | None:
    """`engine` for a model of a kind that has it; None, its kind's own, where only the other kind has it."""
    if engine is None or str(model).startswith(HUB):
        return engine
    kinds = {True: list(opening.ENGINES), False: registry.ENGINES.names()}
    writes = card_of(place_of(model)).row.takes == "text"
    return None if engine in kinds[not writes] and engine not in kinds[writes] else engine


def _hosted(name: str, model: Model | Writer, limits: Limits) -> Host:
    """The model behind its queue, tried once."""
    if isinstance(model, Writer):
        return HostedWriter(name, model, limits)
    return Hosted(name, model, limits)


def _chosen(able: Sequence[Some], name: str | None, what: str) -> Some:
    """The model of that name; the first without a name. Raises Refusal."""
    for one in able:
        if name in {None, one.name}:
            return one
    names = [one.name for one in able]
    words = f"no model '{name}'{what} is served here.{did_you_mean(str(name), names)}"
    raise Refusal(404, "unknown_model", words.rstrip("."), f"there are: {', '.join(names)}", param="model")


def check_picture(data: bytes, name: str, max_pixels: int) -> None:
    """Refuse what is no picture, and one of too many pixels by its header alone: before anything is decoded.

    Raises Refusal, and InputError for a header that makes no sense.
    """
    kind = picture_format(data)
    if kind is None:
        words, _, hint = impostor(data).partition("; ")
        raise Refusal(415, "not_a_picture", f"{name} {words}", hint)
    try:
        with quiet(), refused(name, data):
            width, height = Image.open(io.BytesIO(data), formats=(kind,)).size
    except InputError as problem:
        if not isinstance(problem.__cause__, Image.DecompressionBombError):  # Pillow's own limit
            raise
        raise _too_large(str(problem).partition(";")[0]) from problem
    if width * height > max_pixels:
        words = f"{name} has {width:,} x {height:,} pixels, and this server takes {max_pixels:,} in all"
        raise _too_large(words)


def _too_large(words: str) -> Refusal:
    return Refusal(413, "too_many_pixels", words, "scale it down or cut it into tiles")


def _name(model: str | Path | Model | Writer) -> str:
    """What requests call a model: its application, the end of its folder's path, or its place on the Hub."""
    if isinstance(model, Model | Writer):
        return model.folder.name
    text = str(model)
    if text in tasks.TASKS or text.startswith(HUB):
        return text
    return Path(text).resolve().name
