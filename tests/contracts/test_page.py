"""docs/contracts.md: its table names every contract."""

from __future__ import annotations

import re
from pathlib import Path

import macaw.testing

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "contracts.md").read_text(encoding="utf-8")


def test_the_table_names_every_contract():
    assert set(re.findall(r"^\| `(check_\w+)\(", PAGE, flags=re.MULTILINE)) == set(macaw.testing.__all__)
