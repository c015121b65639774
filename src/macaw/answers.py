"""The answers: what a model says of pictures, shown in the terminal as they come, and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from macaw.data.camera import is_camera
from macaw.data.find import is_video_name
from macaw.data.frames import Moment, file_stem
from macaw.errors import InputError
from macaw.model import Model
from macaw.terminal import complain, show, show_json, with_stdin


class Wanted(NamedTuple):
    """What is to be looked at, and shown of it."""

    top: int  # guesses
    every: int  # of a video each n-th frame
    after: Model | None = None  # a detector, of whose objects each is looked at
    only: Sequence[str] = ()  # of these classes
    save: Path | None = None  # a folder of pictures, or a video
    as_json: bool = False


def say_all(model: Model, inputs: list[str], wanted: Wanted) -> bool:
    """Answer each input in turn; whether all could be used. One that cannot is told, and the rest goes on."""
    bad: list[InputError] = []

    def refuse(problem: InputError) -> None:
        bad.append(problem)
        complain(str(problem))

    held = with_stdin(inputs, refuse)
    how: dict[str, Any] = {"every": wanted.every, "on_error": refuse}
    if wanted.after is None:
        answers = model.stream(held, **how)
    else:
        answers = model.stream_after(wanted.after, held, only=wanted.only, **how)
    with _keeper(wanted.save) as keep:
        try:
            for number, answer in enumerate(answers):
                _say(answer, wanted.top, as_json=wanted.as_json)
                keep(number, answer)
        except KeyboardInterrupt:
            if not any(map(is_camera, inputs)):  # which ends no other way: then all of it is here
                raise
    return not bad


def _say(answer: Any, top: int, *, as_json: bool) -> None:
    ranked, source = hasattr(answer, "top"), answer.source
    if not as_json:
        words = answer.text(top) if ranked else answer.text()
        show(f"{source or 'standard input'}\n{words}")
        return
    told = answer.to_dict()
    if isinstance(source, Moment):
        told |= {"video": source.video, "frame": source.frame, "seconds": round(source.seconds, 6)}
    if ranked:
        told["labels"] = [{"name": name, "prob": round(prob, 6)} for name, prob in answer.top(top)]
    show_json(told)


@contextlib.contextmanager
def _keeper(save: Path | None) -> Iterator[Callable[[int, Any], None]]:
    """What keeps an answer: as a frame of a video, as a picture in a folder, or not at all."""
    if save is None:
        yield lambda number, answer: None
    elif not is_video_name(save.name):
        yield lambda number, answer: answer.save(save / f"{number:04}-{file_stem(answer.source)}.png")
    else:
        from macaw.data.video_writing import VideoWriter
        from macaw.results.overlay import overlay

        with VideoWriter(save) as video:
            yield lambda number, answer: video.add(overlay(answer, answer.picture), answer.source)
