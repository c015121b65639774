"""Arrays in one safetensors file, opened by mapping it into memory: a page is read when it is looked at.

The format is a length, a JSON header with each array's type, shape and place, and the bytes. The library's
own reader copies what it reads; an n-gram of a gigabyte has to be there at once and to be shared by
processes.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from macaw.errors import ModelError, storage_errors

_NOTES = "notes"
_TYPES = {
    "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "I32": np.int32, "I64": np.int64,
    "F32": np.float32, "F64": np.float64,
}  # fmt: skip


def save_arrays(path: Path, arrays: dict[str, np.ndarray], notes: dict[str, str]) -> Path:
    """Write the file into a folder that takes its place later. Raises StorageError."""
    from safetensors.numpy import save_file

    # As one note: the library writes several in an order of chance, and equal models would differ
    told = {_NOTES: json.dumps(notes, sort_keys=True)}
    with storage_errors(path):
        save_file({name: np.ascontiguousarray(one) for name, one in arrays.items()}, path, metadata=told)
    return path


def map_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays, which cannot be written to, and the notes beside them. Raises ModelError."""
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        notes = json.loads(header.pop("__metadata__", {}).get(_NOTES, "{}"))
        return {name: _array(data, 8 + size, one) for name, one in header.items()}, notes
    except FileNotFoundError:
        raise ModelError(f"'{path.parent}' has no {path.name}; restore the folder, or train again") from None
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        fault = " ".join(str(problem).split())
        raise ModelError(f"{path} is damaged ({fault}); restore the folder, or train again") from problem


def _array(data: mmap.mmap, base: int, entry: dict[str, Any]) -> np.ndarray:
    kind = np.dtype(_TYPES[entry["dtype"]])
    low, high = entry["data_offsets"]
    size = (high - low) // kind.itemsize
    values = np.frombuffer(data, kind, size, base + low) if size else np.zeros(0, kind)
    return values.reshape(entry["shape"])
