"""A video as the input of a model: an answer for each frame, and a video of the answers."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw as library
from macaw.cli import main
from macaw.data.frames import Moment
from macaw.data.video import Video
from macaw.errors import InputError

av = pytest.importorskip("av")


def write(path: Path, pictures: list[np.ndarray], **options: str) -> Path:
    """The pictures as a video of 10 frames a second, all but lossless."""
    with av.open(str(path), "w", options=options) as container:
        track = container.add_stream("libx264", rate=10, options={"crf": "1"})
        track.height, track.width, track.pix_fmt = *pictures[0].shape[:2], "yuv444p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return path


@pytest.fixture
def clip(shapes: Path, here: Path) -> Path:
    """`clip.mp4` in the present folder: 12 pictures, a disc, a square and a cross by turns."""
    names = [f"{kind}/{number:02}.png" for number in range(4) for kind in ("disc", "square", "cross")]
    return write(here / "clip.mp4", [np.asarray(Image.open(shapes / name)) for name in names])


def test_the_answers_of_frames_are_those_of_their_pictures(little: Path, clip: Path):
    model = library.load(little)
    answers = model.run(clip)
    pictures = [frame.read() for frame in Video(clip)]
    assert len(answers) == 12
    assert np.allclose([one.probs for one in answers], [one.probs for one in model.run(pictures)], atol=1e-6)
    assert all(isinstance(one.source, Moment) for one in answers)
    assert [one.source.frame for one in answers] == list(range(12))
    assert answers[7].source == f"{clip}, frame 7 (0:00.70)"
    some = model.run(Video(clip, every=5))
    assert (
        [one.source.frame for one in some]
        == [one.source.frame for one in model.run(clip, every=5)]
        == [0, 5, 10]
    )


def test_a_video_is_read_only_as_far_as_answers_are_taken(little: Path, clip: Path):
    stream = library.load(little).stream([clip, clip.parent / "none.mp4"], batch=4)
    assert next(stream).source.frame == 0  # nobody looked for none.mp4 yet


def test_a_truncated_video_gives_its_answers_and_then_raises(little: Path, shapes: Path, here: Path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), np.uint8)
    path = write(here / "long.mp4", list(noise), movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    model, answers = library.load(little), []
    with pytest.raises(InputError, match=r"long\.mp4 is cut short: it stops after frame \d+"):
        for answer in model.stream(path):
            answers.append(answer)
    assert 10 < len(answers) < 40
    told: list[InputError] = []
    names = [
        str(one.source) for one in model.stream([path, shapes / "disc" / "00.png"], on_error=told.append)
    ]
    assert len(names) == len(answers) + 1 and names[-1].endswith("00.png") and len(told) == 1


def test_json_tells_the_frame_and_the_second(little: Path, clip: Path, macaw: Any):
    said = macaw("run", little, "clip.mp4", "--every", 4, "--json")
    assert (said.code, said.err) == (0, "")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [(line["video"], line["frame"], line["seconds"]) for line in lines] == [
        ("clip.mp4", 0, 0.0), ("clip.mp4", 4, 0.4), ("clip.mp4", 8, 0.8)
    ]  # fmt: skip
    assert lines[1]["source"] == "clip.mp4, frame 4 (0:00.40)" and lines[1]["labels"]
    assert macaw("run", little, "clip.mp4", "--every", 99).out.startswith("clip.mp4, frame 0 (0:00.00)\n  1")
    assert macaw("run", little, "clip.mp4", "--every", 0).code == 2


def test_save_writes_a_picture_a_frame_or_a_video(little: Path, clip: Path, here: Path, macaw: Any):
    assert macaw("run", little, "clip.mp4", "--every", 6, "--save", "out").code == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == [
        "0000-clip-000000.png",
        "0001-clip-000006.png",
    ]
    assert macaw("run", little, "clip.mp4", "--save", "new/out.mp4").code == 0
    written = list(Video("new/out.mp4"))
    assert [frame.label.seconds for frame in written] == pytest.approx([n / 10 for n in range(12)], abs=1e-3)
    drawn, plain = written[5].read(), list(Video(clip))[5].read()
    assert drawn.shape == plain.shape
    assert np.abs(drawn.astype(int) - plain).mean() > 10  # words are on it
    assert [path.name for path in (here / "new").iterdir()] == ["out.mp4"]


def test_what_went_wrong_is_told_on_one_line(little: Path, clip: Path, here: Path, macaw: Any):
    shutil.copy(clip, "cut.mp4")
    data = clip.read_bytes()
    Path("cut.mp4").write_bytes(data[: len(data) // 2])
    said = macaw("run", little, "cut.mp4", "clip.mp4", "camera:97", "--json")
    assert said.code == 3
    assert len(said.out.splitlines()) == 12
    assert len(said.complaints) == len(said.err.splitlines()) == 2
    assert "cut.mp4 is no video, or is cut short" in said.err and "no camera 'camera:97'" in said.err
    said = macaw("run", little, "clip.mp4", "--save", "out.avi")
    assert (said.code, said.out) == (3, "") and "use .mp4, .mov or .mkv" in said.err


def test_without_pyav_the_command_to_install_it(
    little: Path, clip: Path, macaw: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "av", None)
    said = macaw("run", little, "clip.mp4")
    assert (said.code, said.out) == (5, "")
    assert said.err == "macaw: reading a video needs 'av'. Install it with: pip install 'macaw[video]'\n"


def test_the_guide_does_what_it_says(little: Path, clip: Path, macaw: Any):
    page = (Path(__file__).parents[2] / "docs" / "guide" / "video.md").read_text(encoding="utf-8")
    clip.rename("street.mp4")
    lines = [line.split()[1:] for line in page.splitlines() if line.startswith("macaw run ")]
    for words in (words for words in lines if "camera:0" not in words):
        said = macaw(words[0], little, *words[2:])
        assert said.code == 0, (words, said.err)
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "video.md", "exec"), {})
    assert len(list(Video("seen.mp4"))) == 12 and len(list(Path("frames").iterdir())) == 1
    assert len(lines) == 5


@pytest.mark.parametrize(("inputs", "code", "files"), [("camera:0", 0, ["out.mp4"]), ("clip.mp4", 130, [])])
def test_ctrl_c_ends_a_camera_with_what_was_written_and_interrupts_a_file(
    inputs: str,
    code: int,
    files: list[str],
    little: Path,
    clip: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    live = inputs == "camera:0"
    frames = [replace(frame, live=live) for frame in Video(clip)][:5]

    def interrupted(_: Any) -> Any:
        yield from frames
        raise KeyboardInterrupt

    monkeypatch.setattr(Video, "__iter__", interrupted)
    assert main(["run", str(little), inputs, "--save", "kept/out.mp4"]) == code
    assert [path.name for path in (here / "kept").iterdir()] == files
    monkeypatch.undo()
    assert not files or len(list(Video(here / "kept" / "out.mp4"))) == 5
