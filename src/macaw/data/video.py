"""Video: a file or a camera as its frames, decoded one after the other by PyAV, in memory that does not grow.

What is damaged gives every frame that can be read, and then one line that says where it ends.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macaw.data.camera import camera_device, is_camera, no_camera
from macaw.data.find import no_such, shown, unreadable
from macaw.data.frames import Frame, Moment, clock
from macaw.data.sniff import impostor, picture_format
from macaw.errors import InputError, MissingExtra
from macaw.machine import cpu_count

_AGAIN = "fetch or copy it again"
_NOTHING = f"is no video, or is cut short before its first frame; {_AGAIN}"
_PAUSE = 0.005  # seconds until a camera is asked again
_LENGTH = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")  # of a Matroska track, as its tag DURATION says it
_SLACK = 0.2  # seconds that a track may be shorter than its tag
_RATE = 25  # frames a second, of a stream that says neither times nor a rate


@dataclass(frozen=True)
class Video:
    """The frames of a video file, or of a camera (`camera:0`); iterating opens it, and reads it once.

    `every` takes each n-th frame alone: of 3 the frames 0, 3, 6 and so on. Raises InputError for less than 1;
    iterating raises it for what is no video, and, after the last frame, for one that is damaged or cut short;
    without PyAV it raises MissingExtra.
    """

    name: str | Path
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"every {self.every} frames makes no sense; give 1 for all, 2 for each second")

    def __iter__(self) -> Iterator[Frame]:
        av, live = import_av("reading a video"), is_camera(self.name)
        with closing(_camera(str(self.name), av) if live else _file(Path(self.name), av)) as container:
            reel = _Reel(container, _track(container, shown(self.name), av), av)
            last: Moment | None = None
            for number, (decoded, seconds) in enumerate(reel.frames()):
                last = Moment(str(self.name), number, seconds)
                if number % self.every == 0:
                    yield Frame(last, decoded, live)
            self._judge(reel, last, live=live)

    def _judge(self, reel: _Reel, last: Moment | None, *, live: bool) -> None:
        """Refuse what ended otherwise than it should."""
        name = shown(self.name)
        if live:
            raise InputError(f"{name} gives no more frames; look at its plug, and whether others use it")
        if last is None:
            raise InputError(f"{name} holds no frame that can be read; {_AGAIN}")
        where = f"frame {last.frame} ({clock(last.seconds)})"
        if reel.torn is not None:
            gap = f"is damaged after frame {reel.torn}" if reel.torn >= 0 else "is damaged where it begins"
            raise InputError(f"{name} {gap}: frames are missing there, and {where} is the last; {_AGAIN}")
        short = _is_short(Path(self.name), reel.track, last.seconds)
        if short or reel.broken:
            how = "is cut short" if short else "is damaged or cut short"
            raise InputError(f"{name} {how}: it stops after {where}; {_AGAIN}")


class _Reel:
    """The decoding of one track, and what went wrong with it."""

    def __init__(self, container: Any, track: Any, av: Any) -> None:
        self.container, self.track, self.av = container, track, av
        self.broken = False  # a packet could not be read
        self.torn: int | None = None  # the frame after which one is missing, where others follow
        self._lost: int | None = None  # when the first frame that could not be decoded would be shown
        track.thread_type, track.thread_count = "AUTO", cpu_count()

    def frames(self) -> Iterator[tuple[Any, float]]:
        """Every frame that can be decoded, and its seconds since the first, in the order they are shown."""
        start, rate = None, float(self.track.average_rate or _RATE)
        for number, frame in enumerate(self._decoded()):
            if self.torn is None and self._lost is not None and (frame.pts or 0) > self._lost:
                self.torn = number - 1
            at = frame.time if frame.time is not None else number / rate
            start = at if start is None else start
            yield frame, max(0.0, at - start)

    def _decoded(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                frames = packet.decode()
            except self.av.FFmpegError:
                self._lose(packet)
                continue
            self.broken |= packet.is_corrupt
            yield from frames

    def _packets(self) -> Iterator[Any]:
        packets = self.container.demux(self.track)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except self.av.error.BlockingIOError:  # a camera that has no frame yet
                time.sleep(_PAUSE)
                packets = self.container.demux(self.track)
            except self.av.FFmpegError:
                self.broken = True
                return

    def _lose(self, packet: Any) -> None:
        self.broken = True
        if self._lost is None:
            self._lost = packet.pts


def import_av(purpose: str) -> Any:
    """PyAV, which is FFmpeg for Python; it says nothing on standard error unless it is told to.

    Raises MissingExtra.
    """
    try:
        import av
    except ImportError as problem:
        raise MissingExtra(purpose, "av", "video") from problem
    return av


def _file(path: Path, av: Any) -> Any:
    """An opened container."""
    if not path.exists():
        raise InputError(no_such(path))
    if path.is_dir():
        raise InputError(f"'{shown(path)}' is a folder, not a video; name a file in it")
    # A name is no address: "a:b.mp4" would be looked for by a protocol "a". Nor may what is in the file, a
    # playlist say, open anything on a network
    how: dict[str, Any] = {"options": {"protocol_whitelist": "file"}}
    if int(av.__version__.partition(".")[0]) < 19:  # later ones take tags of any bytes
        how["metadata_errors"] = "replace"
    try:
        head = _head(path)
        if kind := picture_format(head):  # FFmpeg would read it as a video of one frame
            raise InputError(
                f"{shown(path)} is a picture ({kind}), not a video; name it as one, such as .jpg"
            )
        return av.open(f"file:{path}", **how)
    except PermissionError as problem:
        raise unreadable(path, problem) from problem
    except (av.FFmpegError, OSError) as problem:
        raise InputError(f"{shown(path)} {_what(head)}") from problem


def _camera(name: str, av: Any) -> Any:
    file, kind, options = camera_device(name, av)
    try:
        return av.open(file, format=kind, options=options)
    except PermissionError as problem:
        raise InputError(f"'{name}' may not be used: the system asks for a permission; grant it") from problem
    except (av.FFmpegError, OSError, ValueError) as problem:  # ValueError: this build knows no such cameras
        raise no_camera(name) from problem


def _track(container: Any, name: str, av: Any) -> Any:
    """The track of pictures; a cover of an album is none."""
    track = container.streams.best("video")
    if track is None or track.disposition & av.stream.Disposition.attached_pic:
        if container.streams.audio:
            raise InputError(f"{name} holds sound and no pictures; give a video")
        raise InputError(f"{name} {_NOTHING}")
    if track.codec_context is None:
        raise InputError(f"{name} is coded in a way that PyAV cannot read; save it again as H.264 in .mp4")
    return track


def _head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file, which tell what it is."""
    with path.open("rb") as file:
        return file.read(size)


def _what(head: bytes) -> str:
    """What a file that cannot be opened is by its first bytes, and what to do."""
    words = impostor(head)
    if " a video" in words or " sound or video" in words or "format that macaw reads" in words:
        return _NOTHING
    return words.replace("not a picture", "not a video").replace("the picture", "the video")


def _is_short(path: Path, track: Any, seconds: float) -> bool:
    """Whether a file, read to its end without an error, is shorter than it says of itself.

    Each kind says it its own way: an index (.mp4, .mov) where the last frame lies, the head of an .avi how
    many bytes follow, a tag of a Matroska track (.mkv, .webm) how long it is. `seconds` is when the last
    frame is shown.
    """
    size, entries = os.path.getsize(path), track.index_entries
    if len(entries) and entries[-1].pos + entries[-1].size > size:
        return True
    head = _head(path, 8)
    if head[:4] == b"RIFF" and 8 + int.from_bytes(head[4:], "little") > size + 1:  # of an odd last part
        return True
    told = _LENGTH.match(track.metadata.get("DURATION", ""))
    if told is None:
        return False
    hours, minutes, rest = (float(part) for part in told.groups())
    return seconds + 1 / float(track.average_rate or _RATE) + _SLACK < 3600 * hours + 60 * minutes + rest
