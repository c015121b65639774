"""Looks of a text: odd encodings, markup, notices, noise: what a glance at one document can tell.

Each look answers with what it saw, '' where it saw nothing: that becomes the place of a finding.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable

_WRONG = re.compile(r"[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]{1,3}")  # UTF-8 read as Windows-1252
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
_MARKUP = re.compile(
    r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{2,5});|</?(?:p|br|div|span|li|ul|td|tr|a)\b[^<>]*>", re.I
)
_ROLE = re.compile(r"</?s>|<unk>|<pad>|<eos>|<bos>|<\|[a-z_]+\|>")
_NOTICE = re.compile(
    r"project gutenberg|all rights reserved|copyright ©|© ?\d{4}|lorem ipsum|terms of (?:use|service)", re.I
)
_END = 4000  # characters at each end of a document in which notices are looked for
_WEIGHED = 1000  # bytes from which compression says something
# Compressed by zlib's level 1 to this share or less, a text repeats itself; to that or more, it is none. Of
# 7,378 stories and dialogues one was below 0.24, the others went up to 0.63; base64 is at 0.76 or more.
REPEATS, NOISE = 0.2, 0.7
_SAMPLE = 2000  # characters by which the script is told
_SCRIPTS = (
    "LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "THAI",
    "GEORGIAN", "HANGUL", "HIRAGANA", "KATAKANA", "CJK",
)  # fmt: skip


def mojibake(text: str) -> str:
    """A piece that was written in UTF-8 and read as Windows-1252, such as `CafÃ©`."""
    if text.isascii():
        return ""
    return next((one for found in _WRONG.finditer(text) if (one := _wrong(found[0]))), "")


def replacement(text: str) -> str:
    """U+FFFD, which stands where a character could not be read."""
    return _counted(text.count("\ufffd"), "U+FFFD")


def control(text: str) -> str:
    """The first control character that is no blank; a lone carriage return is one."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def invisible(text: str) -> str:
    """The first character that cannot be seen: a soft hyphen, a zero-width blank, a mark of direction."""
    found = None if text.isascii() else _INVISIBLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def decomposed(text: str) -> str:
    """Whether accents are written as characters of their own."""
    return "" if text.isascii() or unicodedata.is_normalized("NFC", text) else "not NFC"


def entities(text: str) -> str:
    """The first entity or tag of HTML."""
    found = _MARKUP.search(text) if "&" in text or "<" in text else None
    return found[0][:40] if found else ""


def role(text: str) -> str:
    """The first word that is spelled like a token of many vocabularies."""
    found = _ROLE.search(text) if "<" in text else None
    return found[0] if found else ""


def notice(text: str) -> str:
    """The first words of a notice, near the beginning or the end."""
    found = _NOTICE.search(text[:_END]) or _NOTICE.search(text[-_END:])
    return found[0] if found else ""


def density(text: str) -> float:
    """Share of its bytes to which a text can be compressed; 0.4 says nothing, which short texts do too."""
    data = text.encode()
    return len(zlib.compress(data, 1)) / len(data) if len(data) >= _WEIGHED else 0.4


def script(text: str) -> str:
    """The script of most of its first letters, as Unicode names it; '' where there are none."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text[:_SAMPLE])) else ""
    counts = Counter(_script_of(c) for c in text[:_SAMPLE] if c.isalpha())
    return counts.most_common(1)[0][0] if counts else ""


LOOKS: dict[str, tuple[Callable[[str], str], str]] = {
    "mojibake": (mojibake, "with UTF-8 that was read as Windows-1252"),
    "replacement": (replacement, "with characters that could not be read"),
    "control": (control, "with control characters"),
    "invisible": (invisible, "with characters that cannot be seen"),
    "decomposed": (decomposed, "with loose accents"),
    "entities": (entities, "with HTML in it"),
    "role-spelled": (role, "with words spelled like tokens"),
    "notice": (notice, "with a notice"),
}


def _wrong(piece: str) -> str:
    """The beginning of a piece that is one character when its bytes are read as UTF-8."""
    starts = (piece[:size] for size in range(len(piece), 1, -1))
    return next((one for one in starts if any(_mended(one, code) for code in ("cp1252", "latin-1"))), "")


def _mended(piece: str, code: str) -> bool:
    try:
        return len(piece.encode(code).decode()) == 1
    except UnicodeError:
        return False


def _script_of(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return next((one for one in _SCRIPTS if name.startswith(one)), name.partition(" ")[0])


def _counted(number: int, what: str) -> str:
    return f"{number:,} × {what}" if number else ""
