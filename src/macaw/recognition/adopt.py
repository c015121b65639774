"""Adopt: an image checkpoint of the Hub becomes a model's folder, or the front-end a training starts from.

The folder is made once, in macaw's cache, and opened from there ever after: by its graph, without torch and
without transformers. Answers are those of transformers, so weights stay in single precision.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.card import Card
from macaw.errors import InputError, MissingExtra, ModelError
from macaw.files import atomic_folder, atomic_write, cache_folder
from macaw.frontends.families import family_of
from macaw.recognition.processor import prepare_of
from macaw.runtime.engine import GRAPH, WEIGHTS
from macaw.runtime.hubfetch import find
from macaw.runtime.hubfiles import Checkpoint, licence
from macaw.tasks import TASKS

if TYPE_CHECKING:
    from torch import nn

    from macaw.frontends.hub import HubFrontend

Note = Callable[[str], None]

_FORMAT = 1  # of what is made here; another number leaves the old folders behind
_APART = 1e-4  # how far the graph's output may be from the network's, as a share of the largest
_NEEDED = frozenset({"torch", "transformers", "onnx", "onnxscript", "onnx_ir"})


def adopt(reference: str, *, download: bool = False, note: Note | None = None) -> Path:
    """The model's folder of an image-classification checkpoint: `hf:owner/name@revision` or `hf:./folder`.

    `note` is told, in a line each, what the user should know. Raises InputError for a checkpoint without a
    classifier, with the command that trains one on it, and for a kind that macaw cannot read; and what
    `macaw.runtime.hubfetch.find` raises.
    """
    found = _found(reference, download=download, note=note)
    out = _place(found)
    if not _intact(out):
        with _extras(reference):
            _convert(found, reference, out)
    return out


def frontend_of(
    reference: str, *, download: bool = False, note: Note | None = None
) -> tuple[HubFrontend, dict[str, Any]]:
    """A checkpoint as a front-end with its weights, and the `prepare` of a card that goes with it.

    A classifier is taken off. Raises what `adopt` raises of the rest.
    """
    found = _found(reference, download=download, note=note)
    family_of(found.config)
    prepare = prepare_of(found.processor, found.config, found.source)
    with _extras(reference):
        return _read(found)[0], prepare


def _found(reference: str, *, download: bool, note: Note | None) -> Checkpoint:
    found = find(reference, download=download)
    if note:
        for line in found.notes:
            note(line)
    return found


def _place(found: Checkpoint) -> Path:
    """Where a checkpoint's folder is made: named by its content, and the library that names the weights."""
    content = found.commit[:16] or _digest(found.files)[:16]
    name = f"{found.name.replace('/', '--')}-{content}-v{_FORMAT}"
    folder = cache_folder() / "hub"
    try:
        return folder / f"{name}-transformers-{'.'.join(version('transformers').split('.')[:2])}"
    except PackageNotFoundError:  # its graph needs none
        return next(iter(sorted(folder.glob(f"{name}-*"), reverse=True)), folder / name)


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _intact(folder: Path) -> bool:
    """Whether a folder is there and as long as it was written, file by file."""
    try:
        sizes: dict[str, int] = Card.load(folder).training["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (AttributeError, LookupError, ModelError, OSError, TypeError):
        return False


def _convert(found: Checkpoint, reference: str, out: Path) -> None:
    """Read a checkpoint and write it as a model's folder, whole or not at all."""
    family_of(found.config)
    prepare = prepare_of(found.processor, found.config, found.source)
    names, multi = _names(found), _multi(found)
    frontend, classifier, unused = _read(found)
    if classifier is None:
        raise InputError(
            f"'{found.source}' has no classifier, it is a front-end; train one on it by: "
            f"macaw train classify my-pictures/ --out my-model --start {reference}"
        )
    module = _joined(frontend, classifier, prepare, multi=multi)
    card = Card(
        task="classify",
        name=found.name,
        builder=TASKS["classify"].builder,
        frontend={"name": "hub", "config": frontend.config},
        head={"name": "label", "config": module.head.config},
        names=names,
        prepare=prepare,
        decode={"temperature": 1.0, "multi": multi},
        training={"source": found.source, "transformers": version("transformers"), "unused": unused},
        terms={
            "code": "Apache-2.0",
            "weights": licence(found.folder) or "not stated by the checkpoint",
            "data": "not stated by the checkpoint",
        },
        limits="weights of another project, as they are; what they were trained on, their README says",
    )
    with atomic_folder(out) as folder:
        _save(module, card, folder)


def _read(found: Checkpoint) -> tuple[HubFrontend, nn.Linear | None, list[str]]:
    """The front-end with a checkpoint's weights, its classifier, the names of tensors that nothing uses."""
    from macaw.frontends.hub import HubFrontend
    from macaw.frontends.hubnet import essence, read_network

    net, classifier, unused = read_network(found)
    frontend = HubFrontend(checkpoint=essence(found.config))
    frontend.net.load_state_dict(net.state_dict())
    return frontend, classifier, unused


def _joined(frontend: HubFrontend, classifier: nn.Linear, prepare: dict[str, Any], *, multi: bool) -> Any:
    import torch

    from macaw.heads.label import LabelHead
    from macaw.recognition.recognizer import Recognizer

    head = LabelHead(frontend.width, labels=classifier.out_features, multi="yes" if multi else "no")
    with torch.no_grad():
        head.out.weight.copy_(classifier.weight)
        if classifier.bias is not None:
            head.out.bias.copy_(classifier.bias)
    return Recognizer(frontend, head, mean=prepare["mean"], std=prepare["std"]).eval()


def _save(module: Any, card: Card, folder: Path) -> None:
    """Write weights, graph and card, once the graph has answered as the network does."""
    import torch
    from safetensors.torch import save

    from macaw.runtime.exporter import save_graph
    from macaw.runtime.graph import OnnxEngine

    state = {name: one.contiguous().clone() for name, one in module.state_dict().items()}
    floats = {name: one for name, one in state.items() if one.is_floating_point()}
    atomic_write(folder / WEIGHTS, save(floats))
    side = card.prepare["size"]
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    save_graph(module, noise, folder, sizes=module.frontend.sizes)
    with torch.no_grad():
        wanted = [one.numpy() for one in module.outputs(noise)]
    engine = OnnxEngine(folder, card)
    for ours, theirs in zip((engine(noise.numpy()), engine.features(noise.numpy())), wanted, strict=True):
        apart = float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max()))
        if not apart <= _APART:
            raise ModelError(
                f"'{card.training['source']}': its graph is {apart:.1e} from its network, which macaw cannot "
                "answer for; report it"
            )
    sizes = {name: (folder / name).stat().st_size for name in (WEIGHTS, GRAPH)}
    card.replace(training={**card.training, "bytes": sizes}).save(folder)


def _names(found: Checkpoint) -> tuple[str, ...]:
    """The class table: the checkpoint's names in its order; those it uses twice get their number."""
    table = found.config.get("id2label")
    if not isinstance(table, Mapping):
        count = found.config.get("num_labels", 2)
        table = {number: f"LABEL_{number}" for number in range(count if isinstance(count, int) else 2)}
    if not all(str(key).isdecimal() for key in table):
        raise InputError(f"'{found.source}' does not number its labels: id2label has '{next(iter(table))}'")
    labels = [str(table[key]) for key in sorted(table, key=int)]
    times = Counter(labels)
    return tuple(label if times[label] == 1 else f"{label} ({i})" for i, label in enumerate(labels))


def _multi(found: Checkpoint) -> bool:
    """Whether a picture may have several labels, by the rule of the library's own pipeline."""
    problem = found.config.get("problem_type")
    if problem == "regression":
        raise InputError(f"'{found.source}' gives numbers (regression), not labels; macaw reads classifiers")
    return problem == "multi_label_classification" or len(_names(found)) == 1


@contextlib.contextmanager
def _extras(reference: str) -> Iterator[None]:
    """What is not installed becomes the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").split(".")[0]
        if missing in _NEEDED:
            extra = "hub" if missing == "transformers" else "train"
            raise MissingExtra(f"opening '{reference}'", missing, extra) from problem
        raise
