"""Novelty chart: curves of new n-grams by n as SVG for a page; they take the page's colours.

The page that holds it carries STYLE, and gives --strong, --gold, --scarlet, --muted, --ink and --line.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from macaw.results.novelty import Novelty

# Every curve is told apart by its dashes too, not by colour alone.
STYLE = """
.novelty { display: block; width: 100%; height: auto; overflow: visible; }
.novelty text { font: 13px/1 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--muted); }
.novelty .axis { stroke: var(--line); fill: none; }
.novelty path.curve, .curves svg path { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
.novelty path.band { stroke: none; opacity: .16; }
.c0 { --c: var(--strong); }
.c1 { --c: var(--gold); stroke-dasharray: 8 3; }
.c2 { --c: var(--muted); stroke-dasharray: 2 3; }
.c3 { --c: var(--scarlet); stroke-dasharray: 9 3 2 3; }
.c4 { --c: var(--ink); stroke-dasharray: 4 4; }
.novelty path.curve, .curves svg path { stroke: var(--c); }
.novelty path.band { fill: var(--c); }
.curves { list-style: ""; padding: 0; margin: .75rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem;
  font-size: .875rem; }
.curves li { display: flex; gap: .5rem; align-items: center; }
.curves svg { width: 2.25rem; height: .6rem; flex: none; }
"""

_KINDS = 5
_LEFT, _TOP, _WIDTH, _HEIGHT = 52, 10, 434, 210  # of the axes, in the units of a chart 500 wide


def novelty_chart(curves: Sequence[Novelty], unit: str, alt: str) -> str:
    """The curves, the first on top, with the intervals of the first two; n by its logarithm."""
    longest = max(2, max(int(one.lengths[-1]) for one in curves))
    base, right = _TOP + _HEIGHT, _LEFT + _WIDTH
    down = "".join(
        f'<text x="{_LEFT - 8}" y="{base - _HEIGHT * share + 4:.0f}" text-anchor="end">'
        f"{100 * share:g}{' %' if share == 1 else ''}</text>"
        for share in (0, 0.5, 1)
    )
    ticks = [2**k for k in range(12) if 2**k <= longest]
    along = "".join(
        f'<text x="{_across(n, longest):.0f}" y="{base + 18}" text-anchor="middle">{n}</text>' for n in ticks
    )
    name = f'<text x="{right}" y="{base + 36}" text-anchor="end">{escape(unit)}s of an n-gram</text>'
    drawn = [_curve(one, number, longest) for number, one in enumerate(curves)]
    return (
        f'<svg class="novelty" viewBox="0 0 500 {base + 42}" role="img" aria-label="{escape(alt)}">'
        f'<path class="axis" d="M{_LEFT} {_TOP}V{base}H{right}"/>'
        f"{down}{along}{name}{''.join(drawn[::-1])}</svg>"
    )


def novelty_key(curves: Sequence[Novelty]) -> str:
    """What the curves are."""
    items = "".join(
        f'<li><svg viewBox="0 0 36 8" aria-hidden="true"><path class="c{number % _KINDS}" d="M0 4H36"/></svg>'
        f"{escape(one.name)}</li>"
        for number, one in enumerate(curves)
    )
    return f'<ul class="curves">{items}</ul>'


def _curve(one: Novelty, number: int, longest: int) -> str:
    kind = f"c{number % _KINDS}"
    x = np.array([_across(n, longest) for n in one.lengths.tolist()])
    band = ""
    if number < 2 and len(x) > 1:
        edge = [*zip(x, one.high, strict=True), *zip(x[::-1], one.low[::-1], strict=True)]
        band = f'<path class="band {kind}" d="{_path(edge)}Z"/>'
    return f'{band}<path class="curve {kind}" d="{_path([*zip(x, one.share, strict=True)])}"/>'


def _across(length: int, longest: int) -> float:
    return float(_LEFT + _WIDTH * np.log(length) / np.log(longest))


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {_TOP + _HEIGHT * (1 - share):.1f}" for x, share in points)
