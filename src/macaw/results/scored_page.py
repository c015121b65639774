"""A text and its surprise as one self-contained HTML page, and as a piece of a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results.completion_page import hard_table
from macaw.results.completion_style import STYLE
from macaw.results.completion_words import BITS, COMPARED, SHADE_ALL, figures, line
from macaw.results.explanation_inside import section
from macaw.results.page import document
from macaw.results.shaded import legend, written
from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.scored import Scored


def scored_page(one: Scored) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    lead = f"{one.model or 'The model'}: {figures(one)}."
    header = f'<h1>How likely is this text?</h1>\n<p class="lede">{escape(lead)}</p>'
    text = section("The text", f"<p>{escape(SHADE_ALL)}</p>", written(one.shaded), legend())
    cost = section("Its hardest tokens", f"<p>{escape(BITS)}</p>", hard_table(one.shaded))
    return document(line(one.text, 60), header, "\n".join((text, cost, _figures(one))), style=STYLE)


def scored_fragment(one: Scored) -> str:
    """Text and figures, for a page that carries `macaw.results.completion_style.FRAGMENT`."""
    return f'{written(one.shaded)}\n{legend()}\n<p class="quiet">{escape(figures(one))}</p>'


def _figures(one: Scored) -> str:
    compared = one.bits_per_byte
    lost = "does not exist: the tokens of this model do not tell every text to the letter"
    facts = {
        "Altogether": f"{one.bits:,.1f} bits over {several(len(one.names), 'token')}",
        "Bits per byte": lost if compared is None else f"{compared:.4f}, over {several(one.size, 'byte')}",
        "Perplexity": f"{one.perplexity:,.2f} per token",
    }
    items = "\n".join(f"<div><dt>{name}</dt><dd>{escape(words)}</dd></div>" for name, words in facts.items())
    return section("The figures", f"<p>{escape(COMPARED)}</p>", f'<dl class="made">\n{items}\n</dl>')
