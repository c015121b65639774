"""What a file is, told by its bytes and not by its name: formats we read, and impostors people meet."""

from __future__ import annotations

import re

# (offset, first bytes, Pillow's name). Only these are handed to Pillow: its PostScript reader, for one, would
# start another program on data that a stranger made.
FORMATS = (
    (0, b"\xff\xd8", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WEBP"),
    (0, b"GIF8", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),  # BigTIFF
    (0, b"MM\0+", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (0, b"\xff\x4f\xff\x51", "JPEG2000"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
)
_PNM = re.compile(rb"P[1-6][\s#]")

_CONVERT = "convert it to JPEG or PNG"
# (offset, first bytes, what it is, what to do)
_IMPOSTORS = (
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the picture itself", "run: git lfs pull"),
    (0, b"%PDF", "is a PDF document, not a picture", "export its pages as PNG"),
    (0, b"PK\x03\x04", "is a zip archive, not a picture", "unpack it first"),
    (0, b"\x1f\x8b", "is a gzip archive, not a picture", "unpack it first"),
    (0, b"\xfd7zXZ", "is an xz archive, not a picture", "unpack it first"),
    (0, b"\x93NUMPY", "is a NumPy array, not a picture", "load it and hand over the array"),
    (0, b"8BPS", "is a Photoshop document", _CONVERT),
    (0, b"%!PS", "is a PostScript document", _CONVERT),
    (4, b"ftyphei", "is a HEIC picture, which Pillow cannot read", _CONVERT),
    (4, b"ftypmif1", "is a HEIF picture, which Pillow cannot read", _CONVERT),
    (4, b"ftyp", "is a video, not a picture", "name it as one, such as .mp4"),
    (0, b"\x1a\x45\xdf\xa3", "is a video, not a picture", "name it as one, such as .mp4"),
    (0, b"RIFF", "is a sound or video file, not a picture", "give a picture"),
)
ARCHIVES = frozenset(".zip .tar .tgz .gz .bz2 .xz .7z .rar".split())
_FETCH = "fetch or copy it again"


def picture_format(data: bytes) -> str | None:
    """Pillow's name of the format that `data` starts like, or None."""
    for offset, magic, name in FORMATS:
        if data.startswith(magic, offset):
            return name
    return "PPM" if _PNM.match(data) else None


def impostor(data: bytes) -> str:
    """What `data`, which is no picture we read, is instead, and what to do: `is ...; do ...`."""
    if not data:
        return f"is empty (0 bytes); {_FETCH}"
    if not data.strip(b"\0"):
        return f"holds only zero bytes ({len(data):,} of them); {_FETCH}"
    for offset, magic, words, remedy in _IMPOSTORS:
        if data.startswith(magic, offset):
            return f"{words}; {remedy}"
    kind = _text_kind(data[:2048])
    if kind == "SVG":
        return f"is an SVG drawing, not a picture of pixels; {_CONVERT}"
    if kind:
        return f"is {kind}, not a picture; {_FETCH} (a download may have saved an error page)"
    return "is not in a format that macaw reads; save it as JPEG or PNG"


def missing_end(data: bytes, kind: str) -> str:
    """`is cut short ...; fetch or copy it again` when the bytes of a `kind` stop before its end, else ''."""
    total = 0
    if kind == "WEBP":
        total = int.from_bytes(data[4:8], "little") + 8
    elif kind == "BMP":
        total = int.from_bytes(data[2:6], "little")
    if len(data) < total:
        return f"is cut short after {len(data):,} of {total:,} bytes; {_FETCH}"
    end = {"JPEG": b"\xff\xd9", "PNG": b"IEND", "GIF": b";"}.get(kind)
    if end and end not in data.rstrip(b"\0")[-16:]:  # some writers pad the end
        return cut_short(data)
    return ""


def cut_short(data: bytes) -> str:
    """The words for a picture file that ends too soon, where its full length is unknown."""
    return f"is cut short: it stops after {len(data):,} bytes, before the picture ends; {_FETCH}"


def _text_kind(head: bytes) -> str:
    """'text (HTML)', 'text (JSON)', 'text' or 'SVG'; '' for bytes that are no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", errors="ignore")
    else:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    if any(ord(letter) < 32 and letter not in "\t\n\r\f\x1b" for letter in text):
        return ""
    start = text.lstrip().lower()
    if "<svg" in start:
        return "SVG"
    if start.startswith(("<!doctype html", "<html")) or "<html" in start or "<body" in start:
        return "text (HTML)"
    if start.startswith("<?xml"):
        return "text (XML)"
    return "text (JSON)" if start.startswith(("{", "[")) else "text"
