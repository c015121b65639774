"""Pictures and data sets made by hand, for the tests of the data layer."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def encode(picture: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(samples: np.ndarray, *, extra: bytes = b"") -> bytes:
    """A 16-bit PNG (H, W, 1 | 2 | 3 | 4) with a different filter in every row: Pillow cannot write these."""
    height, width, channels = samples.shape
    step = 2 * channels
    rows = np.frombuffer(samples.astype(">u2").tobytes(), np.uint8).reshape(height, width * step).astype(int)
    raw, above = b"", np.zeros(width * step, int)
    for number, row in enumerate(rows):
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        corner = np.concatenate([np.zeros(step, int), above[:-step]])
        guess = left + above - corner
        near = np.stack([abs(guess - left), abs(guess - above), abs(guess - corner)])
        paeth = np.choose(near.argmin(axis=0), [left, above, corner])
        kind = number % 5
        base = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        raw += bytes([kind]) + ((row - base) % 256).astype(np.uint8).tobytes()
        above = row
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    transparent = chunk(b"tRNS", extra) if extra else b""
    return (
        b"\x89PNG\r\n\x1a\n" + header + transparent + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )


def tiff(
    samples: np.ndarray,
    *,
    order: str = "<",
    photometric: int | None = None,
    planar: int = 1,
    deflate: bool = False,
    extra: int | None = None,
) -> bytes:
    """A baseline TIFF of one strip (TIFF 6.0, section 8); samples (H, W, C) uint8 or uint16."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    pixels = samples.transpose(2, 0, 1) if planar == 2 else samples
    data = pixels.astype(samples.dtype.newbyteorder(order)).tobytes()
    if planar == 2:
        strips = [data[i * len(data) // channels : (i + 1) * len(data) // channels] for i in range(channels)]
    else:
        strips = [data]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    tags: list[tuple[int, int, tuple[int, ...]]] = [  # tag, type (3 short, 4 long), values
        (256, 4, (width,)),
        (257, 4, (height,)),
        (258, 3, (bits,) * channels),
        (259, 3, (8 if deflate else 1,)),
        (262, 3, ((1 if channels == 1 else 2) if photometric is None else photometric,)),
        (273, 4, (0,) * len(strips)),
        (277, 3, (channels,)),
        (278, 4, (height,)),
        (279, 4, tuple(len(strip) for strip in strips)),
        (284, 3, (planar,)),
    ]
    if extra is not None:
        tags.append((338, 3, (extra,)))
    end = 8 + 2 + 12 * len(tags) + 4
    sizes = [(2 if kind == 3 else 4) * len(values) for _, kind, values in tags]
    start = end + sum(size for size in sizes if size > 4)
    places = tuple(start + sum(map(len, strips[:index])) for index in range(len(strips)))
    tags = [(tag, kind, places if tag == 273 else values) for tag, kind, values in tags]
    directory, tail = b"", b""
    for (tag, kind, values), size in zip(tags, sizes, strict=True):
        body = struct.pack(f"{order}{len(values)}{'H' if kind == 3 else 'I'}", *values)
        directory += struct.pack(f"{order}HHI", tag, kind, len(values))
        if size > 4:
            directory += struct.pack(f"{order}I", end + len(tail))
            tail += body
        else:
            directory += body.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(tags)) + directory + bytes(4) + tail + b"".join(strips)


def pack(
    path: Path, files: Iterable[bytes], labels: Iterable[int], *, names: str | None = None, **more: np.ndarray
) -> Path:
    """A `.npz` pack, and classes.txt beside it when `names` is given."""
    files = list(files)
    fields = {
        "blob": np.frombuffer(b"".join(files), np.uint8),
        "off": np.cumsum([0, *map(len, files)]),
        "label": np.array(list(labels), np.uint8),
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **fields)  # type: ignore[arg-type]
    if names is not None:
        (path.parent / "classes.txt").write_text(names, encoding="utf-8")
    return path


def plain(shade: int, *, size: int = 8) -> np.ndarray:
    """A picture of one grey, so that each shade is a file of its own."""
    return np.full((size, size, 3), shade % 256, np.uint8)


def tree(root: Path, counts: dict[str, int], *, start: int = 0) -> Path:
    """An ImageFolder: so many different pictures in each folder, `cat/0.png` on."""
    shade = start
    for folder, number in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(number):
            rgb = np.full((4, 4, 3), (shade % 256, shade // 256, 7), np.uint8)
            (root / folder / f"{index}.png").write_bytes(encode(rgb, "PNG"))
            shade += 1
    return root


@pytest.fixture
def make() -> type[Make]:
    return Make


class Make:
    """The makers above, for tests, which cannot import this file."""

    encode = staticmethod(encode)
    png16 = staticmethod(png16)
    tiff = staticmethod(tiff)
    pack = staticmethod(pack)
    plain = staticmethod(plain)
    tree = staticmethod(tree)


@pytest.fixture
def photo() -> np.ndarray:
    """A smooth, colourful picture (60, 90, 3) that no flip or turn leaves as it was."""
    y, x = np.mgrid[0:60, 0:90]
    return np.stack([x * 2 + 20, y * 3 + 10, (x + y) + 30], axis=2).astype(np.uint8)


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[..., Path]:
    """`folder_of(**{"a.jpg": bytes})`: a folder with these files."""

    def write(files: dict[str, bytes | str]) -> Path:
        for name, body in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body.encode() if isinstance(body, str) else body)
        return tmp_path

    return write
