"""Writing a video: pictures become frames at their own times, in a file written whole or not at all."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from macaw.data.frames import Moment
from macaw.data.letterbox import fit_letter
from macaw.data.video import import_av
from macaw.errors import InputError, storage_errors

KINDS = frozenset({".mp4", ".mov", ".mkv"})
RATE = 25  # frames a second of pictures that are of no video
# The encoders to look for, and how good they shall be: H.264 where this build of FFmpeg has it, at a quality
# that is hard to tell from the source; MPEG-4 is in every build
_ENCODERS = {"libx264": {"crf": "20", "preset": "veryfast"}, "libopenh264": {}, "mpeg4": {}}
_BITS = 0.2  # for each pixel, of an encoder that is told a rate and no quality
_TICKS = 60000  # of a second: 24, 25, 30, 60 and 30000/1001 frames in whole numbers; MPEG-4 allows 65535
_BT709, _LIMITED = 1, 1  # how colours are coded, told in the file (ITU-T H.273, tables 2 to 4)


class VideoWriter:
    """A video, .mp4, .mov or .mkv, that takes its place at `path` when its `with` block ends well.

    Without a frame nothing is written. Raises InputError for another kind of file; entering it raises
    MissingExtra without PyAV, and like adding and leaving StorageError where nothing can be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in KINDS:
            raise InputError(f"cannot save a video as '{self.path.name}': use .mp4, .mov or .mkv")
        self._track: Any = None
        self._held: np.ndarray | None = None  # the last frame: the next one says how long it is shown
        self._source = ""  # of it
        self._ticks, self._step = 0, _TICKS // RATE  # when it is shown, and how long the one before it was

    def __enter__(self) -> Self:
        self._av = import_av("writing a video")
        self._temporary = self.path.with_name(f".{self.path.stem}.{os.getpid()}{self.path.suffix}")
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = self._av.open(f"file:{self._temporary}", "w")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with storage_errors(self.path):
                ended = self._held is not None and kind is None
                if ended:
                    self._write(self._step)
                    self._mux(self._track.encode())  # what the encoder still holds
                self._container.close()
                if ended:
                    os.replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, picture: np.ndarray, source: str = "") -> None:
        """Add (H, W, 3) uint8 as a frame; on a grey sheet, where its size is not that of the first.

        `source` is where it comes from: frames of one video keep their distance in time, others follow in a
        25th of a second.
        """
        if self._held is not None:
            self._write(self._since(source))
        self._held, self._source = picture, source

    def _write(self, step: int) -> None:
        """Hand the frame that is held to the encoder; it is shown for `step` ticks."""
        picture = _even(np.asarray(self._held))
        if self._track is None:
            self._track = self._begun(picture, Fraction(_TICKS, step))
        size = self._track.height, self._track.width
        seen = picture if picture.shape[:2] == size else fit_letter(picture, size)[0]
        frame = self._av.VideoFrame.from_ndarray(seen, format="rgb24")
        coded = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        coded.pts, coded.time_base = self._ticks, Fraction(1, _TICKS)
        self._ticks, self._step = self._ticks + step, step
        with storage_errors(self.path):
            self._mux(self._track.encode(coded))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._step  # which counts for the last: no other ends it
            self._container.mux(packet)

    def _since(self, source: str) -> int:
        """Ticks from the frame that is held to one of this source."""
        last = self._source
        if not (isinstance(source, Moment) and isinstance(last, Moment) and source.video == last.video):
            return _TICKS // RATE
        return max(1, round(_TICKS * (source.seconds - last.seconds)))

    def _begun(self, first: np.ndarray, rate: Fraction) -> Any:
        """The track, of the size of its first frame, and of as many a second as that leaves room for."""
        height, width = first.shape[:2]
        name = next(name for name in _ENCODERS if name in self._av.codecs_available)
        track = self._container.add_stream(name, rate=rate, options=_ENCODERS[name])
        track.width, track.height, track.pix_fmt = width, height, "yuv420p"
        if not _ENCODERS[name]:
            track.bit_rate = max(100_000, round(_BITS * width * height * rate))
        coder = track.codec_context
        coder.time_base = Fraction(1, _TICKS)
        coder.colorspace = coder.color_primaries = coder.color_trc = _BT709
        coder.color_range = _LIMITED
        return track


def _even(picture: np.ndarray) -> np.ndarray:
    """With even sides, as colours at half the size ask for: a last row or column is there twice."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
