"""The pages of principles: their pictures are there, are small, and come from the commands beneath them."""

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
IDEAS = ROOT / "docs" / "ideas"
PAGE, TEXT_PAGE = IDEAS / "one-front-end-many-heads.md", IDEAS / "one-token-at-a-time.md"
MOST = 300_000  # bytes of a picture: every clone carries it


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ideas_pictures", ROOT / "scripts" / "ideas_pictures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(page: Path) -> list[str]:
    return re.findall(r"^!\[.+\]\((\w+)\.png\)$", page.read_text("utf-8"), re.MULTILINE)


def test_the_pages_show_what_the_script_draws_and_nothing_else_lies_there(script: ModuleType):
    assert shown(PAGE) == list(script.NAMES) and shown(TEXT_PAGE) == list(script.TEXT_NAMES)
    assert {path.stem for path in IDEAS.glob("*.png")} == {*script.NAMES, *script.TEXT_NAMES}


@pytest.mark.parametrize("name", [*shown(PAGE), *shown(TEXT_PAGE)])
def test_a_picture_is_opaque_and_small(name: str, script: ModuleType):
    path = IDEAS / f"{name}.png"
    assert path.stat().st_size <= MOST
    with Image.open(path) as picture:
        assert picture.width <= script.WIDTH and "transparency" not in picture.info
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)  # paper, on a dark page too


def commands(page: Path) -> dict[str, tuple[str, str, dict[str, str]]]:
    """By what it draws, each `macaw explain`: the application, the input, and how."""
    told = {}
    for line in re.findall(r"^macaw (explain .*)$", page.read_text("utf-8"), re.MULTILINE):
        _, task, given, *words = shlex.split(line)
        how = {name.lstrip("-"): value for name, value in zip(words[::2], words[1::2], strict=True)}
        told[Path(how.pop("out")).stem] = task, given, how
    return told


def test_beneath_a_picture_stands_the_command_that_draws_it(script: ModuleType):
    told = {name: (task, how) for name, (task, _, how) in commands(PAGE).items()}
    assert told == {name: (task, how) for name, (task, _, how) in script.ASKED.items()}
    words = {
        name: (task, prompt, {key: str(value) for key, value in how.items()})
        for name, (task, prompt, how) in script.TOLD.items()
    }
    assert commands(TEXT_PAGE) == words


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
