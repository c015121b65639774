"""The proof of an export as text, values and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.metrics.parity import compare
from macaw.results.exported import Exported
from macaw.results.parity import Parity
from macaw.testing import check_result


def proof(*, labelled: bool = True) -> Parity:
    random = np.random.default_rng(0)
    before = random.dirichlet(np.full(8, 0.3), 200)
    after = np.abs(before + random.normal(0, 0.02, before.shape))
    targets = random.integers(0, 8, 200) if labelled else None
    after /= after.sum(1, keepdims=True)
    between = ("onnxruntime, float32", "openvino, int8")
    return compare(before, after, between=between, pictures="val of shapes", targets=targets)


def test_it_keeps_the_contract_of_results():
    check_result(proof())
    check_result(proof(labelled=False))
    check_result(Exported(Path("my-model.onnx"), 1_234_567, "int8", proof()))


def test_its_text_names_both_ways_and_every_figure():
    found = proof()
    first, *rows = str(found).splitlines()
    assert first == "openvino, int8 against onnxruntime, float32, 200 pictures (val of shapes)"
    assert [row.split("  ")[1] for row in rows] == [
        "answers changed", "largest difference", "mean difference", "top five in common", "error",
        "loss of accuracy",
    ]  # fmt: skip
    assert rows[0].endswith(str(found.changed))
    assert found.headline == f"{found.changed.text} of 200 answers changed"
    assert "error" not in str(proof(labelled=False))


def test_an_export_is_the_file_and_the_proof():
    text = str(Exported(Path("my-model.onnx"), 1_234_567, "int8", proof()))
    assert text.splitlines()[0] == "my-model.onnx  int8, 1.2 MB"
    assert text.endswith(str(proof()))


def test_its_values_are_small_whatever_the_number_of_pictures():
    values = proof().to_dict()
    assert values["count"] == 200
    assert values["errors"].keys() == {"before", "after", "difference"}
    assert len(str(values)) < 1000


@pytest.mark.parametrize("apart", [np.zeros(0), np.zeros((2, 2)), np.array([0.1, 1.2]), np.array([np.nan])])
def test_what_is_no_proof(apart: np.ndarray):
    found = proof()
    with pytest.raises(InputError):
        Parity(found.between, found.pictures, apart, found.mean, found.changed, found.common)


def test_answers_that_are_all_the_same_can_be_drawn():
    before = np.full((3, 2), 0.5)
    same = compare(before, before, between=("a", "b"), pictures="none at all")
    assert min(same.plot().size) > 0
