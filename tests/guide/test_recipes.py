"""The recipes of the guide do what they say: their own lines, in order, on a few pictures of each pack."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer.main

from macaw import tasks
from macaw.cli import main
from macaw.commands import app

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md"))]
TREE: Any = typer.main.get_command(app)


class Block(NamedTuple):
    """One block of code of a page."""

    kind: str  # "python", or nothing: a terminal
    text: str


class Line(NamedTuple):
    """One `macaw ...` of a block."""

    name: str
    words: list[str]
    code: int  # what it ends with: 0, unless a comment behind it says so

    @property
    def params(self) -> dict[str, Any]:
        """What the command understands."""
        found: dict[str, Any] = TREE.commands[self.name].make_context(self.name, list(self.words)).params
        return found


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


def commands(text: str) -> Iterator[Line]:
    for line in (one.removeprefix(".venv/bin/") for one in text.splitlines()):
        if line.startswith("macaw "):
            said = re.search(r"# ends with (\d+)$", line)
            _, name, *words = shlex.split(line, comments=True)
            yield Line(name, words, int(said[1]) if said else 0)


def lines(page: Path) -> list[Line]:
    return [line for block in blocks(page) for line in commands(block.text)]


# Every page names what exists


@pytest.fixture(scope="module")
def known() -> set[str]:
    """What a model may be called without a path: an embedded one, or what some page's own lines make."""
    made = {str(line.params.get("out") or line.params.get("path")) for page in PAGES for line in lines(page)}
    rows = tasks.TASKS.values()
    return made.union(*({row.name, row.alias, *row.others} for row in rows))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_commands_options_and_applications_that_exist(page: Path, known: set[str]):
    for line in lines(page):
        params = line.params  # raises for a command or an option that is not there
        if "task" in params:
            tasks.find(params["task"])
        for model in [params.get("model"), *(params.get("models") or ())]:
            assert model is None or re.search("[./:]", model) or model in known, (line, model)


def test_the_pages_of_applications_are_looked_at():
    assert {"README", "medical", "aerial", "driving", "start"} <= {page.stem for page in PAGES}
    for name in ("medical", "aerial", "driving"):
        verbs = {line.name for line in lines(GUIDE / f"{name}.md")}
        assert {"check", "train", "evaluate", "explain", "export"} <= verbs


# A few pictures of each pack, laid out as the pack is


def little_cells(pack: Path, out: Path) -> None:
    """The two pictures that show one field among them; `check` ought to find these."""
    content = json.loads((pack / "annotations.json").read_text("utf-8"))
    wanted = {"BloodImage_00037", "BloodImage_00038", "BloodImage_00007"}
    left = {"train": 17, "val": 2, "test": 2}  # int8 is calibrated on 16 or more
    images = []
    for one in content["images"]:
        if Path(one["file"]).stem in wanted:
            images.append(one)
        elif left[one["split"]] > 0:
            left[one["split"]] -= 1
            images.append(one)
    for one in images:
        copied(pack / one["file"], out / one["file"])
    (out / "annotations.json").write_text(json.dumps({**content, "images": images}), "utf-8")


def little_nuclei(pack: Path, out: Path) -> None:
    for split, count in (("train", 26), ("test", 4)):
        for picture in sorted((pack / "images" / split).iterdir())[:count]:
            copied(picture, out / "images" / split / picture.name)
            mask = Path("labels", split, f"{picture.stem}.png")
            copied(pack / mask, out / mask)


def little_street(pack: Path, out: Path) -> None:
    copied(pack / "classes.json", out / "classes.json")
    for split, count in (("train", 18), ("val", 3), ("test", 4)):
        pictures = sorted((pack / "images" / split).iterdir())
        some = pictures[:: len(pictures) // count]
        for picture in {*some, *(one for one in pictures if one.stem == "Seq05VD_f00000")}:
            copied(picture, out / "images" / split / picture.name)
            mask = Path("labels", split, f"{picture.stem}.png")
            copied(pack / mask, out / mask)


def little_landuse(pack: Path, out: Path) -> None:
    """Six pictures of a class, one of test, and the two of train that are the same file."""
    out.mkdir()
    copied(pack / "classes.txt", out / "classes.txt")
    for split, each, more in (("train", 6, (325, 1299)), ("test", 1, ())):
        with np.load(pack / f"{split}.npz") as held:
            labels, blob, off = held["label"], held["blob"], held["off"]
        some = [np.flatnonzero(labels == label)[:each] for label in np.unique(labels)]
        index = np.unique(np.concatenate([*some, np.array(more, np.int64)]))
        files = [blob[off[i] : off[i + 1]] for i in index]
        ends = np.cumsum([0, *(len(file) for file in files)])
        np.savez(out / f"{split}.npz", blob=np.concatenate(files), off=ends, label=labels[index])


def copied(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


LITTLE: dict[str, dict[str, Callable[[Path, Path], None]]] = {
    "medical": {"det_bccd": little_cells, "seg_nuclei": little_nuclei},
    "aerial": {"sat_ucmerced": little_landuse},
    "driving": {"seg_camvid": little_street},
}
# What the pages say that `check` finds, in its own words
FINDS = {
    "medical": ("BloodImage_00037", "leak-near"),
    "aerial": ("repeats another, byte for byte",),
    "driving": (),
}


# The recipes


@pytest.mark.parametrize("name", LITTLE)
def test_a_recipe_does_what_it_says(
    name: str,
    packs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    pytest.importorskip("torch")
    for pack, make in LITTLE[name].items():
        if not (packs / pack).is_dir():
            pytest.skip(f"no pack {pack} in {packs}; name their folder with MACAW_DATA")
        make(packs / pack, tmp_path / pack)
    monkeypatch.chdir(tmp_path)
    before, checked = {pack: shape_of(tmp_path / pack) for pack in LITTLE[name]}, ""
    for block in blocks(GUIDE / f"{name}.md"):
        if block.kind == "python":
            exec(compile(block.text, f"{name}.md", "exec"), {})
            continue
        for line in commands(block.text):
            capsys.readouterr()
            code = main([line.name, *shortened(line.words)])
            said = capsys.readouterr()
            assert code == line.code, (line, said.err)
            assert line.code == 0 or said.out, line
            checked += said.out if line.name == "check" else ""
            left_behind(line)
    assert all(words in checked for words in FINDS[name]), checked
    assert {pack: shape_of(tmp_path / pack) for pack in LITTLE[name]} == before  # data is never touched


def shortened(words: list[str]) -> list[str]:
    """One pass in place of minutes, on pictures so few that a smaller sheet shows as much."""
    if "--minutes" not in words:
        return words
    place = words.index("--minutes")
    small = ["--size", "160"] if "detect" in words else []  # of 416 pixels, which take most of a minute
    return [*words[:place], "--epochs", "1", *small, *words[place + 2 :]]


def left_behind(line: Line) -> None:
    """What a command was told to write is there, and is what its name says."""
    params = line.params
    for key in ("out", "path", "save"):
        if (made := params.get(key)) is None:
            continue
        made = Path(made)
        assert made.exists(), (line, made)
        if made.is_dir():
            assert line.name == "run" or (made / "card.json").is_file(), made
            assert any(made.iterdir()), made
        elif made.suffix == ".html":
            assert made.read_text("utf-8").lstrip().lower().startswith("<!doctype html"), made
        else:
            assert made.stat().st_size > 1000, made


def shape_of(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*"))}
