"""The sections of an explanation's page that look inside: near training pictures, feature maps, the head."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from macaw.results import charts, heat
from macaw.results.explanation_words import LEDGER, LEVELS, NBSP, NEAR, near
from macaw.results.fragments import image
from macaw.results.insides import Ledger, LevelView, Neighbour

if TYPE_CHECKING:
    from macaw.results.explanation import Explanation

THUMB, SPOT, SHEET = 128, 160, 640  # pixels of a neighbour, of where a channel responds, of feature maps
CHANNELS = 6  # of the head's account that have a line of their own
_TICK = ' <span class="tick" role="img" aria-label="the class in question">✓</span>'


def section(title: str, *parts: str) -> str:
    """A section of the page; empty parts are left out."""
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", *filter(None, parts), "</section>"])


def near_section(why: Explanation) -> str:
    """The nearest training pictures; nothing without them."""
    if why.neighbours is None:
        return ""
    items = "\n".join(_neighbour(one, why.target) for one in why.neighbours.items)
    title = "The nearest pictures it was trained on"
    return section(
        title, f'<p>{escape(near(why))}</p>\n<p>{escape(NEAR)}</p>\n<ol class="near">\n{items}\n</ol>'
    )


def _neighbour(one: Neighbour, target: str) -> str:
    labels = ", ".join(one.labels) or "no label"
    empty = '<span class="seen"></span>'  # as wide as a picture, so that the row stays one
    picture = empty if one.picture is None else image(one.picture, labels, side=THUMB, kind="seen")
    kind, tick = ("same", _TICK) if target in one.labels else ("other", "")
    return (
        f'<li class="{kind}">{picture}<b>{escape(labels)}{tick}</b>'
        f'<span>likeness {one.likeness:.2f}</span><span class="quiet">{escape(one.name)}</span></li>'
    )


def parts_section(why: Explanation) -> str:
    """The front-end's feature maps and the head's account; nothing without them."""
    views = "\n".join(_level(number, level) for number, level in enumerate(why.levels, start=1))
    front = (
        f"<h3>The front-end: what it makes of the picture</h3>\n<p>{escape(LEVELS)}</p>\n"
        f'<div class="levels">\n{views}\n</div>'
    )
    head = _account(why, why.ledger) if why.ledger else ""
    return section("The two parts, made visible", front if views else "", head) if views or head else ""


def _level(number: int, level: LevelView) -> str:
    height, width = level.maps.shape[1:]
    shown = f"{len(level.channels)} of {level.width} channels"
    words = f"Level {number}: {height}{NBSP}×{NBSP}{width} positions, {shown}"
    picture = image(heat.tiles(level.maps, columns=4), f"{words}, the most active", side=SHEET, kind="tiles")
    return f"<figure>{picture}<figcaption><p>{words}</p></figcaption></figure>"


def _account(why: Explanation, ledger: Ledger) -> str:
    """A line for each of the largest channels, then the rest and the bias, and their sum."""
    rows = [*_channels(why, ledger)]
    if (more := len(ledger.products) - CHANNELS) > 0:
        rows.append(_row(f"the other {more:,} channels together", ledger.rest(CHANNELS)))
    rows.append(_row("the bias, whatever the picture", ledger.bias))
    whose = f"“{why.target}” over “{why.against}”" if why.against else f"the logit of “{why.target}”"
    rows.append(_row(f"the sum: {escape(whose)}", ledger.logit, kind="total"))
    head = "".join(f'<th scope="col">{words}</th>' for words in ("responds", "channel", "", "adds"))
    body = "\n".join(rows)
    return (
        f"<h3>The head: how it adds up</h3>\n<p>{escape(LEDGER)}</p>\n"
        f'<table class="bars">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    )


def _channels(why: Explanation, ledger: Ledger) -> Iterator[str]:
    extent = float(np.abs(ledger.products).max())
    for channel in ledger.top(CHANNELS):
        weight, value = float(ledger.weights[channel]), float(ledger.values[channel])
        picture = ""
        if channel in ledger.maps:
            drawn = spot(why, ledger, channel, side=SPOT)
            picture = image(drawn, f"Where channel {channel} responds", side=SPOT, kind="spot")
        yield (
            f'<tr><td>{picture}</td><th scope="row">{channel} '
            f'<span class="quiet">weight {weight:+.2f}</span> <span class="quiet">× value {value:+.2f}</span>'
            f'</th><td class="bar">{charts.signed_bar(weight * value, extent)}</td>'
            f"<td>{weight * value:+.2f}</td></tr>"
        )


def _row(words: str, value: float, *, kind: str = "sum") -> str:
    """A line without a bar: many channels together are not to be compared with one. `words` is HTML."""
    return f'<tr class="{kind}"><th scope="row" colspan="3">{words}</th><td>{value:+.2f}</td></tr>'


def spot(why: Explanation, ledger: Ledger, channel: int, *, side: int) -> np.ndarray:
    """Where a channel responds, and whether that counts for the class, over what the model saw: uint8 RGB."""
    activity, whole = ledger.maps[channel], (0.0, 0.0, float(len(why.seen)), float(len(why.seen)))
    signed = activity * np.sign(ledger.weights[channel]) / max(float(np.abs(activity).max()), 1e-12)
    return heat.overlay(why.seen, signed, whole, side=side)
