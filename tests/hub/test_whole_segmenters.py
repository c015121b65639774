"""Segmenters of the Hub as whole models: the scores and the class maps of transformers itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from macaw import verbs
from macaw.card import Card
from macaw.data.prepare import Fit, fit, normalise
from macaw.errors import InputError, ModelError
from macaw.explanation.mask_picture import explain_mask
from macaw.model import Model
from macaw.recognition.adopt import adopt
from macaw.recognition.processor import prepare_of
from macaw.recognition.whole import read_whole
from macaw.recognition.whole_masks import Mask2Former
from macaw.results.mask_decode import decode_mask
from macaw.runtime.hubfetch import find
from macaw.testing import check_model

NAMES = ("road", "a red kite", "sky", "road", "Ærø ferry")
NAMES_TOLD = ("road (0)", "a red kite", "sky", "road (3)", "Ærø ferry")
_SCALE = {
    "do_resize": True, "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip
# As the published checkpoints have it, but for the size
PREPARE: dict[str, dict[str, Any]] = {
    "segformer": {
        "image_processor_type": "SegformerImageProcessor", "size": {"height": 64, "width": 64},
        "do_reduce_labels": True, **_SCALE,
    },
    "mask2former": {
        "image_processor_type": "Mask2FormerImageProcessor", "size": {"height": 64, "width": 64},
        "size_divisor": 32, "do_reduce_labels": True, "ignore_index": 255, "num_labels": 5, **_SCALE,
    },
}  # fmt: skip
_SEGFORMER = {
    "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2],
    "mlp_ratios": [2, 2, 2, 2], "decoder_hidden_size": 16,
}  # fmt: skip
_SWIN = {
    "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4, "image_size": 64,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}  # fmt: skip
_MASK2FORMER = {
    "feature_size": 32, "mask_feature_size": 16, "hidden_dim": 32, "encoder_feedforward_dim": 32,
    "dim_feedforward": 32, "encoder_layers": 1, "decoder_layers": 3, "num_attention_heads": 2,
    "num_queries": 7,
}  # fmt: skip
KINDS = ["segformer", pytest.param("mask2former", marks=pytest.mark.slow)]

Written = Callable[[str], Path]


def spread(net: Any) -> Any:
    """Random weights under which classes and masks differ between pictures, and no layer is switched off."""
    import torch

    torch.manual_seed(3)
    with torch.no_grad():
        for name, value in [*net.named_parameters(), *net.named_buffers()]:
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand_like(value))
            elif name.endswith(("bias", "running_mean")) and "sampling_offsets" not in name:
                value.copy_(0.2 * torch.randn_like(value))
            elif value.ndim in {2, 4} and name.endswith("weight"):
                gain = 1.0 if "quer" in name or "level_embed" in name else 1.1 / value[0].numel() ** 0.5
                value.copy_(torch.randn_like(value) * gain)
    return net.eval()


def network(kind: str) -> Any:
    """A tiny network of that architecture."""
    import transformers as hub

    table = {"id2label": dict(enumerate(NAMES)), "label2id": {name: i for i, name in enumerate(NAMES)}}
    if kind == "segformer":
        return spread(hub.SegformerForSemanticSegmentation(hub.SegformerConfig(**_SEGFORMER, **table)))
    backbone = hub.SwinConfig(**_SWIN)
    config = hub.Mask2FormerConfig(backbone_config=backbone, **_MASK2FORMER, **table)
    return spread(hub.Mask2FormerForUniversalSegmentation(config))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """`written("segformer")` is the folder of a tiny checkpoint of that segmenter; written once."""
    made: dict[str, Path] = {}

    def checkpoint(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("checkpoints") / kind
            network(kind).save_pretrained(made[kind])
            (made[kind] / "preprocessor_config.json").write_text(json.dumps(PREPARE[kind]))
        return made[kind]

    return checkpoint


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests of a session that leave it as it is: each checkpoint is adopted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def adopted(written: Written, cache: Path) -> Written:
    """`adopted("segformer")` is the model's folder in that cache."""

    def opened(kind: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(cache))
            return adopt(f"hf:{written(kind)}")

    return opened


@pytest.fixture(scope="session")
def some(photos: list[np.ndarray]) -> list[np.ndarray]:
    """Three photographs: wide, nearly square, and so small that it grows."""
    coffee, cat, rocket = photos[0], photos[1], photos[2]
    return [coffee[::2, ::2], cat[:280, :300], rocket[100:150, 100:130]]


def processor_of(folder: Path) -> Any:
    from transformers.models.mask2former.image_processing_pil_mask2former import Mask2FormerImageProcessorPil
    from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

    kind = json.loads((folder / "config.json").read_text())["model_type"]
    made = SegformerImageProcessorPil if kind == "segformer" else Mask2FormerImageProcessorPil
    return made.from_pretrained(folder)


def theirs(folder: Path, photos: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """By transformers alone: the scores (B, C, h, w); of each picture its classes, and scores (C, H, W)."""
    import torch
    import transformers

    [name] = json.loads((folder / "config.json").read_text())["architectures"]
    net, processor = getattr(transformers, name).from_pretrained(folder).eval(), processor_of(folder)
    given = processor([Image.fromarray(photo) for photo in photos], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        answer = net(given)
        asked = processor.post_process_semantic_segmentation
        plain = asked(answer, return_segmentation_scores=True)
        sizes = [photo.shape[:2] for photo in photos]
        found = asked(answer, target_sizes=sizes, return_segmentation_scores=True)
    pairs = [(one["segmentation"].numpy(), one["segmentation_scores"].numpy()) for one in found]
    return np.stack([one["segmentation_scores"].numpy() for one in plain]), pairs


def shares(scores: np.ndarray, kind: str) -> np.ndarray:
    """The probabilities (C, H, W) that scores stand for: logits those of the softmax, votes their share."""
    powers = np.exp(scores - scores.max(axis=0)) if kind == "segformer" else scores
    return np.asarray(powers / powers.sum(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_gives_the_classes_of_transformers(
    kind: str, written: Written, adopted: Written, some: list[np.ndarray]
):
    raw, wanted = theirs(written(kind), some)
    assert np.ptp(raw, axis=0).max() > 0.1  # pictures differ
    assert max(len(np.unique(classes)) for classes, _ in wanted) > 1  # and some show several classes
    for engine in ("onnxruntime", "torch"):
        model = Model(adopted(kind), engine=engine)
        assert np.abs(model.outputs(model.prepare(some))[0] - raw).max() < 1e-4
        for answer, (classes, scores), photo in zip(model.run(some), wanted, some, strict=True):
            assert answer.labels.shape == photo.shape[:2]
            first, second = np.sort(scores, axis=0)[:-3:-1]
            clear = first - second > 2e-4  # no rounding within 1e-4 turns these
            assert clear.mean() > 0.8
            assert (answer.labels == classes)[clear].all()
            assert (answer.labels == classes).mean() > 0.999
            assert np.abs(answer.probs - shares(scores, kind).max(axis=0)).max() < 1e-4


def test_votes_of_queries_are_the_scores_of_transformers(written: Written, some: list[np.ndarray]):
    import torch

    found = find(f"hf:{written('mask2former')}")
    raw, wanted = theirs(found.folder, some)
    assert raw.shape == (3, len(NAMES), 384, 384)
    assert np.ptp(raw, axis=0).max() > 0.1  # pictures differ
    assert max(len(np.unique(classes)) for classes, _ in wanted) > 1  # and some show several classes
    module, unused = read_whole(found, "Mask2FormerForUniversalSegmentation")
    assert unused == []
    prepare = prepare_of(found.processor, found.config, found.source)
    how = Fit.of(prepare)
    fitted = normalise(np.stack([fit(photo, how) for photo in some]), prepare["mean"], prepare["std"])
    with torch.no_grad():
        votes, pooled = module.outputs(torch.from_numpy(fitted))
    assert pooled.shape == (3, 64)
    assert np.abs(votes.numpy() - raw).max() < 1e-4
    letters = [how.letter(photo.shape[1], photo.shape[0]) for photo in some]
    masks = decode_mask(votes.numpy(), NAMES_TOLD, evidence="votes", letters=letters)
    for mask, (classes, scores) in zip(masks, wanted, strict=True):
        assert (mask.labels == classes).mean() > 0.999
        assert np.abs(mask.probs - shares(scores, "mask2former").max(axis=0)).max() < 1e-4


def test_a_graph_that_is_wrong_everywhere_is_told_from_one_that_rounds_otherwise():
    module = Mask2Former(None)  # type: ignore[arg-type]
    wanted = np.random.default_rng(0).gamma(1.0, size=(2, 3, 8, 8))
    tipped = wanted.copy()
    tipped[0, 0] += 0.1
    assert module.apart(tipped, wanted) == 0
    assert module.apart(wanted + 1e-2, wanted) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["segformer", "mask2former"])
def test_openvino_gives_them_too(kind: str, written: Written, adopted: Written, some: list[np.ndarray]):
    pytest.importorskip("openvino")
    raw, wanted = theirs(written(kind), some)
    model = Model(adopted(kind), engine="openvino")
    assert np.abs(model.outputs(model.prepare(some))[0] - raw).max() < 1e-4
    for answer, (classes, _) in zip(model.run(some), wanted, strict=True):
        assert (answer.labels == classes).mean() > 0.999


@pytest.mark.parametrize("size", [(40, 56), (17, 33), (384, 300)])
@pytest.mark.parametrize("cells", [(16, 16), (24, 24), (50, 50)])
def test_votes_of_a_stretched_picture_are_scaled_and_shared(size: tuple[int, int], cells: tuple[int, int]):
    torch = pytest.importorskip("torch")
    votes = 0.1 + np.random.default_rng(0).gamma(0.3, size=(1, 3, *cells)).astype(np.float32)
    scaled = torch.nn.functional.interpolate(torch.tensor(votes), size, mode="bilinear", align_corners=False)
    wanted = scaled[0].numpy()
    letter = Fit(64, "stretch").letter(size[1], size[0])  # 64 pixels are covered by any number of cells
    (mask,) = decode_mask(votes, NAMES[:3], evidence="votes", letters=[letter])
    first, second = np.sort(wanted, axis=0)[:-3:-1]
    assert (mask.labels == wanted.argmax(axis=0))[first - second > 1e-5].all()
    np.testing.assert_allclose(mask.probs, first / wanted.sum(axis=0), atol=1e-4)


def test_where_nothing_votes_no_class_is_likelier_than_another():
    (mask,) = decode_mask(np.zeros((1, 4, 2, 2)), NAMES[1:], evidence="votes")
    assert mask.probs == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("kind", "changes", "side"),
    [
        ("segformer", {}, 64),
        ("segformer", {"size": 48, "do_reduce_labels": False, "resample": 3}, 48),
        ("mask2former", {}, 64),
        ("mask2former", {"size": {"height": 50, "width": 50}}, 64),
        ("mask2former", {"size": {"height": 50, "width": 50}, "size_divisor": 0, "do_pad": True}, 50),
    ],
)
def test_pictures_are_prepared_as_by_transformers(
    kind: str, changes: dict[str, Any], side: int, photos: list[np.ndarray], tmp_path: Path
):
    values = {**PREPARE[kind], **changes}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    prepare = prepare_of(values, {}, "it")
    assert (prepare["resize"], prepare["size"], prepare["crop"]) == ("stretch", side, 1.0)
    given = processor_of(tmp_path)([Image.fromarray(photo) for photo in photos], return_tensors="np")
    fitted = np.stack([fit(photo, Fit.of(prepare)) for photo in photos])
    assert np.abs(normalise(fitted, prepare["mean"], prepare["std"]) - given["pixel_values"]).max() < 1e-6


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("segformer", {"size": {"height": 512, "width": 1024}}),
        ("mask2former", {"size": {"shortest_edge": 800, "longest_edge": 1333}}),
        ("mask2former", {"size": 384}),  # of the shorter side
        ("mask2former", {"pad_size": {"height": 96, "width": 96}}),
    ],
)
def test_another_way_to_prepare_is_refused(kind: str, changes: dict[str, Any]):
    with pytest.raises(InputError, match="'it' does not make one square of every picture") as caught:
        prepare_of({**PREPARE[kind], **changes}, {}, "it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_its_card_says_what_it_is(kind: str, written: Written, adopted: Written):
    card = Card.load(adopted(kind))
    assert (card.task, card.builder) == ("segment", "whole")
    assert card.names == NAMES_TOLD
    assert card.decode == ({} if kind == "segformer" else {"evidence": "votes"})
    assert card.training["source"] == f"hf:{written(kind)}"
    assert card.training["unused"] == []


def test_it_keeps_the_contract_of_models(adopted: Written, some: list[np.ndarray]):
    check_model(adopted("segformer"), some)


def test_it_is_opened_without_torch(written: Written, adopted: Written, cache: Path):
    adopted("segformer")
    code = f"""
import sys, numpy as np
from macaw.recognition.adopt import adopt
from macaw.model import Model
print(Model(adopt("hf:{written("segformer")}")).run(np.zeros((40, 50, 3), np.uint8)).size)
print(*({{"torch", "transformers", "huggingface_hub", "onnx"}} & set(sys.modules)), "done")
"""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.splitlines() == ["(50, 40)", "done"]


@pytest.mark.parametrize("kind", KINDS)
def test_its_features_are_those_of_the_encoder(kind: str, adopted: Written, some: list[np.ndarray]):
    one, other = (Model(adopted(kind), engine=name) for name in ("onnxruntime", "torch"))
    features = one.pooled(one.prepare(some))
    assert features.shape == (3, 16 if kind == "segformer" else 64)
    assert np.ptp(features, axis=0).max() > 0.01
    assert np.abs(features - other.pooled(other.prepare(some))).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_is_explained_by_its_own_probabilities(
    kind: str, written: Written, adopted: Written, some: list[np.ndarray]
):
    _, [(classes, scores)] = theirs(written(kind), some[:1])
    why = explain_mask(Model(adopted(kind)), some[0], target="sky")
    assert np.abs(why.probs - shares(scores, kind)[NAMES.index("sky")]).max() < 1e-4
    assert (why.answer.labels == classes).mean() > 0.999
    assert "<html" in why.to_html()


def test_it_is_scored_exported_and_opened_again(
    written: Written, adopted: Written, some: list[np.ndarray], tmp_path: Path
):
    names = Card.load(adopted("segformer")).names
    for number, (classes, _) in enumerate(theirs(written("segformer"), some)[1]):
        for folder, pixels in (("images", some[number]), ("masks", classes.astype(np.uint8))):
            place = tmp_path / "data" / folder / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place)
    (tmp_path / "data" / "classes.txt").write_text("\n".join(names))
    scores = verbs.evaluate(Model(adopted("segformer")), tmp_path / "data", board=None)
    assert scores.metrics["pixel accuracy"].value > 0.999  # its labels are what transformers answers
    exported = verbs.export(Model(adopted("segformer")), tmp_path / "it.onnx", data=tmp_path / "data")
    assert exported.parity.changed.value == 0
    one, other = (Model(place).run(some[0]) for place in (adopted("segformer"), tmp_path / "it.onnx"))
    assert (one.labels == other.labels).all()


@pytest.fixture
def copy(written: Written, tmp_path: Path, home: Path) -> Path:
    """A copy of a checkpoint, to be changed."""
    for path in written("segformer").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_weights_that_are_missing_are_refused(copy: Path):
    path = copy / "model.safetensors"
    kept = {name: one for name, one in load_file(path).items() if not name.endswith("classifier.bias")}
    save_file(kept, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights of its network, decode_head\.classifier\.bias"):
        adopt(f"hf:{copy}")


def test_weights_of_another_size_are_refused(copy: Path):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "decoder_hidden_size": 24}))
    with pytest.raises(ModelError, match=r"its weights do not fit its config\.json") as caught:
        adopt(f"hf:{copy}")
    assert "\n" not in str(caught.value)


def test_weights_that_are_cut_short_are_refused(copy: Path):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is cut short or damaged"):
        adopt(f"hf:{copy}")
