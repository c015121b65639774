"""The command line: what goes in, what comes out, in words and as JSON, and what it costs to ask."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from PIL import Image

from macaw.commands import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "run", "train", "evaluate", "explain", "check", "export", "serve", "board", "tasks", "tour", "join",
]  # fmt: skip
PAGES = (
    "start", "train", "detect", "segment", "keypoints", "join", "video", "medical", "aerial", "driving",
    "complete", "story", "models", "explain", "check", "serve",
)  # as one reads them  # fmt: skip
GUIDES = [ROOT / "docs" / "guide" / f"{name}.md" for name in PAGES]
# Followed by tests of their own: test_guides_of_places, test_video, test_join, and those of tests/guide
FOLLOWED = {
    "detect", "segment", "keypoints", "join", "video", "medical", "aerial", "driving", "complete", "story",
}  # fmt: skip


HERE = {"tabby": "disc", "Egyptian cat": "cross"}  # classes of the guides, and of the little model


def answers(said: Any) -> dict[str, str]:
    """Input -> best guess, from JSON lines."""
    lines = [json.loads(line) for line in said.out.splitlines()]
    return {line["source"]: line["labels"][0]["name"] for line in lines}


# Help and version


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_of_help(command: str, macaw: Any):
    said = macaw(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"Usage: macaw {command}" in said.out
    assert ("--json" in said.out) == (command != "serve")  # which answers in JSON, but to others


def test_alone_it_shows_its_help(macaw: Any):
    said = macaw()
    assert (said.code, said.err) == (0, "")
    assert said == macaw("--help")
    assert all(f"\n  {command} " in said.out for command in COMMANDS)


def test_version(macaw: Any):
    from macaw import __version__

    assert macaw("--version").out == f"{__version__}\n"


# Inputs of run


def test_a_file_gives_ranked_guesses(little: Path, shapes: Path, macaw: Any):
    picture = shapes / "disc" / "00.png"
    said = macaw("run", little, picture)
    assert (said.code, said.err) == (0, "")
    first, *guesses = said.out.splitlines()
    assert first == str(picture)
    assert sorted(line.split()[1] for line in guesses) == ["cross", "disc", "square"]
    shares = [float(line.split()[2]) for line in guesses]
    assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 100) < 0.2


def test_json_has_the_numbers_of_the_python_answer(little: Path, shapes: Path, macaw: Any):
    import macaw as library

    picture = shapes / "disc" / "00.png"
    answer = library.load(little).run(picture)
    told = json.loads(macaw("run", little, picture, "--json").out)
    assert told == answer.to_dict()
    two = json.loads(macaw("run", little, picture, "--json", "--top", 2).out)
    assert two == {**told, "labels": told["labels"][:2]}


def test_files_folders_and_globs_mix_and_each_is_answered_in_order(little: Path, shapes: Path, macaw: Any):
    words = [shapes / "square" / "01.png", shapes / "disc", str(shapes / "cross" / "0[3-5].png")]
    said = macaw("run", little, *words, "--json")
    assert said.code == 0
    assert list(answers(said)) == [
        str(shapes / "square" / "01.png"),
        *(str(shapes / "disc" / f"{number:02}.png") for number in range(40)),
        *(str(shapes / "cross" / f"{number:02}.png") for number in (3, 4, 5)),
    ]


def test_a_picture_from_standard_input(little: Path, shapes: Path, macaw: Any):
    picture = shapes / "disc" / "00.png"
    piped = json.loads(macaw("run", little, "-", "--json", stdin=picture.read_bytes()).out)
    named = json.loads(macaw("run", little, picture, "--json").out)
    assert piped == {**named, "source": ""}
    assert macaw("run", little, "-", stdin=picture.read_bytes()).out.startswith("standard input\n")


def test_paths_from_standard_input_one_a_line(little: Path, shapes: Path, macaw: Any):
    wanted = [shapes / "disc" / "00.png", shapes / "cross" / "11.png"]
    lines = f"{wanted[0]}\r\nnosuch.png\n\n  {wanted[1]}  "
    said = macaw("run", little, "-", "--json", stdin=lines.encode())
    assert list(answers(said)) == [str(path) for path in wanted]
    assert said.code == 3  # for nosuch.png, which does not hide the rest
    assert len(said.complaints) == 1 and "'nosuch.png'" in said.err


def test_one_unreadable_picture_among_ten_is_named_and_nine_are_answered(
    little: Path, shapes: Path, here: Path, macaw: Any
):
    shutil.copytree(shapes / "disc", here / "ten", ignore=shutil.ignore_patterns("[1-3]*"))
    (here / "ten" / "04.png").write_bytes((here / "ten" / "04.png").read_bytes()[:200])
    said = macaw("run", little, "ten", "--json")
    assert said.code == 3
    assert len(said.complaints) == len(said.err.splitlines()) == 1
    assert "ten/04.png is cut short" in said.err
    assert list(answers(said)) == [f"ten/{number:02}.png" for number in range(10) if number != 4]


def test_many_inputs_stream_in_bounded_batches(little: Path, shapes: Path):
    import macaw as library

    taken = []

    def inputs() -> Any:
        for number in range(100):
            taken.append(number)
            yield shapes / "disc" / f"{number % 40:02}.png"

    stream = library.load(little).stream(inputs(), batch=8)
    next(stream)
    assert len(taken) == 8


def test_a_file_name_of_any_bytes_comes_through(little: Path, shapes: Path, here: Path, start: Any):
    name = os.fsencode("é") + b"\xff.png"
    try:
        shutil.copy(os.fsencode(shapes / "disc" / "00.png"), os.path.join(os.fsencode(here), name))
    except OSError:
        pytest.skip("this file system takes no such name")
    for more in ([], ["--json"]):
        process = start("run", little, ".", *more, cwd=here, env={**os.environ, "PYTHONIOENCODING": "ascii"})
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert "\\xe9" in out or "\\u00e9" in out
        assert not more or json.loads(out)["source"] == os.fsdecode(name)


def test_save_writes_a_picture_of_each_answer(little: Path, shapes: Path, here: Path, macaw: Any):
    picture = shapes / "disc" / "00.png"
    assert macaw("run", little, picture, "-", "--save", "out", stdin=picture.read_bytes()).code == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == ["0000-00.png", "0001-stdin.png"]
    with Image.open(here / "out" / "0000-00.png") as drawn:
        assert min(drawn.size) > 400


# The model


def test_a_model_is_an_application_an_alias_a_folder_or_given_beside_it(
    little: Path, embedded: Path, shapes: Path, here: Path, macaw: Any
):
    picture = shapes / "square" / "07.png"
    wanted = macaw("run", little, picture)
    assert wanted.code == 0
    shutil.copytree(little, here / "classify")  # an application's name is the application, with ./ the folder
    for words in (
        ["classify", picture],
        ["image-classification", picture],
        ["./classify", picture],
        ["classify", picture, "--model", "./classify"],
        ["classify", picture, "--model", little, "--engine", "torch"],
    ):
        assert macaw("run", *words) == wanted


def test_a_model_of_another_application_is_refused(embedded: Path, little: Path, shapes: Path, macaw: Any):
    from macaw.card import Card

    Card.load(embedded).replace(task="detect").save(embedded)
    said = macaw("run", "classify", shapes, "--model", embedded)
    assert (said.code, said.out) == (4, "")
    assert said.err == f"macaw: '{embedded}' is a model for detect; give one for classify\n"


# JSON of the other commands


def test_evaluate_prints_scores_or_json_and_writes_a_report(
    little: Path, shapes: Path, here: Path, macaw: Any
):
    said = macaw("evaluate", little, shapes, "--json", "--out", "report.html")
    assert said.code == 0
    scores = json.loads(said.out)
    assert scores["count"] == 120 and scores["classes"] == 3
    error = scores["metrics"]["top-1 error"]
    assert 0 <= error["low"] <= error["value"] <= error["high"] <= 1
    page = (here / "report.html").read_text(encoding="utf-8")
    assert "Top-1 error" in page and "data:image/png" in page
    text = macaw("evaluate", "classify", shapes, "--model", little).out
    assert f"{100 * error['value']:.1f} %" in text.splitlines()[1]


def test_evaluate_says_when_it_scores_what_was_trained_on(little: Path, shapes: Path, macaw: Any):
    assert (
        "note: no test and no val: all of train is scored, 120 pictures"
        in macaw("evaluate", little, shapes).err
    )
    assert "120" not in macaw("evaluate", little, shapes, "--split", "val", "--json").out[:20]


def test_export_and_tasks_as_json(little: Path, here: Path, macaw: Any):
    told = json.loads(macaw("export", little, "one.onnx", "--json").out)
    assert (told["path"], told["bytes"]) == ("one.onnx", (here / "one.onnx").stat().st_size)
    assert told["parity"]["largest"] < 1e-5
    first = macaw("export", little, "two.onnx").out.splitlines()[0]
    assert first == f"two.onnx  float32, {told['bytes'] / 1e6:.1f} MB"
    rows = json.loads(macaw("tasks", "--json").out)
    assert [row["name"] for row in rows] == [
        "classify",
        "detect",
        "segment",
        "keypoints",
        "complete",
        "story",
    ]
    assert rows[0]["does"] in macaw("tasks").out


def test_train_as_json_and_the_folder_it_leaves(shapes: Path, here: Path, macaw: Any):
    words = ["train", "classify", shapes, "--out", "made/it", "--epochs", 2, "--dial", 0.25, "--seed", 7]
    said = macaw(*words, "--set", "batch=32", "--set", "flip=0", "--set", "precision=float32", "--json")
    assert said.code == 0
    told = json.loads(said.out)
    assert (told["model"], told["finished"]) == ("made/it", True)
    recipe = told["training"]["recipe"]
    assert (recipe["epochs"], recipe["batch"], recipe["seed"], recipe["precision"]) == (2, 32, 7, "float32")
    assert recipe["augmentation"]["flip"] == 0
    assert sorted(os.listdir("made")) == ["it"]
    assert sorted(os.listdir("made/it")) == [
        "card.json",
        "curve.png",
        "history.csv",
        "model.onnx",
        "model.safetensors",
        "neighbours.safetensors",
    ]
    history = (here / "made/it/history.csv").read_text(encoding="utf-8").splitlines()
    assert len(history) == 3 and {"epoch", "loss", "val_error"} <= set(history[0].split(","))
    # Progress goes to standard error, so that JSON is all there is on standard output
    assert len(re.findall(r"^\d+:\d\d  epoch +\d\.0  loss", said.err, re.MULTILINE)) == 2
    assert said.err.splitlines()[-1] == "saved: made/it"


def test_tour_as_json(embedded: Path, here: Path, macaw: Any):
    pytest.importorskip("skimage")
    said = macaw("tour", "--quick", "--out", "seen", "--json")
    assert said.code == 0
    assert json.loads(said.out)["path"] == "seen/index.html"
    assert os.listdir("seen") == ["index.html"]


# Standard output that goes away


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["tasks"], ["tasks", "--json"], ["--help"], ["run", "--help"]])
def test_a_full_disk_behind_standard_output(words: list[str], start: Any):
    with open("/dev/full", "w") as full:
        process = start(*words, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 6
    assert err == "macaw: cannot write standard output: the disk is full; free some space\n"


def test_a_reader_that_leaves_ends_it_quietly(start: Any):
    process = start("tasks")
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 141)


# What it costs


def test_run_imports_neither_torch_nor_matplotlib(little: Path, shapes: Path, start: Any):
    code = "import sys; from macaw.cli import main; code = main(sys.argv[1:]); print(code, *sys.modules)"
    process = start("run", little, shapes / "disc" / "00.png", "--json", code=code)
    out, err = process.communicate(timeout=60)
    line, modules = out.splitlines()
    assert (json.loads(line)["labels"][0]["prob"] > 1 / 3, err) == (True, "")
    code, *modules = modules.split()
    assert code == "0" and "onnxruntime" in modules
    assert {"torch", "matplotlib", "scipy", "rich", "onnx"} & set(modules) == set()


# The guides


def commands(page: Path) -> list[list[str]]:
    """The `macaw ...` lines of a page's blocks, in words."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix(".venv/bin/") for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("macaw ")]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_every_command_of_a_guide_can_be_parsed(page: Path):
    tree: Any = typer.main.get_command(app)
    for name, *words in commands(page):
        context = tree.commands[name].make_context(name, words)
        assert "--out" not in words or context.params["out"]
    assert commands(page)


def pythons(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_guides_do_what_they_say(embedded: Path, shapes: Path, here: Path, macaw: Any):
    """Every block of every guide, in their order, in one folder; short trainings stand in for long ones."""
    assert set(GUIDES) == set((ROOT / "docs" / "guide").glob("*.md"))
    for name in ("garden.jpg", "photo.jpg", "holiday/1.jpg", "more/2.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(name)
    shutil.copytree(shapes, "birds")
    for page in (page for page in GUIDES if page.stem not in FOLLOWED):
        for words in commands(page):
            if words[0] == "train" and words[-1] != "my-birds":
                continue  # the ways to say how long, and what to start from: see test_verbs, test_transfer
            if words[0] == "serve" or "--rerun" in words or any(word.startswith("hf:") for word in words):
                continue  # a server does not end; a row and a checkpoint that are not here
            short = ["--epochs", "1"] if words[0] == "train" else []
            said = macaw(*(HERE.get(word, word) for word in words), *short)
            assert said.code == 0, (page.name, words, said.err)
        for block in pythons(page):
            exec(compile(block, page.name, "exec"), {})
    assert {"my-birds", "my-birds.onnx", "again.onnx", "answer.png", "scores.html"} <= set(os.listdir(here))


def test_the_guide_of_detection_does_what_it_says(
    discs_and_squares: Path, here: Path, macaw: Any, drawn: Any
):
    shutil.copytree(discs_and_squares, "cells")
    for path in Path("cells/annotations").glob("*.json"):
        path.write_text(path.read_text().replace('"disc"', '"RBC"').replace('"square"', '"WBC"'))
    drawn(1, (96, 64))[0].save("slide.jpg")
    drawn(2, (96, 64))[0].save("street.jpg")
    page = ROOT / "docs" / "guide" / "detect.md"
    for words in commands(page):
        minutes = words.index("--minutes") if "--minutes" in words else len(words)
        short = ["--epochs", "1", "--dial", "0.25"] if words[0] == "train" else []
        said = macaw(*words[:minutes], *words[minutes + 2 :], *short)
        # Drawn pictures look alike, which `check` rightly calls a leak
        assert said.code == (3 if words[0] == "check" else 0), (words, said.err)
    for block in pythons(page):
        exec(compile(block, page.name, "exec"), {})
    assert {"my-cells", "slide.png", "why.html"} <= set(os.listdir(here))
