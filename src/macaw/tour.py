"""The tour: every application once, on its embedded model and samples at hand, measured: one HTML file."""

from __future__ import annotations

import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from macaw import __version__
from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.machine import cpu_count, processor
from macaw.tasks import TASKS
from macaw.visit import Visit, visit

NAME = "index.html"


@dataclass(frozen=True)
class Machine:
    """What the tour was measured on."""

    processor: str
    cores: int  # those that this process may keep busy
    python: str
    macaw: str
    onnxruntime: str

    @classmethod
    def here(cls) -> Machine:
        """This machine."""
        try:
            engine = version("onnxruntime")
        except PackageNotFoundError:  # there under another name: onnxruntime-gpu, a build of one's own
            engine = "of unknown version"
        return cls(processor(), cpu_count(), platform.python_version(), __version__, engine)

    @property
    def place(self) -> str:
        """How many cores of which processor."""
        return f"{self.cores} core{'' if self.cores == 1 else 's'} of {self.processor}"

    def __str__(self) -> str:
        return f"{self.place}, Python {self.python}, macaw {self.macaw}, ONNX Runtime {self.onnxruntime}"


@dataclass(frozen=True, eq=False)
class Tour:
    """What `tour` found and where it wrote it. `print` shows a summary, `to_dict` everything."""

    path: Path  # of the report
    rows: tuple[Visit, ...]  # one for each row of the table, in its order
    machine: Machine
    seconds: float  # in all
    quick: bool = False

    @property
    def failed(self) -> tuple[str, ...]:
        """The applications that did not run."""
        return tuple(row.task.name for row in self.rows if row.problem)

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures, as plain values."""
        return {
            "path": str(self.path),
            "quick": self.quick,
            "seconds": round(self.seconds, 3),
            "machine": asdict(self.machine),
            "failed": list(self.failed),
            "rows": [row.to_dict() for row in self.rows],
        }

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self.rows), str(self.machine)])


def tour(out: str | Path = "tour", *, quick: bool = False) -> Tour:
    """Run every row of the table and write `out`/index.html, which loads nothing from elsewhere.

    `quick` shows one sample of each. A row that fails says why in its place and raises nothing, see
    `Tour.failed`. Raises InputError when `out` is a file, StorageError when the report cannot be written.
    """
    from macaw.tour_page import page

    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"'{folder}' is a file; give the folder for the report")
    began = time.perf_counter()
    rows = tuple(visit(task, quick=quick) for task in TASKS.values())
    taken = Tour(folder / NAME, rows, Machine.here(), time.perf_counter() - began, quick)
    text = page(rows, place=taken.machine.place, machine=str(taken.machine), seconds=taken.seconds)
    atomic_write(taken.path, text.encode())
    return taken
