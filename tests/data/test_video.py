"""Videos: every frame, in order, upright, at its time; and one line for what is damaged or no video."""

from __future__ import annotations

import pickle
import sys
import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.data.camera import camera_device, is_camera
from macaw.data.find import find_inputs
from macaw.data.frames import Frame, Moment, clock, file_stem
from macaw.data.inputs import PIXELS, batched, each_input, is_one
from macaw.data.pictures import read_picture
from macaw.data.video import Video
from macaw.data.video_writing import VideoWriter
from macaw.errors import InputError, MissingExtra, StorageError

av = pytest.importorskip("av")

GREY, RED, SIDE, STEP = (90, 90, 90), (220, 60, 40), 16, 4
CODECS = {"mp4": "libx264", "mov": "mpeg4", "mkv": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}
INDEX_FIRST = {"movflags": "faststart"}


def scene(number: int, size: tuple[int, int]) -> np.ndarray:
    """A grey picture of `size` (width, height) with a red square that moves on by STEP pixels a frame."""
    picture = np.full((size[1], size[0], 3), GREY, np.uint8)
    left = number * STEP % (size[0] - SIDE)
    picture[8 : 8 + SIDE, left : left + SIDE] = RED
    return picture


def film(
    path: Path,
    frames: int = 20,
    *,
    size: tuple[int, int] = (96, 64),
    times: list[float] | None = None,
    turn: dict[str, Any] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video of the scene, 25 frames a second or at `times`, turned as `set_display_rotation` says."""
    with av.open(str(path), "w", options=options or {}) as container:
        track = container.add_stream(CODECS[path.suffix[1:]], rate=25)
        track.width, track.height, track.pix_fmt = *size, "yuv420p"
        if CODECS[path.suffix[1:]] == "mpeg4":
            track.bit_rate = 4_000_000  # which leaves no ghosts of where the square was
        if turn:
            track.set_display_rotation(**turn)
        if times:
            track.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(number, size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            if times:
                frame.pts, frame.time_base = round(1000 * times[number]), Fraction(1, 1000)
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return path


def cut(path: Path, share: float) -> Path:
    """The same file, of which only so much was copied."""
    short = path.with_name(f"cut{path.suffix}")
    short.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return short


def taken(video: Any) -> tuple[list[Frame], str]:
    """The frames of a video, and the line that it ends with."""
    frames: list[Frame] = []
    try:
        for frame in video:
            frames.append(frame)
    except InputError as problem:
        assert "\n" not in str(problem)
        return frames, str(problem)
    return frames, ""


def seconds(frames: list[Frame]) -> list[float]:
    return [frame.label.seconds for frame in frames]


def square(picture: np.ndarray) -> tuple[int, int]:
    """Left and top of what is red."""
    rows, columns = np.nonzero(picture[..., 0].astype(int) - picture[..., 1] > 80)
    return int(columns.min()), int(rows.min())


# What is read


@pytest.mark.parametrize("kind", sorted(CODECS))
@pytest.mark.parametrize("frames", [1, 20])
def test_every_frame_comes_once_in_order_at_its_time(tmp_path: Path, kind: str, frames: int):
    path = film(tmp_path / f"clip.{kind}", frames)
    found, said = taken(Video(path))
    assert said == ""
    assert [frame.label.frame for frame in found] == list(range(frames))
    assert seconds(found) == pytest.approx([n / 25 for n in range(frames)], abs=1e-3)
    for number, frame in enumerate(found):
        picture = frame.read()
        assert picture.shape == (64, 96, 3) and picture.dtype == np.uint8
        left, top = square(picture)
        assert abs(left - number * STEP) <= 1 and abs(top - 8) <= 1


def test_colours_are_those_that_were_coded(tmp_path: Path):
    (frame,), _ = taken(Video(film(tmp_path / "clip.mp4", 1)))
    picture = frame.read().astype(int)
    assert abs(picture[40:, :] - GREY).max() <= 3
    assert abs(picture[12:20, 4:12] - RED).max() <= 6
    assert (read_picture(frame) == frame.read()).all()


def test_a_video_can_be_read_again_and_from_its_start(tmp_path: Path):
    video = Video(film(tmp_path / "clip.mp4", 6))
    assert len(list(video)) == len(list(video)) == 6


def test_every_takes_each_nth_frame_under_its_own_number(tmp_path: Path):
    path = film(tmp_path / "clip.mp4", 20)
    found, _ = taken(Video(path, every=6))
    assert [frame.label.frame for frame in found] == [0, 6, 12, 18]
    assert [square(frame.read())[0] for frame in found] == pytest.approx([0, 24, 48, 72], abs=1)
    with pytest.raises(InputError, match="every 0 frames makes no sense"):
        Video(path, every=0)


def test_times_are_those_of_the_file_where_frames_come_unevenly(tmp_path: Path):
    times = [0.0, 0.02, 0.5, 0.51, 2.0]
    found, said = taken(Video(film(tmp_path / "phone.mp4", 5, times=times)))
    assert said == ""
    assert seconds(found) == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_video_that_was_filmed_askew_comes_upright(tmp_path: Path, degrees: int, mirrored: bool):
    # How the display matrix turns: anticlockwise by the degrees, then left to right
    turn = {"degrees": degrees, "hflip": mirrored}
    (frame,), _ = taken(Video(film(tmp_path / "phone.mp4", 1, turn=turn)))
    wanted = np.rot90(scene(0, (96, 64)), degrees // 90)
    wanted = wanted[:, ::-1] if mirrored else wanted
    assert frame.read().shape == wanted.shape
    assert square(frame.read()) == pytest.approx(square(wanted), abs=1)


def test_sides_may_be_odd(tmp_path: Path):
    path = tmp_path / "odd.mkv"
    with av.open(str(path), "w") as container:
        track = container.add_stream("ffv1", rate=25)
        track.width, track.height, track.pix_fmt = 97, 65, "bgr0"
        container.mux(track.encode(av.VideoFrame.from_ndarray(scene(3, (97, 65)), format="rgb24")))
        container.mux(track.encode())
    (frame,), _ = taken(Video(path))
    assert (frame.read() == scene(3, (97, 65))).all()  # this codec loses nothing


# What a frame is called


def test_a_moment_is_text_that_knows_the_frame_and_the_second():
    moment = Moment("a/clip.mp4", 12, 0.48)
    assert moment == "a/clip.mp4, frame 12 (0:00.48)"
    assert (moment.video, moment.frame, moment.seconds) == ("a/clip.mp4", 12, 0.48)
    again = pickle.loads(pickle.dumps(moment))
    assert (again, again.frame, again.seconds) == (moment, 12, 0.48)
    assert [clock(s) for s in (0, 59.999, 61.5, 3723.4)] == ["0:00.00", "1:00.00", "1:01.50", "1:02:03.40"]
    assert [file_stem(s) for s in (moment, "b/photo.jpg", "")] == ["clip-000012", "photo", "stdin"]


# What is wrong with a file


@pytest.mark.parametrize("kind", ["mkv", "webm", "avi", "mp4"])
def test_a_video_that_is_cut_short_gives_what_there_is_and_then_says_where_it_ends(tmp_path: Path, kind: str):
    options = INDEX_FIRST if kind == "mp4" else None
    whole = film(tmp_path / f"clip.{kind}", 60, options=options)
    found, said = taken(Video(cut(whole, 0.85)))
    assert 5 < len(found) < 60
    for frame in found[:-1]:  # the last may be half of one; times tell where one is missing before it
        assert abs(square(frame.read())[0] - round(25 * frame.label.seconds) * STEP % 80) < STEP - 1
    last = found[-1].label
    assert f"cut.{kind} is cut short: it stops after frame {last.frame} ({clock(last.seconds)})" in said
    assert said.endswith("; fetch or copy it again")


def test_with_every_the_end_is_that_of_all_frames(tmp_path: Path):
    path = cut(film(tmp_path / "clip.mp4", 60, options=INDEX_FIRST), 0.85)
    end = taken(Video(path))[0][-1].label.frame
    assert f"after frame {end} (" in taken(Video(path, every=50))[1]


def test_damage_within_a_video_costs_the_frames_there_and_no_others(tmp_path: Path):
    path = film(tmp_path / "clip.avi", 60)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        hurt = [packet for packet in container.demux(video=0) if packet.is_keyframe and packet.size][2]
        place, size = hurt.pos, hurt.size
    start = data.index(bytes(hurt)[:16], place - 16)
    data[start : start + size] = bytes(size)
    path.write_bytes(data)
    found, said = taken(Video(path))
    assert 50 < len(found) < 60
    assert "clip.avi is damaged after frame" in said and "frames are missing there" in said


def test_a_recording_without_its_index_is_refused(tmp_path: Path):
    short = cut(film(tmp_path / "clip.mp4", 60), 0.5)  # the index is written last
    found, said = taken(Video(short))
    assert found == []
    assert "cut.mp4 is no video, or is cut short before its first frame" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes); fetch or copy it again"),
        (b"<!doctype html><html>404</html>", "is text (HTML), not a video"),
        (b"PK\x03\x04" + bytes(99), "is a zip archive, not a video; unpack it first"),
        (bytes(range(1, 256)) * 20, "is no video, or is cut short before its first frame"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "is text, not a video"),
    ],
    ids=["empty", "page", "zip", "noise", "playlist"],
)
def test_what_is_no_video_is_refused_in_one_line(
    tmp_path: Path, content: bytes, words: str, capfd: pytest.CaptureFixture[str]
):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    found, said = taken(Video(path))
    assert found == [] and f"clip.mp4 {words}" in said
    assert capfd.readouterr().err == ""  # nor a word of FFmpeg's


def test_a_picture_under_the_name_of_a_video_is_told(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    Image.fromarray(scene(0, (96, 64))).save(path, "PNG")
    assert "clip.mp4 is a picture (PNG), not a video" in taken(Video(path))[1]


def test_sound_alone_is_no_video(tmp_path: Path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 16000
        container.mux(track.encode(sound))
        container.mux(track.encode())
    assert "song.mp4 holds sound and no pictures; give a video" in taken(Video(path))[1]


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path):
    film(tmp_path / "clip.mp4", 1)
    assert "Did you mean" in taken(Video(tmp_path / "clup.mp4"))[1]
    assert "is a folder, not a video" in taken(Video(tmp_path))[1]


def test_a_colon_in_a_name_is_no_address(tmp_path: Path):
    path = film(tmp_path / "clip.mp4", 2).rename(tmp_path / "http:a.mp4")
    assert len(list(Video(path))) == 2


def test_without_pyav_the_command_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = film(tmp_path / "clip.mp4", 1)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"reading a video needs 'av'.*pip install 'macaw\[video\]'"):
        next(iter(Video(path)))
    with pytest.raises(MissingExtra, match=r"writing a video needs 'av'"), VideoWriter(tmp_path / "out.mp4"):
        pass


# Cameras


@pytest.mark.skipif(Path("/dev/video97").exists(), reason="this machine has very many cameras")
def test_a_camera_that_is_not_there():
    said = taken(Video("camera:97"))[1]
    assert "no camera 'camera:97'" in said and "plug one in, or give a video" in said


def test_a_camera_has_the_name_that_its_system_gives_it(monkeypatch: pytest.MonkeyPatch):
    class Listed:
        name, media_types = "Front", ["video"]

    class Module:
        @staticmethod
        def enumerate_input_devices(kind: str) -> list[Listed]:
            return [Listed()]

    files = {}
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        device = camera_device("camera:0", Module)
        files[device.format] = device.file
    assert files == {"video4linux2": "/dev/video0", "avfoundation": "0", "dshow": "video=Front"}
    with pytest.raises(InputError, match="no camera 'camera:3': there is camera:0"):
        camera_device("camera:3", Module)
    assert is_camera("camera:0")
    assert not any(map(is_camera, ("camera", "camera:", "camera:a", "./camera:0", Path("camera:0"), b"")))


def test_frames_of_a_camera_wait_for_no_other(monkeypatch: pytest.MonkeyPatch):
    def test_card(name: str, _: Any) -> Any:
        return av.open("testsrc=size=64x48:rate=25:duration=0.4", format="lavfi")

    if "lavfi" not in av.formats_available:
        pytest.skip("this build of FFmpeg draws no test card")
    monkeypatch.setattr("macaw.data.video._camera", test_card)
    told: list[str] = []
    inputs = each_input("camera:0", on_error=lambda problem: told.append(str(problem)))
    batches = list(batched(inputs, 32))
    assert [len(batch) for batch in batches] == [1] * 10
    assert batches[3][0].label == "camera:0, frame 3 (0:00.12)"
    assert len(told) == 1 and told[0].startswith("camera:0 gives no more frames")


# Among other inputs


def test_videos_pictures_and_folders_mix_and_a_bad_one_does_not_hide_the_rest(tmp_path: Path):
    film(tmp_path / "a.mp4", 3)
    cut(film(tmp_path / "b.mkv", 40), 0.8).rename(tmp_path / "b.mkv")
    (tmp_path / "frames").mkdir()
    for number in (10, 2, 1):
        Image.fromarray(scene(number, (96, 64))).save(tmp_path / "frames" / f"frame{number}.png")
    words = [str(tmp_path / name) for name in ("a.mp4", "b.mkv", "none.mp4", "frames")]
    told: list[str] = []
    found = list(each_input(words, on_error=lambda problem: told.append(str(problem))))
    names = [getattr(one, "label", one) for one in found]
    assert names[:3] == [f"{words[0]}, frame {n} ({clock(n / 25)})" for n in range(3)]
    assert all(name.startswith(f"{words[1]}, frame ") for name in names[3:-3]) and len(names) > 10
    assert [path.name for path in names[-3:]] == ["frame1.png", "frame2.png", "frame10.png"]  # as one counts
    assert ["b.mkv is cut short" in told[0], "no such file" in told[1], len(told)] == [True, True, 2]


def test_a_folder_is_its_pictures_and_its_videos_where_it_has_none(tmp_path: Path):
    film(tmp_path / "clip2.mp4", 1)
    (tmp_path / "clip10.MP4").write_bytes((tmp_path / "clip2.mp4").read_bytes())
    assert [path.name for path in find_inputs(tmp_path)] == ["clip2.mp4", "clip10.MP4"]
    Image.fromarray(scene(0, (96, 64))).save(tmp_path / "photo.png")
    assert [path.name for path in find_inputs(tmp_path)] == ["photo.png"]
    assert [path.name for path in find_inputs(f"{tmp_path}/*")] == ["clip2.mp4", "clip10.MP4", "photo.png"]
    assert is_one(tmp_path / "photo.png") and not is_one(tmp_path / "clip2.mp4")
    assert not is_one(Video(tmp_path / "clip2.mp4"))


def test_what_was_read_before_a_problem_comes_before_it(tmp_path: Path):
    path = cut(film(tmp_path / "clip.mkv", 60), 0.8)
    count = len(taken(Video(path))[0])
    batches = batched(each_input(path), 32)
    sizes: list[int] = []
    with pytest.raises(InputError, match="is cut short"):
        for batch in batches:
            sizes.append(len(batch))
    assert sum(sizes) == count


# Memory


def test_no_more_frames_are_alive_than_a_batch_holds(tmp_path: Path):
    path, alive, most = film(tmp_path / "clip.mp4", 100), weakref.WeakSet(), 0
    for batch in batched(each_input(path), 4):
        alive.update(batch)  # frames hash by identity
        most = max(most, len(alive))
    assert most <= 2 * 4  # the next batch is gathered while the last one is still held


def test_large_frames_wait_in_smaller_batches():
    class Decoded:
        width, height = 3840, 2160

    frames = [Frame(Moment("clip.mp4", n, n / 25), Decoded()) for n in range(7)]
    sizes = [len(batch) for batch in batched(iter(frames), 32)]
    assert sum(sizes) == 7
    assert max(sizes) * 3840 * 2160 < PIXELS + 3840 * 2160


# Writing


@pytest.mark.parametrize("size", [(96, 64), (97, 65)], ids=["even", "odd"])
@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv"])
def test_a_written_video_reads_back(tmp_path: Path, kind: str, size: tuple[int, int]):
    path = tmp_path / "new" / f"out.{kind}"
    with VideoWriter(path) as video:
        for number in range(12):
            video.add(scene(number, size), Moment("clip.mp4", number, number / 30))
        assert not path.exists()
    found, said = taken(Video(path))
    assert (len(found), said) == (12, "")
    assert found[5].read().shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert [square(frame.read())[0] for frame in found] == pytest.approx([STEP * n for n in range(12)], abs=1)
    assert seconds(found) == pytest.approx([n / 30 for n in range(12)], abs=1e-3)
    assert abs(found[3].read()[40:60].astype(int) - GREY).max() <= 4
    assert abs(found[3].read()[12:20, 16:24].astype(int) - RED).max() <= 8
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(30, rel=0.01)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_video_is_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path):
        pass
    assert list(tmp_path.iterdir()) == []  # no frame, no file
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path) as video:
        video.add(scene(0, (96, 64)))
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"] and path.read_bytes() == b"old"


def test_pictures_of_any_size_and_a_second_video_follow_on(tmp_path: Path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path) as video:
        video.add(scene(0, (96, 64)), Moment("a.mp4", 0, 0.0))
        video.add(scene(1, (96, 64)), Moment("a.mp4", 5, 0.2))
        video.add(scene(0, (40, 40)), Moment("b.mp4", 0, 0.0))
        video.add(scene(0, (200, 30)), "photo.jpg")
    found, _ = taken(Video(path))
    assert seconds(found) == pytest.approx([0, 0.2, 0.24, 0.28], abs=1e-3)
    assert {frame.read().shape for frame in found} == {(64, 96, 3)}


def test_without_h264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with VideoWriter(tmp_path / "out.mp4") as video:
        for number in range(5):
            video.add(scene(number, (96, 64)))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert len(list(container.decode(video=0))) == 5


def test_where_it_cannot_be_written(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot save a video as 'out\.avi': use \.mp4, \.mov or \.mkv"):
        VideoWriter(tmp_path / "out.avi")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"), VideoWriter(tmp_path / "file" / "out.mp4"):
        pass
