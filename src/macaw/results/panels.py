"""The parts of a score sheet: confusion matrix, reliability curve, metrics with intervals, worst cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from macaw.results.draw import (
    BLUE,
    BODY,
    HAIRLINE,
    HEADING,
    INK,
    MUTED,
    NOTE,
    PALE_BLUE,
    PAPER,
    SCARLET,
    TICK,
    TRACK,
    Box,
    Sheet,
    Style,
    blend,
)
from macaw.results.measures import FRACTION, Calibration, ClassScore, Confused, Interval

# Shapes: C classes, S cells along a side of the picture
NAMED = 30  # up to this many classes a matrix shows names and counts; more would be too small to read
FULL_SHARE = 0.3  # a row that loses this share to one wrong class gets the full colour
BLANK = "#f5f7f9"  # an empty named cell: visible enough to follow a row to its end
ROW = 44  # pixels from one line of a list to the next


def heading(sheet: Sheet, box: Box, words: str, note: str = "") -> Box:
    """`words` and a quieter `note` over `box`; returns what is left of the box."""
    sheet.text(box.x, box.y + 14, words, style=HEADING)
    if note:
        sheet.text(box.x, box.y + 46, sheet.fit(note, box.width, NOTE), style=NOTE)
    used = 78 if note else 50
    return Box(box.x, box.y + used, box.width, box.height - used)


def matrix(sheet: Sheet, box: Box, confusion: np.ndarray, names: Sequence[str]) -> None:
    """The (C, C) confusion matrix as large as `box` allows, its key below; named cells for few classes."""
    key = 64
    room = Box(box.x, box.y, box.width, box.height - key)
    draw_cells = _named_matrix if len(names) <= NAMED else _plain_matrix
    place = draw_cells(sheet, room, confusion, names)
    _key(sheet, Box(place.x, place.y + place.height + 22, place.width, key))


def reliability(sheet: Sheet, box: Box, calibration: Calibration) -> None:
    """Accuracy against confidence, each bin a dot as large as it has answers, and their histogram below."""
    strip, left, bottom = 56, 74, 62
    plot = Box(box.x + left, box.y + 12, box.width - left - 26, box.height - 12 - strip - bottom)
    axes = sheet.axes(plot)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[0, 0.5, 1])
    axes.set_yticklabels(["0 %", "50 %", "100 %"])
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1.5, dashes=(4, 4))
    filled = calibration.counts > 0
    x, y, counts = (v[filled] for v in (calibration.confidence, calibration.accuracy, calibration.counts))
    axes.vlines(x, np.minimum(x, y), np.maximum(x, y), color=SCARLET, lw=3, alpha=0.5)
    axes.plot(x, y, color=BLUE, lw=2.5)
    axes.scatter(x, y, s=30 + 270 * counts / counts.max(), color=BLUE, zorder=3, clip_on=False)
    below = sheet.axes(Box(plot.x, plot.y + plot.height + 10, plot.width, strip), spines=("bottom",))
    below.bar(
        calibration.edges[:-1],
        calibration.counts,
        np.diff(calibration.edges) * 0.92,
        color=PALE_BLUE,
        align="edge",
    )
    below.set(xlim=(0, 1), ylim=(0, counts.max()), yticks=[], xticks=[0, 0.25, 0.5, 0.75, 1])
    below.set_xticklabels(["0 %", "25 %", "50 %", "75 %", "100 %"])
    sheet.text(plot.x + plot.width / 2, box.y + box.height - 8, "confidence", style=TICK, align="center")
    sheet.text(box.x + 6, plot.y + plot.height / 2, "accuracy", style=TICK, align="center", turn=90)


def whiskers(sheet: Sheet, box: Box, metrics: Mapping[str, Interval]) -> None:
    """Each metric on a line: its name, the interval on a track from zero, and the figures."""
    bold = BODY._replace(weight="bold")
    figures = {name: str(interval).removeprefix(interval.text).strip() for name, interval in metrics.items()}
    named = max(sheet.measure(name) for name in metrics) + 24
    figured = max(sheet.measure(text, NOTE) for text in figures.values()) + 14
    valued = max(sheet.measure(interval.text, bold) for interval in metrics.values()) + 24
    track = Box(box.x + named, box.y, box.width - named - valued - figured, 6)
    right = box.x + box.width
    highest = max((m.high for m in metrics.values() if m.unit == FRACTION), default=1)
    end = next(limit for limit in (0.02, 0.05, 0.1, 0.2, 0.5, 1) if highest <= limit)
    for i, (name, interval) in enumerate(metrics.items()):
        y = round(box.y + (i + 0.5) * ROW)
        sheet.text(box.x, y, name)
        sheet.text(right - figured, y, interval.text, style=bold, align="right")
        sheet.text(right, y, figures[name], style=NOTE, align="right")
        if interval.unit == FRACTION:
            value, low, high = (track.width * x / end for x in (interval.value, interval.low, interval.high))
            sheet.bar(track._replace(y=y - 3), TRACK)
            sheet.bar(Box(track.x + low, y - 7, max(3, high - low), 14), PALE_BLUE)
            sheet.bar(Box(track.x + value - 1, y - 11, 3, 22), BLUE)
    below = box.y + len(metrics) * ROW + 8
    sheet.text(track.x, below, "0", style=TICK, align="center")
    sheet.text(track.x + track.width, below, f"{100 * end:.0f} %", style=TICK, align="center")


def confused_list(sheet: Sheet, box: Box, pairs: Sequence[Confused]) -> None:
    """The most frequent confusions, one on a line: truth, answer and how often."""
    if not pairs:
        sheet.text(box.x, box.y + 0.5 * ROW, "none: every answer is right", style=BODY._replace(color=MUTED))
    widest = max((pair.share for pair in pairs), default=1)
    decimals = 0 if widest >= 0.1 else 1
    half = (box.width - 150) / 2
    for i, pair in enumerate(pairs):
        y = box.y + (i + 0.5) * ROW
        sheet.text(box.x, y, sheet.fit(pair.truth, half - 34))
        sheet.text(box.x + half - 17, y, "→", style=BODY._replace(color=MUTED), align="center")
        sheet.text(box.x + half + 8, y, sheet.fit(pair.answer, half - 16))
        number = f"{100 * pair.share:.{decimals}f} %"
        sheet.text(box.x + box.width, y, number, style=NOTE, align="right")
        length = 80 * pair.share / widest
        sheet.bar(Box(box.x + box.width - 62 - 80, y - 6, length, 12), SCARLET)


def class_list(sheet: Sheet, box: Box, scores: Sequence[ClassScore]) -> None:
    """F1 of classes as bars; `n/a` where the class has no example."""
    names = min(max(sheet.measure(s.name) for s in scores), 0.5 * box.width)
    pitch = min(ROW, box.height / len(scores))
    for i, score in enumerate(scores):
        y = box.y + (i + 0.5) * pitch
        sheet.text(box.x + names, y, sheet.fit(score.name, names), align="right")
        track = Box(box.x + names + 18, y - 6, box.width - names - 18 - 90, 12)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=track.width * (score.f1 or 0)), BLUE)
        number = "n/a" if score.f1 is None else f"{100 * score.f1:.0f} %"
        sheet.text(box.x + box.width, y, number, style=NOTE, align="right")


def resemblance_order(confusion: np.ndarray) -> np.ndarray:
    """An order of the C classes, (C,) int, in which classes that are confused stand near each other.

    Spectral seriation: sorted by the Fiedler vector of the graph of confusions (Atkins et al. 1998,
    doi 10.1137/S0097539795285771).
    """
    shares = _row_shares(confusion)
    links = shares + shares.T
    np.fill_diagonal(links, 0)
    links = links + 1e-3 / len(links)  # a whisper of a link everywhere keeps the graph in one piece
    degree = links.sum(axis=1)
    inner = links / np.sqrt(degree[:, None] * degree)  # the normalised graph: popular classes do not dominate
    _, vectors = np.linalg.eigh(inner)
    fiedler = np.round(vectors[:, -2] / np.sqrt(degree), 9)
    if fiedler[0] > fiedler[-1]:  # an eigenvector has no sign; keep the table's direction
        fiedler = -fiedler
    return np.argsort(fiedler, kind="stable")


def _row_shares(confusion: np.ndarray) -> np.ndarray:
    """Each row divided by its examples; zeros where a class has none."""
    return np.asarray(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))


def _cell_colors(shares: np.ndarray, diagonal: np.ndarray, paper: str = PAPER) -> np.ndarray:
    """(S, S) shares to (S, S, 3): blue where `diagonal`, scarlet elsewhere."""
    right, wrong = blend(shares, BLUE, paper), blend(np.sqrt(shares / FULL_SHARE), SCARLET, paper)
    return np.where(diagonal[..., None], right, wrong)


def _plain_matrix(sheet: Sheet, box: Box, confusion: np.ndarray, names: Sequence[str]) -> Box:
    """Many classes: cells alone, in order of resemblance, so that families of classes show as blocks."""
    order = resemblance_order(confusion)
    shares = _row_shares(confusion[np.ix_(order, order)])
    diagonal = np.eye(len(names), dtype=bool)
    side = int(min(box.width - 40, box.height - 40))
    pool = -(-len(names) // side)  # more classes than pixels: each pixel shows the worst of its cells
    place = Box(box.x + 40, box.y + 40, side, side)
    sheet.cells(_cell_colors(_pooled(shares, pool), _pooled(diagonal, pool)), place)
    sheet.rule(Box(place.x - 1, place.y - 1, place.width + 2, place.height + 2))
    sheet.text(place.x + place.width / 2, box.y + 16, "answer", style=NOTE, align="center")
    sheet.text(box.x + 16, place.y + place.height / 2, "truth", style=NOTE, align="center", turn=90)
    return place


def _pooled(values: np.ndarray, size: int) -> np.ndarray:
    """The maximum of every `size` x `size` block."""
    short = -len(values) % size
    padded = np.pad(values, ((0, short), (0, short)))
    blocks = padded.reshape(len(padded) // size, size, len(padded) // size, size)
    return np.asarray(blocks.max(axis=(1, 3)))


def _named_matrix(sheet: Sheet, box: Box, confusion: np.ndarray, names: Sequence[str]) -> Box:
    """Few classes: names along the sides in the order of the table, counts in the cells."""
    classes = len(names)
    style = Style(20 if classes <= 20 else 17, INK)
    left = min(max(sheet.measure(name, style) for name in names), 0.26 * box.width) + 44
    cell = int(min((box.width - left) / classes, 0.2 * box.width))
    flat = all(sheet.measure(name, style) <= cell - 10 for name in names)
    top = 72 if flat else min(max(sheet.measure(name, style) for name in names), 0.22 * box.height) + 52
    cell = int(min(cell, (box.height - top) / classes))
    place = Box(box.x + left, box.y + top, cell * classes, cell * classes)
    shares = _row_shares(confusion)
    sheet.cells(_cell_colors(shares, np.eye(classes, dtype=bool), BLANK), place, gap=2)
    sheet.text(place.x + place.width / 2, box.y + 16, "answer", style=NOTE, align="center")
    sheet.text(box.x + 14, place.y + place.height / 2, "truth", style=NOTE, align="center", turn=90)
    for i, name in enumerate(names):
        middle = (i + 0.5) * cell
        sheet.text(
            place.x - 14, place.y + middle, sheet.fit(name, left - 44, style), style=style, align="right"
        )
        if flat:
            sheet.text(place.x + middle, place.y - 20, name, style=style, align="center")
        else:
            words = sheet.fit(name, top - 52, style)
            sheet.text(place.x + middle, place.y - 12, words, style=style, turn=90)
    _counts(sheet, place, confusion, shares)
    return place


def _counts(sheet: Sheet, place: Box, confusion: np.ndarray, shares: np.ndarray) -> None:
    """The number in every cell that is not empty, white on dark cells."""
    cell = place.width / len(confusion)
    digits = len(str(int(confusion.max())))
    size = min(24, 0.5 * cell, 1.45 * (cell - 6) / digits)
    for row, column in np.argwhere(confusion > 0):
        strength = shares[row, column] if row == column else (shares[row, column] / FULL_SHARE) ** 0.5
        style = Style(size, PAPER if strength > 0.55 else INK)
        x, y = place.x + (column + 0.5) * cell, place.y + (row + 0.5) * cell
        sheet.text(x - 1, y - 1, str(confusion[row, column]), style=style, align="center")


def _key(sheet: Sheet, box: Box) -> None:
    """What the colours mean: two short scales under the matrix."""
    ramp = np.linspace(0, 1, 96)[None].repeat(14, axis=0)  # (14, 96)
    x = box.x
    for words, color, end in (
        ("right", BLUE, "100 %"),
        ("wrong", SCARLET, f"{100 * FULL_SHARE:.0f} % of the row or more"),
    ):
        sheet.text(x, box.y + 14, words, style=TICK)
        x += sheet.measure(words, TICK) + 12
        shades = ramp if color == BLUE else np.sqrt(ramp)
        sheet.cells(blend(shades, color), Box(x, box.y + 7, 96, 14))
        sheet.rule(Box(x - 1, box.y + 6, 98, 16), HAIRLINE)
        sheet.text(x + 108, box.y + 14, end, style=TICK)
        x += 108 + sheet.measure(end, TICK) + 36
