"""Adopt: a checkpoint of the Hub becomes a model's folder, or the front-end that a training starts from.

The folder is made once, in macaw's cache, and opened from there ever after: by its graph, without torch and
without transformers. Answers are those of transformers, so weights stay in single precision.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.card import Card
from macaw.errors import InputError, MissingExtra, ModelError
from macaw.files import atomic_folder, cache_folder
from macaw.frontends.families import family_of
from macaw.recognition.adopted import class_table, save
from macaw.recognition.processor import prepare_of
from macaw.recognition.wholes import WHOLES, whole_of
from macaw.runtime.hubfetch import find
from macaw.runtime.hubfiles import Checkpoint, licence
from macaw.tasks import TASKS

if TYPE_CHECKING:
    from torch import nn

    from macaw.frontends.hub import HubFrontend

Note = Callable[[str], None]

_FORMAT = 1  # of what is made here; another number leaves the old folders behind
_NEEDED = frozenset({"torch", "transformers", "onnx", "onnxscript", "onnx_ir"})


def adopt(reference: str, *, download: bool = False, note: Note | None = None) -> Path:
    """The model's folder of a checkpoint, `hf:owner/name@revision` or `hf:./folder`: an image classifier, or
    one of the whole models that `macaw.recognition.wholes` lists.

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
    if name := whole_of(found.config):
        raise InputError(
            f"'{found.source}' is a whole model ({name}), which macaw runs as it is; a training starts from "
            "an image classifier or a backbone"
        )
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
    whole = bool(whole_of(found.config))
    module, card = _whole(found) if whole else _classifier(found, reference)
    with atomic_folder(out) as folder:
        save(module, card, folder, sizes="fixed" if whole else module.frontend.sizes)


def _whole(found: Checkpoint) -> tuple[Any, Card]:
    """A network that is a model as it is, and its card."""
    from macaw.frontends.hubnet import essence
    from macaw.recognition.whole import read_whole

    name = whole_of(found.config)
    kind = WHOLES[name]
    prepare = prepare_of(found.processor, found.config, found.source, kind=kind.processor)
    names = class_table(found)
    module, unused = read_whole(found, name)
    return module, Card(
        task=kind.task,
        name=found.name,
        builder="whole",
        frontend={"name": "hub", "config": {"checkpoint": essence(found.config)}},
        head={"name": name, "config": {}},
        names=names,
        prepare=prepare,
        decode=kind.decode(found.config),
        **_told(found, unused),
    )


def _classifier(found: Checkpoint, reference: str) -> tuple[Any, Card]:
    """A classifier as a front-end and a head, and its card."""
    family_of(found.config, wholes=WHOLES)
    prepare = prepare_of(found.processor, found.config, found.source)
    names, multi = class_table(found), _multi(found)
    frontend, classifier, unused = _read(found)
    if classifier is None:
        raise InputError(
            f"'{found.source}' has no classifier, it is a front-end; train one on it by: "
            f"macaw train classify my-pictures/ --out my-model --start {reference}"
        )
    module = _joined(frontend, classifier, prepare, multi=multi)
    return module, Card(
        task="classify",
        name=found.name,
        builder=TASKS["classify"].builder,
        frontend={"name": "hub", "config": frontend.config},
        head={"name": "label", "config": module.head.config},
        names=names,
        prepare=prepare,
        decode={"temperature": 1.0, "multi": multi},
        **_told(found, unused),
    )


def _told(found: Checkpoint, unused: list[str]) -> dict[str, Any]:
    """Of a card what says where the weights are from, and under which terms."""
    return {
        "training": {"source": found.source, "transformers": version("transformers"), "unused": unused},
        "terms": {
            "code": "Apache-2.0",
            "weights": licence(found.folder) or "not stated by the checkpoint",
            "data": "not stated by the checkpoint",
        },
        "limits": "weights of another project, as they are; what they were trained on, their README says",
    }


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


def _multi(found: Checkpoint) -> bool:
    """Whether a picture may have several labels, by the rule of the library's own pipeline."""
    problem = found.config.get("problem_type")
    if problem == "regression":
        raise InputError(f"'{found.source}' gives numbers (regression), not labels; macaw reads classifiers")
    return problem == "multi_label_classification" or len(class_table(found)) == 1


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
