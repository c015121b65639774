"""The tour: every row of the table on its samples, what it measures, and the page it writes."""

from __future__ import annotations

import base64
import dataclasses
import errno
import io
import json
import os
import re
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw import samples, verbs, visit, zoo
from macaw.card import Card
from macaw.data.pictures import read_picture
from macaw.errors import InputError, MissingExtra, StorageError
from macaw.results import fragments
from macaw.results.base import Result
from macaw.results.labels import Labels
from macaw.samples import SAMPLES, Package, Sample
from macaw.tasks import TASKS
from macaw.tour import Tour, tour

SOURCE = Path(samples.__file__).parent
BRINGS = {package.module for package in (samples.SCIKIT_IMAGE, samples.MATPLOTLIB)}


SHOWN: dict[str, tuple[str, ...]] = {
    "disc": ("disc",),
    "square": ("square", "box"),
    "cross": ("cross",),
    "noise": (),
    "moon": ("moon",),
}
OUTSIDE = "its subject is not among the 7 classes: any answer is the nearest it knows"


class Page(HTMLParser):
    """A page as its tags, and its text; refuses tags that are not closed where they should be."""

    VOID = frozenset({"meta", "link", "img", "br", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> says an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        found = [attrs for name, attrs in self.tags if name == tag]
        return [one for one in found if kind is None or kind in (one.get("class") or "").split()]


def read_page(report: Tour) -> Page:
    return Page(report.path.read_text(encoding="utf-8"))


def decoded(img: dict[str, str | None]) -> Image.Image:
    head, _, data = (img["src"] or "").partition(";base64,")
    assert head in {"data:image/png", "data:image/jpeg"}
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


@pytest.fixture
def toys(tmp_path: Path, shapes: Path, embedded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The row of classify on the little model and five pictures that a package "toys" brings; its folder."""
    folder = tmp_path / "packages" / "toys" / "pictures"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise AssertionError('samples are found without an import')")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    package = Package("toys", "toys", "pictures", extra="")
    noise = np.random.default_rng(0).integers(0, 100, (50, 70, 3), np.uint8)
    for name, shows in SHOWN.items():
        drawn = shapes / name / "07.png"
        picture = Image.open(drawn) if drawn.exists() else Image.fromarray(noise)
        picture.save(folder / f"{name}.png")
        words = {"title": f"A {name}", "alt": f"It is a {name}", "author": "Nobody & co", "terms": "<none>"}
        sample = Sample(name, "picture", package, f"{name}.png", **words, shows=shows)
        monkeypatch.setitem(SAMPLES, name, sample)
    monkeypatch.setitem(TASKS, "classify", dataclasses.replace(TASKS["classify"], samples=tuple(SHOWN)))
    return folder


def real_models() -> None:
    absent = [row.embedded for row in TASKS.values() if row.embedded not in zoo.names()]
    if absent:
        pytest.skip(f"this copy of macaw has no embedded model of: {', '.join(absent)}")


def change_card(folder: Path, **changes: Any) -> None:
    Card.load(folder).replace(**changes).save(folder)


# Samples


def test_the_table_names_samples_of_its_kind():
    for row in TASKS.values():
        assert len(row.samples) >= 2
        assert {SAMPLES[name].kind for name in row.samples} == {row.takes}


def test_one_sample_of_each_row_comes_with_the_core():
    for row in TASKS.values():
        packages = [SAMPLES[name].package for name in row.samples]
        assert None in packages or "" in {package.extra for package in packages}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_where_they_are_said_to_be(name: str):
    sample = SAMPLES[name]
    assert name == sample.name
    assert all((sample.title, sample.author, sample.terms))
    if sample.package is None:
        assert sample.kind == "text" and sample.input == sample.file
        with pytest.raises(InputError, match=f"'{name}' is a text"):
            assert sample.path
        return
    assert sample.alt
    if find_spec(sample.package.module) is None:
        pytest.skip(f"{sample.package.name} is not installed")
    assert sample.kind == "picture" and min(read_picture(sample.path).shape[:2]) >= 300


def test_classes_that_samples_show_are_classes_of_the_embedded_models():
    real_models()
    names = {name for row in TASKS.values() for name in Card.load(zoo.folder(row.embedded)).names}
    shown = {name for sample in SAMPLES.values() for name in sample.shows}
    assert len(shown) >= 4 and shown <= names


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    monkeypatch.setattr(samples, "find_spec", lambda name: None if name in modules else find_spec(name))


def test_what_scikit_image_brings_is_missed_in_one_line(monkeypatch: pytest.MonkeyPatch):
    hide(monkeypatch, "skimage")
    with pytest.raises(MissingExtra, match=r"'coffee\.png' needs 'scikit-image'.*macaw\[tour\]"):
        assert SAMPLES["coffee"].path
    found, problems = samples.at_hand(["coffee", "grace_hopper", "rocket"])
    assert [sample.name for sample in found] == ["grace_hopper"]
    assert problems == [
        "scikit-image is not installed, so these are left out: coffee, rocket. "
        "Install it with: pip install 'macaw[tour]'"
    ]


def test_who_wants_one_sample_hears_of_no_other(monkeypatch: pytest.MonkeyPatch):
    hide(monkeypatch, "skimage")
    found, problems = samples.at_hand(["coffee", "grace_hopper"], most=1)
    assert ([sample.name for sample in found], problems) == (["grace_hopper"], [])


def test_a_package_without_its_file_is_named():
    broken = dataclasses.replace(SAMPLES["grace_hopper"], file="nobody.jpg")
    with pytest.raises(InputError, match=r"'nobody\.jpg' is not in the installed matplotlib; install"):
        assert broken.path


# Verdicts


def answered(
    best: str, *, shows: tuple[str, ...], names: tuple[str, ...] = tuple("abcdefg")
) -> visit.Answered:
    """An answer that ranks `names` alphabetically but for `best`, to a sample that shows `shows`."""
    order = [best, *(name for name in names if name != best)]
    probs = np.array([2.0 ** -order.index(name) for name in names])
    labels = Labels(names, (probs / probs.sum()).astype(np.float32))
    right = tuple(name for name in shows if name in names)
    sample = dataclasses.replace(SAMPLES["grace_hopper"], shows=shows)
    return visit.Answered(sample, labels, 0.01, right, len(names))


@pytest.mark.parametrize(
    ("best", "shows", "kind", "words"),
    [
        ("c", ("c",), "right", "right, rank 1"),
        ("c", ("e", "c"), "right", "right, rank 1"),
        ("c", ("a",), "later", "right answer at rank 2"),
        ("c", ("e", "d"), "later", "right answer at rank 4"),
        ("c", ("g", "elsewhere"), "wrong", "right answer at rank 7"),
        (
            "c",
            ("elsewhere",),
            "outside",
            "its subject is not among the 7 classes: any answer is the nearest it knows",
        ),
        ("c", (), "outside", OUTSIDE),
    ],
)
def test_verdicts(best: str, shows: tuple[str, ...], kind: str, words: str):
    assert answered(best, shows=shows).verdict == (kind, words)


def test_a_model_that_names_nothing_is_not_judged():
    one = dataclasses.replace(answered("c", shows=("c",)), classes=0)
    assert one.verdict is None


def test_an_answer_without_the_right_name_is_wrong():
    class Silent(Result):
        """It ranks nothing."""

    one = dataclasses.replace(answered("c", shows=("c",)), answer=Silent())
    assert one.verdict == ("wrong", "the right answer, c, is not in it")


# Answers as HTML


def test_labels_are_five_bars_of_text():
    html = answered("c", shows=()).answer.fragment()
    Page(html)
    widths = re.findall(r'style="width:([\d.]+)%"', html)
    texts = re.findall(r'<span class="share">([\d.]+) %</span>', html)
    assert len(widths) == 5 and widths == texts
    assert re.findall(r'class="rank">(\d)<', html) == list("12345")
    assert re.findall(r'class="name">(\w+)', html) == list("cabde")
    assert "✓" not in html


def test_right_names_are_ticked_and_the_best_of_them_is_shown_at_any_rank():
    labels = answered("c", shows=()).answer
    near = labels.fragment(right=("a", "g"))
    assert re.findall(r'class="rank">(\d)</span> <span class="name">(\w)', near) == [
        *zip("12345", "cabde", strict=True)
    ]
    assert near.count("✓") == 1 and '<li class="right"><span class="rank">2</span>' in near
    far = labels.fragment(right=("f", "g"))
    assert far.count("<li") == 6 and far.count("✓") == 1
    assert '<li class="right"><span class="rank">6</span> <span class="name">f' in far  # no gap: 5, 6
    farther = labels.fragment(right=("g",))
    assert '<li class="right far"><span class="rank">7</span> <span class="name">g' in farther


def test_names_are_escaped():
    html = Labels(("<b>&\"'", "x"), np.array([0.9, 0.1], np.float32)).fragment(right=("<b>&\"'",))
    assert "<b>" not in html and "&lt;b&gt;&amp;&quot;&#x27;" in html
    assert "<b>&\"'" in Page(html).text


def test_other_answers_are_shown_as_their_picture():
    class Drawing(Result):
        """An answer without words of its own."""

        def plot(self) -> Image.Image:
            return Image.new("RGB", (1400, 700), "#c2411c")

        def __str__(self) -> str:
            return "two <cats>\nand more"

    (img,) = Page(Drawing().fragment(right=("cat",))).all("img")
    assert img["alt"] == Drawing().headline == "two <cats>"
    picture = decoded(img)
    assert picture.size == (1000, 500) == (int(img["width"] or 0), int(img["height"] or 0))
    assert np.abs(np.asarray(picture, int)[250, 500] - (0xC2, 0x41, 0x1C)).max() < 8


@pytest.mark.parametrize(("size", "kind"), [((64, 64), "PNG"), ((65, 20), "JPEG")])
def test_few_pixels_are_kept_exactly(size: tuple[int, int], kind: str):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    picture = decoded(Page(fragments.image(pixels, "noise", side=640)).all("img")[0])
    assert (picture.format, picture.size) == (kind, size)
    assert kind != "PNG" or np.array_equal(np.asarray(picture), pixels)


# The tour


def test_each_sample_is_answered_as_run_answers_it(toys: Path, here: Path):
    report = tour("seen")
    (row,) = report.rows
    assert report.failed == () and row.problem == ""
    assert [one.sample.name for one in row.answered] == list(SHOWN)
    for one in row.answered:
        alone = verbs.run("classify", toys / one.sample.file)
        assert np.array_equal(one.answer.probs, alone.probs)
        assert one.rank == alone.rank(one.sample.shows)
    assert [one.verdict.kind for one in row.answered[3:]] == ["outside", "outside"]


def test_the_page_says_what_the_tour_found(toys: Path, embedded: Path, here: Path):
    metrics = {
        "top-1 error": [0.25, 0.2, 0.3],
        "log loss": {"value": 1.5, "low": 1.4, "high": 1.6, "unit": "bits"},
    }
    change_card(
        embedded, scores={"shapes val": metrics}, limits="Knows three shapes.", terms={"data": "made up"}
    )
    report = tour("seen")
    page, (row,) = read_page(report), report.rows
    for one in row.answered:
        words = one.verdict.words
        assert f"{words[0].upper()}{words[1:]}" in page.text
        assert one.answer.best.name in page.text
        assert f"Answered in {visit.milliseconds(one.seconds)}" in page.text
    for words in ("A disc", "Nobody & co: <none>. Comes with toys.", "Knows three shapes.", "Data: made up"):
        assert words in page.text
    for words in ("25.0 %", "20.0\u00a0to\u00a030.0", "1.500 bits", "3\u00a0classes: cross · disc · square"):
        assert words in page.text
    for words in (str(report.machine), "macaw tour --quick", "macaw train classify data/ --out mine"):
        assert words in page.text
    assert len(page.all("ol", "ranking")) == 5
    verdicts = [(one.get("class") or "").split()[1] for one in page.all("p", "verdict")]
    assert verdicts == [one.verdict.kind for one in row.answered]
    known = [one for one in row.answered if one.right]
    assert len(page.all("span", "tick")) == len(known) == 3


def test_the_page_stands_alone(toys: Path, here: Path):
    report = tour("seen")
    assert os.listdir("seen") == ["index.html"]
    text = report.path.read_text(encoding="utf-8")
    page = Page(text)
    assert text.startswith("<!doctype html>\n")
    assert page.all("html") == [{"lang": "en"}] and len(page.all("title")) == len(page.all("h1")) == 1
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "object", "video", "form"} == set()
    places = [attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs]
    assert len(places) > 10
    assert [place for place in places if not (place or "").startswith(("data:", "#"))] == []
    styles = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    assert len(styles) == 1 and not re.search(r"url\(|@import", styles[0])
    for medium in ("(prefers-color-scheme: dark)", "@media print", "size: A4"):
        assert medium in styles[0]
    colors = set(re.findall(r"var\((--\w+)\)", styles[0]))
    assert colors <= set(re.findall(r"(--\w+):", styles[0]))
    assert len(text) < 100_000 * len(report.rows[0].answered)
    assert str(toys) not in text and str(here) not in text


def test_pictures_are_inside_with_words_for_who_cannot_see_them(toys: Path, here: Path):
    page = read_page(tour("seen"))
    *samples, why = [img["alt"] for img in page.all("img", "photo")]
    assert samples == [f"It is a {name}" for name in SHOWN]
    assert why == "The photograph under its map by covering"
    assert all(img["alt"] for img in page.all("img"))
    photos = [np.asarray(decoded(img).convert("RGB"), int) for img in page.all("img", "photo")]
    truth = read_picture(toys / "disc.png").astype(int)
    assert photos[0].shape == (32, 32, 3) and np.array_equal(photos[0], truth)
    seen = [np.asarray(decoded(img), int) for img in page.all("img", "seen")]
    # The little model takes 32 x 32, so a picture of that size reaches it whole, but for rounding
    assert len(seen) == 5 and {one.shape for one in seen} == {(32, 32, 3)}
    assert np.abs(seen[0] - truth).max() <= 1


def test_ids_and_links_agree(toys: Path, here: Path, monkeypatch: pytest.MonkeyPatch):
    again = dataclasses.replace(TASKS["classify"], name="shapes", alias="shape-sorting", samples=("disc",))
    monkeypatch.setitem(TASKS, "shapes", again)
    page = read_page(tour("seen"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids) >= 5
    targets = [link["href"] for link in page.all("a")]
    assert targets == ["#row-classify", "#row-shapes"]
    assert {(target or "")[1:] for target in targets} <= set(ids)
    assert {attrs["aria-labelledby"] for attrs in page.all("section")} <= set(ids)


def test_an_application_joins_by_its_row_alone(toys: Path, here: Path, monkeypatch: pytest.MonkeyPatch):
    row = dataclasses.replace(
        TASKS["classify"], name="shapes", alias="shape-sorting", samples=("disc", "cross")
    )
    monkeypatch.setitem(TASKS, "shapes", row)
    report = tour("seen")
    assert [(one.task.name, len(one.answered), one.problem) for one in report.rows] == [
        ("classify", 5, ""),
        ("shapes", 2, ""),
    ]
    assert "macaw run shapes photo.jpg" in read_page(report).text


@pytest.mark.parametrize("module", ["tour", "tour_page", "tour_style", "visit"])
def test_the_tour_knows_no_application_by_name(module: str):
    text = (SOURCE / f"{module}.py").read_text(encoding="utf-8")
    assert [row.name for row in TASKS.values() if re.search(rf"\b{row.name}\b", text)] == []


def test_times_and_sizes_are_measured(toys: Path, embedded: Path, here: Path):
    report = tour("seen")
    (row,) = report.rows
    assert row.weights == (embedded / "model.safetensors").stat().st_size
    assert 0 < row.opening < row.first * 50 and 0 < row.first < report.seconds
    times = [one.seconds for one in row.answered]
    assert min(times) > 0 and sorted(times)[2] == row.seconds
    assert report.machine.cores >= 1 and report.machine.processor


def test_a_slow_application_is_measured_once(monkeypatch: pytest.MonkeyPatch):
    now = iter(range(100))
    monkeypatch.setattr(visit.time, "perf_counter", lambda: float(next(now)))
    calls: list[int] = []
    assert visit._typical(lambda: calls.append(0)) == 1.0
    assert len(calls) == 1


def test_quick_shows_one_sample_of_each(toys: Path, here: Path):
    report = tour("seen", quick=True)
    assert [one.sample.name for one in report.rows[0].answered] == ["disc"]
    assert len(read_page(report).all("li", "sample")) == 1


def test_quick_needs_nothing_but_the_core(embedded: Path, here: Path, monkeypatch: pytest.MonkeyPatch):
    hide(monkeypatch, *(BRINGS - {"matplotlib"}))
    (row,) = tour("seen", quick=True).rows
    assert [one.sample.name for one in row.answered] == ["grace_hopper"]
    assert row.notes == ()


def test_quick_takes_the_next_sample_for_one_that_is_gone(toys: Path, here: Path):
    (toys / "disc.png").unlink()
    (row,) = tour("seen", quick=True).rows
    assert ([one.sample.name for one in row.answered], row.notes) == (["square"], ())


def test_what_is_not_installed_is_told_and_the_rest_is_shown(
    embedded: Path, here: Path, monkeypatch: pytest.MonkeyPatch, macaw: Any
):
    hide(monkeypatch, "skimage")
    said = macaw("tour", "--out", "seen")
    assert said.code == 0
    assert "grace_hopper" in said.out
    assert said.out.count("macaw[tour]") == 1
    page = Page(Path("seen/index.html").read_text(encoding="utf-8"))
    assert len(page.all("p", "note")) == 1 and "scikit-image is not installed" in page.text


def test_a_sample_that_cannot_be_read_is_told(toys: Path, here: Path):
    (toys / "square.png").write_bytes(b"not a picture")
    (toys / "moon.png").unlink()
    report = tour("seen")
    (row,) = report.rows
    assert report.failed == ()
    assert [one.sample.name for one in row.answered] == ["disc", "cross", "noise"]
    assert len(row.notes) == 2
    assert [name for name in ("moon.png", "square.png") if name not in " ".join(row.notes)] == []
    assert [note for note in row.notes if "\n" in note] == []
    text = read_page(report).text
    assert all(note in text and note in str(report) for note in row.notes)


def test_without_any_sample_the_row_failed(toys: Path, here: Path):
    for picture in toys.iterdir():
        picture.unlink()
    report = tour("seen", quick=True)
    assert report.failed == ("classify",)
    assert "no sample to show" in report.rows[0].problem and "disc.png" in report.rows[0].problem


def test_a_missing_model_is_one_line_and_the_others_go_on(
    toys: Path, here: Path, monkeypatch: pytest.MonkeyPatch, macaw: Any
):
    row = dataclasses.replace(TASKS["classify"], name="absent", alias="absent-minded", embedded="nowhere")
    monkeypatch.setitem(TASKS, "absent", row)
    said = macaw("tour", "--out", "seen")
    assert said.code == 1 and said.err == ""
    problem = "this copy of macaw has no embedded model 'nowhere'"
    assert f"absent  did not run: {problem}" in said.out
    assert "disc" in said.out
    page = Page(Path("seen/index.html").read_text(encoding="utf-8"))
    assert problem in page.text and len(page.all("p", "failed")) == 1
    assert len(page.all("ol", "ranking")) == 5
    assert "macaw run classify" in page.text and "macaw run absent" not in page.text


@pytest.mark.parametrize("file", ["model.onnx", "model.safetensors", "card.json"])
def test_a_damaged_model_is_one_line(toys: Path, embedded: Path, here: Path, file: str):
    (embedded / file).write_bytes((embedded / file).read_bytes()[:40])
    report = tour("seen")
    assert report.failed == ("classify",)
    assert file in report.rows[0].problem and "\n" not in report.rows[0].problem
    assert "did not run" in read_page(report).text


def test_a_fault_of_one_application_does_not_hide_the_others(
    toys: Path, here: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise KeyError("a fault\nof ours")

    monkeypatch.setattr(verbs, "run", broken)
    report = tour("seen")
    assert report.rows[0].problem == "KeyError: 'a fault\\nof ours'"
    assert report.path.exists()


def test_words_of_a_card_cannot_break_the_page(toys: Path, embedded: Path, here: Path):
    nasty = "<script>alert('&')</script>"
    card = Card.load(embedded)
    training = {**card.training, "data": nasty, "command": nasty, "machine": nasty}
    changes = {
        "name": nasty,
        "limits": nasty,
        "terms": {nasty: nasty},
        "scores": {nasty: {nasty: [0.1, 0, 1]}},
    }
    change_card(embedded, names=(nasty, "b", "c"), training=training, **changes)
    text = tour("seen").path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert Page(text).text.count(nasty) > 8


@pytest.mark.parametrize(
    "scores", [{}, {"a": {}}, {"a": {"top-1 error": "low"}}, {"a": {"top-1 error": [0.3]}}]
)
def test_a_card_without_readable_scores_shows_none(
    toys: Path, embedded: Path, here: Path, scores: dict[str, Any]
):
    change_card(embedded, scores=scores)
    report = tour("seen")
    assert report.failed == () and report.rows[0].score is None
    assert "on its card; 95" not in read_page(report).text


def test_a_full_disk_leaves_the_old_report(toys: Path, here: Path, monkeypatch: pytest.MonkeyPatch):
    Path("seen").mkdir()
    Path("seen/index.html").write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        tour("seen", quick=True)
    assert os.listdir("seen") == ["index.html"]
    assert Path("seen/index.html").read_text() == "old"


def test_a_file_in_its_place_is_refused_at_once(here: Path, monkeypatch: pytest.MonkeyPatch):
    Path("seen").write_text("a file")
    monkeypatch.setattr("macaw.tour.visit", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(InputError, match="'seen' is a file; give the folder"):
        tour("seen")


# The door


def test_the_terminal_shows_a_summary_and_the_path(toys: Path, here: Path, macaw: Any):
    said = macaw("tour")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("classify  ") and " a picture" in lines[0]
    assert [line.split()[0] for line in lines[1:6]] == list(SHOWN)
    assert lines[-1] == str(here / "tour" / "index.html")
    assert Path(lines[-1]).is_file()


def test_json_has_it_all(toys: Path, here: Path, macaw: Any):
    said = macaw("tour", "--json", "--quick", "--out", "seen")
    told = json.loads(said.out)
    assert (told["path"], told["quick"], told["failed"]) == ("seen/index.html", True, [])
    (row,) = told["rows"]
    assert (row["task"], row["problem"], row["notes"]) == ("classify", "", [])
    assert min(row["first_answer_ms"], row["opening_ms"], row["median_ms"], row["weights_bytes"]) > 0
    (sample,) = row["samples"]
    assert (sample["sample"], sample["would_be_right"]) == ("disc", ["disc"])
    assert sample["answer"]["source"] == "disc.png" and len(sample["answer"]["labels"]) == 3
    assert set(told["machine"]) == {"processor", "cores", "python", "macaw", "onnxruntime"}


# The embedded models


def test_the_embedded_models_take_the_tour(here: Path):
    real_models()
    pytest.importorskip("skimage")
    report = tour("seen")
    assert report.failed == ()
    for row in report.rows:
        assert [one.sample.name for one in row.answered] == list(row.task.samples)
        assert row.score is not None and row.weights > 100_000
        assert row.card is not None and row.card.limits and {"weights", "data"} <= row.card.terms.keys()
    judged = [one for row in report.rows for one in row.answered if one.right]
    assert len(judged) >= 4 and any(one.rank == 1 for one in judged)
    assert report.path.stat().st_size < 200_000 * sum(len(row.answered) for row in report.rows)


def test_the_tour_imports_neither_torch_nor_what_brings_its_samples(here: Path, start: Any):
    real_models()
    code = (
        "import sys; from macaw.cli import main; code = main(['tour', '--quick']); print(code, *sys.modules)"
    )
    out, err = start(code=code).communicate(timeout=120)
    code, *modules = out.splitlines()[-1].split()
    assert (code, err) == ("0", "")
    assert {"torch", "skimage", "scipy"} & set(modules) == set()  # matplotlib draws boxes
