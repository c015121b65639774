"""What importing macaw costs: the heavy libraries stay out until something needs them."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import macaw

HEAVY = (
    "torch", "matplotlib", "onnxruntime", "onnx", "scipy", "skimage", "transformers", "fastapi",
    "av", "numba", "tokenizers",
)  # fmt: skip
TORCH_FREE = ("macaw.data", "macaw.results", "macaw.metrics", "macaw.runtime", "macaw.model", "macaw.zoo")


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert module in done.stdout.split()
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["macaw", "macaw.cli", "macaw.tasks", "macaw.verbs"])
def test_doors_import_nothing_heavy(module: str):
    assert loaded_by(module) & set(HEAVY) == set()


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_runs_a_model_imports_no_torch(module: str):
    assert "torch" not in loaded_by(module)


def test_public_names_are_sorted_and_all_there():
    assert list(macaw.__all__) == sorted(macaw.__all__)
    assert [name for name in macaw.__all__ if not hasattr(macaw, name)] == []


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nosuch"):
        getattr(macaw, "nosuch")  # noqa: B009  (a plain attribute would not pass the type checker)


def test_verbs_stay_functions_after_their_packages_are_imported():
    importlib.import_module("macaw.training")
    for verb in ("load", "run", "train", "evaluate", "export"):
        assert callable(getattr(macaw, verb)), verb


def test_help_works_in_a_fresh_process():
    done = subprocess.run([sys.executable, "-m", "macaw.cli", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for verb in ("run", "train", "evaluate", "export", "tasks", "tour"):
        assert verb in done.stdout
