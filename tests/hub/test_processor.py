"""Pictures prepared by a card, against the processor of the same checkpoint in transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.card import Card
from macaw.data.prepare import Fit, fit, normalise
from macaw.errors import InputError
from macaw.recognition.processor import prepare_of


def by(kind: str, **values: Any) -> dict[str, Any]:
    """A preprocessor_config.json that names the class of this kind."""
    return {"image_processor_type": f"{kind}ImageProcessor", **values}


def short(edge: int) -> dict[str, int]:
    return {"shortest_edge": edge}


def square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


# As checkpoints of each family have them: what transformers writes now, and what it wrote years ago
CASES: dict[str, dict[str, Any]] = {
    "vit": by("ViT", size=square(40), resample=2),
    "vit, old": {"feature_extractor_type": "ViTFeatureExtractor", "size": 40, "image_mean": [0.4, 0.5, 0.6]},
    "vit, lanczos": by("ViT", size=40, resample=1),
    "vit, nearest": by("ViT", size=40, resample=0),
    "vit, not scaled": by("ViT", size=40, do_rescale=False),
    "vit, plain": by("ViT", size=40, do_normalize=False),
    "vit, factor": by("ViT", size=40, rescale_factor=1 / 127.5),
    "vit, one mean": by("ViT", size=40, image_mean=[0.3] * 3, image_std=[0.2] * 3),
    "vit, the class's own": by("ViT"),
    "convnext": by("ConvNext", size=short(64), crop_pct=0.875),
    "convnext, odd": by("ConvNext", size=short(50)),
    "convnext, old": {"feature_extractor_type": "ConvNextFeatureExtractor", "size": 64, "crop_pct": 0.95},
    "convnext, large": by("ConvNext", size=short(384)),
    "bit": by("Bit", size=short(73), crop_size=square(64), resample=3),
    "bit, even": by("Bit", size=short(72), crop_size=64),
    "bit, fast": {"image_processor_type": "BitImageProcessorFast", "size": short(64), "crop_size": 64},
    "deit": by("DeiT", size=square(72), crop_size=64),
    "beit": by("Beit", size=square(64), crop_size=60),
    "mobilenet v1": by("MobileNetV1", size=short(73), crop_size=64),
    "mobilenet v2": by("MobileNetV2"),
    "levit": by("Levit", size=short(70), crop_size=64),
    "poolformer": by("PoolFormer", size=short(64), crop_size=64),
    "pvt": by("Pvt", size=square(64)),
    "siglip": by("Siglip", size=square(64)),
    "clip": by("CLIP", size=short(64), crop_size=64),
    "efficientnet": by("EfficientNet", size=64, rescale_offset=True),
    "hgnet": by("RTDetr", size=square(64)),
}


def prepared(photos: list[np.ndarray], how: dict[str, Any]) -> np.ndarray:
    fitted = np.stack([fit(photo, Fit.of(how)) for photo in photos])
    return normalise(fitted, how["mean"], how["std"])


@pytest.mark.parametrize("name", CASES)
def test_it_prepares_photographs_as_transformers_does(name: str, photos: list[np.ndarray], tmp_path: Path):
    from transformers import AutoImageProcessor

    (tmp_path / "preprocessor_config.json").write_text(json.dumps(CASES[name]))
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    pictures = [
        Image.fromarray(photo) for photo in photos
    ]  # of an array it would guess where the colours are
    theirs = AutoImageProcessor.from_pretrained(tmp_path)(pictures, return_tensors="np")["pixel_values"]
    how = json.loads(json.dumps(prepare_of(CASES[name], {}, "hf:x")))
    ours = prepared(photos, how)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-5 * max(1.0, np.abs(theirs).max())


def test_a_card_takes_what_comes_out(tmp_path: Path):
    for values in CASES.values():
        card = Card(
            task="classify", name="x", builder="recognizer", names=("a",),
            frontend={"name": "x", "config": {}}, head={"name": "x", "config": {}},
            prepare=prepare_of(values, {}, "hf:x"), decode={"temperature": 1.0, "multi": False},
        )  # fmt: skip
        card.save(tmp_path)
        assert Card.load(tmp_path) == card


def test_where_no_class_is_named_the_architecture_has_one():
    values = {"size": {"shortest_edge": 64}}
    assert prepare_of(values, {"model_type": "resnet"}, "hf:x") == prepare_of(
        {**values, "image_processor_type": "ConvNextImageProcessor"}, {}, "hf:x"
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "does not say how pictures are prepared"),
        ({"size": 32}, "does not say how pictures are prepared"),
        (by("Sam"), r"by 'SamImageProcessor'\. What macaw can follow is .* Beit, .*, VitPose$"),
        (by("ViT", do_resize=False), "not make one square of every picture"),
        (by("ViT", size={"height": 32, "width": 48}), "not make one square of every picture"),
        (by("ViT", size=short(32)), "not make one square of every picture"),
        (by("ViT", size={"longest_edge": 32}), "not make one square of every picture"),
        (by("Bit", size=32, crop_size=48), "not make one square of every picture"),
        (by("ViT", do_pad=True), "not make one square of every picture"),
        (by("ViT", size="large"), "of another form"),
        (by("ViT", resample=9), "of another form"),
        (by("ViT", rescale_factor=0), "of another form"),
    ],
)  # fmt: skip
def test_what_a_card_cannot_describe_is_refused(values: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        prepare_of(values, {"model_type": "unheard"}, "hf:x")
