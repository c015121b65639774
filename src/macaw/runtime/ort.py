"""ONNX Runtime, imported without its telemetry."""

from __future__ import annotations

import os
import threading
from types import ModuleType

_OFF = "ORT_DISABLE_TELEMETRY"
_lock = threading.Lock()


def import_onnxruntime() -> ModuleType:
    """The module. Importing it plainly would, from 1.32 on, report the program that runs and its machine.

    It would write them, with a number for the device, into the user's cache, and within a minute look for its
    maker's server. It asks the environment about that once, while it is imported: so long, and no longer, the
    environment holds one name more. `disable_telemetry_events` comes too late for the first event.
    """
    with _lock:
        before = os.environ.get(_OFF)
        os.environ[_OFF] = "1"
        try:
            import onnxruntime
        finally:
            if before is None:
                del os.environ[_OFF]
            else:
                os.environ[_OFF] = before
    module: ModuleType = onnxruntime
    return module
