"""Files are written whole or not at all: to a temporary name beside the target, then renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from macaw.errors import InputError, StorageError, storage_errors

fcntl: ModuleType | None
try:
    import fcntl
except ModuleNotFoundError:  # Windows: two trainings into one folder are not told apart there
    fcntl = None


def atomic_write(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path`; whoever interrupts it leaves the old file or the new one.

    Raises StorageError when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())  # mkstemp makes private files; a result is not a secret
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return path


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well.

    An existing folder is replaced by two renames; when the block fails nothing remains of the new one. Raises
    StorageError, also where a file has that name.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise StorageError(f"cannot write {path}: a file has that name; choose another")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        old = temporary.with_name(temporary.name + ".old")
        try:
            yield temporary
            for one in temporary.rglob("*"):  # libraries make private files too
                one.chmod((0o777 if one.is_dir() else 0o666) & ~_umask())
            temporary.chmod(0o777 & ~_umask())
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        except BaseException as problem:
            if old.exists() and not path.exists():
                old.rename(path)
            if isinstance(problem, StorageError):  # in terms of the folder that the user named
                raise StorageError(str(problem).replace(str(temporary), str(path))) from problem
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


@dataclass(frozen=True)
class Stage:
    """Where a training writes: the model's folder at its end, the checkpoint beside it until then."""

    out: Path
    resume: bool = False

    @property
    def work(self) -> Path:
        """The folder of the checkpoint, beside the model's."""
        return self.out.with_name(self.out.name + ".training")

    @property
    def unfinished(self) -> bool:
        """Whether there is a run to go on with."""
        return self.work.is_dir() and any(self.work.iterdir())

    def check(self) -> None:
        """Refuse to write over a model or an unfinished run.

        Raises InputError.
        """
        if self.out.name in {"", ".."}:  # the folder takes its place by a rename, which these cannot
            raise InputError(f"'{self.out}' is no name for a new folder; give one, such as my-model")
        if self.resume and not self.unfinished:
            raise InputError(f"no unfinished run in '{self.work}'; train without resume")
        if not self.resume and self.unfinished:
            raise InputError(
                f"'{self.work}' holds an unfinished run; go on with it by --resume, or delete it"
            )
        if not self.resume and self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise InputError(f"'{self.out}' exists; choose another folder for the model, or delete this one")

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """While the block runs, nobody else may train into `out`.

        Raises InputError when somebody does, StorageError where nothing can be written.
        """
        path = self.out.with_name(f".{self.out.name}.lock")
        with storage_errors(self.out):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _locked(path)
        if handle is None:
            raise InputError(f"another training writes to '{self.out}'; wait, or choose another folder")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: whoever has opened it looks again
            os.close(handle)

    def open(self) -> None:
        """Make the folder of the checkpoint, so that a place which cannot be written is refused at once.

        Raises StorageError.
        """
        with storage_errors(self.out):
            self.work.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Remove the folder of the checkpoint when there is none in it."""
        if self.work.is_dir() and not self.unfinished:
            self.work.rmdir()


def cache_folder() -> Path:
    """Where macaw keeps what it can make again: features, converted checkpoints. Deleting it loses only time.

    `$XDG_CACHE_HOME/macaw`, else `~/.cache/macaw`. It is not made here.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "macaw"


def _locked(path: Path) -> int | None:
    """A lock on `path`, which is made, as an open file; None when another process, or thread, has it."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        os.close(handle)  # its last owner removed the file between the two lines above


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
