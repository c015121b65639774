"""The scores of a language model as a sheet, and as one self-contained HTML page, for paper too."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import panels, score_panels
from macaw.results.draw import BLUE, BODY, INK, NOTE, PALE_BLUE, TICK, TRACK, Box, Sheet
from macaw.results.measure_page import Section, score_page, table
from macaw.results.score_panels import GAP, MARGIN
from macaw.results.score_parts import ABSENT

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.text_scores import TextScores

_SHOWN = 12  # hardest documents on a sheet
_LISTED = 50  # on a page
_LEFT, _RIGHT = 860, 700  # pixels of the sheet's columns
_SPREAD = 300  # height of the histogram
_MANY = 5  # documents from which a histogram says something


def text_page(scores: TextScores) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    return score_page(scores.headline, f"{scores.title}.", _sections(scores), scores.notes)


def text_sheet(scores: TextScores) -> Image:
    """The metrics and the spread of the documents to the left, the hardest of them to the right."""
    rows = len(scores.metrics) + len(scores.missing)
    hard = scores.hardest(_SHOWN)
    spread = scores.count >= _MANY and bool(hard)
    tall = 78 + panels.ROW * rows + (120 + _SPREAD if spread else 0)
    height = max(tall, 78 + panels.ROW * len(hard))
    width = _LEFT + 2 * MARGIN + (GAP + _RIGHT if hard else 0)
    sheet = Sheet(width, MARGIN + 104 + height + MARGIN)
    top = score_panels.titled(sheet, scores.headline, scores.title)
    end = _draw_figures(sheet, Box(MARGIN, top, _LEFT, height), scores)
    if spread:
        _draw_spread(sheet, Box(MARGIN, end + 44, _LEFT, 76 + _SPREAD), scores)
    if hard:
        _draw_hardest(sheet, Box(MARGIN + _LEFT + GAP, top, _RIGHT, height), hard)
    return sheet.picture()


def _draw_figures(sheet: Sheet, box: Box, scores: TextScores) -> float:
    """Name, value and interval of each metric; returns where they end."""
    place = panels.heading(sheet, box, "Scores", "with 95 % intervals")
    rows = [(name, one.text, str(one).removeprefix(one.text).strip()) for name, one in scores.metrics.items()]
    rows += [(name, ABSENT, "") for name in scores.missing]
    bold = BODY._replace(weight="bold")
    figured = max(sheet.measure(interval, NOTE) for _, _, interval in rows) + 24
    right = place.x + place.width
    for i, (name, value, interval) in enumerate(rows):
        y = place.y + (i + 0.5) * panels.ROW
        sheet.text(place.x, y, name)
        sheet.text(right - figured, y, value, style=bold, align="right")
        sheet.text(right, y, interval, style=NOTE, align="right")
    return place.y + panels.ROW * len(rows)


def _draw_spread(sheet: Sheet, box: Box, scores: TextScores) -> None:
    """A histogram of the documents' bits per byte, each as heavy as it is long."""
    place = panels.heading(sheet, box, "Bits per byte of the documents")
    bits, weights = scores.bits, scores.bytes.astype(np.float64)
    known = np.isfinite(bits)
    plot = Box(place.x, place.y, place.width, place.height - 56)
    axes = sheet.axes(plot, spines=("bottom",))
    axes.hist(bits[known], bins=30, weights=weights[known], color=PALE_BLUE, rwidth=0.92)
    value = scores.metrics["bits per byte"].value
    axes.axvline(value, color=BLUE, lw=3)
    axes.set(yticks=[])
    sheet.text(plot.x, box.y + box.height - 8, "share of the bytes; the line is the mean", style=TICK)


def _draw_hardest(sheet: Sheet, box: Box, hard: tuple[tuple[str, float], ...]) -> None:
    place = panels.heading(sheet, box, "Hardest to foretell", "bits per byte")
    most = max(bits for _, bits in hard)
    for i, (label, bits) in enumerate(hard):
        y = place.y + (i + 0.5) * panels.ROW
        sheet.text(place.x, y, sheet.fit(label, 0.55 * place.width), style=BODY._replace(color=INK))
        track = Box(place.x + 0.58 * place.width, y - 6, 0.42 * place.width - 90, 12)
        sheet.bar(track, TRACK)
        sheet.bar(track._replace(width=track.width * bits / most), BLUE)
        sheet.text(place.x + place.width, y, f"{bits:.3f}", style=NOTE, align="right")


def _sections(scores: TextScores) -> Iterator[Section]:
    rows = [
        (name, f"<b>{escape(one.text)}</b>", escape(str(one).removeprefix(one.text).strip()))
        for name, one in scores.metrics.items()
    ]
    rows += [(name, ABSENT, "") for name in scores.missing]
    words = (
        "Bits per byte compare models of every kind of token; the other figures only those that cut alike."
    )
    yield Section("Scores", words, table(("measure", "value", "95 % interval"), rows))
    totals = [
        (name, f"{value:,.1f}" if name == "nats" else f"{value:,}") for name, value in scores.totals.items()
    ]
    yield Section(
        "Totals", "Each figure above is the nats divided by one of these.", table(("", "in all"), totals)
    )
    if hard := scores.hardest(_LISTED):
        told = [(label, f"{bits:.3f}") for label, bits in hard]
        words = "The documents of most bits per byte."
        yield Section("Hardest to foretell", words, table(("document", "bits per byte"), told))
