"""Detectors of the Hub as whole models: the boxes, labels and scores of transformers itself."""

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

from macaw import testing
from macaw.card import Card
from macaw.data.prepare import Fit, fit, normalise
from macaw.errors import InputError, ModelError
from macaw.explanation.boxes import explain_boxes
from macaw.model import Model
from macaw.recognition.adopt import adopt, frontend_of
from macaw.recognition.processor import prepare_of
from macaw.recognition.whole import read_whole
from macaw.results.box_decode import Keep
from macaw.runtime.hubfetch import find

SIDE = 96
NAMES = ("person", "a red kite", "N/A", "person")
_RESNET = {
    "embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "layer_type": "basic",
    "out_features": ["stage3", "stage4"],
}  # fmt: skip
_HGNET = {
    "stem_channels": [3, 8, 8], "stage_in_channels": [8, 8, 16, 24], "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [8, 16, 24, 32], "stage_num_blocks": [1, 1, 1, 1], "embedding_size": 8,
    "stage_downsample": [False, True, True, True], "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 5, 5], "stage_numb_of_layers": [2, 2, 2, 2], "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 16, 24, 32], "out_features": ["stage3", "stage4"],
}  # fmt: skip
_TINY = {  # two levels, not three, and as few layers as there can be: the export takes half as long
    "d_model": 32, "encoder_hidden_dim": 32, "encoder_in_channels": [24, 32], "encoder_ffn_dim": 32,
    "encoder_attention_heads": 4, "encode_proj_layers": [1], "feat_strides": [16, 32],
    "num_feature_levels": 2, "decoder_in_channels": [32, 32], "decoder_ffn_dim": 32,
    "decoder_attention_heads": 4, "decoder_layers": 2, "num_queries": 20, "hidden_expansion": 1.0,
}  # fmt: skip
BUILT: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "d_fine": ("DFine", "HGNetV2Config", _HGNET, {}),
    "d_fine, deeper": ("DFine", "HGNetV2Config", _HGNET, {"decoder_layers": 3}),
    "rt_detr": ("RTDetr", "RTDetrResNetConfig", _RESNET, {}),
    "rt_detr_v2": ("RTDetrV2", "RTDetrResNetConfig", _RESNET, {"decoder_n_levels": 2}),
}
PREPARE = {  # as the published checkpoints of both have it, but for the size
    "image_processor_type": "RTDetrImageProcessor", "size": {"height": SIDE, "width": SIDE}, "resample": 2,
    "do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False, "do_pad": False,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "format": "coco_detection",
}  # fmt: skip
KINDS = ["d_fine", *(pytest.param(kind, marks=pytest.mark.slow) for kind in BUILT if kind != "d_fine")]

Written = Callable[[str], Path]


def spread(net: Any) -> Any:
    """Random weights under which scores and boxes differ between queries; gates keep their values."""
    import torch

    torch.manual_seed(3)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.endswith("bias") and "sampling_offsets" not in name:
                value.copy_(0.2 * torch.randn_like(value))
            elif value.ndim in {2, 4} and name.endswith("weight"):
                value.copy_(torch.randn_like(value) * 1.5 / value[0].numel() ** 0.5)
        norms = [one for one in net.modules() if isinstance(getattr(one, "running_var", None), torch.Tensor)]
        hooks = [one.register_forward_pre_hook(_fit) for one in norms]
        net.eval()(torch.rand(4, 3, 12, 12).repeat_interleave(8, 2).repeat_interleave(8, 3))
    for hook in hooks:
        hook.remove()
    return net


def _fit(norm: Any, inputs: tuple[Any, ...]) -> None:
    """The statistics of what comes in, and a scale near 1, so that no layer fades out."""
    norm.weight.copy_(0.5 + norm.weight.new_tensor(range(len(norm.weight))) / len(norm.weight))
    norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
    norm.running_var.copy_(inputs[0].var((0, 2, 3)) + 0.01)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """`written("d_fine")` is the folder of a tiny checkpoint of that detector; written once."""
    made: dict[str, Path] = {}

    def checkpoint(kind: str) -> Path:
        if kind not in made:
            import transformers

            name, backbone, values, changes = BUILT[kind]
            made[kind] = tmp_path_factory.mktemp("checkpoints") / kind
            config = getattr(transformers, f"{name}Config")(
                backbone_config=getattr(transformers, backbone)(**values),
                id2label=dict(enumerate(NAMES)), **{**_TINY, **changes},
            )  # fmt: skip
            net = spread(getattr(transformers, f"{name}ForObjectDetection")(config))
            net.save_pretrained(made[kind])
            (made[kind] / "preprocessor_config.json").write_text(json.dumps(PREPARE))
        return made[kind]

    return checkpoint


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for all tests of a session that leave it as it is: each checkpoint is adopted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def adopted(written: Written, cache: Path) -> Written:
    """`adopted("d_fine")` is the model's folder in that cache."""

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


def theirs(folder: Path, photos: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Boxes, labels and scores by transformers alone, of all its candidates; boxes cut at the edges."""
    import torch
    from transformers import AutoModelForObjectDetection
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    net = AutoModelForObjectDetection.from_pretrained(folder).eval()
    processor = RTDetrImageProcessorPil.from_pretrained(folder)
    inputs = processor([Image.fromarray(photo) for photo in photos], return_tensors="pt")
    sizes = [photo.shape[:2] for photo in photos]
    with torch.no_grad():
        found = processor.post_process_object_detection(net(**inputs), threshold=0.0, target_sizes=sizes)
    answers = [{name: value.numpy() for name, value in one.items()} for one in found]
    for answer, (height, width) in zip(answers, sizes, strict=True):
        answer["boxes"] = np.clip(answer["boxes"], 0, [width, height] * 2)
    return answers


def everything(folder: Path, **options: Any) -> tuple[Model, Card]:
    """A model, and a card by which it leaves out nothing that it ranks."""
    card = Card.load(folder)
    return Model(folder, **options), card.replace(decode={**card.decode, "score": 0.0})


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_gives_the_boxes_of_transformers(
    kind: str, written: Written, adopted: Written, some: list[np.ndarray]
):
    wanted = theirs(written(kind), some)
    assert all(np.ptp(one["scores"]) > 0.02 for one in wanted)
    assert len({int(label) for one in wanted for label in one["labels"]}) > 1
    assert np.ptp([one["scores"] for one in wanted], axis=0).max() > 0.01  # pictures differ
    for engine in ("onnxruntime", "torch"):
        model, card = everything(adopted(kind), engine=engine)
        for answer, one, photo in zip(model.stream(some, card=card), wanted, some, strict=True):
            inside = (one["boxes"][:, 2:] > one["boxes"][:, :2]).all(axis=1)  # beyond the edge is no box
            first = slice(int(inside.sum()))  # macaw fills up with the next; they do not
            assert first.stop >= 15
            assert np.abs(answer.scores[first] - one["scores"][inside]).max() < 1e-4
            assert (answer.labels[first] == one["labels"][inside]).all()
            far = np.abs(answer.xyxy[first] - one["boxes"][inside])
            assert far.max() < 1e-4 * max(photo.shape)


def test_pictures_are_prepared_as_by_transformers(written: Written, photos: list[np.ndarray]):
    from transformers.models.rt_detr.image_processing_pil_rt_detr import RTDetrImageProcessorPil

    found = find(f"hf:{written('rt_detr')}")
    prepare = prepare_of(found.processor, found.config, found.source)
    assert (prepare["resize"], prepare["size"], prepare["crop"]) == ("stretch", SIDE, 1.0)
    pictures = [Image.fromarray(photo) for photo in photos]
    wanted = RTDetrImageProcessorPil.from_pretrained(found.folder)(pictures, return_tensors="np").pixel_values
    fitted = np.stack([fit(photo, Fit.of(prepare)) for photo in photos])
    assert np.abs(normalise(fitted, prepare["mean"], prepare["std"]) - wanted).max() < 1e-6


def test_places_of_a_stretched_picture_go_there_and_back():
    letter = Fit(SIDE, "stretch").letter(300, 40)
    assert (letter.across, letter.down, letter.left, letter.top) == (SIDE, SIDE, 0, 0)
    assert letter.to_prepared(np.array([0, 0, 300, 40])).tolist() == [0, 0, SIDE, SIDE]
    xy = np.random.default_rng(0).uniform(0, 40, (9, 2))
    assert np.abs(letter.to_picture(letter.to_prepared(xy)) - xy).max() < 1e-12


def test_its_card_says_what_it_is(written: Written, adopted: Written):
    card = Card.load(adopted("d_fine"))
    assert (card.task, card.builder, card.head["name"]) == ("detect", "whole", "DFineForObjectDetection")
    assert card.names == ("person (0)", "a red kite", "N/A", "person (3)")
    assert Keep.of(card.decode) == Keep(score=0.5, branch="one-to-one", limit=20)
    assert card.training["source"] == f"hf:{written('d_fine')}"
    assert card.training["unused"] == []


def test_it_keeps_the_contract_of_models(adopted: Written, some: list[np.ndarray]):
    testing.check_model(adopted("d_fine"), some)


def test_it_is_opened_without_torch(written: Written, adopted: Written, cache: Path):
    out = adopted("d_fine")
    code = f"""
import sys, numpy as np
from macaw.recognition.adopt import adopt
from macaw.model import Model
print(len(Model(adopt("hf:{written("d_fine")}")).run(np.zeros((40, 50, 3), np.uint8)).names))
print(*({{"torch", "transformers", "huggingface_hub", "onnx"}} & set(sys.modules)), "done")
"""
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == [str(len(Card.load(out).names)), "done"]


def test_its_features_are_those_of_the_encoder(adopted: Written, some: list[np.ndarray]):
    one, other = (Model(adopted("d_fine"), engine=name) for name in ("onnxruntime", "torch"))
    features = one.pooled(one.prepare(some))
    assert features.shape == (3, 32)
    assert np.ptp(features, axis=0).max() > 0.01
    assert np.abs(features - other.pooled(other.prepare(some))).max() < 1e-4


def test_a_box_is_explained_by_covering(adopted: Written, some: list[np.ndarray]):
    model = Model(adopted("d_fine"))
    why = explain_boxes(model, some[0], score=0.01)
    assert why.found
    assert why.heat is not None
    assert (why.levels, why.claims, why.suppression) == ((), None, None)
    assert abs(why.heat.before - why.box.score) < 1e-5
    assert why.classes[0][0] in model.card.names
    assert "<html" in why.to_html()
    with pytest.raises(InputError, match="answers by queries, which lie on no grid"):
        explain_boxes(model, some[0], score=0.01, by="cells")


def test_a_training_does_not_start_from_it(written: Written, home: Path):
    with pytest.raises(InputError, match=r"is a whole model \(RTDetrForObjectDetection\), .* as it is"):
        frontend_of(f"hf:{written('rt_detr')}")


@pytest.fixture
def copy(written: Written, tmp_path: Path, home: Path) -> Path:
    """A copy of a checkpoint, to be changed."""
    for path in written("rt_detr").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("architecture", ["RTDetrModel", "DetrForObjectDetection"])
def test_another_architecture_is_refused_with_those_that_work(copy: Path, architecture: str):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
    with pytest.raises(InputError, match=r"What works: beit, .*; as whole models: DFineForObjectDetection, "):
        adopt(f"hf:{copy}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, "not make one square of every picture"),
        ({"size": {"height": 64, "width": 96}}, "not make one square of every picture"),
        ({"image_processor_type": "DetrImageProcessor"}, "prepares pictures by 'DetrImageProcessor'"),
    ],
)
def test_another_way_to_prepare_is_refused(copy: Path, changes: dict[str, Any], said: str):
    (copy / "preprocessor_config.json").write_text(json.dumps({**PREPARE, **changes}))
    with pytest.raises(InputError, match=said):
        adopt(f"hf:{copy}")


def changed(path: Path, *, without: str = "", more: dict[str, np.ndarray] | None = None) -> None:
    """Write weights again, without those that start so, and with more."""
    kept = {name: one for name, one in load_file(path).items() if not (without and name.startswith(without))}
    save_file({**kept, **(more or {})}, path, metadata={"format": "pt"})


def test_weights_that_are_missing_are_refused(copy: Path):
    changed(copy / "model.safetensors", without="model.enc_score_head")
    with pytest.raises(ModelError, match=r"lacks 2 weights of its network, model\.enc_score_head\."):
        adopt(f"hf:{copy}")


def test_weights_of_another_size_are_refused(copy: Path):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "decoder_ffn_dim": 48}))
    with pytest.raises(ModelError, match=r"its weights do not fit its config\.json"):
        adopt(f"hf:{copy}")


def test_weights_that_nothing_uses_are_reported(copy: Path):
    changed(copy / "model.safetensors", more={"teacher.weight": np.zeros((2, 2), np.float32)})
    assert read_whole(find(f"hf:{copy}"), "RTDetrForObjectDetection")[1] == ["teacher.weight"]
