"""The course of a training run as a picture: loss, validation error and learning rate, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from macaw.errors import InputError
from macaw.results.draw import BLUE, GOLD, INK, MUTED, NOTE, SCARLET, TICK, TITLE, Box, Sheet, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

# Shapes: E epochs
WIDTH, MARGIN, LEFT, RIGHT = 1400, 56, 96, 190  # pixels; the curves' names stand at their right ends
GAP = 70  # pixels between panels


class Curve(NamedTuple):
    """One column of the history: its name at the curve's end, and its colour."""

    column: str
    name: str
    color: str


# Each panel: title, height in pixels, curves. A panel without a finite value is left out.
PANELS: tuple[tuple[str, int, tuple[Curve, ...]], ...] = (
    ("loss", 330, (Curve("loss", "training", BLUE), Curve("val_loss", "validation", GOLD))),
    ("validation error", 330, (Curve("val_error", "error", SCARLET),)),
    ("learning rate", 120, (Curve("rate", "", MUTED),)),
)


def plot_history(rows: Sequence[Mapping[str, float]]) -> Image:
    """Draw a training run from its rows, one for each epoch.

    Columns: `epoch`, `minutes` since the start, `loss`, `val_loss`, `val_error` (0..1), `rate` (learning
    rate), `pictures_per_second` or `tokens_per_second`, and `bits_per_byte`; all but `epoch` may be missing,
    or NaN where nothing was measured. The best validation error is marked. Raises InputError without a row,
    or without a curve to draw.
    """
    if not rows:
        raise InputError("the history has no row; there is nothing to draw before the first epoch ends")
    given = ("epoch", "minutes", "pictures_per_second", "tokens_per_second", "bits_per_byte")
    table = {name: _column(rows, name) for name in given}
    table |= {curve.column: _column(rows, curve.column) for _, _, curves in PANELS for curve in curves}
    panels = [panel for panel in PANELS if any(np.isfinite(table[curve.column]).any() for curve in panel[2])]
    if not panels or not np.isfinite(table["epoch"]).all():
        raise InputError(
            f"the history has columns {', '.join(rows[0])}; it needs epoch, and loss or val_error"
        )
    top = MARGIN + 110
    sheet = Sheet(WIDTH, top + sum(height + GAP for _, height, _ in panels) + MARGIN + 30)
    sheet.text(MARGIN, MARGIN + 16, _headline(table), style=TITLE)
    sheet.text(MARGIN, MARGIN + 60, _summary(table), style=NOTE)
    y = top + 40.0
    for title, height, curves in panels:
        box = Box(MARGIN + LEFT, y, WIDTH - 2 * MARGIN - LEFT - RIGHT, height)
        sheet.text(MARGIN, y - 28, title, style=Style(21, INK, "bold"))
        _panel(sheet, box, table, curves)
        y += height + GAP
    _epoch_ticks(sheet, box, table)
    return sheet.picture()


def _panel(sheet: Sheet, box: Box, table: Mapping[str, np.ndarray], curves: Sequence[Curve]) -> None:
    """The curves of one panel, each named at its end; the best validation error marked."""
    epochs, error = table["epoch"], curves[0].column == "val_error"
    axes = sheet.axes(box)
    axes.set_xlim(*_limits(epochs))
    axes.set_xticks([])
    axes.margins(y=0.08)
    axes.locator_params(axis="y", nbins=5 if box.height > 200 else 2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %" if error else f"{value:g}")
    ends = []
    for curve in curves:
        values = table[curve.column]
        known = np.isfinite(values)
        if known.any():
            marker = "o" if known.sum() <= 30 else "None"  # few epochs are points, many are a line
            axes.plot(
                epochs[known], values[known], marker=marker, ms=8, color=curve.color, lw=3, clip_on=False
            )
            ends.append((float(values[known][-1]), curve))
    if curves[0].column != "loss":
        axes.set_ylim(0, None)  # an error and a rate are read against zero; a loss is not
    if error:
        _mark_best(sheet, axes, box, table)
    else:
        _name_ends(sheet, axes, box, ends)


def _name_ends(sheet: Sheet, axes: Axes, box: Box, ends: list[tuple[float, Curve]]) -> None:
    """Names beside the curves' last points, moved apart where they would touch."""
    low, high = axes.get_ylim()
    last = box.y - 40.0
    for value, curve in sorted(ends, key=lambda end: -end[0]):
        last = max(last + 30, box.y + box.height * (high - value) / (high - low))
        sheet.text(box.x + box.width + 18, last, curve.name, style=Style(21, curve.color, "bold"))


def _mark_best(sheet: Sheet, axes: Axes, box: Box, table: Mapping[str, np.ndarray]) -> None:
    errors, epochs = table["val_error"], table["epoch"]
    best = int(np.nanargmin(errors))
    axes.plot(epochs[best], errors[best], "o", ms=15, mfc="none", mec=INK, mew=2.5, clip_on=False, zorder=5)
    low, high = axes.get_ylim()
    y = box.y + box.height * (high - errors[best]) / (high - low)
    sheet.text(
        box.x + box.width + 18, y - 14, f"best {100 * errors[best]:.1f} %", style=Style(21, SCARLET, "bold")
    )
    sheet.text(box.x + box.width + 18, y + 14, f"epoch {epochs[best]:g}", style=NOTE)


def _epoch_ticks(sheet: Sheet, box: Box, table: Mapping[str, np.ndarray]) -> None:
    """Whole epochs under the lowest panel, and below each the minutes since the start."""
    from matplotlib.ticker import MaxNLocator

    epochs, minutes = table["epoch"], table["minutes"]
    low, high = _limits(epochs)
    whole = high - low >= 2 or len(epochs) == 1  # a large text is read once, or in part
    every = MaxNLocator(8, integer=whole).tick_values(low, high)
    ticks = [t for t in every if low <= t <= high and (t == round(t) or not whole)]
    if whole and len(ticks) > 1 and ticks[0] - low > 0.45 * (ticks[1] - ticks[0]):
        ticks.insert(0, low)
    ticks = ticks or [float(epochs[0])]  # a single epoch
    timed = np.isfinite(minutes)
    y = box.y + box.height + 22
    sheet.text(MARGIN, y, "epoch", style=TICK)
    if timed.any():
        sheet.text(MARGIN, y + 26, "minutes", style=TICK)
    for tick in ticks:
        x = box.x + box.width * (tick - low) / (high - low)
        sheet.text(x, y, f"{tick:g}", style=TICK, align="center")
        if timed.any() and epochs[timed].min() <= tick <= epochs[timed].max():
            time = f"{np.interp(tick, epochs[timed], minutes[timed]):.1f}"
            sheet.text(x, y + 26, time, style=TICK, align="center")


def _headline(table: Mapping[str, np.ndarray]) -> str:
    errors = table["val_error"]
    if np.isfinite(errors).any():
        return f"Best validation error {100 * np.nanmin(errors):.1f} %"
    bits = table.get("bits_per_byte")
    if bits is not None and np.isfinite(bits).any():
        return f"Best validation {np.nanmin(bits):.3f} bits per byte"
    losses = table["loss"][np.isfinite(table["loss"])]
    return f"Training loss {losses[-1]:.3f}" if len(losses) else "Training"


def _summary(table: Mapping[str, np.ndarray]) -> str:
    epochs, minutes = table["epoch"], table["minutes"]
    parts = [f"{epochs.max():.3g} epochs" if epochs.max() != 1 else "1 epoch"]
    if np.isfinite(minutes).any():
        parts.append(f"{np.nanmax(minutes):.1f} minutes")
    for unit in ("pictures", "tokens"):
        speed = table.get(f"{unit}_per_second")
        if speed is not None and np.isfinite(speed).any():
            parts.append(f"{np.nanmedian(speed):,.0f} {unit} a second")
    return ", ".join(parts)


def _limits(epochs: np.ndarray) -> tuple[float, float]:
    low, high = float(epochs.min()), float(epochs.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _column(rows: Sequence[Mapping[str, float]], name: str) -> np.ndarray:
    """One column, (E,) float64, NaN where a row has no finite value."""
    values = np.array([row.get(name, np.nan) for row in rows], np.float64)
    return np.where(np.isfinite(values), values, np.nan)
