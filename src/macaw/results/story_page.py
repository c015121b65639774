"""A story as one self-contained HTML page to read, and as a piece of a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from macaw.results.completion_page import cost_section, made_section
from macaw.results.completion_style import STYLE
from macaw.results.completion_words import SHADE, drawn, ended
from macaw.results.explanation_inside import section
from macaw.results.page import document
from macaw.results.shaded import legend, written
from macaw.results.words import several

if TYPE_CHECKING:
    from macaw.results.story import Story

UNTITLED = "A story without a title"


def story_page(one: Story) -> str:
    """The page. Nothing is loaded from elsewhere and no script runs."""
    title = one.title or UNTITLED
    header = f'<h1 class="story-title">{escape(title)}</h1>\n<p class="quiet">{escape(_byline(one))}</p>'
    cut = f'<p class="note">{escape(ended(one))}</p>' if one.ends == "limit" else ""
    article = f'<article class="story">\n{_paragraphs(one)}\n</article>\n{cut}'
    shaded = f"<details><summary>Show it</summary>\n{written(one.shaded)}\n{legend()}\n</details>"
    tokens = section("Token by token", f"<p>{escape(SHADE)}</p>", shaded)
    return document(
        title, header, "\n".join((article, tokens, cost_section(one), made_section(one))), style=STYLE
    )


def story_fragment(one: Story) -> str:
    """The story and how it was drawn, for a page that carries `macaw.results.completion_style.FRAGMENT`."""
    title = f'<p class="title">{escape(one.title or UNTITLED)}</p>'
    words = " ".join(filter(None, (ended(one) if one.ends == "limit" else "", f"{drawn(one)}.")))
    return (
        f'<div class="story">\n{title}\n{_paragraphs(one)}\n</div>\n'
        f'<p class="quiet">{escape(words[:1].upper() + words[1:])}</p>'
    )


def _paragraphs(one: Story) -> str:
    return "\n".join(f"<p>{escape(words)}</p>" for words in one.paragraphs)


def _byline(one: Story) -> str:
    words = sum(len(paragraph.split()) for paragraph in one.paragraphs)
    given = "of this title" if one.prompt else "and given this title"
    return f"Told {given} by {one.model or 'a language model'}, in {several(words, 'word')}."
