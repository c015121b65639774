"""Exporting: a model becomes a file for another place, with the proof that it answers as before.

The file is opened by the engine it is for and asked about the same pictures as the model; what comes of it is
printed, and stands in the card that the file carries.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw import tasks
from macaw.card import Card
from macaw.data.pictures import read_picture
from macaw.data.proof import (
    Proof,
    proof_of,
    proof_of_masks,
    proof_of_objects,
    proof_of_pictures,
    proof_of_points,
    proof_without_data,
)
from macaw.errors import InputError, StorageError, UnknownName, did_you_mean
from macaw.files import atomic_write
from macaw.metrics.proving import Trial, prove
from macaw.model import Model
from macaw.results.exported import Exported
from macaw.results.joint_parity import JointParity
from macaw.runtime.ir import convert, save_ir
from macaw.runtime.places import card_of, check_target
from macaw.runtime.single import described, whole_model
from macaw.samples import SAMPLES, at_hand

if TYPE_CHECKING:
    from macaw.training.progress import Watcher

PRECISIONS = ("float32", "int8")
# What a row gives -> who finds the pictures of a proof, where it is not class labels that judge them.
_PROOFS: dict[str, Callable[..., Proof]] = {
    "Boxes": proof_of_objects,
    "Mask": proof_of_masks,
    "Points": proof_of_points,
}


def export_model(
    model: Model,
    path: Path,
    *,
    precision: str = "float32",
    data: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Exported:
    """Write the model to a `.onnx` or `.xml` file and prove it on `data`, or on stand-ins without any.

    `precision` "int8" needs data to calibrate on; with labels its loss of accuracy is measured. Raises
    InputError, UnknownName, ModelError, MissingExtra and StorageError, and leaves what was there before.
    """
    _check(model, path, precision, data)
    proof = _proof(model, data, precision)
    if watcher:
        watcher.started(proof.notes)
    whole = whole_model(model.folder)
    if proof.calibration:
        from macaw.runtime.int8 import quantize

        whole = quantize(whole, model.batches(proof.calibration, batch=16))
    write = _writer(path, whole)
    with tempfile.TemporaryDirectory() as folder:
        trial = Model(write(Path(folder, f"trial{path.suffix}"), model.card))
        parity = _compared(model, trial, precision, proof, watcher)
    facts: dict[str, Any] = {"precision": precision, "engine": trial.engine, "parity": parity.to_dict()}
    if proof.calibration:
        facts["calibration_pictures"] = len(proof.calibration)
    write(path, model.card.replace(exported=facts))
    parts = (path, path.with_suffix(".bin")) if path.suffix == ".xml" else (path,)
    return Exported(path, sum(part.stat().st_size for part in parts), precision, parity)


def _check(model: Model, path: Path, precision: str, data: str | Path | None) -> None:
    """Refuse what can be refused before anything is computed."""
    check_target(path)
    if precision not in PRECISIONS:
        close, listed = did_you_mean(precision, PRECISIONS), ", ".join(PRECISIONS)
        raise UnknownName(f"no precision '{precision}'.{close} There are: {listed}")
    if model.folder.suffix.lower() == ".xml" and model.folder.is_file():
        raise InputError(f"'{model.folder}' is an export to OpenVINO; export the model's folder or its .onnx")
    if precision == "int8" and model.card.exported.get("precision") == "int8":
        raise InputError(f"'{model.folder}' is int8 already; export the model that it was made from")
    if model.folder.is_file() and card_of(model.folder).task != model.card.task:
        raise InputError(
            f"'{model.folder}' holds several parts; export one from the folder of the joined model"
        )
    if precision == "int8" and data is None:
        raise InputError(
            "int8 is calibrated on pictures: give some hundred as training saw them, --data my-pictures/"
        )
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(there, os.W_OK):
        raise StorageError(f"cannot write {path}: no permission to write there; choose another folder")


def _proof(model: Model, data: str | Path | None, precision: str) -> Proof:
    """The pictures of `data`, or without any the photographs that are on this machine."""
    if data is not None and model.card.parts:
        return proof_of_pictures(data, calibrated=precision == "int8")
    if data is not None:
        names, calibrated = model.card.names, precision == "int8"
        if read := _PROOFS.get(tasks.find(model.card.task).gives):
            return read(data, names, calibrated=calibrated)
        return proof_of(data, names, multi=model.card.decode["multi"], calibrated=calibrated)
    found, _ = at_hand(name for name, sample in SAMPLES.items() if sample.kind == "picture")
    return proof_without_data([read_picture(sample.input) for sample in found])


def _writer(path: Path, whole: bytes) -> Callable[[Path, Card], Path]:
    """What writes the model with a card in the format of `path`; it converts once however often it writes."""
    if path.suffix == ".xml":
        graph, weights = convert(whole)
        return lambda place, card: save_ir(place, graph, weights, card)
    return lambda place, card: atomic_write(place, described(whole, card))


def _compared(model: Model, trial: Model, precision: str, proof: Proof, watcher: Watcher | None) -> Any:
    before = model.card.exported.get("precision", PRECISIONS[0])
    between = f"{model.engine}, {before}", f"{trial.engine}, {precision}"

    def proved(one: Model, other: Model) -> Any:
        return prove(Trial(one, other, proof, between, watcher.read if watcher else None))

    if model.card.parts:  # against each part as it answers alone
        return JointParity({name: proved(model.part(name), trial.part(name)) for name in model.card.parts})
    return proved(model, trial)
