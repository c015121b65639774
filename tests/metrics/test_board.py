"""The board: records that many processes write at once are read back whole, and can be run again."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import macaw
from macaw import zoo
from macaw.card import Card
from macaw.data.examples import Examples
from macaw.errors import InputError, StorageError, UnknownName
from macaw.files import cache_folder
from macaw.metrics import board
from macaw.metrics.labels import score_labels
from macaw.metrics.provenance import content_of, record_of, reference_of, weights_of
from macaw.metrics.rerun import compare, rerun
from macaw.results.measures import Interval
from macaw.results.record import Record
from macaw.results.series import series_of


def record(**changes) -> Record:
    usual = Record(
        task="classify",
        data="cats",
        path="/data/cats",
        content="c" * 64,
        split="val",
        count=100,
        metrics={"top-1 error": Interval(0.2, 0.13, 0.29), "log loss": Interval(0.7, 0.6, 0.8, "nats")},
        model="little",
        reference="classify",
        weights="a" * 64,
        engine="onnxruntime",
        seed=0,
        commit="773e81da7762",
        machine="2 cores",
        time="2026-11-24T05:53:22Z",
        seconds=1.5,
    )
    return dataclasses.replace(usual, **changes)


def error(value: float) -> dict[str, Interval]:
    return {"top-1 error": Interval(value, value - 0.05, value + 0.05)}


# The file


def test_a_record_comes_back_as_it_was(tmp_path: Path):
    path = tmp_path / "deep" / "board.jsonl"
    first, second = record(), record(model="größer", engine="torch", metrics=error(1 / 3))
    assert board.append(first, path) == path
    board.append(second, path)
    found = board.read(path)
    assert found.records == (first, second) and found.notes == ()
    assert [one.row for one in found.records] == [first.row, second.row]
    assert len(path.read_bytes().splitlines()) == 2
    assert json.loads(path.read_bytes().splitlines()[0])["command"] == first.command


def test_the_board_is_in_the_users_data_folder_or_where_macaw_home_says(monkeypatch, home: Path):
    assert board.board_file() == Path(os.environ["MACAW_HOME"]) / "board.jsonl"
    monkeypatch.delenv("MACAW_HOME")
    assert board.board_file() == Path(os.environ["XDG_DATA_HOME"]) / "macaw" / "board.jsonl"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert board.board_file() == home / ".local" / "share" / "macaw" / "board.jsonl"
    assert board.read(board.append(record())).records == (record(),)


WRITER = """
import sys, time
from pathlib import Path
from macaw.metrics.board import append
from macaw.results.record import Record
usual = Record.of(__import__("json").loads(sys.argv[1]))
import dataclasses
print("ready", flush=True)
sys.stdin.readline()
for number in range(25):
    append(dataclasses.replace(usual, count=number, model=sys.argv[3]), Path(sys.argv[2]))
"""


def test_eight_processes_that_write_at_once_lose_nothing(tmp_path: Path):
    path, usual = tmp_path / "board.jsonl", json.dumps(record().to_dict())
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, usual, str(path), f"writer {n}"], **pipes)
        for n in range(8)
    ]
    for one in writers:
        assert one.stdout.readline() == "ready\n"
    for one in writers:
        one.stdin.write("go\n")
        one.stdin.flush()
    seen = len(board.read(path).records) if path.exists() else 0  # a reader in their midst sees whole ones
    for one in writers:
        one.communicate(timeout=30)
        assert one.returncode == 0
    found = board.read(path)
    assert found.notes == ()
    assert 0 <= seen <= len(found.records) == 200
    for n in range(8):  # each writer's in its own order
        assert [one.count for one in found.records if one.model == f"writer {n}"] == list(range(25))


def test_a_torn_last_line_is_noted_and_the_next_record_does_not_grow_on_to_it(tmp_path: Path):
    path = tmp_path / "board.jsonl"
    board.append(record(model="first"), path)
    with open(path, "ab") as file:  # a writer that was killed
        file.write(json.dumps(record(model="torn").to_dict()).encode()[:200])
    assert [one.model for one in board.read(path).records] == ["first"]
    board.append(record(model="next"), path)
    found = board.read(path)
    assert [one.model for one in found.records] == ["first", "next"]
    assert found.notes == (f"line 2 of {path} is left out: it is cut short or no JSON",)


def test_a_last_line_without_its_end_is_a_record_all_the_same(tmp_path: Path):
    path = tmp_path / "board.jsonl"
    board.append(record(model="first"), path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    board.append(record(model="next"), path)
    found = board.read(path)
    assert [one.model for one in found.records] == ["first", "next"] and found.notes == ()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_writer_that_is_killed_gives_its_lock_back(tmp_path: Path):
    path = tmp_path / "board.jsonl"
    code = (
        "import sys, time; from pathlib import Path; from macaw.metrics.board import _locked\n"
        "with _locked(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"locked\n"
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    board.append(record(), path)
    assert board.read(path).records == (record(),)


def test_where_the_disk_is_full_nothing_of_a_record_stays(tmp_path: Path, monkeypatch):
    path = tmp_path / "board.jsonl"
    board.append(record(), path)
    before, whole = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[: len(data) // 2]))
    with pytest.raises(StorageError, match=f"cannot write {path}: the disk is full"):
        board.append(record(model="second"), path)
    assert path.read_bytes() == before
    assert "is not on the board: cannot write" in board.keep(record(model="second"), path)


def test_keeping_says_why_not_and_never_fails(tmp_path: Path):
    assert board.keep(record(), tmp_path / "board.jsonl") == ""
    assert board.keep(record(), tmp_path).startswith("the evaluation is not on the board: cannot write ")
    (tmp_path / "file").touch()
    assert "is not on the board" in board.keep(record(), tmp_path / "file" / "board.jsonl")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "it has format 2, and this macaw reads 1; upgrade macaw"),
        ({"format": None}, "it has format None"),
        ({"count": "many"}, "its field 'count' is missing or of another type"),
        ({"metrics": {}}, "makes no sense (a record needs a metric"),
        (
            {"metrics": {"top-1 error": {"value": 3, "low": 4, "high": 5, "unit": "fraction"}}},
            "makes no sense",
        ),
        ({"metrics": {"top-1 error": {"value": 3}}}, "makes no sense"),
        ({"time": "yesterday"}, "the time 'yesterday' is none"),
    ],
)
def test_a_record_that_makes_no_sense_is_left_out_and_noted(tmp_path: Path, change, words):
    path = tmp_path / "board.jsonl"
    board.append(record(), path)
    with open(path, "a") as file:
        file.write(json.dumps({**record().to_dict(), **change}) + "\n[1]\n\n")
    found = board.read(path)
    assert found.records == (record(),)
    assert len(found.notes) == 2 and words in found.notes[0]
    assert found.notes[1] == f"line 3 of {path} is left out: it holds a list, not an object of fields"


def test_fields_of_a_later_macaw_are_passed_over():
    assert Record.of({**record().to_dict(), "weather": "fine"}) == record()


def test_without_a_board_that_is_said(tmp_path: Path):
    with pytest.raises(InputError, match=r"no board at '.*' yet; `macaw evaluate` writes one"):
        board.read(tmp_path / "board.jsonl")
    with pytest.raises(InputError, match=r"cannot read '.*': is a directory"):
        board.read(tmp_path)


def test_a_row_is_found_by_the_beginning_of_its_name(tmp_path: Path):
    records = tuple(record(count=n) for n in range(40))
    held = board.Board(tmp_path, records)
    assert held.find(records[7].row) is records[7]
    short = next(n for n in range(1, 11) if sum(r.row.startswith(records[7].row[:n]) for r in records) == 1)
    assert held.find(records[7].row[:short]) is records[7]
    shared = next(d for d in "0123456789abcdef" if sum(r.row[0] == d for r in records) > 1)
    with pytest.raises(UnknownName, match=f"rows of .* begin with '{shared}'; give more of one"):
        held.find(shared)
    with pytest.raises(
        UnknownName, match=f"no row '{records[3].row[:9]}x' .*Did you mean '{records[3].row}'"
    ):
        held.find(records[3].row[:9] + "x")


# What a record says


def test_a_rows_name_depends_on_everything_in_it():
    assert record().row == record().row != record(seconds=1.6).row
    assert len({record(**{field: "x"}).row for field in ("task", "data", "model", "weights", "commit")}) == 5


def test_the_command_is_what_a_shell_takes():
    one = record(path="/my data/it's", reference="/models/a b", engine="torch")
    words = ["macaw", "evaluate", "/models/a b", "/my data/it's", "--split", "val", "--engine", "torch"]
    assert shlex.split(one.command) == words
    assert record().command == "macaw evaluate classify /data/cats --split val"


def examples_of(tmp_path: Path, *items: tuple[str, bytes, int]) -> Examples:
    for name, data, _ in items:
        (tmp_path / name).write_bytes(data)
    targets = np.array([target for *_, target in items], np.int64)
    return Examples([tmp_path / name for name, *_ in items], targets)


def test_the_content_is_pictures_and_names_of_labels_whatever_their_order(tmp_path: Path):
    names = ("cat", "dog")
    usual = content_of(examples_of(tmp_path, ("a", b"1", 0), ("b", b"2", 1)), names)
    assert content_of(examples_of(tmp_path, ("d", b"2", 1), ("c", b"1", 0)), names) == usual
    assert content_of(examples_of(tmp_path, ("a", b"1", 1), ("b", b"2", 0)), ("dog", "cat")) == usual
    assert content_of(examples_of(tmp_path, ("a", b"1", 1), ("b", b"2", 1)), names) != usual
    assert content_of(examples_of(tmp_path, ("a", b"0", 0), ("b", b"2", 1)), names) != usual
    assert content_of(examples_of(tmp_path, ("a", b"1", 0)), names) != usual
    single = examples_of(tmp_path, ("a", b"1", 0), ("b", b"2", 1))
    several = Examples(single.sources, np.eye(2, dtype=np.float32))
    assert content_of(several, names) == usual
    assert content_of(Examples(single.sources, np.ones((2, 2), np.float32)), names) != usual


def test_a_model_is_its_weights_and_how_it_is_read(tmp_path: Path):
    usual = weights_of(macaw.load("classify"))
    copy = tmp_path / "copy"
    shutil.copytree(zoo.folder("classify"), copy)
    assert weights_of(macaw.load(copy)) == usual
    card = Card.load(copy)
    card.replace(limits="none", scores={}).save(copy)
    assert weights_of(macaw.load(copy)) == usual
    card.replace(decode={**card.decode, "temperature": 2.0}).save(copy)
    assert weights_of(macaw.load(copy)) != usual
    card.save(copy)
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes() + b"\0")
    assert weights_of(macaw.load(copy)) != usual


def test_a_model_in_files_is_their_bytes(tmp_path: Path):
    model = macaw.load("classify")
    seen = set()
    for files in (
        {"m.onnx": b"1"},
        {"m.onnx": b"2"},
        {"m.xml": b"1", "m.bin": b"1"},
        {"m.xml": b"1", "m.bin": b"2"},
    ):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        model.folder = tmp_path / next(iter(files))
        seen.add(weights_of(model))
        assert reference_of(model) == str(model.folder)
        for name in files:
            (tmp_path / name).unlink()
    assert len(seen) == 4


def test_a_model_is_referred_to_so_that_it_is_found_from_any_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reference_of(macaw.load("classify")) == "classify"
    shutil.copytree(zoo.folder("classify"), "mine")
    assert reference_of(macaw.load("./mine")) == str(tmp_path / "mine")
    adopted = cache_folder() / "hub" / "abc"
    shutil.copytree("mine", adopted)
    Card.load(adopted).replace(training={"source": "hf:owner/name@1234"}).save(adopted)
    assert reference_of(macaw.load(adopted)) == "hf:owner/name@1234"
    Card.load(adopted).replace(training={"source": "hf:owner/name@1234"}).save(tmp_path / "mine")
    assert reference_of(macaw.load("./mine")) == str(tmp_path / "mine")  # trained from it, but not it


def recorded(tmp_path: Path) -> Record:
    model = macaw.load("classify")
    names = model.card.names
    examples = examples_of(tmp_path, *((f"{n}.png", bytes([n]), n % 3) for n in range(12)))
    probs = np.full((12, len(names)), 1 / len(names), np.float32)
    scores = score_labels(probs, examples.targets, names, seconds=2.0)
    return record_of(model, tmp_path, split="val", content=content_of(examples, names), scores=scores)


def test_a_record_is_made_of_an_evaluation(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = recorded(tmp_path)
    assert (one.task, one.model, one.engine) == ("classify", macaw.load("classify").card.name, "onnxruntime")
    assert (one.data, one.path, one.split, one.count) == (tmp_path.name, str(tmp_path), "val", 12)
    assert one.reference == "classify"
    assert one.metrics["top-1 error"].value == pytest.approx(8 / 12)
    assert one.seconds == 2 and one.time.endswith("Z") and "core" in one.machine
    assert one.commit == f"macaw {macaw.__version__}"  # no checkout
    assert Record.of(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_in_a_checkout_its_commit_is_recorded(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    commit = recorded(tmp_path).commit
    assert len(commit) == 12 and head.startswith(commit)


# Which can be compared, and which is best


def test_a_lone_record_is_no_contest():
    assert "*" not in str(series_of([record()])[0])


def test_records_are_grouped_by_what_they_can_be_compared_on():
    old = record(time="2026-01-01T00:00:00Z", metrics=error(0.3))
    new = record(time="2026-03-01T00:00:00Z", metrics=error(0.2), data="cats-renamed")
    other = [record(content="d" * 64), record(split="test"), record(task="detect")]
    grouped = series_of([new, *other, old])
    assert [one.records for one in grouped if len(one.records) > 1] == [(old, new)]
    assert len(grouped) == 4
    assert next(one for one in grouped if len(one.records) == 2).title == "cats-renamed, val"


def test_the_best_has_the_lowest_error_and_the_highest_of_anything_else():
    metrics = [{**error(e), "macro F1": Interval(f, f, f)} for e, f in ((0.3, 0.6), (0.2, 0.8), (0.2, 0.7))]
    records = [record(metrics=m, time=f"2026-01-0{n}T00:00:00Z") for n, m in enumerate(metrics, start=1)]
    (series,) = series_of(records)
    assert series.best("top-1 error") is records[1]  # the first of equals
    assert series.best("macro F1") is records[1]
    assert series.best("nothing") is None
    assert series.metrics[0] == "top-1 error"
    starred = [line for line in str(series).splitlines() if line.startswith("*")]
    assert len(starred) == 1 and records[1].row in starred[0] and "20.0 % [15.0, 25.0]" in starred[0]


# Run again


def test_a_rerun_evaluates_what_the_record_names():
    asked = []

    def evaluate(*words, **options):
        asked.append((words, options))
        return record(time="2027-01-01T00:00:00Z")

    found = rerun(record(), evaluate)
    assert asked == [(("classify", "/data/cats"), {"split": "val", "engine": "onnxruntime"})]
    assert found.verdict == "same" and found.notes == ()
    assert "row " in str(found) and "20.0 % [13.0, 29.0] -> 20.0 % [13.0, 29.0]  same" in str(found)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (0.2, "same"),
        (0.2 + 1e-9, "same"),
        (0.21, "within the interval"),
        (0.13, "within the interval"),
        (0.129, "different"),
        (0.3, "different"),
    ],
)
def test_a_new_value_is_the_same_or_within_the_old_interval_or_different(value: float, verdict: str):
    new = record(metrics={**record().metrics, "top-1 error": Interval(value, 0.0, 1.0)})
    found = compare(record(), new)
    assert found.verdicts == {"top-1 error": verdict, "log loss": "same"}
    assert found.verdict == verdict
    assert found.to_dict()["verdict"] == verdict


def test_a_metric_that_is_gone_is_a_difference():
    assert compare(record(), record(metrics=error(0.2))).verdicts["log loss"] == "different"


def test_what_else_changed_is_told():
    new = record(content="d" * 64, count=90, weights="b" * 64, commit="macaw 0.2.0", machine="64 cores")
    assert compare(record(), new).notes == (
        "the data changed: cccccccccccc -> dddddddddddd, 100 -> 90 examples",
        "the model changed: aaaaaaaaaaaa -> bbbbbbbbbbbb",
        "another commit: 773e81da7762 -> macaw 0.2.0",
        "another machine: 2 cores -> 64 cores",
    )
