"""ONNX Runtime reports to nobody: it leaves nothing at home, and the environment as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, sys
from PIL import Image
before = dict(os.environ)
{opening}
assert dict(os.environ) == before
assert "onnxruntime" in sys.modules
"""


@pytest.mark.parametrize(
    "opening",
    [
        "from macaw.runtime.ort import import_onnxruntime; import_onnxruntime()",
        "import macaw; macaw.load('classify').run(Image.new('RGB', (9, 9)))",
    ],
    ids=["alone", "to run a model"],
)
@pytest.mark.parametrize("said", [None, "0"])
def test_it_leaves_nothing_at_home_and_the_environment_as_it_was(
    opening: str, said: str | None, home: Path, tmp_path: Path
):
    environment = {**os.environ, "TMPDIR": str(tmp_path)} | ({"ORT_DISABLE_TELEMETRY": said} if said else {})
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(opening=opening)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [*home.rglob("*"), *tmp_path.rglob("*")] == []
