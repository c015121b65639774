"""Frames: one picture of a video, not turned into pixels yet, and the moment of the video that it shows.

Shapes: H and W pixels of a frame, upright
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import InputError


class Moment(str):
    """What an answer about a frame has as its source: text like any other, that also knows when it was."""

    video: str  # the file or the camera
    frame: int  # its number, from 0 on, every frame counted
    seconds: float  # since the first frame

    def __new__(cls, video: str, frame: int, seconds: float) -> Moment:
        made = super().__new__(cls, f"{video}, frame {frame} ({clock(seconds)})")
        made.video, made.frame, made.seconds = video, frame, seconds
        return made

    def __getnewargs__(self) -> tuple[str, int, float]:  # type: ignore[override]
        return self.video, self.frame, self.seconds


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video as it was decoded, half the bytes of its pixels, which are made when asked for."""

    label: Moment
    decoded: Any  # an av.VideoFrame
    live: bool = False  # of a camera: it waits for no other

    @property
    def pixels(self) -> int:
        """How many it has."""
        return int(self.decoded.width * self.decoded.height)

    def read(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, turned upright as its video says.

        Raises InputError for a frame whose coding has no colours that can be told.
        """
        from av.sidedata.sidedata import Type
        from av.video.reformatter import VideoReformatter

        try:
            # One of its own, which goes at once: that of a frame holds megabytes as long as the frame lives.
            # One thread, since frames are read several at a time
            seen = VideoReformatter().reformat(self.decoded, format="rgb24", threads=1)
            picture = np.asarray(seen.to_ndarray())
        except Exception as problem:  # PyAV's own kinds, which are not imported here, and ValueError
            raise InputError(
                f"{self.label} has colours that cannot be told; save the video again as H.264 in .mp4"
            ) from problem
        return np.ascontiguousarray(_upright(picture, self.decoded.side_data.get(Type.DISPLAYMATRIX)))


def clock(seconds: float) -> str:
    """`0:00.48`, `1:02:03.40`."""
    hundredths = round(max(0.0, seconds) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    front = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{front}:{rest // 100:02}.{rest % 100:02}"


def file_stem(source: str) -> str:
    """What a file about an answer is called after its `source`: `clip-000012`, `photo`, or `stdin`."""
    if isinstance(source, Moment):
        return f"{Path(source.video).stem.replace(':', '-')}-{source.frame:06}"
    return Path(source).stem or "stdin"


def _upright(picture: np.ndarray, matrix: Any) -> np.ndarray:
    """The picture as its display matrix shows it: of the eight turns and flips the one it is nearest to.

    The matrix has 9 numbers, row by row: (x, y) goes to (a x + c y, b x + d y), a and b first, then c and d
    at the fourth place (ISO/IEC 14496-12, section 6.2.2).
    """
    if matrix is None:
        return picture
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(a) < abs(c):  # across the screen runs what was down
        picture, a, d = picture.swapaxes(0, 1), c, b
    return picture[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
