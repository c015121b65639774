"""OpenVINO, imported without its telemetry, and what it says when something fails, in one line."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from macaw.errors import MissingExtra

_TELEMETRY = "openvino_telemetry"


def import_openvino(purpose: str) -> ModuleType:
    """The module. Importing it plainly would report the import, and make files in the user's home.

    It brings a stand-in for where the telemetry package is not installed; that is what it finds here. Raises
    MissingExtra.
    """
    modules: dict[str, Any] = sys.modules
    before = {_TELEMETRY: modules[_TELEMETRY]} if _TELEMETRY in modules else {}
    modules[_TELEMETRY] = None
    try:
        import openvino
    except ModuleNotFoundError as problem:
        raise MissingExtra(purpose, problem.name or "openvino", "openvino") from problem
    finally:
        del modules[_TELEMETRY]
        modules.update(before)
    module: ModuleType = openvino
    return module


def reason(problem: BaseException) -> str:
    """The last sentence of a failure, which is what happened; those before it say where in its source."""
    lines = [" ".join(line.split()) for line in str(problem).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(problem).__name__
