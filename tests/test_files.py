"""Files and folders appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from macaw.errors import InputError, StorageError
from macaw.files import Stage, atomic_folder, atomic_write


class Interrupted(BaseException):
    """As sudden as Ctrl-C."""


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_a_file_is_written_with_its_folders_and_replaced(tmp_path: Path):
    path = tmp_path / "a" / "b.bin"
    assert atomic_write(path, b"old") == path
    assert atomic_write(str(path), b"new").read_bytes() == b"new"
    assert names(path.parent) == ["b.bin"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_what_is_written_has_the_rights_of_any_new_file(tmp_path: Path, mask: int):
    before = os.umask(mask)
    try:
        atomic_write(tmp_path / "file", b"")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask


def test_what_a_library_wrote_privately_into_a_folder_has_the_rights_of_any_new_file(tmp_path: Path):
    before = os.umask(0o022)
    try:
        with atomic_folder(tmp_path / "model") as folder:
            (folder / "inside").mkdir()
            (folder / "inside" / "weights").touch(mode=0o600)
    finally:
        os.umask(before)
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "model", *(tmp_path / "model").rglob("*"))]
    assert modes == [0o755, 0o755, 0o644]


@pytest.mark.parametrize(
    "problem", [Interrupted(), OSError(errno.ENOSPC, "No space left"), ValueError("bug")]
)
@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_failed_file_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, problem: BaseException
):
    def fail(*_: object) -> None:
        raise problem

    atomic_write(tmp_path / "file", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(StorageError if isinstance(problem, OSError) else type(problem)):
            atomic_write(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_storage_errors_name_the_file_and_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as problem:
        atomic_write(tmp_path / "file", b"")
    assert str(problem.value) == f"cannot write {tmp_path / 'file'}: the disk is full; free some space"
    (tmp_path / "wall").touch()
    with pytest.raises(StorageError, match="cannot write"):
        atomic_write(tmp_path / "wall" / "file", b"")


def fill(folder: Path, text: str) -> None:
    with atomic_folder(folder) as place:
        (place / "one").write_text(text)
        (place / "two").write_text(text)


def test_a_folder_takes_its_place_when_it_is_done(tmp_path: Path):
    folder = tmp_path / "models" / "mine"
    with atomic_folder(folder) as place:
        assert place.parent == folder.parent
        assert place.name.startswith(".")  # passed over by whoever looks for pictures meanwhile
        assert not folder.exists()
        (place / "old").touch()
    assert names(folder) == ["old"]
    fill(folder, "new")
    assert names(folder) == ["one", "two"]  # replaced, not merged
    assert names(folder.parent) == ["mine"]


@pytest.mark.parametrize("problem", [Interrupted(), OSError(errno.EDQUOT, "Quota"), ValueError("bug")])
def test_a_failed_folder_leaves_the_old_one_or_none(tmp_path: Path, problem: BaseException):
    fill(tmp_path / "old", "old")
    for name in ("old", "none"):
        with pytest.raises(StorageError if isinstance(problem, OSError) else type(problem)):
            with atomic_folder(tmp_path / name) as place:
                (place / "one").write_text("new")
                raise problem
    assert names(tmp_path) == ["old"]
    assert [(tmp_path / "old" / name).read_text() for name in ("one", "two")] == ["old", "old"]


def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "mine", "old")
    plain, calls = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:  # the old one is out of the way, the new one not in its place yet
            raise OSError(errno.EACCES, "Permission denied")
        return plain(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(StorageError, match="no permission"):
            fill(tmp_path / "mine", "new")
    assert len(calls) == 3
    assert names(tmp_path) == ["mine"]
    assert (tmp_path / "mine" / "one").read_text() == "old"


def test_errors_inside_a_folder_name_the_place_that_the_user_named(tmp_path: Path):
    with pytest.raises(StorageError) as problem, atomic_folder(tmp_path / "mine") as place:
        raise StorageError(f"cannot write {place / 'model.onnx'}: the disk is full; free some space")
    path = tmp_path / "mine" / "model.onnx"
    assert str(problem.value) == f"cannot write {path}: the disk is full; free some space"


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path):
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(StorageError, match="a file has that name"):
        fill(tmp_path / "mine", "new")
    assert (tmp_path / "mine").read_text() == "precious"
    assert names(tmp_path) == ["mine"]


WRITER = """
import sys
from pathlib import Path
from macaw.files import atomic_write
print("ready", flush=True)
for number in range(10**6):
    atomic_write(Path(sys.argv[1]), bytes([number % 256]) * 200_000)
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path):
    path = tmp_path / "file"
    for wait in (0.0, 0.01, 0.03):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            deadline = time.monotonic() + 30
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(wait)
            process.kill()
        data = path.read_bytes()
        assert len(data) == 200_000 and len(set(data)) == 1


def test_a_stage_tells_an_unfinished_run_from_an_empty_folder(tmp_path: Path):
    stage = Stage(tmp_path / "mine")
    assert stage.work == tmp_path / "mine.training"
    stage.check()
    stage.open()
    assert stage.work.is_dir() and not stage.unfinished
    stage.check()
    with pytest.raises(InputError, match="no unfinished run in"):
        Stage(stage.out, resume=True).check()
    (stage.work / "checkpoint").touch()
    assert stage.unfinished
    Stage(stage.out, resume=True).check()
    with pytest.raises(InputError, match="go on with it by --resume"):
        stage.check()
    stage.close()
    assert stage.unfinished  # a checkpoint stays
    (stage.work / "checkpoint").unlink()
    stage.close()
    stage.close()
    assert names(tmp_path) == []


def test_a_stage_does_not_write_over_a_model(tmp_path: Path):
    stage = Stage(tmp_path / "mine")
    stage.out.mkdir()
    stage.check()  # an empty folder is no loss
    (stage.out / "card.json").touch()
    with pytest.raises(InputError, match="exists; choose another folder"):
        stage.check()
    stage.work.mkdir()
    (stage.work / "checkpoint").touch()
    Stage(stage.out, resume=True).check()  # the model that an interrupted run left


@pytest.mark.parametrize("out", [".", "..", "a/..", "/"])
def test_a_stage_needs_a_name(out: str):
    with pytest.raises(InputError, match="is no name for a new folder"):
        Stage(Path(out)).check()


def test_a_stage_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "wall").touch()
    with pytest.raises(StorageError, match="cannot write"):
        Stage(tmp_path / "wall" / "mine").open()


def test_one_training_at_a_time_writes_to_a_folder(tmp_path: Path):
    one, other = Stage(tmp_path / "new" / "mine"), Stage(tmp_path / "new" / "mine")
    with one.claimed():
        with pytest.raises(InputError, match=r"another training writes to '.*mine'; wait, or choose another"):
            with other.claimed():
                pass
        with Stage(tmp_path / "new" / "yours").claimed():
            pass
    assert names(tmp_path / "new") == []
    with other.claimed():
        assert names(tmp_path / "new") == [".mine.lock"]


def test_a_killed_training_leaves_no_claim(tmp_path: Path):
    code = (
        "import sys, time; from macaw.files import Stage; from pathlib import Path\n"
        "with Stage(Path(sys.argv[1])).claimed(): print('mine', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "m"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"mine\n"
        with pytest.raises(InputError, match="another training"), Stage(tmp_path / "m").claimed():
            pass
        process.kill()
    with Stage(tmp_path / "m").claimed():
        pass
    assert names(tmp_path) == []
