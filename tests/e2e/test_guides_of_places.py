"""The guides of segmenting and of key points: every command and block, in order, on drawn pictures."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch")

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"


def blocks(page: str, kind: str) -> list[str]:
    text = (GUIDE / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def follow(page: str, macaw: Any) -> None:
    """Do what a page says, with short trainings in place of long ones."""
    for block in blocks(page, ""):
        for line in block.splitlines():
            _, *words = shlex.split(line, comments=True)
            minutes = words.index("--minutes") if "--minutes" in words else len(words)
            short = ["--epochs", "1", "--dial", "0.25", "--size", "64"] if words[0] == "train" else []
            said = macaw(*words[:minutes], *words[minutes + 2 :], *short)
            assert said.code == 0, (words, said.err)
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), {})


def test_the_guide_of_segmenting_does_what_it_says(here: Path, macaw: Any):
    noise = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4), ("test", 4)):
        for kind in ("images", "masks"):
            Path("streets", kind, split).mkdir(parents=True)
        for number in range(count):
            ground = Image.fromarray(noise.integers(0, 120, (48, 64, 3), np.uint8))
            mask = Image.new("L", ground.size)
            place = (*noise.integers(0, 20, 2).tolist(), *noise.integers(30, 47, 2).tolist())
            ImageDraw.Draw(ground).rectangle(place, fill=(220, 200, 40))
            ImageDraw.Draw(mask).rectangle(place, fill=1)
            ground.save(f"streets/images/{split}/{number}.png")
            mask.save(f"streets/masks/{split}/{number}.png")
    Path("streets/classes.txt").write_text("Ground\nRoad\n")
    ground.save("street.jpg")
    ground.save("photo.jpg")
    follow("segment", macaw)
    assert Path("answers/0000-street.png").is_file() and Path("why.html").is_file()
    assert Path("answer.png").is_file()


def test_the_guide_of_key_points_does_what_it_says(here: Path, macaw: Any):
    noise = np.random.default_rng(0)
    Path("faces").mkdir()
    lines = ["image,eye_x,eye_y,chin_x,chin_y,split"]
    for number in range(24):
        picture = Image.fromarray(noise.integers(0, 120, (64, 64, 3), np.uint8))
        places = noise.integers(8, 56, (2, 2))
        for (x, y), colour in zip(places, ("red", "cyan"), strict=True):
            ImageDraw.Draw(picture).ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
        picture.save(f"faces/{number}.png")
        split = ("train", "train", "val", "test")[number % 4]
        lines.append(f"{number}.png,{','.join(f'{x + 0.5:g}' for x in places.ravel())},{split}")
    Path("faces/points.csv").write_text("\n".join(lines) + "\n")
    picture.save("face.jpg")
    follow("keypoints", macaw)
    assert Path("answers/0000-face.png").is_file() and Path("why.html").is_file()
    assert Path("answer.png").is_file()
