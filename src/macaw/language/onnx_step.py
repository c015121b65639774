"""ONNX step: the core of an exported language model, reckoned by ONNX Runtime; its state is a row of arrays.

Shapes: B texts, T tokens, V vocabulary, P past positions, G heads of keys and values, K channels of a head, D
width
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from macaw.errors import ModelError
from macaw.language.shapes import Shape, TransformerShape
from macaw.machine import cpu_count
from macaw.runtime.ort import import_onnxruntime

Past = tuple[np.ndarray, ...]  # in the order of the graph's inputs


class OnnxStep:
    """A graph of `onnx_transformer` or `onnx_recurrent` as something that feeds on ids.

    Raises ModelError for bytes that are no such graph, or another network's than `shape` says.
    """

    def __init__(self, model: bytes, shape: Shape) -> None:
        ort = import_onnxruntime()
        self.shape = shape
        options = ort.SessionOptions()
        options.intra_op_num_threads = cpu_count()
        options.log_severity_level = 3  # errors only; what fails is raised below in words of ours
        if not isinstance(shape, TransformerShape):  # whose int8 would be widened anew for every token
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # onnxruntime has no public tree of errors
            reason = " ".join(str(problem).split())[:200]
            raise ModelError(f"the graph is damaged ({reason}); export it again") from problem
        self._names = [one.name for one in self._session.get_inputs() if one.name != "ids"]
        outputs = [one.name for one in self._session.get_outputs()]
        if outputs != ["logits", *(name.replace("past", "present", 1) for name in self._names)]:
            raise ModelError("the graph is no language model's: no output 'logits'; export it again")
        if isinstance(shape, TransformerShape):
            self._none = np.zeros((1, shape.pairs, 0, shape.head), np.float32)
        else:
            self._none = np.zeros((1, shape.width), np.float32)

    def feed(
        self, ids: np.ndarray, state: Past | None = None, *, last: bool = False
    ) -> tuple[np.ndarray, Past]:
        """Logits (T, V) float32 of ids (T,), of the last position alone if asked, and the state reached."""
        (logits,), (after,) = self.feed_many([ids], [state], last=last)
        return logits, after

    def feed_many(
        self, ids: Sequence[np.ndarray], states: Sequence[Past | None], *, last: bool = False
    ) -> tuple[list[np.ndarray], list[Past]]:
        """`feed` of many texts: of those that stand alike at once, of any others in turn."""
        pasts = [state or (self._none,) * len(self._names) for state in states]
        alike = {(len(one), past[0].shape) for one, past in zip(ids, pasts, strict=True)}
        if len(alike) > 1:
            answers = [self.feed(one, past, last=last) for one, past in zip(ids, pasts, strict=True)]
            return [logits for logits, _ in answers], [after for _, after in answers]
        given: dict[str, Any] = {
            name: np.concatenate(some)
            for name, some in zip(self._names, zip(*pasts, strict=True), strict=True)
        }
        logits, *after = self._session.run(None, {"ids": np.stack(ids).astype(np.int64), **given})
        own = [tuple(one[i : i + 1] for one in after) for i in range(len(ids))]
        return [one[-1:] if last else one for one in logits], own
