"""Findings: what is wrong with a data set before a minute is spent on it, as text, page and contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.results.base import Result
from macaw.results.found import SEVERITIES, Crop, Finding, Found, Pair, Suspect

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SEVERITIES", "Crop", "Finding", "Findings", "Pair", "Suspect"]


@dataclass(frozen=True, eq=False)
class Findings(Found, Result):
    """What a look at a whole data set found; `macaw.data.lint` makes them, in the order of their severity.

    Raises InputError for a class that has pictures in a split that is not there.
    """

    @property
    def headline(self) -> str:
        """The verdict."""
        return self.verdict

    def plus(
        self, finding: Finding | None, *, suspects: Sequence[Suspect] = (), seconds: float = 0
    ) -> Findings:
        """These with one more finding, the suspects behind it, and the seconds that it took."""
        findings = (*self.findings, *([finding] if finding else []))
        suspects = (*self.suspects, *suspects)
        return replace(self, findings=findings, suspects=suspects, seconds=self.seconds + seconds)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pictures."""
        return {
            "path": self.path,
            "failed": self.failed,
            "verdict": self.verdict,
            "splits": dict(self.splits),
            "classes": {name: dict(counts) for name, counts in self.classes.items()},
            "counted": self.counted,
            "findings": [one.to_dict() for one in self.findings],
            "suspects": [one.to_dict() for one in self.suspects],
            "seconds": round(self.seconds, 3),
        }

    def to_html(self) -> str:
        """One self-contained page: what was found, the pictures it is about, and some of each class."""
        from macaw.results.findings_page import findings_page

        return findings_page(self)

    def save(self, path: str | Path) -> Path:
        """Write `.html` (a page), `.json` (all but pictures), `.png`, `.jpg` or `.webp` (the sheet)."""
        path = Path(path)
        if path.suffix == ".html":
            return atomic_write(path, self.to_html().encode())
        if path.suffix not in {".json", ".png", ".jpg", ".jpeg", ".webp"}:
            raise InputError(f"cannot save findings as '{path.name}': use .html, .json, .png, .jpg or .webp")
        return super().save(path)

    def plot(self) -> Image:
        """The contact sheet: suspicious pictures first, then crops of each class."""
        from macaw.results.contact_sheet import contact_sheet

        return contact_sheet(self)
