"""OpenVINO engine: better for Transformers and int8; converts a graph as it opens it, unless it is its own.

It computes in float32 also where the processor has bfloat16, which it would choose by itself: all engines
answer alike.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from macaw.card import Card
from macaw.errors import ModelError
from macaw.machine import cpu_count
from macaw.runtime.engine import POOLED
from macaw.runtime.ir import check_ir
from macaw.runtime.single import whole_model
from macaw.runtime.vino import import_openvino, reason


class OpenVinoEngine:
    """The model of a folder, a one-file .onnx or an .xml on OpenVINO, on all processors this process may use.

    Several threads may call it at once.
    """

    def __init__(self, place: Path, card: Card) -> None:
        openvino = import_openvino("engine 'openvino'")
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": cpu_count(),
            "PERFORMANCE_HINT": "LATENCY",  # one stream on all processors: batches are made by who calls
            "ENABLE_CPU_PINNING": False,  # others may be at work here; ONNX Runtime does not pin either
        }
        core = openvino.Core()
        try:
            self._compiled = core.compile_model(read_model(core, place), "CPU", options)
        except RuntimeError as problem:
            raise ModelError(
                f"{place} cannot be opened by OpenVINO ({reason(problem)}); export it again, or restore it"
            ) from problem
        self._names = [output.get_names() for output in self._compiled.outputs]
        self._own = threading.local()  # a request serves one thread at a time
        self._place = place

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return self._run([0], arrays)[0]

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._run([i for i, names in enumerate(self._names) if POOLED not in names], arrays)

    def features(self, *arrays: np.ndarray) -> np.ndarray:
        for index, names in enumerate(self._names):
            if POOLED in names:
                return self._run([index], arrays)[0]
        raise ModelError(f"{self._place} gives no features; save the model again with this macaw")

    def _run(self, wanted: list[int], arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        answers = self._own.request.infer(dict(enumerate(arrays)), share_inputs=True)
        return tuple(np.asarray(answers[index], dtype=np.float32) for index in wanted)


def read_model(core: Any, place: Path) -> Any:
    """What OpenVINO makes of the model in a folder or a file.

    Raises ModelError for a damaged one, and OpenVINO's RuntimeError.
    """
    if place.suffix.lower() == ".xml" and place.is_file():
        check_ir(place)
        return core.read_model(place, place.with_suffix(".bin"))
    return core.read_model(whole_model(place))
