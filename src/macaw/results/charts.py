"""Charts: small drawings in SVG for pages; they take the page's colours, so they follow it into dark mode.

The page that holds them carries STYLE, and gives the colours --strong, --gold, --muted, --line and --ink.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

# Every stroke is told apart by its dashes too, not by colour alone.
STYLE = """
.chart { display: block; width: 100%; height: auto; overflow: visible; }
.chart text { font: 13px/1 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--muted); }
.chart .axis { stroke: var(--line); fill: none; }
.chart .stroke, .key .stroke { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.chart .s0, .key .s0 { stroke: var(--strong); }
.chart .s1, .key .s1 { stroke: var(--gold); stroke-dasharray: 7 3; }
.chart .s2, .key .s2 { stroke: var(--muted); stroke-dasharray: 2 4; }
.key { list-style: ""; padding: 0; margin: .75rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem;
  font-size: .875rem; }
.key li { display: flex; gap: .5rem; align-items: center; }
.key svg { width: 2rem; height: .6rem; flex: none; }
.signed { display: block; width: 100%; height: .75rem; }
.signed .for { fill: var(--gold); }
.signed .not { fill: var(--strong); }
.signed .zero { stroke: var(--muted); }
"""

_LEFT, _TOP, _WIDTH, _HEIGHT = 46, 10, 350, 170  # of the axes, in the units of a chart 400 wide


class Line(NamedTuple):
    """One curve: shares 0..1 across, probabilities 0..1 upwards."""

    name: str
    shares: np.ndarray  # (K,)
    probs: np.ndarray  # (K,)


def lines(curves: Sequence[Line], across: str, alt: str) -> str:
    """Curves over a share of 0 to 100 %, drawn to the smallest round height that holds them."""
    top = next(limit for limit in (0.1, 0.25, 0.5, 1.0) if max(c.probs.max() for c in curves) <= limit + 1e-9)
    paths = "".join(
        f'<path class="stroke s{i}" d="{_path(curve, top)}"/>' for i, curve in reversed([*enumerate(curves)])
    )
    base, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    down = "".join(
        f'<text x="{_LEFT - 8}" y="{base - _HEIGHT * share + 4:.0f}" text-anchor="end">'
        f"{100 * top * share:g}{' %' if share == 1 else ''}</text>"
        for share in (0, 0.5, 1)
    )
    along = "".join(
        f'<text x="{_LEFT + _WIDTH * share:.0f}" y="{base + 19}" text-anchor="{anchor}">{words}</text>'
        for share, anchor, words in ((0, "middle", "0"), (0.5, "middle", across), (1, "end", "100 %"))
    )
    return (
        f'<svg class="chart" viewBox="0 0 400 {base + 26}" role="img" aria-label="{escape(alt)}">'
        f'<path class="axis" d="M{_LEFT} {_TOP}V{base}H{right}"/>{down}{along}{paths}</svg>'
    )


def key(names: Sequence[str]) -> str:
    """What the strokes of `lines` mean, in their order."""
    items = "".join(
        f'<li><svg viewBox="0 0 32 8" aria-hidden="true"><path class="stroke s{i}" d="M0 4H32"/></svg>'
        f"{escape(name)}</li>"
        for i, name in enumerate(names)
    )
    return f'<ul class="key">{items}</ul>'


def signed_bar(value: float, extent: float) -> str:
    """A bar to the right of the middle for a value above 0, to the left below it; `extent` fills a half."""
    half = 50 * min(1.0, abs(value) / extent) if extent else 0.0
    left, kind = (50.0, "for") if value >= 0 else (50 - half, "not")
    return (
        '<svg class="signed" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{kind}" x="{left:.2f}" width="{half:.2f}" y="1" height="6"/>'
        '<path class="zero" d="M50 0V8" vector-effect="non-scaling-stroke"/></svg>'
    )


def _path(curve: Line, top: float) -> str:
    points = (
        f"{_LEFT + _WIDTH * share:.1f} {_TOP + _HEIGHT * (1 - prob / top):.1f}"
        for share, prob in zip(curve.shares, curve.probs, strict=True)
    )
    return "M" + "L".join(points)
