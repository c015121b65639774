"""Result: what every answer is, a frozen value that knows how to be a dictionary, a picture and a file."""

from __future__ import annotations

import io
import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError
from macaw.files import atomic_write

if TYPE_CHECKING:
    from PIL.Image import Image


class Result:
    """Base of every answer. Subclasses are frozen dataclasses of numpy arrays that check their shapes."""

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain Python values, ready for JSON."""
        raise NotImplementedError

    def plot(self) -> Image:
        """The answer as a picture (matplotlib and Pillow are imported here, not before)."""
        raise NotImplementedError

    @property
    def headline(self) -> str:
        """The answer in one line; of a kind that does not say otherwise, the first line of its text."""
        return str(self).partition("\n")[0].strip()

    def rank(self, names: Collection[str]) -> int | None:
        """The place, from 1, of the first of `names` in the answer; None where it ranks none of them."""
        return None

    def fragment(self, *, right: Collection[str] = ()) -> str:
        """The answer as a piece of HTML: the picture of `plot`; kinds that are words and figures give those.

        `right` are the names that would be right; who shows names marks them. The page that holds fragments
        carries the style of `macaw.results.fragments`.
        """
        from macaw.results.fragments import image

        return image(self.plot(), self.headline, side=1000, kind="drawn")

    def save(self, path: str | Path) -> Path:
        """Write the answer to `path`: `.json` for values, `.png`, `.jpg` or `.webp` for a picture."""
        path = Path(path)
        if path.suffix == ".json":
            text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
            return atomic_write(path, text.encode())
        if path.suffix in {".png", ".jpg", ".jpeg", ".webp"}:
            buffer = io.BytesIO()
            kind = {".jpg": "JPEG", ".jpeg": "JPEG"}.get(path.suffix, path.suffix[1:].upper())
            self.plot().convert("RGB").save(buffer, kind)
            return atomic_write(path, buffer.getvalue())
        raise InputError(f"cannot save a result as '{path.name}': use .json, .png, .jpg or .webp")

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.plot().save(buffer, "PNG")
        return buffer.getvalue()
