"""A text token by token as one self-contained HTML page; and the text alone as a piece of a page.

Every token of the text leads to its turn: what the model expected there, what the settings kept and cut, what
the models beside it expected, and which past tokens it depends on; one turn shows what was inside. Nothing
loads, and no script runs.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from macaw.results.autoregression_style import STYLE
from macaw.results.autoregression_turns import chart, raised, turn_card
from macaw.results.autoregression_words import (
    BARS,
    BESIDE,
    CHAIN,
    ERASURE,
    SETTINGS,
    SHADE,
    asked,
    compared,
    lede,
    product,
)
from macaw.results.explanation_inside import section
from macaw.results.glance_page import STYLE as INSIDE
from macaw.results.glance_page import inside_section
from macaw.results.page import document

if TYPE_CHECKING:
    from macaw.results.autoregression import Autoregression
    from macaw.results.turns import Turn

SHADES = (1.0, 3.0, 6.0, 10.0)  # bits from which a token is a shade darker
_PAST = 60  # characters of the text that stand before a turn


def autoregression_page(why: Autoregression) -> str:
    """The whole page."""
    header = f'<h1>One token at a time</h1>\n<p class="lede">{escape(lede(why))}</p>'
    return document(
        "One token at a time",
        header,
        "\n".join(filter(None, (_text(why), _chain(why), _turns(why), inside_section(why), _made(why)))),
        style=STYLE + INSIDE,
    )


def autoregression_fragment(why: Autoregression) -> str:
    """The text, its shades and how it was drawn: for a page that carries `autoregression_style.TEXT`."""
    return f'{_written(why, link=False)}\n{_shades()}\n<p class="quiet">{escape(asked(why))}</p>'


def _text(why: Autoregression) -> str:
    return section(
        "The text",
        f"<p>{escape(SHADE)} Each leads to its turn below.</p>",
        _written(why, link=True),
        _shades(),
    )


def _written(why: Autoregression, *, link: bool) -> str:
    tokens = "".join(_token(turn, number, link=link) for number, turn in enumerate(why.turns, start=1))
    lead = f'<span class="lead">{escape(why.lead)}</span>' if why.lead else ""
    return f'<p class="written">{lead}{tokens}</p>'


def _token(turn: Turn, number: int, *, link: bool) -> str:
    words = escape(turn.text) or ("" if not link else "&#8203;")
    kind = f"tok {turn.how} b{shade(turn.bits)}"
    hint = f"{turn.name}: {turn.bits:.1f} bits"
    if not link:
        return f'<span class="{kind}" title="{escape(hint)}">{words}</span>'
    return f'<a class="{kind}" href="#t{number}" title="{escape(hint)}">{words}</a>'


def shade(bits: float) -> int:
    """0..4: how dark a token of so many bits is."""
    return sum(bits >= least for least in SHADES)


def _shades() -> str:
    ends = [
        f"under {SHADES[0]:g}",
        *(f"{low:g} to {high:g}" for low, high in pairwise(SHADES)),
    ]
    names = [*ends, f"{SHADES[-1]:g} and more bits"]
    marks = "".join(f'<span class="b{place}">{name}</span>' for place, name in enumerate(names))
    return f'<p class="shades">Surprise: {marks}</p>'


def _chain(why: Autoregression) -> str:
    words = compared(why)
    return section(
        "P(x₁ … xₙ), by the chain rule",
        f"<p>{escape(CHAIN)}</p>",
        f'<p class="product">P = {raised(product(why))}</p>',
        chart(why),
        f"<p>{escape(words)}</p>",
    )


def _turns(why: Autoregression) -> str:
    names = " and ".join(one.name for one in why.turns[0].opinions)
    words = [BARS, BESIDE.format(names=names) if names else ""]
    words.append(ERASURE if any(turn.erasure for turn in why.turns) else "")
    past, cards = why.lead, []
    for number, (turn, total) in enumerate(zip(why.turns, why.running.tolist(), strict=True), start=1):
        cards.append(turn_card(turn, number, past[-_PAST:], total))
        past += turn.text
    items = "\n".join(cards)
    return section(
        "Every turn", f"<p>{escape(' '.join(filter(None, words)))}</p>", f'<ol class="turns">\n{items}\n</ol>'
    )


def _made(why: Autoregression) -> str:
    facts = {"Settings": asked(why)}
    facts |= {
        name.replace("_", "-").capitalize(): SETTINGS[name] for name in why.settings if name in SETTINGS
    }
    facts["Chance"] = (
        "One number for each token, from the seed: the same seed gives the same text. Another branch goes on "
        "with the numbers that were left at its turn."
    )
    facts["Another branch"] = (
        "From any of these turns, with any token: macaw explain … --step 7 --token fox; in Python "
        'explain(…, step=7, token="fox").'
    )
    items = "\n".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
    notes = "\n".join(f'<p class="note">{escape(note)}</p>' for note in why.notes)
    return section("How it was made", notes, f'<dl class="made">\n{items}\n</dl>')
