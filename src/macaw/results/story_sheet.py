"""A story as one picture: its title and its paragraphs, to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from macaw.results.completion_words import drawn, ended
from macaw.results.draw import BLUE, ELLIPSIS, INK, NOTE, Box, Sheet, Style
from macaw.results.story_page import UNTITLED
from macaw.results.text_sheet import broken

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.story import Story

WIDTH, TALL, MARGIN = 1080, 3000, 72
INNER = WIDTH - 2 * MARGIN
HEAD, TEXT = Style(40, INK, "bold"), Style(24, INK)
PITCH, BETWEEN = 39, 20  # pixels from line to line, and more between paragraphs
LAST = TALL - 200  # where the text ends at the latest


def draw_story(one: Story) -> Image:
    """The sheet; it is as high as the story, of which a very long one is cut."""
    sheet, y = Sheet(WIDTH, TALL), MARGIN + 20.0
    for words in sheet.wrap(one.title or UNTITLED, INNER, lines=2, style=HEAD):
        sheet.text(MARGIN, y, words, style=HEAD)
        y += 52
    for paragraph in one.paragraphs:
        y += BETWEEN
        if y + PITCH > LAST:
            sheet.text(MARGIN, y, ELLIPSIS, style=TEXT)
            y += PITCH
            break
        for row in broken(sheet, paragraph, INNER, lines=int((LAST - y) / PITCH), style=TEXT):
            sheet.text(MARGIN, y, row.words, style=TEXT)
            y += PITCH
    y += BETWEEN
    sheet.bar(Box(MARGIN, y, 64, 3), BLUE)
    for words in (ended(one), f"{one.model or 'A language model'}, {drawn(one)}"):
        y += 32
        sheet.text(MARGIN, y, sheet.fit(words, INNER, NOTE), style=NOTE)
    return sheet.picture().crop((0, 0, WIDTH, round(min(TALL, y + MARGIN / 2 + 10))))
