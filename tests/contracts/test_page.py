"""docs/contracts.md: its code runs, and its table names every contract."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import macaw.testing

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


def test_the_head_of_the_page_keeps_its_contract():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, object] = {"__name__": "page"}
    exec(compile(textwrap.dedent("\n".join(blocks)), "contracts.md", "exec"), names)
    names["test_contract"]()


def test_the_table_names_every_contract():
    assert set(re.findall(r"^\| `(check_\w+)\(", PAGE, flags=re.MULTILINE)) == set(macaw.testing.__all__)
