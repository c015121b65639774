"""Export: a torch module as an ONNX graph that names its weights instead of holding them.

torch.onnx folds BatchNorm into the convolutions under the old names when it optimises, which would give wrong
weights; so it exports plainly, and onnxscript folds constants afterwards, which keeps the state dict's names.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.errors import MissingExtra, ModelError
from macaw.files import atomic_write
from macaw.runtime.engine import GRAPH, WEIGHTS
from macaw.runtime.graph import read_weights

if TYPE_CHECKING:
    import torch
    from torch import nn


def save_graph(module: nn.Module, sample: torch.Tensor, folder: Path) -> Path:
    """Write `model.onnx`: the graph of `module` for inputs like `sample` (B, 3, H, W), with any B, H and W.

    Its weights stay in `model.safetensors`, which must hold the module's state dict. Raises MissingExtra.
    """
    try:
        import onnx_ir as ir
        import onnxscript.optimizer as optimizer
    except ModuleNotFoundError as problem:
        raise MissingExtra("saving a model's graph", problem.name or "onnxscript", "train") from problem
    model = _export(module, sample)
    optimizer.inline(model)
    optimizer.fold_constants(model)
    optimizer.remove_unused_nodes(model)
    _forget_origin(model)
    names = set(module.state_dict())
    for name, value in model.graph.initializers.items():
        if name in names and value.const_value is not None:
            # Offset and length are nominal: whoever opens the graph hands the weights over by name
            shape, size = value.const_value.shape, value.const_value.size
            value.const_value = ir.ExternalTensor(
                WEIGHTS, 0, 4 * size, ir.DataType.FLOAT, shape=shape, name=name, base_dir=""
            )  # fmt: skip
    return atomic_write(folder / GRAPH, ir.to_proto(model).SerializeToString())


def _export(module: nn.Module, sample: torch.Tensor) -> Any:
    import torch

    dynamic = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(), (sample,), dynamo=True, optimize=False, verbose=False,
            input_names=["pictures"], output_names=["raw"], dynamic_shapes=(dynamic,),
        )  # fmt: skip
    return program.model  # type: ignore[union-attr]  # dynamo=True never answers None


def _forget_origin(model: Any) -> None:
    """Drop what the exporter notes beside each node and value: stack traces with the paths of this machine.

    They are also more than half of the file.
    """
    for node in model.graph:
        node.metadata_props.clear()
        for value in (*node.inputs, *node.outputs):
            if value is not None:
                value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.outputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.graph.metadata_props.clear()
    model.metadata_props.clear()


def save_whole(folder: Path, path: Path) -> Path:
    """Write the graph of a model's folder to `path` with its weights inside: one file that stands alone.

    Raises MissingExtra without onnx, ModelError when the folder is damaged.
    """
    try:
        import onnx
    except ModuleNotFoundError as problem:
        raise MissingExtra("export", "onnx", "train") from problem
    tensors = read_weights(folder)
    graph = folder / GRAPH
    if not graph.is_file():
        raise ModelError(f"{folder} has no {GRAPH}; save the model again with torch installed")
    try:
        proto = onnx.load_model_from_string(graph.read_bytes())
        for initializer in proto.graph.initializer:
            if initializer.data_location == onnx.TensorProto.EXTERNAL:
                name, shape = initializer.name, tuple(initializer.dims)
                initializer.CopyFrom(onnx.numpy_helper.from_array(tensors[name], name))
                if tuple(initializer.dims) != shape:
                    raise KeyError(f"{name} of shape {shape}")
        onnx.checker.check_model(proto)
    except Exception as problem:  # protobuf's, the checker's, or a weight that is missing
        reason = " ".join(str(problem).split())[:200]
        raise ModelError(
            f"{graph} is damaged or does not fit {WEIGHTS} ({reason}); train again or restore it"
        ) from problem
    return atomic_write(path, proto.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its stages on stdout, by logging and by warnings; none is the user's business."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
