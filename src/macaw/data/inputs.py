"""Inputs: what a model is asked about, one at a time; folders and videos become what is in them.

Nothing is read ahead: of a video one frame is decoded after the other, and as many wait as one batch takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from macaw.data.camera import is_camera
from macaw.data.find import find_inputs, is_video_name
from macaw.data.frames import Frame
from macaw.data.sources import Pack
from macaw.data.video import Video
from macaw.errors import InputError

Input = Any  # a path, bytes, an open file, a PIL picture, an array, a frame, a Video: see read_picture
Refuse = Callable[[InputError], None]

# Of frames in one batch: at 10 bytes for each, decoded, read and answered (a Mask alone has 5), 160 MB. So a
# batch has 32 frames of 0.5 megapixels, 8 of 1080p, 2 of 4K.
PIXELS = 1 << 24


def each_input(
    inputs: Input | Iterable[Input], *, every: int = 1, on_error: Refuse | None = None
) -> Iterator[Input]:
    """The single inputs; each name is looked up on its own, so that a bad one does not hide the rest.

    `every` takes each n-th frame of a video alone. Without `on_error` what is wrong raises InputError.
    """
    for one in inputs if _is_several(inputs) else [inputs]:
        try:
            yield from _singles(one, every)
        except InputError as problem:
            refuse(problem, on_error)


def batched(inputs: Iterator[Input], batch: int) -> Iterator[list[Input]]:
    """At most `batch` inputs at a time, fewer of large frames; a frame of a camera waits for no other.

    What was there before an InputError comes before it.
    """
    waiting: list[Input] = []
    pixels = 0
    try:
        for one in inputs:
            waiting.append(one)
            if isinstance(one, Frame):
                pixels += PIXELS if one.live else one.pixels
            if len(waiting) == batch or pixels >= PIXELS:
                yield waiting
                waiting, pixels = [], 0
    except InputError:
        if waiting:
            yield waiting
        raise
    if waiting:
        yield waiting


def is_one(inputs: Any) -> bool:
    """Whether inputs are one picture, so that its answer is one and not a list."""
    if isinstance(inputs, str | Path):
        return os.path.isfile(inputs) and not is_video_name(str(inputs))
    return not isinstance(inputs, Video) and not _is_several(inputs)


def origin(one: Input) -> str:
    """Where an input came from: its path, the name of an open file or of a packed item, or nothing."""
    if isinstance(one, str | Path):
        return str(one)
    label = getattr(one, "label", None) or getattr(one, "name", None)
    return label if isinstance(label, str) else ""


def refuse(problem: InputError, on_error: Refuse | None) -> None:
    """Hand a problem to whoever wants to know of it, else raise it."""
    if on_error is None:
        raise problem
    on_error(problem)


def _is_several(inputs: Any) -> bool:
    """Whether a value that is no path stands for many inputs; an open file, an iterator too, is one."""
    if isinstance(inputs, np.ndarray):
        return inputs.ndim == 4
    if isinstance(inputs, Pack):
        return True
    return isinstance(inputs, list | tuple | Iterator) and not hasattr(inputs, "read")


def _singles(one: Input, every: int) -> Iterator[Input]:
    """What one input stands for: the pictures of a folder, the frames of a video, or itself."""
    if isinstance(one, Video):
        yield from one
    elif is_camera(one):
        yield from Video(one, every)
    elif isinstance(one, str | Path):
        for path in find_inputs(one):
            yield from Video(path, every) if is_video_name(path.name) else [path]
    else:
        yield one
