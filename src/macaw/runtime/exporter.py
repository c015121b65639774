"""Export: a torch module as an ONNX graph that names its weights instead of holding them.

torch.onnx folds BatchNorm into the convolutions under the old names when it optimises, which would give wrong
weights; so it exports plainly, and onnxscript folds constants afterwards, which keeps the state dict's names.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.errors import MissingExtra
from macaw.files import atomic_write
from macaw.runtime.engine import GRAPH, POOLED, PROTOTYPES, RAW, WEIGHTS

if TYPE_CHECKING:
    import torch
    from torch import nn


_OUTPUTS = (RAW, POOLED, PROTOTYPES)  # in the order of `module.outputs`


def save_graph(
    module: nn.Module,
    sample: torch.Tensor,
    folder: Path,
    *,
    sizes: str = "any",
    outputs: Sequence[str] = _OUTPUTS,
) -> Path:
    """Write `model.onnx`: the graph of `module.outputs` for inputs like `sample` (B, 3, H, W), any B.

    `outputs` are what those are called, in their order; there may be more names than outputs.
    H and W may be any as well, unless `sizes` is "fixed": then they are those of `sample`. Its weights stay
    in `model.safetensors`, which must hold the module's state dict. Raises MissingExtra.
    """
    try:
        import onnx_ir as ir
        import onnxscript.optimizer as optimizer
    except ModuleNotFoundError as problem:
        raise MissingExtra("saving a model's graph", problem.name or "onnxscript", "train") from problem
    model = _export(module, sample, sizes, outputs)
    names = {name for name, tensor in module.state_dict().items() if tensor.is_floating_point()}

    def should_fold(node: Any) -> bool | None:
        """Not what a weight goes into: its result would stay in the graph, and the name would be gone."""
        return False if any(value is not None and value.name in names for value in node.inputs) else None

    optimizer.inline(model)
    optimizer.fold_constants(model, should_fold=should_fold)
    optimizer.remove_unused_nodes(model)
    _forget_origin(model)
    for name, value in model.graph.initializers.items():
        if name in names and value.const_value is not None:
            # Offset and length are nominal: whoever opens the graph hands the weights over by name
            shape, size = value.const_value.shape, value.const_value.size
            value.const_value = ir.ExternalTensor(
                WEIGHTS, 0, 4 * size, ir.DataType.FLOAT, shape=shape, name=name, base_dir=""
            )  # fmt: skip
    return atomic_write(folder / GRAPH, ir.to_proto(model).SerializeToString())


def _export(module: nn.Module, sample: torch.Tensor, sizes: str, names: Sequence[str]) -> Any:
    import torch

    with torch.no_grad():
        count = len(module.outputs(sample))  # type: ignore[operator]
    dynamic = {axis: torch.export.Dim.DYNAMIC for axis in ((0,) if sizes == "fixed" else (0, 2, 3))}
    with _quiet(), torch.no_grad(), _forwarding(module):
        program = torch.onnx.export(
            module.eval(), (sample,), dynamo=True, optimize=False, verbose=False,
            input_names=["pictures"], output_names=list(names[:count]), dynamic_shapes=(dynamic,),
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


@contextlib.contextmanager
def _forwarding(module: nn.Module) -> Iterator[None]:
    """The module, called, does what its `outputs` does: the exporter knows `forward` alone.

    Wrapping it in another module would put a prefix before every name of the state dict, and a method that is
    an attribute leads the exporter astray: it looks for constants below the method. So its class changes.
    """
    given = type(module)
    module.__class__ = type(given.__name__, (given,), {"forward": given.outputs})  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.__class__ = given


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
