"""A metric over time as HTML: a dot with its interval for each evaluation, a line along the best so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape

from macaw.results.measures import FRACTION, Interval
from macaw.results.record import Record
from macaw.results.series import Series, lower_is_better

NBSP = "\u00a0"

# Places are shares of the area's width and height, so that words and dots keep their size on a phone. What is
# drawn is a border, not a background: browsers leave backgrounds out when they print.
STYLE = """
.plot { display: grid; grid-template-columns: auto 1fr; column-gap: .5rem; font-size: .8125rem;
  color: var(--muted); }
.scale { position: relative; display: grid; }
.scale span { grid-area: 1 / 1; align-self: end; justify-self: end; white-space: nowrap; line-height: 1;
  position: relative; transform: translateY(50%); }
.area { position: relative; height: 13rem; margin-right: .375rem; border-bottom: 1px solid var(--line); }
.area > * { position: absolute; }
.grid { left: 0; right: 0; border-top: 1px solid var(--track); }
.area svg { inset: 0; width: 100%; height: 100%; overflow: visible; }
.area path { fill: none; stroke: var(--pale); stroke-width: 2; vector-effect: non-scaling-stroke; }
.whisker { width: 0; border-left: 2px solid var(--strong); opacity: .4; transform: translateX(-1px); }
.dot { width: .75rem; height: .75rem; margin: 0 0 -.375rem -.375rem; border: .1875rem solid var(--strong);
  border-radius: 50%; background: var(--paper); }
.dot.best { border: .375rem solid var(--strong); }
.dot:focus-visible, .dot:hover { outline: 2px solid var(--ink); outline-offset: 2px; }
.dates { grid-column: 2; display: flex; justify-content: space-between; padding-top: .35rem; }
"""


def plot(series: Series, metric: str) -> str:
    """The metric over time: a dot with its interval each, and a line along the best so far."""
    scored = [one for one in series.records if metric in one.metrics]
    values = [one.metrics[metric] for one in scored]
    ticks = _ticks(min(value.low for value in values), max(value.high for value in values))
    low, high = ticks[0], ticks[-1]
    begin, end = scored[0].when.timestamp(), scored[-1].when.timestamp()

    def x(one: Record) -> float:
        return 100 * (one.when.timestamp() - begin) / (end - begin) if end > begin else 50.0

    def y(value: float) -> float:
        return 100 * (value - low) / (high - low)

    best = series.best(metric)
    scale = "".join(f'<span style="bottom:{y(t):.2f}%">{_tick(t, values[0])}</span>' for t in ticks)
    grid = "".join(f'<i class="grid" style="bottom:{y(t):.2f}%"></i>' for t in ticks)
    whiskers = "".join(
        f'<i class="whisker" style="left:{x(one):.2f}%;bottom:{y(value.low):.2f}%;'
        f'height:{y(value.high) - y(value.low):.2f}%"></i>'
        for one, value in zip(scored, values, strict=True)
    )
    dots = "".join(
        f'<a class="dot{" best" if one is best else ""}" href="#row-{one.row}" '
        f'style="left:{x(one):.2f}%;bottom:{y(value.value):.2f}%" title="{_told(one, value)}" '
        f'aria-label="{_told(one, value)}"></a>'
        for one, value in zip(scored, values, strict=True)
    )
    line = _best_so_far(((x(one), y(one.metrics[metric].value)) for one in scored), lower_is_better(metric))
    dates = [day(scored[0].when), day(scored[-1].when)] if end > begin else [day(scored[0].when)]
    return f"""<figure>
<figcaption>{escape(metric)} over time. Best: {_best(best, metric)}</figcaption>
<div class="plot"><div class="scale">{scale}</div>
<div class="area">{grid}{whiskers}
<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path d="{line}"/></svg>
{dots}</div>
<div class="dates">{"".join(f"<span>{date}</span>" for date in dates)}</div></div>
</figure>"""


def _best_so_far(points: Iterable[tuple[float, float]], lower: bool) -> str:  # noqa: FBT001
    """The steps of an SVG path, y downwards, that runs along the best value of all points up to each."""
    path, best = "", 0.0
    for x, y in points:
        best = y if not path else min(best, y) if lower else max(best, y)
        path += f"H{x:.2f}V{100 - best:.2f}" if path else f"M{x:.2f} {100 - best:.2f}"
    return path


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, three to six of them, from one at or below `low` to one at or above `high`."""
    span = high - low or abs(high) or 1.0
    power = 10.0 ** _floor_log(span)
    step = next(power * size for size in (0.5, 1, 2, 5) if span / (power * size) <= 4)
    first, last = int(low // step), int(-(-high // step))
    return [step * number for number in range(first, max(last, first + 1) + 1)]


def _floor_log(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _tick(value: float, like: Interval) -> str:
    return f"{100 * value:.4g}{NBSP}%" if like.unit == FRACTION else f"{value:.4g}"


def _told(record: Record, value: Interval) -> str:
    return escape(f"{record.model}, {day(record.when)}: {value}")


def _best(record: Record | None, metric: str) -> str:
    if record is None:
        return "none"
    value = record.metrics[metric]
    return f"<b>{escape(str(value))}</b>, {escape(record.model)}, {day(record.when)}."


def day(when: datetime) -> str:
    """`24 Nov 2026, 05:53`, in one piece."""
    return f"{when.day} {when:%b %Y, %H:%M}".replace(" ", NBSP)
