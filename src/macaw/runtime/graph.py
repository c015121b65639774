"""ONNX Runtime engine: opens a graph without weights and hands it those of `model.safetensors`.

The model folder holds its weights once. The graph names them; they are read here, widened to float32 and
given to the session, which then fuses convolution, BatchNorm and ReLU as if they had been inside. A model of
one file has them inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from macaw.card import Card
from macaw.errors import ModelError
from macaw.machine import cpu_count
from macaw.runtime.engine import GRAPH, POOLED, WEIGHTS
from macaw.runtime.ort import import_onnxruntime
from macaw.runtime.wire import weight_names

FRONTEND, HEAD = "frontend.", "head."  # what the names of a recogniser's weights begin with
_FLOATS = (np.float16, np.float32, np.float64)


class OnnxEngine:
    """The graph of a model's folder, or a one-file .onnx, on all processors this process may use."""

    def __init__(self, place: Path, card: Card) -> None:
        ort = import_onnxruntime()
        graph = place if place.is_file() else place / GRAPH
        if not graph.is_file():
            raise ModelError(f"{place} has no {GRAPH}; open it with engine='torch', or save the model again")
        tensors = {} if graph is place else read_weights(place)
        options = ort.SessionOptions()
        options.intra_op_num_threads = cpu_count()
        options.log_severity_level = 3  # errors only; what fails is raised below in words of ours
        # Weights come from us alone: a tensor that is missing must not be looked for below the present folder
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph))
        # A folder may hold more than its graph needs: of a detector's two branches only one answers
        content, names = graph.read_bytes(), set(tensors)
        try:
            names = weight_names(content) & names
        except EOFError:
            pass  # ONNX Runtime says below what is wrong with it
        # Kept alive as long as the session: it reads from these buffers
        self._values = {name: ort.OrtValue.ortvalue_from_numpy(tensors[name]) for name in sorted(names)}
        options.add_external_initializers(list(self._values), list(self._values.values()))
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # onnxruntime has no public tree of errors
            reason = " ".join(str(problem).split())[:200]
            fault = "is damaged" if graph is place else f"is damaged or does not fit {WEIGHTS}"
            raise ModelError(f"{graph} {fault} ({reason}); make it again or restore it") from problem
        self._inputs = [node.name for node in self._session.get_inputs()]
        self._outputs = [node.name for node in self._session.get_outputs()]
        self._graph = graph

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        return self._run(self._outputs[:1], arrays)[0]

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        return self._run([name for name in self._outputs if name != POOLED], arrays)

    def features(self, *arrays: np.ndarray) -> np.ndarray:
        if POOLED not in self._outputs:
            raise ModelError(f"{self._graph} gives no features; save the model again with this macaw")
        return self._run([POOLED], arrays)[0]

    def _run(self, wanted: list[str], arrays: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        feed: dict[str, Any] = dict(zip(self._inputs, arrays, strict=True))
        return tuple(np.asarray(one, dtype=np.float32) for one in self._session.run(wanted, feed))


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a model's folder by name, widened to float32.

    Raises what `stored_weights` raises.
    """
    return {name: tensor.astype(np.float32, copy=False) for name, tensor in stored_weights(folder).items()}


def stored_weights(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a model's folder by name, as they are stored.

    Those of a part of a joined model lie in the folder above: the front-end's, which all parts share, and its
    head's. Raises ModelError when the file is missing, cut short, not safetensors, or holds anything but
    floats.
    """
    path = folder / WEIGHTS
    if (above := weights_file(folder)) != path:
        shared, own = stored_weights(above.parent), head_prefix(folder.resolve().name)
        return {
            name.replace(own, HEAD, 1): tensor
            for name, tensor in shared.items()
            if name.startswith((FRONTEND, own))
        }
    if not path.is_file():
        raise ModelError(f"{folder} has no {WEIGHTS}; train again or restore the folder")
    try:
        tensors = load_file(path)
    except (SafetensorError, LookupError, TypeError, ValueError, OSError) as problem:
        reason = " ".join(str(problem).split())
        raise ModelError(f"{path} is cut short or damaged ({reason}); train again or restore it") from problem
    for name, tensor in tensors.items():
        if tensor.dtype not in _FLOATS:
            raise ModelError(f"{path} holds '{name}' as {tensor.dtype}; weights are float16 or float32")
    return tensors


def weights_file(folder: Path) -> Path:
    """Where the weights of a model's folder lie: its own file, or of a part that of the joined model."""
    above = folder.resolve().parent / WEIGHTS
    own = folder / WEIGHTS
    return own if own.is_file() or not above.is_file() else above


def head_prefix(part: str) -> str:
    """What the names of the head of a part begin with, among the weights of a joined model."""
    return f"head_{part}."
