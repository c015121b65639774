"""Bad input of every kind: one clear line, the documented exit code, and nothing half-written.

Each case goes through the real command. What is compared is the listing of the present folder, hidden files
and sizes included, before and after.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Listing = Callable[[Path], list[str]]

USAGE, INPUT, MODEL, STORAGE, STOPPED = 2, 3, 4, 6, 130  # docs/cli.md


def picture(path: str, *, seed: int = 0) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)).save(path)


def cut(path: str, size: int) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:size])


def edit_card(folder: str, **changes: Any) -> None:
    path = Path(folder, "card.json")
    card = json.loads(path.read_text())
    path.write_text(
        json.dumps({name: value for name, value in {**card, **changes}.items() if value != "DROP"})
    )


@pytest.fixture(scope="module")
def stock(little: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one thing of each bad kind."""
    root = tmp_path_factory.mktemp("stock")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        picture("good.png")
        Path("text.jpg").write_text("<!doctype html><html>404</html>")
        Path("nothing.png").touch()
        picture("short.png")
        cut("short.png", 300)
        Path("empty").mkdir()
        Path("notes").mkdir()
        Path("notes/read.txt").write_text("no picture here")
        for number in range(4):
            for name in ("train/cat", "train/dog", "val/cat", "val/dog", "val/doge"):
                picture(f"only-val/{name}/{number}.png", seed=number)
            for name in ("cat", "dog"):
                picture(f"hollow/{name}/{number}.png", seed=number)
                picture(f"fine/{name}/{number}.png", seed=10 * len(name) + number + ord(name[0]))
                picture(f"spoilt/{name}/{number}.png", seed=100 + number + ord(name[0]))
            picture(f"flat/{number}.png", seed=number)
            picture(f"single/cat/{number}.png", seed=number)
            picture(f"shapes/disc/{number}.png", seed=number)
            picture(f"shapes/square/{number}.png", seed=50 + number)
            picture(f"shapes/disk/{number}.png", seed=90 + number)
        Path("hollow/bird").mkdir()
        cut("spoilt/dog/2.png", 100)
        Path("table.csv").write_text("image,label\ngood.png,cat\nlost.png,dog\n")
        Path("several.csv").write_text("image,labels\ngood.png,disc|cross\n")
        Path("columns.csv").write_text("picture,name\ngood.png,cat\n")
        for name in (
            "model",
            "no-card",
            "cut-card",
            "text-card",
            "bare-card",
            "later",
            "no-weights",
            "cut-weights",
        ):
            shutil.copytree(little, name)
        for name in ("no-graph", "cut-graph", "other-weights", "detector"):
            shutil.copytree(little, name)
        Path("no-card/card.json").unlink()
        cut("cut-card/card.json", 400)
        Path("text-card/card.json").write_bytes(b"\xff\xfe\x00")
        edit_card("bare-card", prepare="DROP")
        edit_card("later", format=99)
        Path("no-weights/model.safetensors").unlink()
        cut("cut-weights/model.safetensors", 9999)
        Path("no-graph/model.onnx").unlink()
        cut("cut-graph/model.onnx", 9999)
        edit_card("other-weights", names=["cross", "disc"])
        edit_card("detector", task="detect")
        Path("run.training").mkdir()
        Path("run.training/checkpoint.safetensors").write_bytes(b"not a checkpoint")
        Path("idle.training").mkdir()
        Path("fit.csv").write_text("image,label\ngood.png,cross\n")
        Path("taken.onnx").mkdir()
    return root


# The command, its exit code, and what its one line must say
CASES: dict[str, tuple[str, int, str]] = {
    # inputs
    "no such file": ("run model nosuch.png", INPUT, "no such file or folder: 'nosuch.png'"),
    "misspelt file": ("run model god.png", INPUT, "Did you mean 'good.png'?"),
    "empty folder": ("run model empty", INPUT, "no picture in folder 'empty'"),
    "folder without pictures": ("run model notes", INPUT, "no picture in folder 'notes'"),
    "text named .jpg": ("run model text.jpg", INPUT, "text.jpg is text (HTML), not a picture"),
    "zero bytes": ("run model nothing.png", INPUT, "nothing.png is empty (0 bytes)"),
    "cut picture": ("run model short.png", INPUT, "short.png is cut short"),
    "pattern without a match": ("run model *.tif", INPUT, "pattern '*.tif' matches nothing"),
    "web address": ("run model https://a.b/c.jpg", INPUT, "downloads nothing"),
    "empty name": ("run model ''", INPUT, "an empty name was given"),
    "empty standard input": ("run model -", INPUT, "standard input is empty"),
    # names
    "a checkpoint that is not here": ("run hf:owner/name good.png", INPUT, "--download"),
    "a checkpoint without a name": ("run hf: good.png", INPUT, "hf:owner/name"),
    "unknown scheme s3": ("run s3://bucket/model good.png", USAGE, "scheme 's3:' is not known"),
    "misspelt application": ("run clasify good.png", USAGE, "Did you mean 'classify'?"),
    "misspelt folder": ("run ./modle good.png", USAGE, "Did you mean 'model'?"),
    "misspelt application beside a folder": (
        "run clasify good.png --model model",
        USAGE,
        "Did you mean 'classify'?",
    ),
    "misspelt application to train": ("train clasify fine --out new", USAGE, "Did you mean 'classify'?"),
    "misspelt verb": ("rum model good.png", USAGE, "no command 'rum'. Did you mean 'run'?"),
    "misspelt engine": ("run model good.png --engine tourch", USAGE, "Did you mean 'torch'?"),
    "misspelt option": ("run model good.png --jsn", USAGE, "no option '--jsn'. Did you mean '--json'?"),
    "option without its value": ("run model good.png --top", USAGE, "'--top' requires an argument"),
    "value out of range": ("run model good.png --top 0", USAGE, "invalid value for '--top'"),
    "value of another kind": ("run model good.png --top many", USAGE, "invalid value for '--top'"),
    "missing argument": (
        "run model",
        USAGE,
        "missing argument 'INPUTS': 'classify' wants one; see macaw run",
    ),
    "missing option": ("train classify fine", USAGE, "missing option '--out'; see macaw train --help"),
    # models
    "no model": ("run empty good.png", MODEL, "'empty' is not a model: it has no card.json"),
    "a file for a model": (
        "run good.png good.png",
        MODEL,
        "'good.png' is no model; give the folder of one, or a file (.onnx, .xml)",
    ),
    "model without card": ("run no-card good.png", MODEL, "'no-card' is not a model"),
    "cut card": ("run cut-card good.png", MODEL, "cut-card/card.json is damaged"),
    "card of other bytes": ("run text-card good.png", MODEL, "text-card/card.json is damaged"),
    "card without a field": ("run bare-card good.png", MODEL, "it has no field 'prepare'"),
    "later format": ("run later good.png", MODEL, "has format 99, this macaw reads up to 1; upgrade macaw"),
    "no weights": ("run no-weights good.png", MODEL, "no-weights has no model.safetensors"),
    "cut weights": (
        "run cut-weights good.png",
        MODEL,
        "cut-weights/model.safetensors is cut short or damaged",
    ),
    "no graph": ("run no-graph good.png", MODEL, "no-graph has no model.onnx"),
    "cut graph": ("run cut-graph good.png", MODEL, "cut-graph/model.onnx is damaged"),
    "class table of another model": ("run other-weights good.png", MODEL, "class table needs (N, 2)"),
    "cut weights, scored": ("evaluate cut-weights shapes/disc/..", INPUT, "class 'disk'"),
    "cut weights, exported": (
        "export cut-weights new.onnx",
        MODEL,
        "model.safetensors is cut short or damaged",
    ),
    "cut graph, exported": ("export cut-graph new.onnx", MODEL, "model.onnx is damaged"),
    "cut weights, torch": ("run cut-weights good.png --engine torch", MODEL, "is cut short or damaged"),
    "class table, torch": ("run other-weights good.png --engine torch", MODEL, "class table needs (N, 2)"),
    # training data
    "no such data": ("train classify nosuch --out new", INPUT, "no such file or folder: 'nosuch'"),
    "empty data": ("train classify empty --out new", INPUT, "(the folder is empty)"),
    "class only in validation": (
        "train classify only-val --out new",
        INPUT,
        "class 'doge' is in val but not in train",
    ),
    "empty class folder": ("train classify hollow --out new", INPUT, "without a picture: 'bird'"),
    "one class": ("train classify single --out new", INPUT, "only one class, 'cat'"),
    "no classes": ("train classify flat --out new", INPUT, "4 pictures, but in no class folder"),
    "unreadable picture": ("train classify spoilt --out new", INPUT, "spoilt/dog/2.png is cut short"),
    "lost picture in a table": (
        "train classify table.csv --out new",
        INPUT,
        "row 3, field 'image': no such file: 'lost.png'",
    ),
    "table of other columns": (
        "train classify columns.csv --out new",
        INPUT,
        "field 'image': no such column",
    ),
    # training options
    "model in the way": ("train classify fine --out model", INPUT, "'model' exists"),
    "file in the way": ("train classify fine --out good.png", INPUT, "'good.png' exists"),
    "below a file": ("train classify fine --out good.png/new", STORAGE, "cannot write good.png/new"),
    "present folder": ("train classify fine --out .", INPUT, "'.' is no name for a new folder"),
    "unfinished run in the way": ("train classify fine --out run", INPUT, "go on with it by --resume"),
    "nothing to resume": (
        "train classify fine --out new --resume",
        INPUT,
        "no unfinished run in 'new.training'",
    ),
    "nothing in it to resume": (
        "train classify fine --out idle --resume",
        INPUT,
        "no unfinished run in 'idle.training'",
    ),
    "damaged checkpoint": (
        "train classify fine --out run --start scratch --resume",
        MODEL,
        "checkpoint.safetensors is damaged",
    ),
    "unknown number": ("train classify fine --out new --set nosuch=1", USAGE, "a recipe has no 'nosuch'"),
    "misspelt number": ("train classify fine --out new --set moment=1", USAGE, "Did you mean 'momentum'?"),
    "number without value": ("train classify fine --out new --set rate", USAGE, "write it as NAME=VALUE"),
    "negative minutes": (
        "train classify fine --out new --minutes -1",
        INPUT,
        "minutes=-1.0: a number above 0",
    ),
    "too few minutes": ("train classify fine --out new --start scratch --minutes 0.01", INPUT, "allow more"),
    "minutes and epochs": ("train classify fine --out new --minutes 1 --epochs 2", INPUT, "give one of them"),
    # evaluation, export, tour
    "no data to score": ("evaluate model nosuch", INPUT, "no such file or folder: 'nosuch'"),
    "unknown class": ("evaluate model shapes", INPUT, "Did you mean 'disc'?"),
    "unknown split": ("evaluate model several.csv --split tset", INPUT, "several labels a picture"),
    "several labels for a model of one": ("evaluate model several.csv", INPUT, "the model gives one label"),
    "report of another kind": (
        "evaluate model fit.csv --out new.pdf",
        INPUT,
        "cannot save scores as 'new.pdf'",
    ),
    "split the data lacks": (
        "evaluate model fit.csv --split vall",
        INPUT,
        "has no split 'vall'. Did you mean 'val'?",
    ),
    "wrong suffix": ("export model new.pt", INPUT, "cannot export to 'new.pt': the suffix must be one of"),
    "no such model to export": ("export modell new.onnx", USAGE, "Did you mean 'model'?"),
    "folder in the way of the export": ("export model taken.onnx", STORAGE, "cannot write taken.onnx"),
    "file in the way of the tour": ("tour --quick --out good.png", INPUT, "'good.png' is a file"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_and_leaves_nothing(
    name: str, stock: Path, macaw: Any, listing: Listing, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(stock)
    command, code, says = CASES[name]
    before = listing(stock)
    said = macaw(*(word.strip("'") for word in command.split(" ")))
    assert said.code == code, said.err
    assert len(said.complaints) == 1
    assert says in said.complaints[0]
    assert said.err.splitlines()[-1] == said.complaints[0]
    assert all(line.startswith(("macaw: ", "note: ")) for line in said.err.splitlines())
    assert "Traceback" not in said.err and "bug" not in said.err
    assert listing(stock) == before


def test_a_process_answers_like_the_call(start: Any):
    process = start("run", "s3:owner/name", "good.png")
    assert process.communicate(timeout=60)[1].startswith("macaw: cannot load 's3:owner/name': scheme 's3:'")
    assert process.returncode == USAGE


def test_whatever_is_cut_off_a_model_it_is_refused_in_one_line(little: Path, here: Path, macaw: Any):
    picture("good.png")
    for file in ("card.json", "model.safetensors", "model.onnx"):
        whole = (little / file).stat().st_size
        for size in (0, 1, 7, 8, 9, whole // 3, whole // 2, whole - 1000, whole - 2):
            shutil.copytree(little, "model")
            cut(f"model/{file}", size)
            said = macaw("run", "model", "good.png")
            # (protobuf cannot tell that a message ends early where its last field happens to end)
            assert (said.code, len(said.complaints)) == (MODEL, 1), (file, size, said)
            assert file in said.err
            shutil.rmtree("model")


# A full disk


class FullDisk:
    """Files of some name are full: what is written into them fails as a full disk does."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.make = patch, tempfile.mkstemp
        self.met = 0

    def fill(self, name: str, *, after: int = 0) -> None:
        """Fail every file whose name contains `name`, but for the first `after` of them."""
        seen = 0

        def mkstemp(*, prefix: str, dir: Path) -> tuple[int, str]:
            nonlocal seen
            handle, path = self.make(prefix=prefix, dir=dir)
            if name in prefix:
                seen += 1
                if seen > after:
                    os.close(handle)
                    handle = os.open("/dev/full", os.O_WRONLY)
                    self.met += 1
            return handle, path

        self.patch.setattr(tempfile, "mkstemp", mkstemp)

    def free(self) -> None:
        self.patch.setattr(tempfile, "mkstemp", self.make)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    return FullDisk(monkeypatch)


TRAIN = "train classify {shapes} --out new --epochs 2 --dial 0.25 --set batch=32"
FULL = {
    "the first checkpoint": (TRAIN, "checkpoint", []),
    "the report of an evaluation": ("evaluate {little} {shapes} --out scores.html", "scores.html", []),
    "the picture of an answer": ("run {little} {shapes}/disc/01.png --save seen", "0000-01.png", ["seen/"]),
    "an export": ("export {little} new.onnx", "new.onnx", []),
    "the tour": ("tour --quick --out seen", "index.html", ["seen/"]),
}


@pytest.mark.parametrize("name", FULL)
def test_a_full_disk_leaves_nothing(
    name: str,
    little: Path,
    shapes: Path,
    embedded: Path,
    here: Path,
    macaw: Any,
    listing: Listing,
    disk: FullDisk,
):
    command, file, folders = FULL[name]
    disk.fill(file)
    said = macaw(*command.format(little=little, shapes=shapes).split())
    assert said.code == STORAGE
    (line,) = said.complaints
    assert line.endswith("the disk is full; free some space") and "cannot write" in line
    assert disk.met == 1
    assert listing(here) == ["./", *folders]


@pytest.mark.parametrize("file", ["model.safetensors", "curve.png"])
def test_a_full_disk_when_the_model_is_saved_keeps_the_run(
    file: str, shapes: Path, here: Path, macaw: Any, listing: Listing, disk: FullDisk
):
    words = TRAIN.format(shapes=shapes).split()
    disk.fill(file)
    said = macaw(*words)
    assert (said.code, disk.met) == (STORAGE, 1)
    assert said.complaints == [f"macaw: cannot write new/{file}: the disk is full; free some space"]
    assert [line.split()[0] for line in listing(here)] == [
        "./",
        "new.training/",
        "new.training/checkpoint.safetensors",
    ]
    if file == "model.safetensors":
        return
    disk.free()  # what was computed is not lost: only the saving is repeated
    assert macaw(*words, "--resume").code == 0
    assert sorted(os.listdir(here)) == ["new"]


def test_a_full_disk_at_a_later_checkpoint_keeps_the_earlier(
    shapes: Path, here: Path, macaw: Any, disk: FullDisk
):
    words = TRAIN.format(shapes=shapes).split()
    disk.fill("checkpoint", after=1)
    assert macaw(*words).code == STORAGE
    assert os.listdir(here) == ["new.training"]
    assert os.listdir(here / "new.training") == ["checkpoint.safetensors"]
    disk.free()
    assert macaw(*words, "--resume").code == 0


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of a hundred kilobytes."""
    place = tmp_path / "tiny"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_file_system_that_is_really_full(
    tiny: Path, little: Path, shapes: Path, macaw: Any, listing: Listing
):
    for words in (
        ["train", "classify", shapes, "--out", tiny / "new", "--epochs", 2, "--dial", 0.25],
        ["export", little, tiny / "new.onnx"],
        ["evaluate", little, shapes, "--out", tiny / "new.png"],
    ):
        (tiny / "filler").write_bytes(bytes(95_000))
        said = macaw(*words)
        assert said.code == STORAGE
        assert said.complaints[0].endswith("the disk is full; free some space")
        assert listing(tiny) == ["./", "filler 95000"]


def test_a_folder_that_cannot_be_written(
    shapes: Path, here: Path, macaw: Any, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere, so no mode of a folder would do
    said = macaw("train", "classify", shapes, "--out", "new", "--epochs", 1)
    assert said.code == STORAGE
    assert said.complaints == ["macaw: cannot write new: no permission to write there; choose another folder"]
    assert "validation loss" not in said.err  # told before the time is spent


# Ctrl-C

# The command, which stops for a while at one place of the training and says so
SLOW = """
import sys, time
from macaw.training.progress import Bar
name, count = sys.argv[1], int(sys.argv[2])
plain, calls = getattr(Bar, name), []

def slow(self, *words):
    plain(self, *words)
    calls.append(words)
    if len(calls) == count:
        print("now", flush=True)
        time.sleep(60)

setattr(Bar, name, slow)
from macaw.cli import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def interrupt(start: Any, here: Path) -> Callable[..., tuple[int, list[str]]]:
    """`interrupt("step", 3, "train", ...)`: Ctrl-C at the third step; the exit code and standard error."""

    def at(place: str, count: int, *words: object) -> tuple[int, list[str]]:
        process = start(place, count, *words, code=SLOW, cwd=here)
        assert process.stdout.readline() == "now\n", process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        return process.returncode, err.splitlines()

    return at


def test_ctrl_c_before_the_first_evaluation_leaves_nothing(
    shapes: Path, here: Path, interrupt: Any, listing: Listing
):
    for place in ("read", "step"):
        code, lines = interrupt(place, 1, *TRAIN.format(shapes=shapes).split())
        assert code == STOPPED
        assert lines[-1] == "macaw: stopped"
        assert not any("Traceback" in line for line in lines)
        assert listing(here) == ["./"]


def test_ctrl_c_keeps_the_best_model_and_a_resumed_run_gives_the_same_bits(
    shapes: Path, here: Path, interrupt: Any, macaw: Any
):
    words = f"train classify {shapes} --epochs 5 --dial 0.25 --set batch=32 --seed 3 --out".split()
    code, lines = interrupt("scored", 3, *words, "broken")
    assert code == STOPPED
    assert lines[-1] == "stopped: broken is the best model so far; --resume goes on"
    assert sorted(os.listdir(here)) == ["broken", "broken.training"]
    assert macaw("run", "broken", shapes / "disc").code == 0
    assert len((here / "broken/history.csv").read_text().splitlines()) == 4

    assert macaw(*words, "broken", "--resume").code == 0
    assert macaw(*words, "whole").code == 0
    assert sorted(os.listdir(here)) == ["broken", "whole"]
    for file in ("model.safetensors", "model.onnx"):
        assert (here / "broken" / file).read_bytes() == (here / "whole" / file).read_bytes(), file
    columns = {name: curve(here / name, "val_loss") for name in ("broken", "whole")}
    assert len(columns["whole"]) == 5 and columns["broken"] == columns["whole"]


def curve(model: Path, column: str) -> list[str]:
    head, *rows = (line.split(",") for line in (model / "history.csv").read_text().splitlines())
    return [row[head.index(column)] for row in rows]


def test_ctrl_c_after_an_evaluation_but_before_a_checkpoint_promises_no_resume(
    shapes: Path, here: Path, interrupt: Any, macaw: Any
):
    words = TRAIN.format(shapes=shapes).split()
    code, lines = interrupt("scored", 1, *words)
    assert (code, lines[-1]) == (STOPPED, "stopped: new is the best model so far")
    assert os.listdir(here) == ["new"]
    assert macaw(*words, "--resume").code == INPUT


# A standard input that nobody ends, read by the command
WAITING = """
import sys, time

class Stdin:
    @property
    def buffer(self):
        print("now", flush=True)
        time.sleep(60)

sys.stdin = Stdin()
from macaw.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_while_it_waits_for_input(little: Path, start: Any):
    process = start("run", little, "-", code=WAITING)
    assert process.stdout.readline() == "now\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (STOPPED, "macaw: stopped\n")
