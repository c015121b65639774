"""The proof of an exported language model as text, values and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.results.exported import Exported
from macaw.results.text_parity import TextParity
from macaw.testing import check_result

BETWEEN = ("numpy, float32", "onnxruntime, int8")


def proof(*, agreed: tuple[int, ...] = (64, 64, 12, 40), scale: float = 0.02, **values) -> TextParity:
    apart = np.abs(np.random.default_rng(0).normal(0, scale, 900))
    length = np.full(len(agreed), 64)
    plain = {"between": BETWEEN, "texts": "val of novels", "bits": (1.6, 1.608)}
    return TextParity(apart=apart, agreed=np.array(agreed, np.int64), length=length, **(plain | values))


def test_it_keeps_the_contract_of_results():
    check_result(proof())
    check_result(proof(agreed=(), scale=0.0, per="token"))
    check_result(proof(scale=40.0))
    check_result(Exported(Path("my-model.onnx"), 1_234_567, "int8", proof()))


def test_its_text_names_both_ways_and_every_figure():
    found = proof()
    first, *rows = str(found).splitlines()
    assert first == "onnxruntime, int8 against numpy, float32, 900 tokens (val of novels)"
    assert [row.split("  ")[1] for row in rows] == [
        "largest difference", "mean difference", "bits per byte", "greedy continuations",
    ]  # fmt: skip
    assert rows[2].endswith("1.6000, now 1.6080, +0.50 %")
    assert rows[3].endswith("2 of 4 the same; the others from token 13 on")
    assert found.headline == "+0.50 % bits per byte; 2 of 4 continuations the same"
    assert proof(bits=(1.6, 1.599999)).headline.startswith("+0.00 %")


def test_continuations_that_are_all_the_same_say_how_long_they_are():
    assert str(proof(agreed=(64, 64))).endswith("2 of 2 the same, 128 tokens")
    assert str(proof(agreed=())).endswith("none was written")


def test_its_values_are_small_whatever_the_number_of_tokens():
    values = proof().to_dict()
    assert values["tokens"] == 900 and values["bits_per_byte"]["lost"] == pytest.approx(0.005)
    assert values["continuations"] == {"count": 4, "same": 2, "agreed": [64, 64, 12, 40], "length": [64] * 4}
    assert len(str(values)) < 1000
    assert "bits_per_token" in proof(per="token").to_dict()


@pytest.mark.parametrize(
    "values",
    [
        {"apart": np.zeros(0)},
        {"apart": np.zeros((2, 2))},
        {"apart": np.array([-0.1])},
        {"apart": np.array([np.inf])},
        {"agreed": np.array([65]), "length": np.array([64])},
        {"agreed": np.array([1, 2]), "length": np.array([64])},
        {"per": "word"},
    ],
)
def test_what_is_no_proof(values: dict):
    plain = {"apart": np.ones(3), "agreed": np.array([1]), "length": np.array([2]), "bits": (1.0, 1.0)}
    with pytest.raises(InputError):
        TextParity(between=BETWEEN, texts="x", **(plain | values))
