"""The zoo: the embedded models, one folder each, trained by the scripts in `recipes/`; found by name."""

from __future__ import annotations

from pathlib import Path

from macaw.errors import ModelError

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The embedded models there are."""
    return sorted(path.parent.name for path in FOLDER.glob("*/card.json"))


def folder(name: str) -> Path:
    """The folder of the embedded model `name`.

    Raises ModelError when this copy of macaw lacks it.
    """
    path = FOLDER / name
    if not (path / "card.json").is_file():
        raise ModelError(
            f"this copy of macaw has no embedded model '{name}'; it has: {', '.join(names()) or 'none'}"
        )
    return path
