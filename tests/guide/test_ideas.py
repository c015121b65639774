"""The page of the principle: its pictures are there, are small, and come from the commands beneath them."""

from __future__ import annotations

import importlib.util
import io
import re
import shlex
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "ideas" / "one-front-end-many-heads.md"
MOST = 300_000  # bytes of a picture: every clone carries it


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ideas_pictures", ROOT / "scripts" / "ideas_pictures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown() -> list[str]:
    return re.findall(r"^!\[.+\]\((\w+)\.png\)$", PAGE.read_text("utf-8"), re.MULTILINE)


def test_the_page_shows_what_the_script_draws_and_nothing_else_lies_there(script: ModuleType):
    assert shown() == list(script.NAMES)
    assert {path.stem for path in PAGE.parent.glob("*.png")} == set(script.NAMES)


@pytest.mark.parametrize("name", shown())
def test_a_picture_is_opaque_and_small(name: str, script: ModuleType):
    path = PAGE.parent / f"{name}.png"
    assert path.stat().st_size <= MOST
    with Image.open(path) as picture:
        assert picture.width <= script.WIDTH and "transparency" not in picture.info
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)  # paper, on a dark page too


def test_beneath_a_picture_stands_the_command_that_draws_it(script: ModuleType):
    lines = re.findall(r"^macaw (explain .*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    told = {}
    for _, task, _, *words in map(shlex.split, lines):
        how = {name.lstrip("-"): value for name, value in zip(words[::2], words[1::2], strict=True)}
        out = Path(how.pop("out"))
        told[out.stem] = task, how
    assert told == {name: (task, how) for name, (task, _, how) in script.ASKED.items()}


def test_the_photograph_is_free_and_one_for_all(script: ModuleType):
    from macaw.samples import SAMPLES

    samples = [SAMPLES[sample] for _, sample, _ in script.ASKED.values()]
    assert {one.path for one in samples} == {SAMPLES[script.PHOTO].path}
    assert all(one.terms.startswith(("public domain", "CC0")) for one in samples)


def test_the_levels_are_drawn_from_the_model(script: ModuleType):
    pytest.importorskip("torch")
    with Image.open(io.BytesIO(script.encoded(script.levels()))) as picture:
        drawn = np.asarray(picture.convert("RGB"))
    assert drawn.shape[1] == script.WIDTH
    maps = drawn[script.TOP : script.TOP + 100, 200:].astype(int)  # right of the photograph
    for end in ((253, 231, 37), (68, 1, 84)):  # of viridis, to what a palette leaves of them
        assert (abs(maps - end).max(2) < 12).mean() > 0.01
