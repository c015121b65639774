"""Shaded: a text whose tokens have a ground the darker the more each surprised a language model.

What completions, stories and scored texts share: their checks, their files, the text as HTML.

Shapes: N tokens
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.checks import own

if TYPE_CHECKING:
    from rich.text import Text

SHADES = (1.0, 3.0, 6.0, 10.0)  # bits from which a token is a shade darker
_GROUNDS = ("", "on grey15", "on grey23", "on dark_blue", "on blue3")  # of the shades, in a terminal
_ROUNDING = 1e-3  # a probability of one, through single precision, may come out as little above it


class Shaded(NamedTuple):
    """A text by its tokens."""

    lead: str  # what was given, and has no shade
    pieces: tuple[str, ...]  # N, what each token adds; or one, all of it, where that is not known
    names: tuple[str, ...]  # N
    logp: np.ndarray  # (N,) natural logs

    @property
    def known(self) -> bool:
        """Whether it is known which part of the text is of which token."""
        return len(self.pieces) == len(self.names)

    @property
    def bits(self) -> list[float]:
        """The surprise of each token."""
        return [float(one) for one in -self.logp / np.log(2)]


class Tokens(Protocol):
    """A result that is a text by its tokens."""

    @property
    def names(self) -> tuple[str, ...]:
        """N tokens as people read them."""

    @property
    def logp(self) -> np.ndarray:
        """(N,) natural-log probabilities."""

    @property
    def pieces(self) -> tuple[str, ...]:
        """N, what each adds to the text; or none."""


class Told(Protocol):
    """A result that is words and a page too."""

    def to_html(self) -> str:
        """The page of `.html`."""


def check_tokens(one: Tokens, text: str) -> None:
    """Make the tokens of a result its own, and refuse, with InputError, those that do not fit together."""
    names, pieces, logp = tuple(one.names), tuple(one.pieces), own(one.logp, np.float64)
    for field, value in (("names", names), ("pieces", pieces), ("logp", logp)):
        object.__setattr__(one, field, value)
    if logp.shape != (len(names),):
        raise InputError(f"logp has shape {logp.shape}; {len(names)} tokens need ({len(names)},)")
    if len(names) and not logp.max() <= _ROUNDING:  # so that NaN is refused too
        raise InputError(f"logp is up to {logp.max():.3g}; natural logs of probabilities are 0 or less")
    if pieces and len(pieces) != len(names):
        raise InputError(f"{len(pieces)} pieces for {len(names)} tokens; give one for each, or none")
    if pieces and "".join(pieces) != text:
        raise InputError("the pieces are not the text; together they must spell it")


def plain(value: float | None, digits: int) -> float | None:
    """A figure for JSON, which knows no infinity: rounded, or None."""
    return round(float(value), digits) if value is not None and np.isfinite(value) else None


def listed_tokens(one: Tokens) -> list[dict[str, Any]]:
    """The tokens as plain values: name, text where it is known, and logp; None for one that never comes."""
    logp = [plain(value, 6) for value in one.logp.tolist()]
    if not one.pieces:
        return [{"token": name, "logp": value} for name, value in zip(one.names, logp, strict=True)]
    rows = zip(one.names, one.pieces, logp, strict=True)
    return [{"token": name, "text": text, "logp": value} for name, text, value in rows]


def save_text(one: Told, path: str | Path) -> Path | None:
    """Write a text's `.txt` or `.html`; None for a file that every result can be. Raises InputError."""
    path = Path(path)
    if path.suffix in {".txt", ".html"}:
        text = f"{one}\n" if path.suffix == ".txt" else one.to_html()
        return atomic_write(path, text.encode())
    if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
        raise InputError(f"cannot save a text as '{path.name}': use .txt, .json, .html, .png, .jpg or .webp")
    return None


def coloured(one: Shaded) -> Text:
    """The text for a terminal with colours, on a ground that is the stronger the more a token surprised."""
    from rich.text import Text

    text = Text(one.lead, style="dim")
    if not one.known:
        return text.append("".join(one.pieces))
    for piece, bits in zip(one.pieces, one.bits, strict=True):
        text.append(piece, style=_GROUNDS[shade(bits)] or None)
    return text


def shade(bits: float) -> int:
    """0..4: how dark a token of so many bits is."""
    return sum(bits >= least for least in SHADES)


def written(one: Shaded) -> str:
    """The text as a paragraph, for a page with the style `macaw.results.autoregression_style.TEXT`."""
    lead = f'<span class="lead">{escape(one.lead)}</span>' if one.lead else ""
    return f'<p class="written">{lead}{tokens(one)}</p>'


def tokens(one: Shaded) -> str:
    """The tokens alone, each with its name and surprise to read on it."""
    if not one.known:
        return escape("".join(one.pieces))
    rows = zip(one.pieces, one.names, one.bits, strict=True)
    return "".join(_token(piece, name, bits) for piece, name, bits in rows if piece)


def _token(piece: str, name: str, bits: float) -> str:
    hint = escape(f"{name}: {bits:.1f} bits")
    return f'<span class="tok b{shade(bits)}" title="{hint}">{escape(piece)}</span>'


def legend() -> str:
    """What each shade means."""
    names = [f"under {SHADES[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(SHADES))]
    names.append(f"{SHADES[-1]:g} and more bits")
    marks = "".join(f'<span class="b{place}">{name}</span>' for place, name in enumerate(names))
    return f'<p class="shades">Surprise: {marks}</p>'
