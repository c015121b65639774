"""The page of the board: every record with its command, the best marked, names escaped, nothing loaded."""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser

import pytest

from macaw.results.board_page import board_page
from macaw.results.board_plot import _best_so_far, _ticks
from macaw.results.measures import Interval
from macaw.results.record import Record

VOID = {"meta", "br", "link", "img", "input", "path"}


def record(number: int = 1, **changes) -> Record:
    value = changes.pop("error", 0.5 - number / 100)
    fields = {
        "task": "classify", "data": "cats", "path": "/data/cats", "content": "c" * 64, "split": "val",
        "count": 1234, "metrics": {"top-1 error": Interval(value, value - 0.03, value + 0.04)},
        "model": f"model {number}", "reference": "/models/mine", "weights": f"{number:064}",
        "engine": "onnxruntime", "seed": 0, "commit": "773e81da7762", "machine": "2 cores",
        "time": f"2026-11-{number:02}T05:53:22Z", "seconds": 1.5,
    }  # fmt: skip
    return Record(**{**fields, **changes})


class Checked(HTMLParser):
    """Sees that every element is closed, and collects names and links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named[name] for name in ("href", "src") if name in named]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_every_record_is_there_with_its_command_and_what_it_was_made_of():
    records = [record(n) for n in range(1, 8)]
    page = board_page(records)
    for one in records:
        assert f'<tbody id="row-{one.row}">' in page
        assert escape(one.command) in page
        assert one.weights[:12] in page and one.commit in page and one.machine in page
        assert one.metrics["top-1 error"].text in page
    assert "7 evaluations of 7 models on 1 data set." in page
    assert "1,234 examples, content cccccccccccc. By top-1 error, lower is better" in page


def test_it_is_well_formed_and_links_only_into_itself():
    other = record(9, data="dogs & <cats>", content="d" * 64, metrics={"macro F1": Interval(0.5, 0.4, 0.6)})
    found = Checked(board_page([record(1), record(2), other], ["line 3 is <left> out"]))
    assert len(found.ids) == len(set(found.ids)) == 5  # three rows, two data sets
    assert {link.removeprefix("#") for link in found.links if not link.startswith("data:")} == set(found.ids)


def test_nothing_is_loaded_and_names_are_escaped():
    page = board_page([record(1, data="<script>alert(1)</script>", model='"><img src=x>', path="/a<b>")])
    assert "<script" not in page and "<img" not in page and "@import" not in page and "url(" not in page
    assert "&lt;script&gt;" in page


def test_the_best_is_marked_in_table_and_plot():
    records = [record(1, error=0.3), record(2, error=0.2), record(3, error=0.25)]
    page = board_page(records)
    assert page.count("</b> best") == 1
    row = page[page.index(f'id="row-{records[1].row}"') :]
    assert row.index("</b> best") < row.index("</tbody>")
    assert page.count('class="dot best"') == 1
    assert f'class="dot best" href="#row-{records[1].row}"' in page
    assert "Best: <b>20.0 % [17.0, 24.0]</b>, model 2" in unescape(page)


def test_a_lone_record_is_no_contest():
    page = board_page([record()])
    assert "</b> best" not in page and "left:50.00%" in page


def test_dots_stand_where_time_and_value_put_them():
    records = [record(1, error=0.40), record(2, error=0.30), record(5, error=0.35)]
    page = board_page(records)
    places = re.findall(r'class="dot[^>]*left:([\d.]+)%;bottom:([\d.]+)%', page)
    assert [float(x) for x, _ in places] == [0, 25, 100]
    heights = [float(y) for _, y in places]
    assert (heights[0] - heights[2]) == pytest.approx((heights[2] - heights[1]), abs=0.02)
    whiskers = re.findall(r'class="whisker" style="[^"]*bottom:([\d.]+)%;height:([\d.]+)%', page)
    assert all(float(low) + float(height) <= 100 for low, height in whiskers)


def test_the_line_runs_along_the_best_so_far():
    points = [(0.0, 60.0), (20.0, 70.0), (50.0, 40.0), (100.0, 50.0)]
    assert _best_so_far(points, True) == "M0.00 40.00H20.00V40.00H50.00V60.00H100.00V60.00"
    assert _best_so_far(points, False) == "M0.00 40.00H20.00V30.00H50.00V30.00H100.00V30.00"


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.13, 0.29), (0.0, 1.0), (0.0, 0.0), (0.5, 0.5), (3.1, 912.0), (1e-6, 3e-6), (0.1, 0.3)],
)
def test_the_scale_has_round_numbers_around_what_is_shown(low: float, high: float):
    ticks = _ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] <= low + 1e-12 and ticks[-1] >= high - 1e-12 and ticks[0] < ticks[-1]
    assert f"{ticks[1] - ticks[0]:e}"[:4] in {"1.00", "2.00", "5.00"}


def test_metrics_that_some_lack_and_an_empty_board_are_shown():
    both = {"top-1 error": Interval(0.1, 0.1, 0.1), "x loss": Interval(1, 1, 1, "nats")}
    page = board_page([record(1), record(2, metrics=both)])
    assert 'data-name="x loss" class="quiet">n/a<' in page and "1.000 nats" in page
    assert "Nothing was evaluated yet." in board_page([])
