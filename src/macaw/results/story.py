"""Story: a completion that is a title and the paragraphs told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from macaw.results.completion import Completion

if TYPE_CHECKING:
    from collections.abc import Collection

    from PIL.Image import Image
    from rich.text import Text


@dataclass(frozen=True, eq=False)
class Story(Completion):
    """A document `Title`, a blank line, and paragraphs of a line each; `prompt` and `text` are parts of it.

    Raises InputError when the parts do not fit together.
    """

    application: ClassVar[str] = "story"

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text.assemble((self.title, "bold"), "\n\n", "\n\n".join(self.paragraphs))

    @property
    def title(self) -> str:
        """The first line."""
        return self.whole.strip("\n").partition("\n")[0].strip()

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What follows the title, a paragraph from line to line; none of a story that has hardly begun."""
        rest = self.whole.strip("\n").partition("\n")[2]
        return tuple(line.strip() for line in rest.split("\n") if line.strip())

    @property
    def headline(self) -> str:
        """The title, and the first words."""
        from macaw.results.completion_words import line

        return line(f"{self.title}: {' '.join(self.paragraphs)}" if self.paragraphs else self.title)

    def to_dict(self) -> dict[str, Any]:
        """Title and paragraphs, then everything of a completion."""
        return {"title": self.title, "paragraphs": list(self.paragraphs), **super().to_dict()}

    def plot(self) -> Image:
        """One sheet: the title and the paragraphs."""
        from macaw.results.story_sheet import draw_story

        return draw_story(self)

    def to_html(self) -> str:
        """One self-contained page: the story to read, then token by token, and how to make it again."""
        from macaw.results.story_page import story_page

        return story_page(self)

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The story to read, for a page that shows several answers."""
        from macaw.results.story_page import story_fragment

        return story_fragment(self)
