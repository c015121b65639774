"""The registry: names to things, ours and those of plug-ins, imported when asked for and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from macaw import registry
from macaw.errors import MissingExtra, UnknownName
from macaw.registry import BUILDERS, ENGINES, FRONTENDS, HEADS, Registry

OURS = {"sqrt": "math:sqrt", "lost": "macaw_none_such:thing"}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with two entries, one of them under a name of ours."""
    (tmp_path / "toy_plugin.py").write_text("def number(*words, **options):\n    return words, options\n")
    info = tmp_path / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    entries = "number = toy_plugin:number\nsqrt = toy_plugin:number"
    (info / "entry_points.txt").write_text(f"[macaw.toys]\n{entries}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_plugin", raising=False)


def test_ours_are_found_by_name():
    toys = Registry("macaw.toys", OURS)
    assert toys.names() == ["sqrt", "lost"]
    assert toys.kind == "toy"
    assert toys.build("sqrt", 9) == 3


@pytest.mark.usefixtures("plugin")
def test_plugins_join_by_entry_point_and_cannot_take_our_place():
    toys = Registry("macaw.toys", OURS)
    assert toys.names() == ["sqrt", "lost", "number"]
    toys.check("number")
    assert "toy_plugin" not in sys.modules  # looked up, not imported
    assert toys.build("number", 1, a=2) == ((1,), {"a": 2})
    assert toys.get("sqrt")(9) == 3
    assert Registry("macaw.others", {}).names() == []


@pytest.mark.usefixtures("plugin")
def test_an_unknown_name_is_refused_with_what_there_is():
    with pytest.raises(UnknownName) as problem:
        Registry("macaw.toys", OURS).get("numbr")
    assert str(problem.value) == "no toy 'numbr'. Did you mean 'number'? There are: sqrt, lost, number"


def test_our_own_names_need_no_look_at_what_is_installed(monkeypatch: pytest.MonkeyPatch):
    def refuse(**_: object) -> None:
        raise AssertionError("read from disk")

    monkeypatch.setattr(registry, "entry_points", refuse)
    ENGINES.check("onnxruntime")
    with pytest.raises(AssertionError, match="read from disk"):
        ENGINES.check("nosuch")


def test_without_torch_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith(("macaw.frontends", "macaw.layers"))]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra) as problem:
        FRONTENDS.get("image")
    command = "pip install 'macaw[train]'"
    assert str(problem.value) == f"frontend 'image' needs 'torch'. Install it with: {command}"


def test_another_missing_module_is_not_blamed_on_torch():
    with pytest.raises(ModuleNotFoundError, match="macaw_none_such"):
        Registry("macaw.toys", OURS).get("lost")


@pytest.mark.parametrize("table", [FRONTENDS, HEADS, BUILDERS, ENGINES], ids=lambda table: table.kind)
def test_every_entry_of_ours_is_there(table: Registry):
    assert table.names()
    for name in table.names():
        assert callable(table.get(name)), name


def test_tables_import_nothing_before_they_are_asked():
    code = "import sys, macaw.registry as r; r.ENGINES.names(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "onnxruntime", "numpy"} & set(done.stdout.split()) == set()
