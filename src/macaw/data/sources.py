"""Where a picture comes from: a path, bytes, an open file or an item of a pack, each with a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from macaw.data.find import no_such, shown, unreadable
from macaw.errors import InputError


class Pack(Sequence["PackItem"]):
    """Many pictures in one larger file; its items are made when asked for."""

    name: str  # as in messages: train.npz

    def read(self, index: int) -> bytes | Image.Image:
        """Item `index` as the bytes of a picture file, or as a picture."""
        return self.content(index)

    def content(self, index: int) -> bytes:
        """What makes item `index` itself: its bytes as stored."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> PackItem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PackItem]: ...
    def __getitem__(self, index: int | slice) -> PackItem | Sequence[PackItem]:
        if isinstance(index, slice):
            return [PackItem(self, item) for item in range(len(self))[index]]
        return PackItem(self, range(len(self))[index])


@dataclass(frozen=True, slots=True)
class PackItem:
    """One picture of a pack."""

    pack: Pack
    index: int

    @property
    def label(self) -> str:
        """What messages call it, as in `train.npz[17]`."""
        return f"{self.pack.name}[{self.index}]"

    def read(self) -> bytes | Image.Image:
        """The bytes of a picture file, or the picture."""
        return self.pack.read(self.index)

    def content(self) -> bytes:
        """The bytes as stored."""
        return self.pack.content(self.index)


def source_name(source: Any) -> str:
    """What messages call a source: its path, its packed label, or 'the picture'."""
    if isinstance(source, str | Path):
        return shown(source)
    if isinstance(source, np.ndarray):
        return "the array"
    label = getattr(source, "label", None) or getattr(source, "name", None)
    return shown(label) if isinstance(label, str) else "the picture"


def source_bytes(source: Any) -> bytes:
    """The bytes of a path, an open binary file or a packed item, or `source` itself when it is bytes.

    Raises InputError when there is no such file, it cannot be read, or the source is of another kind.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | Path):
        return _file_bytes(Path(source))
    if isinstance(source, PackItem):
        return source.content()
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, bytes):
            return data
        raise InputError(f"'{source_name(source)}' is open in text mode; open it with mode 'rb'")
    allowed = "a path, bytes, a binary file, a Pillow picture or an array"
    raise InputError(f"cannot read a picture from {type(source).__name__}; allowed is {allowed}")


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as problem:
        raise InputError(no_such(path)) from problem
    except IsADirectoryError as problem:
        raise InputError(f"'{shown(path)}' is a folder, not a picture; name a file in it") from problem
    except (OSError, ValueError) as problem:  # ValueError: a zero byte in the name
        raise unreadable(path, problem) from problem
