"""A completion as one self-contained HTML page, and its text as a piece of a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results.autoregression_words import SETTINGS
from macaw.results.completion_style import STYLE
from macaw.results.completion_words import BITS, CHANCE, OWN, SHADE, again, cost, drawn, hardest, lede, line
from macaw.results.explanation_inside import section
from macaw.results.page import document
from macaw.results.shaded import legend, written

if TYPE_CHECKING:
    from macaw.results.completion import Completion
    from macaw.results.shaded import Shaded

_HARDEST = 8  # tokens of the table


def completion_page(one: Completion) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    header = f'<h1>A text goes on</h1>\n<p class="lede">{escape(lede(one))}</p>'
    text = section("The text", f"<p>{escape(SHADE)}</p>", written(one.shaded), legend())
    main = "\n".join((text, cost_section(one), made_section(one)))
    return document(line(one.whole, 60) or "A text goes on", header, main, style=STYLE)


def completion_fragment(one: Completion) -> str:
    """The text and how it was drawn, for a page that carries `macaw.results.completion_style.FRAGMENT`."""
    return f'{written(one.shaded)}\n{legend()}\n<p class="quiet">{escape(drawn(one))}</p>'


def cost_section(one: Completion) -> str:
    """What the tokens cost, and the least expected of them."""
    return section("What it cost", f"<p>{escape(f'{cost(one)} {BITS} {OWN}')}</p>", hard_table(one.shaded))


def hard_table(one: Shaded) -> str:
    """The tokens of most bits, with what stands before them."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="n">{bits:.1f}</td><td>{escape(before)}</td></tr>'
        for name, bits, before in hardest(one, _HARDEST)
    )
    head = '<tr><th>least expected</th><th class="n">bits</th><th>after</th></tr>'
    return f'<table class="hard"><thead>{head}</thead>\n<tbody>\n{rows}\n</tbody></table>' if rows else ""


def made_section(one: Completion) -> str:
    """Model, settings and seed, and the commands that make the text, and an account of it, again."""
    facts = {"Model": escape(one.model or "not named"), "Settings": escape(drawn(one))}
    for name in one.settings:
        if name in SETTINGS:
            facts[name.replace("_", "-").capitalize()] = escape(SETTINGS[name])
    facts["Chance"] = escape(CHANCE)
    facts["Again"] = f"<pre><code>{escape(again(one))}</code></pre>{escape(_own(one))}"
    facts["Token by token"] = f"<pre><code>{escape(again(one, 'explain'))}</code></pre>"
    items = "\n".join(f"<div><dt>{name}</dt><dd>{words}</dd></div>" for name, words in facts.items())
    return section("How it was made", f'<dl class="made">\n{items}\n</dl>')


def _own(one: Completion) -> str:
    item = f"It is the last of these {one.item + 1}. " if one.item else ""
    return f"{item}For a model of your own write its folder in place of {one.application}."
