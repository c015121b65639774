"""OpenVINO's own files: a graph (.xml) with macaw's card in it, and its weights (.bin) beside it.

They open without the conversion that an ONNX graph costs. The graph holds the hash of its weights: files of
different exports, as an interruption could leave them, are never taken for one model.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from macaw.card import Card
from macaw.errors import ModelError, storage_errors
from macaw.files import atomic_write
from macaw.runtime.vino import import_openvino, reason

CARD, WEIGHTS_HASH = "card", "weights_sha256"  # below rt_info/macaw


def convert(model: bytes) -> tuple[bytes, bytes]:
    """A whole ONNX model as OpenVINO's graph and weights, in float32 where they are not int8.

    Raises MissingExtra, and ModelError when OpenVINO cannot read it.
    """
    openvino = import_openvino("exporting to .xml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        with storage_errors(folder):
            try:
                openvino.save_model(openvino.Core().read_model(model), path, compress_to_fp16=False)
            except RuntimeError as problem:
                raise ModelError(f"OpenVINO cannot convert the model ({reason(problem)})") from problem
            return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def save_ir(path: Path, graph: bytes, weights: bytes, card: Card) -> Path:
    """Write graph and card to `path`, and the weights beside it as .bin.

    Raises StorageError, and leaves what was there before.
    """
    # Both lie on the disk before either gets its name: a full one is met while the old files still stand
    staged = atomic_write(path.with_name(f".{path.stem}.bin.part"), weights)
    try:
        atomic_write(path, with_card(graph, weights, card))
        with storage_errors(path):
            staged.replace(path.with_suffix(".bin"))
    finally:
        staged.unlink(missing_ok=True)
    return path


def with_card(graph: bytes, weights: bytes, card: Card) -> bytes:
    """The graph with the card and the hash of the weights among its rt_info, which OpenVINO carries along."""
    net = ElementTree.fromstring(graph)
    found = net.find("rt_info")
    ours = ElementTree.SubElement(ElementTree.SubElement(net, "rt_info") if found is None else found, "macaw")
    texts = {CARD: json.dumps(card.to_dict()), WEIGHTS_HASH: hashlib.sha256(weights).hexdigest()}
    for name, text in texts.items():
        ElementTree.SubElement(ours, name, value=text)
    data: bytes = ElementTree.tostring(net, encoding="utf-8", xml_declaration=True)
    return data


def ir_card(path: Path) -> Card:
    """The card of an OpenVINO model.

    Raises ModelError for a file that is cut short, or that macaw did not write.
    """
    return Card.parse(_texts(path)[CARD], path)


def check_ir(path: Path) -> None:
    """See that the weights beside a graph are those it was exported with.

    Raises ModelError.
    """
    beside, wanted = path.with_suffix(".bin"), _texts(path)[WEIGHTS_HASH]
    if not beside.is_file():
        raise ModelError(
            f"{path} has no {beside.name} beside it, which holds its weights; keep both together"
        )
    with beside.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise ModelError(
            f"{beside} holds other weights than those of {path.name}, or not all; export it again"
        )


def _texts(path: Path) -> dict[str, str]:
    """What macaw wrote into a graph, by name."""
    try:
        net = ElementTree.parse(path)
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {(problem.strerror or str(problem)).lower()}") from problem
    except ElementTree.ParseError as problem:
        raise ModelError(
            f"{path} is cut short, or no OpenVINO model ({problem}); export it again"
        ) from problem
    found = {one.tag: one.get("value", "") for one in net.findall("rt_info/macaw/*")}
    if not {CARD, WEIGHTS_HASH} <= found.keys():
        raise ModelError(
            f"{path} has no card in its rt_info, so nothing says how to feed it; "
            "give a file that 'macaw export' wrote, or the folder of a model"
        )
    return found
