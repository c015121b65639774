"""The picture of a training run: complete, sparse and damaged histories."""

from __future__ import annotations

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results import draw
from macaw.results.curves import _column, _headline, _summary, plot_history


def history(epochs, **without):
    rows = [
        {
            "epoch": float(e),
            "minutes": 0.8 * e,
            "loss": 2 / e,
            "val_loss": 2.2 / e,
            "val_error": 0.5 / e,
            "rate": 0.02 * (1 - e / epochs),
            "pictures_per_second": 650.0,
        }
        for e in range(1, epochs + 1)
    ]
    return [{name: value for name, value in row.items() if name not in without} for row in rows]


def count(picture, color):
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.asarray(picture) == wanted).all(axis=2).sum())


def test_every_curve_is_drawn_in_its_colour():
    picture = plot_history(history(12))
    assert all(count(picture, color) > 500 for color in (draw.BLUE, draw.GOLD, draw.SCARLET, draw.MUTED))
    assert picture.height > plot_history(history(12, rate=1)).height  # a missing column is a missing panel


def test_a_column_that_is_missing_or_never_measured_is_left_out():
    rows = history(12, val_loss=1, val_error=1)
    picture = plot_history(rows)
    assert count(picture, draw.GOLD) == count(picture, draw.SCARLET) == 0
    unknown = [row | {"val_error": float("nan"), "val_loss": float("inf")} for row in rows]
    assert plot_history(unknown).tobytes() == picture.tobytes()


@pytest.mark.parametrize("epochs", [1, 2, 400])
def test_short_and_long_runs_stay_inside_the_sheet(epochs):
    pixels = np.asarray(plot_history(history(epochs)))
    inner = pixels[30:-30, 30:-30]
    assert (pixels != 255).any(axis=2).sum() == (inner != 255).any(axis=2).sum()


def test_a_resumed_run_and_gaps_in_validation_are_drawn():
    rows = history(20)
    for row in rows[::2]:
        row["val_error"] = row["val_loss"] = float("nan")
    assert count(plot_history(rows), draw.SCARLET) > 300
    assert plot_history(rows[10:]).width == 1400


def test_what_is_not_finite_was_not_measured():
    rows = [{"minutes": float("inf")}, {"minutes": 2.0}, {}]
    np.testing.assert_array_equal(_column(rows, "minutes"), [np.nan, 2.0, np.nan])


def test_the_words_at_the_top():
    table = {name: np.array([row[name] for row in history(4)]) for name in history(4)[0]}
    assert _headline(table) == "Best validation error 12.5 %"
    assert _summary(table) == "4 epochs, 3.2 minutes, 650 pictures a second"


def test_nothing_to_draw_is_said():
    with pytest.raises(InputError, match="no row"):
        plot_history([])
    with pytest.raises(InputError, match="columns epoch, minutes; it needs epoch, and loss"):
        plot_history([{"epoch": 1.0, "minutes": 2.0}])
    with pytest.raises(InputError, match="needs epoch"):
        plot_history([{"loss": 1.0}])
