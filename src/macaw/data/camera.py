"""Cameras: `camera:0` is the first one of this machine, whatever its system calls it."""

from __future__ import annotations

import glob
import re
import sys
from typing import Any, NamedTuple

from macaw.errors import InputError

_NAME = re.compile(r"camera:([0-9]+)")


class Device(NamedTuple):
    """What PyAV opens: a name, in the format of an operating system's cameras."""

    file: str
    format: str
    options: dict[str, str]


def is_camera(name: object) -> bool:
    """Whether a name is a camera's: `camera:0`, and not a file's."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def camera_device(name: str, av: Any) -> Device:
    """The device that `camera:0` names; `av` is the PyAV module, which lists those of Windows.

    Raises InputError where this system has none that can be opened.
    """
    number = int(name.partition(":")[2])
    if sys.platform == "darwin":
        return Device(str(number), "avfoundation", {"framerate": "30"})  # without it, 29.97: few have that
    if sys.platform == "win32":
        listed = [one.name for one in av.enumerate_input_devices("dshow") if "video" in one.media_types]
        if number >= len(listed):
            raise no_camera(name, [f"camera:{place}" for place in range(len(listed))])
        return Device(f"video={listed[number]}", "dshow", {})
    return Device(f"/dev/video{number}", "video4linux2", {})


def no_camera(name: str, there: list[str] | None = None) -> InputError:
    """The error for a camera that is not there, with those that are."""
    there = _there() if there is None else there
    others = f"there is {', '.join(there)}" if there else "this machine shows none"
    return InputError(f"no camera '{name}': {others}; plug one in, or give a video")


def _there() -> list[str]:
    return sorted(f"camera:{path.removeprefix('/dev/video')}" for path in glob.glob("/dev/video[0-9]*"))
