"""ViTPose of the Hub as a whole model: crops, maps and places are those of transformers itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw.card import Card
from macaw.data.prepare import Fit
from macaw.data.warp import Warp
from macaw.errors import InputError
from macaw.model import Model
from macaw.recognition.processor import prepare_of
from macaw.results.unbiased import refined

pytest.importorskip("torch")
pytest.importorskip("scipy")  # by which transformers warps
pytest.importorskip("transformers")

SHEET = (64, 48)  # height, width
NAMES = ("Nose", "L_Eye", "R_Eye", "L_Hand", "R_Hand")
EDGES = [[0, 1], [0, 2]]
PREPARE = {
    "image_processor_type": "VitPoseImageProcessor", "size": {"height": SHEET[0], "width": SHEET[1]},
    "do_affine_transform": True, "normalize_factor": 200.0, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip
KINDS = {  # what each has besides
    "simple": ({}, {"use_simple_decoder": True}),
    "experts": ({"num_experts": 2, "part_features": 4}, {"use_simple_decoder": False}),
}
BOXES = np.array(  # inside, over two edges, wide, all of it; and of the picture nothing but a corner
    [[30, 12, 70.5, 95], [-20, -30, 25, 60], [5.25, 40, 125, 60], [0, 0, 130, 100], [110, 90, 170, 190]],
    np.float32,
)
SIZE = (130, 100)

Written = Callable[[str], Path]


def theirs() -> Any:
    """The module of transformers that prepares pictures on Pillow."""
    from transformers.models.vitpose import image_processing_pil_vitpose as module

    return module


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (25, 33, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """`written("simple")` is the folder of a tiny checkpoint of that kind; written once."""
    made: dict[str, Path] = {}

    def checkpoint(kind: str) -> Path:
        if kind not in made:
            import torch
            from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

            inner, outer = KINDS[kind]
            backbone = VitPoseBackboneConfig(
                image_size=list(SHEET), patch_size=[16, 16], hidden_size=16, num_hidden_layers=2,
                num_attention_heads=2, mlp_ratio=2, out_indices=[2], **inner,
            )  # fmt: skip
            table = dict(enumerate(NAMES))
            config = VitPoseConfig(
                backbone_config=backbone, id2label=table, label2id={n: i for i, n in table.items()},
                edges=EDGES, **outer,
            )  # fmt: skip
            torch.manual_seed(3)
            net = VitPoseForPoseEstimation(config).eval()
            with torch.no_grad():
                for name, value in net.named_parameters():
                    if value.ndim > 1 and "norm" not in name:
                        value.copy_(torch.randn_like(value) * 1.2 / value[0].numel() ** 0.5)
                net.head.conv.bias.fill_(1.0)  # warm somewhere: where nothing is, their places mean nothing
            made[kind] = tmp_path_factory.mktemp("checkpoints") / kind
            net.save_pretrained(made[kind])
            (made[kind] / "preprocessor_config.json").write_text(json.dumps(PREPARE))
        return made[kind]

    return checkpoint


@pytest.fixture(scope="module")
def adopted(written: Written, tmp_path_factory: pytest.TempPathFactory) -> Written:
    from macaw.recognition.adopt import adopt

    cache = tmp_path_factory.mktemp("cache")

    def opened(kind: str) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(cache))
            return adopt(f"hf:{written(kind)}")

    return opened


def test_a_warp_draws_the_pixels_of_transformers(photo: np.ndarray):
    module = theirs()
    for box in BOXES:
        left, top, right, bottom = box
        told = module.box_to_center_and_scale((left, top, right - left, bottom - top), *SHEET[::-1])
        matrix = module.get_warp_matrix(0, told[0] * 2.0, np.array(SHEET[::-1]) - 1.0, told[1] * 200.0)
        wanted = module.scipy_warp_affine(photo, matrix, SHEET)
        warp = Warp.about(box, SIZE, SHEET)
        found = warp.sheet(photo)
        assert found.shape == (*SHEET, 3) and (found == wanted).all()
        places = np.random.default_rng(1).uniform(-20, 150, (7, 2))
        assert np.abs(warp.to_picture(warp.to_prepared(places)) - places).max() < 1e-9
        assert warp.sees


def test_a_warp_of_what_lies_beside_the_picture_is_black(photo: np.ndarray):
    warp = Warp.about(np.array([500.0, 500, 520, 540]), SIZE, SHEET)
    assert not warp.sees and not warp.sheet(photo).any()
    assert np.isfinite(Warp.about(np.array([5.0, 5, 5, 5]), SIZE, SHEET).to_prepared(np.zeros((1, 2)))).all()


def test_places_between_cells_are_those_of_transformers():
    module, noise = theirs(), np.random.default_rng(0)
    rows, columns = np.mgrid[:16, :12]
    middles = noise.uniform(0, 11, (3, 5, 2))
    heat = np.stack(
        [[np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8) for x, y in some] for some in middles]
    )
    heat = (heat + 0.05 * noise.random(heat.shape)).astype(np.float32)
    coords, scores = module.get_keypoint_predictions(heat)
    wanted = module.post_dark_unbiased_data_processing(coords, heat, kernel=11)
    found, best = refined(heat)
    assert np.abs(found - wanted).max() < 1e-4 and (best == scores[..., 0]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_gives_the_points_of_transformers(
    kind: str, written: Written, adopted: Written, photo: np.ndarray
):
    import torch
    from transformers import VitPoseForPoseEstimation

    net = VitPoseForPoseEstimation.from_pretrained(written(kind)).eval()
    processor = theirs().VitPoseImageProcessorPil.from_pretrained(written(kind))
    boxes = [[[*map(float, box[:2]), *map(float, box[2:] - box[:2])] for box in BOXES]]
    inputs = processor(Image.fromarray(photo), boxes=boxes, return_tensors="pt")
    index = torch.zeros(len(BOXES), dtype=torch.long) if kind == "experts" else None
    with torch.no_grad():
        answer = net(**inputs, dataset_index=index)
    (wanted,) = processor.post_process_pose_estimation(answer, boxes=boxes)
    places = np.stack([one["keypoints"].numpy() for one in wanted]) + 0.5  # pixels by their middles
    scores = np.stack([one["scores"].numpy() for one in wanted])
    assert np.ptp(scores) > 0.05 and scores.min() > 0
    for engine in ("onnxruntime", "torch"):
        model = Model(adopted(kind), engine=engine)
        assert model.card.names == NAMES and model.card.decode["edges"] == EDGES
        found = model.at(photo, BOXES)
        assert np.abs(found.points[..., :2] - places).max() < 1e-4 * max(SIZE) + 1e-3
        assert np.abs(found.points[..., 2] - np.clip(scores, 0, 1)).max() < 1e-4
        whole = model.run(photo)  # without a box the picture is the box
        assert np.abs(whole.xy - places[3]).max() < 1e-4 * max(SIZE) + 1e-3


def test_a_card_says_how_it_is_fed(adopted: Written, photo: np.ndarray):
    card = Card.load(adopted("simple"))
    assert (card.task, card.builder, card.decode["form"], card.decode["margin"]) == (
        "keypoints", "whole", "unbiased", 1.25,
    )  # fmt: skip
    assert Fit.of(card.prepare).sheet == SHEET
    model = Model(adopted("simple"))
    assert model.prepare([photo, photo[:50]]).shape == (2, 3, *SHEET)


def test_why_a_point_lies_where_it_does_is_told(adopted: Written, photo: np.ndarray):
    import macaw

    why = macaw.explain(macaw.load(adopted("simple")), photo)
    assert why.map.shape == (16, 12) and "Map" in why.to_html()


@pytest.mark.parametrize(
    "changed",
    [{"do_affine_transform": False}, {"normalize_factor": 100.0}, {"size": {"height": 1, "width": 1}}],
)
def test_a_processor_that_does_otherwise_is_one_line(changed: dict[str, Any]):
    with pytest.raises(InputError, match="does not draw objects from their boxes") as caught:
        prepare_of({**PREPARE, **changed}, {}, "theirs")
    assert "\n" not in str(caught.value)
