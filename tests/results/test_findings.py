"""Findings: the text, the page, the sheet, and the values."""

from __future__ import annotations

import json
import re
from dataclasses import FrozenInstanceError
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results.findings import Crop, Finding, Findings, Pair, Suspect
from macaw.testing import check_result


def crop(name: str = "a.png", note: str = "cat", shade: int = 90) -> Crop:
    return Crop(np.full((24, 24, 3), shade, np.uint8), name, note)


LEAK = Finding("leak-exact", "error", 2, "2 pictures in two splits", ("a = b", "c = d"), "remove them")
GREY = Finding("grey", "note", 5, "5 pictures in grey", tuple("abcde"), "fine")
FEW = Finding("class-few", "warning", 1, "1 class with few pictures", ("'cat' 3",), "add pictures")
SUSPECT = Suspect("x.png", ("cat",), ("dog",), 0.91234, crop("x.png"))


def findings(*some: Finding, **more: object) -> Findings:
    values = {
        "path": "some/fruit",
        "splits": {"train": 20, "val": 4},
        "classes": {"cat": {"train": 3, "val": 4}, "dog": {"train": 17}},
        "crops": (crop("cat"), crop("dog")),
        "seconds": 0.5,
    }
    return Findings(findings=some, **{**values, **more})


FULL = findings(GREY, FEW, LEAK, pairs=(Pair("leak-exact", crop("a"), crop("b")),), suspects=(SUSPECT,))


@pytest.mark.parametrize("result", [findings(), FULL, findings(classes={}, splits={}, crops=())])
def test_the_contract_of_results(result: Findings):
    check_result(result)
    with pytest.raises(FrozenInstanceError):
        result.path = "other"


def test_the_gravest_comes_first():
    assert [one.severity for one in FULL.findings] == ["error", "warning", "note"]
    assert FULL.failed and FULL.count("error") == 1
    assert FULL.of("class-few") is FEW and FULL.of("blank") is None


def test_the_text_reads_from_the_gravest_to_the_verdict():
    assert str(findings(GREY, FEW, LEAK)).splitlines() == [
        "some/fruit: 24 pictures, 2 classes (train 20, val 4); 0.5 s, 48 a second",
        "",
        "error    leak-exact  2 pictures in two splits",
        "                     a = b; c = d",
        "                     remove them",
        "warning  class-few   1 class with few pictures",
        "                     'cat' 3",
        "                     add pictures",
        "note     grey        5 pictures in grey",
        "                     a; b; c; and 2 more",
        "                     fine",
        "",
        "1 error, 1 warning, 1 note. Not fit to train on: mend the errors first",
    ]


def test_the_text_of_a_clean_set_is_two_lines():
    assert str(findings()).splitlines()[1:] == ["", "Nothing found. Fit to train on"]
    assert findings().headline == "Nothing found. Fit to train on"
    assert findings(GREY, GREY).verdict == "2 notes. Fit to train on"


def test_more_places_than_are_kept_are_counted():
    many = Finding("row-missing", "error", 5000, "5,000 rows", tuple(f"row {i}" for i in range(100)))
    assert many.places(3) == ["row 0", "row 1", "row 2", "and 4,997 more"]


def test_long_places_have_a_line_each():
    long = tuple(f"a/very/long/path/to/some/picture/{i}.png = another/{i}.png" for i in range(4))
    lines = str(findings(Finding("leak-near", "error", 4, "4 pictures", long, "remove them"))).splitlines()
    assert [line.strip() for line in lines[3:7]] == [*long[:3], "and 1 more"]


def test_suspects_are_listed_with_both_labels():
    lines = str(FULL).splitlines()
    assert "most doubtful labels, given -> suggested" in lines
    assert "  cat -> dog  x.png" in lines
    assert str(Suspect("x", (), ("a", "b"), 0.5)) == "none -> a, b"


def test_one_more_finding():
    more = findings(GREY).plus(FEW, suspects=[SUSPECT], seconds=1.5)
    assert [one.code for one in more.findings] == ["class-few", "grey"]
    assert more.suspects == (SUSPECT,) and more.seconds == 2.0
    assert findings(GREY).plus(None).findings == (GREY,)


def test_the_values():
    values = FULL.to_dict()
    assert values["failed"] is True
    assert values["findings"][0] == {
        "code": "leak-exact",
        "severity": "error",
        "count": 2,
        "words": "2 pictures in two splits",
        "where": ["a = b", "c = d"],
        "remedy": "remove them",
    }
    assert values["suspects"] == [
        {"source": "x.png", "given": ["cat"], "suggested": ["dog"], "doubt": 0.9123}
    ]
    assert json.loads(json.dumps(values)) == values


class Page(HTMLParser):
    """What a page holds: its tags, what it would load, and its text."""

    void = frozenset({"meta", "link", "img", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"} and value[0] != "#"]
        if tag not in self.void and tag not in {"path", "g", "svg"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in {"path", "g", "svg"}:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone(tmp_path: Path):
    text = FULL.save(tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert all(source.startswith("data:image/") for source in page.loads)
    assert "script" not in page.tags and "@import" not in text and "url(" not in text
    assert page.tags.count("img") == 5  # a pair, a suspect, two classes
    for words in ("fruit", FULL.verdict, "Remove them.", "given cat", "train 3, val 4", "5 pictures in grey"):
        assert words in page.text


def test_names_on_the_page_are_only_names(tmp_path: Path):
    bad = "<script>alert(1)</script>"
    found = Finding("leak-exact", "error", 1, bad, (bad,), bad)
    named = findings(
        found,
        path=bad,
        classes={bad: {"train": 1}},
        crops=(crop(bad, bad),),
        pairs=(Pair("leak-exact", crop(bad, bad), crop(bad, bad)),),
        suspects=(Suspect(bad, (bad,), (bad,), 0.5, crop(bad, bad)),),
    )
    assert "script" not in Page(named.to_html()).tags
    assert bad in Page(named.to_html()).text


def test_many_places_unfold(tmp_path: Path):
    many = Finding("blank", "warning", 400, "400 pictures", tuple(f"{i}.png" for i in range(100)))
    text = Page(findings(many).to_html()).text
    assert "95 more of 400" in text and "99.png" in text


def test_the_sheet_grows_with_what_there_is_to_show():
    few, all_ = findings().plot(), FULL.plot()
    assert few.size[0] == all_.size[0] == 1600
    assert all_.size[1] > few.size[1]
    names = [f"class {i}" for i in range(200)]
    many = findings(classes={n: {"train": 1} for n in names}, crops=tuple(crop(n) for n in names)).plot()
    assert many.size[0] == 1600 and 2000 < many.size[1] < 6000


def test_the_sheet_shows_the_crops():
    red = Crop(np.full((24, 24, 3), (250, 10, 20), np.uint8), "cat")
    pixels = np.asarray(findings(crops=(red,)).plot().convert("RGB")).astype(int)
    assert (abs(pixels - (250, 10, 20)).sum(axis=2) < 30).sum() > 100 * 100


@pytest.mark.parametrize("name", ["report.txt", "report"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path):
    with pytest.raises(InputError, match=r"use \.html, \.json"):
        FULL.save(tmp_path / name)


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="severity 'fatal'"):
        Finding("x", "fatal", 1, "words")
    with pytest.raises(InputError, match="a crop is uint8 of shape"):
        Crop(np.zeros((3, 4, 3), np.uint8), "x")
    with pytest.raises(InputError, match="the splits are"):
        findings(classes={"cat": {"test": 1}})
    assert re.search(r"\['test'\]", "['test']")


def test_objects_are_counted_as_such_and_several_of_a_class_are_shown_together():
    some = tuple(crop(name, note) for name in ("cat", "dog") for note in ("12 objects", "", "", ""))
    result = findings(crops=some, counted="object")
    assert result.title.startswith("some/fruit: 24 pictures, 24 objects, 2 classes (train 20, val 4)")
    page = result.to_html()
    assert "<dt>objects</dt><dd>24</dd>" in page and page.count('<div class="some">') == 2
    assert "Some objects of each, the largest first" in page
    assert result.to_dict()["counted"] == "object" and findings().to_dict()["counted"] == "picture"
    names = [f"class {i}" for i in range(8)]
    row = findings(classes={name: {} for name in names}, crops=tuple(map(crop, names)))
    assert abs(result.plot().height - row.plot().height) < 20  # eight crops in a row, in both
