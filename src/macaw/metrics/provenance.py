"""Provenance: what an evaluation was made of and where, so that its numbers can be judged and reached again.

Shapes: N pictures, C classes
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from macaw import zoo
from macaw.card import NAME as CARD
from macaw.card import Card
from macaw.data.examples import Examples
from macaw.data.hashing import digests
from macaw.data.masked import Legend, Masked, read_mask
from macaw.data.objects import Annotated
from macaw.files import cache_folder
from macaw.machine import cpu_count, processor
from macaw.results.record import Record
from macaw.runtime.graph import weights_file
from macaw.tasks import TASKS

_OF_TEXT = {".safetensors", ".json"}
_SEED = 0  # of score_labels, where nobody asked for another


class Recorded(Protocol):
    """The part of a model that a record needs: one of pictures, or one that writes."""

    card: Card
    folder: Path
    engine: str


def record_of(
    model: Recorded,
    data: str | Path,
    *,
    split: str,
    content: str,
    scores: Any,
) -> Record:
    """The record of `scores`, which `model` reached on the `split` of `data`, whose content has that hash."""
    place = Path(data).resolve()
    return Record(
        task=model.card.task,
        data=place.stem if place.is_file() else place.name,
        path=str(place),
        content=content,
        split=split,
        count=scores.count,
        metrics=dict(scores.metrics),
        model=model.card.name,
        reference=reference_of(model),
        weights=weights_of(model),
        engine=model.engine,
        seed=_SEED,
        commit=_commit(),
        machine=_machine(),
        time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        seconds=round(scores.seconds, 3),
    )


def reference_of(model: Recorded) -> str:
    """What loads a model from wherever one is: its application, its place on the Hub, or its whole path."""
    folder, source = model.folder.resolve(), str(model.card.training.get("source", ""))
    own = [row.name for row in TASKS.values() if folder == (zoo.FOLDER / row.embedded).resolve()]
    if own:  # rows may share one folder
        return model.card.task if model.card.task in own else own[0]
    for row in TASKS.values():
        if folder.name in row.others and folder == (zoo.FOLDER / folder.name).resolve():
            return folder.name
    ours = folder.is_file() or (folder / CARD).is_file()  # not so of a language model of the Hub
    if source.startswith("hf:") and (not ours or folder.is_relative_to(cache_folder().resolve())):
        return source  # what the cache holds can be made again from there
    return str(folder)


def content_of(examples: Examples, names: tuple[str, ...]) -> str:
    """SHA-256, hex, over each picture's bytes with the names of its labels, whatever their order.

    Renaming files, or aligning them with another model's class table, does not change it. Raises InputError.
    """
    if examples.targets.ndim == 1:
        labels = [[names[target]] for target in examples.targets.tolist()]
    else:
        labels = [sorted(names[i] for i in np.flatnonzero(row)) for row in examples.targets]
    marks = digests(examples.sources)
    lines = sorted(mark + json.dumps(some).encode() for mark, some in zip(marks, labels, strict=True))
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def content_of_objects(some: Annotated, names: tuple[str, ...]) -> str:
    """SHA-256, hex, over each picture's bytes with its objects, whatever the order of either."""
    lines = []
    for mark, objects in zip(digests(some.sources), some.objects, strict=True):
        points = None if objects.points is None else objects.points.round(3)
        regions = objects.regions or (None,) * len(objects)
        rows = [
            [names[label], *objects.xyxy[i].round(3).tolist(), bool(objects.crowd[i])]
            + ([] if points is None else points[i].ravel().tolist())
            + ([] if (region := regions[i]) is None else region.counts.tolist())
            for i, label in enumerate(objects.labels.tolist())
        ]
        lines.append(mark + json.dumps(sorted(rows)).encode())
    return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


def content_of_masks(some: Masked, legend: Legend, names: tuple[str, ...]) -> str:
    """SHA-256, hex, over each picture's bytes with the classes of its pixels, whatever their order."""
    marks = digests(some.sources)
    lines = [mark + read_mask(mask, legend).tobytes() for mark, mask in zip(marks, some.masks, strict=True)]
    parts = sorted(hashlib.sha256(line).digest() for line in lines)
    return hashlib.sha256(json.dumps(names).encode() + b"".join(parts)).hexdigest()


def content_of_texts(texts: Iterable[str]) -> str:
    """SHA-256, hex, over the texts in order: the `key` of `Documents`, also of stories with their titles."""
    total = hashlib.sha256()
    for text in texts:
        total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()


def weights_of(model: Recorded) -> str:
    """SHA-256, hex, over a model's weights, its class table, and how it is fed and read."""
    card = model.card
    how = json.dumps([card.names, card.prepare, card.decode], sort_keys=True)
    total = hashlib.sha256(how.encode())
    for path in _weights(model):
        if path.is_file():
            with open(path, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _weights(model: Recorded) -> list[Path]:
    """The files that decide a model's answers."""
    place = model.folder
    if place.is_file():  # a model of one file has them inside; OpenVINO's is two
        return [place, place.with_suffix(".bin")]
    if model.card.row.takes != "text":
        return [weights_file(place)]
    # A mixture's lie in the folders of its parts; what text is read by counts as well
    return sorted(path for path in place.rglob("*") if path.suffix in _OF_TEXT and path.name != CARD)


def _commit() -> str:
    """The commit of the present folder, or macaw's version where it is no checkout or git is not there."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return f"macaw {_version('macaw')}"
    return done.stdout.strip()


def _machine() -> str:
    """`2 cores of AMD EPYC, Python 3.11.2, macaw 0.1.0, ONNX Runtime 1.32.0`."""
    cores = cpu_count()
    place = f"{cores} core{'' if cores == 1 else 's'} of {processor()}"
    software = f"macaw {_version('macaw')}, ONNX Runtime {_version('onnxruntime')}"
    return f"{place}, Python {platform.python_version()}, {software}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # there under another name, or not installed but on the path
        return "of unknown version"
