"""The Hub front-end: every family's features and levels, against what transformers itself calls them."""

from __future__ import annotations

import copy
import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from macaw.errors import InputError, MissingExtra, ModelError
from macaw.frontends.families import FAMILIES
from macaw.frontends.hub import HubFrontend
from macaw.frontends.hubnet import essence, read_network
from macaw.recognition.adopt import frontend_of
from macaw.runtime.hubfetch import find
from macaw.testing import check_frontend

TOKENS = (
    "beit",
    "data2vec-vision",
    "deit",
    "dinov2",
    "dinov2_with_registers",
    "dinov3_vit",
    "ijepa",
    "vit",
    "vit_msn",
)
NO_CLASSIFIER = ("dinov3_convnext", "dinov3_vit")


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def reference(folder: Path, *, base: bool) -> Any:
    """The checkpoint, opened by transformers."""
    from transformers import AutoModel, AutoModelForImageClassification

    opened = (AutoModel if base else AutoModelForImageClassification).from_pretrained(folder)
    return opened.eval()


def expected(kind: str, net: Any, x: torch.Tensor) -> torch.Tensor:
    """The pooled features by the words of each family's documentation."""
    if kind == "hgnet_v2":  # it has no model without a classifier
        return net.encoder(net.embedder(x)).last_hidden_state.mean((2, 3))
    base = net if kind in NO_CLASSIFIER else net.base_model
    answer = base(x)
    if kind.startswith("dinov2"):
        first = 1 + getattr(net.config, "num_register_tokens", 0)
        return torch.cat([answer.last_hidden_state[:, 0], answer.last_hidden_state[:, first:].mean(1)], 1)
    if kind == "ijepa":  # no class token
        return answer.last_hidden_state.mean(1)
    if kind in {"vit", "vit_msn", "deit"}:
        return answer.last_hidden_state[:, 0]
    return answer.pooler_output.flatten(1)


@pytest.mark.parametrize("kind", FAMILIES)
@torch.no_grad()
def test_pooled_is_what_the_classifier_reads(kind: str, make: Any, pictures: torch.Tensor):
    folder = make(kind, base=kind in NO_CLASSIFIER)
    net = reference(folder, base=kind in NO_CLASSIFIER)
    frontend, _ = frontend_of(f"hf:{folder}")
    features = frontend.eval()(pictures)
    wanted = expected(kind, net, pictures)
    assert features.pooled.shape == wanted.shape == (3, frontend.width)
    assert features.pooled.std(0).max() > 0.01  # it depends on the picture
    torch.testing.assert_close(features.pooled, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_contract_of_front_ends(kind: str, make: Any):
    folder = make(kind, base=kind in NO_CLASSIFIER)
    config = essence(json.loads((folder / "config.json").read_text()))
    check_frontend(lambda: HubFrontend(checkpoint=config), torch.randn(2, 3, 32, 32))
    if kind not in TOKENS and not kind.startswith("swin"):
        check_frontend(lambda: HubFrontend(checkpoint=config), torch.randn(2, 3, 64, 96))


@pytest.mark.parametrize("kind", ["resnet", "regnet", "hgnet_v2", "mobilenet_v1", "mobilenet_v2"])
@torch.no_grad()
def test_levels_are_the_last_map_of_each_stride(kind: str, make: Any):
    folder, x = make(kind), torch.randn(2, 3, 64, 64)
    frontend, _ = frontend_of(f"hf:{folder}")
    hidden = list(reference(folder, base=False)(x, output_hidden_states=True).hidden_states)
    last = {map_.shape[-1]: map_ for map_ in hidden}
    if kind == "mobilenet_v2":  # its first and last blocks are not among them
        net = reference(folder, base=False).mobilenet_v2
        last |= {32: net.conv_stem(x), 2: net.conv_1x1(hidden[-1])}
    levels = frontend.eval()(x).levels
    assert frontend.strides == (2, 4, 8, 16, 32)[-len(levels) :]
    assert len(levels) >= 4
    for level, width, stride in zip(levels, frontend.widths, frontend.strides, strict=True):
        assert level.shape == (2, width, 64 // stride, 64 // stride)
        torch.testing.assert_close(level, last[64 // stride])


@torch.no_grad()
def test_levels_of_convnext_are_its_stages(make: Any):
    folder, x = make("convnextv2"), torch.randn(2, 3, 64, 64)
    frontend, _ = frontend_of(f"hf:{folder}")
    hidden = reference(folder, base=False)(x, output_hidden_states=True).hidden_states[-4:]
    assert (frontend.widths, frontend.strides) == ((8, 16, 24, 32), (4, 8, 16, 32))
    for level, wanted in zip(frontend.eval()(x).levels, hidden, strict=True):
        torch.testing.assert_close(level, wanted)


@torch.no_grad()
def test_levels_of_swin_are_its_stages_before_they_are_merged(make: Any, pictures: torch.Tensor):
    from transformers import SwinBackbone

    folder = make("swin")
    frontend, _ = frontend_of(f"hf:{folder}")
    assert (frontend.widths, frontend.strides) == ((8, 16, 32), (2, 4, 8))
    backbone = SwinBackbone.from_pretrained(folder, out_features=["stage1", "stage2", "stage3"]).eval()
    norms = backbone.hidden_states_norms
    levels = frontend.eval()(pictures).levels
    for stage, level in enumerate(levels[:2], start=1):  # the backbone norms them once more, by fresh norms
        wanted = backbone(pictures).feature_maps[stage - 1]
        normed = norms[f"stage{stage}"](level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        torch.testing.assert_close(normed, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(levels[2].mean((2, 3)), frontend(pictures).pooled, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "others"), [("vit", 1), ("dinov2_with_registers", 4), ("dinov3_vit", 5), ("ijepa", 0)]
)
@torch.no_grad()
def test_tokens_give_one_level_without_those_that_have_no_place(
    kind: str, others: int, make: Any, pictures: torch.Tensor
):
    folder = make(kind, base=True)
    frontend, _ = frontend_of(f"hf:{folder}")
    (level,) = frontend.eval()(pictures).levels
    tokens = reference(folder, base=True)(pictures).last_hidden_state
    assert (frontend.widths, frontend.strides, tokens.shape) == ((16,), (8,), (3, 16 + others, 16))
    for row in range(4):
        for column in range(4):
            torch.testing.assert_close(level[:, :, row, column], tokens[:, others + 4 * row + column])


@pytest.mark.parametrize("kind", ["vit", "dinov2"])
@torch.no_grad()
def test_pictures_of_another_size_have_their_positions_interpolated(kind: str, make: Any):
    folder, x = make(kind), torch.randn(2, 3, 48, 64)
    frontend, _ = frontend_of(f"hf:{folder}")
    options = {"interpolate_pos_encoding": True} if kind == "vit" else {}
    net = reference(folder, base=False)
    logits = net(x, **options).logits
    features = frontend.eval()(x)
    assert features.levels[0].shape == (2, 16, 6, 8)
    torch.testing.assert_close(net.classifier(features.pooled), logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", FAMILIES)
def test_its_parts_are_all_of_it_from_input_to_output(kind: str, make: Any, pictures: torch.Tensor):
    folder = make(kind, base=kind in NO_CLASSIFIER)
    frontend, _ = frontend_of(f"hf:{folder}")
    parts = frontend.parts()
    held = [id(parameter) for part in parts for parameter in part.parameters()]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in frontend.parameters()}
    assert len(parts) >= 4
    order: list[int] = []
    for place, part in enumerate(parts):
        part.register_forward_hook(lambda *_, place=place: order.append(place))
    with torch.no_grad():
        frontend.eval()(pictures)
    assert order == sorted(order)


def test_frozen_it_stays_as_it_is(make: Any, pictures: torch.Tensor):
    frontend, _ = frontend_of(f"hf:{make('resnet')}")
    frontend.freeze()
    before = copy.deepcopy(frontend.state_dict())
    frontend.train()(pictures)
    assert all(torch.equal(before[name], value) for name, value in frontend.state_dict().items())
    assert not any(parameter.requires_grad for parameter in frontend.parameters())


@torch.no_grad()
def test_a_copy_is_another_one(make: Any, pictures: torch.Tensor):
    frontend, _ = frontend_of(f"hf:{make('convnextv2')}")
    twin = copy.deepcopy(frontend.eval())
    for parameter in frontend.parameters():
        parameter.zero_()
    ours, theirs = frontend(pictures), twin(pictures)
    assert not any(torch.allclose(a, b) for a, b in zip(ours.levels, theirs.levels, strict=True))


@torch.no_grad()
def test_two_threads_do_not_see_each_others_maps(make: Any):
    frontend, _ = frontend_of(f"hf:{make('resnet')}")
    frontend.eval()
    inputs = [torch.randn(4, 3, 64, 64) for _ in range(2)]
    alone = [frontend(x).levels for x in inputs]
    wrong: list[int] = []

    def work(number: int) -> None:
        with torch.no_grad():
            for _ in range(10):
                levels = frontend(inputs[number]).levels
                wrong.extend(
                    number for a, b in zip(levels, alone[number], strict=True) if not torch.equal(a, b)
                )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_other_kinds_of_checkpoints_are_refused():
    with pytest.raises(
        InputError, match=r"type 'resnett' is no .* Did you mean 'resnet'\? What works: beit, "
    ):
        HubFrontend(checkpoint={"model_type": "resnett"})
    with pytest.raises(InputError, match="pictures of 1 channels"):
        HubFrontend(checkpoint={"model_type": "vit", "num_channels": 1})
    with pytest.raises(InputError, match=r"config\.json (cannot be read|describes no network)"):
        HubFrontend(checkpoint={"model_type": "vit", "hidden_size": "large"})


def test_without_the_library_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers.models.auto", None)
    with pytest.raises(MissingExtra, match=r"pip install 'macaw\[hub\]'"):
        HubFrontend(checkpoint={"model_type": "vit"})


def test_nothing_is_missing_and_nothing_is_left_over(make: Any):
    for kind in ("resnet", "vit", "dinov2", "swin"):
        _, classifier, unused = read_network(find(f"hf:{make(kind)}"))
        assert classifier is not None
        assert (classifier.out_features, unused) == (5, [])


def test_tensors_that_nothing_uses_are_named(make: Any, tmp_path: Path):
    from safetensors.numpy import load_file, save_file

    (tmp_path / "config.json").write_bytes((make("vit") / "config.json").read_bytes())
    tensors = load_file(make("vit") / "model.safetensors")
    spare = {"spare.weight": np.ones(3, np.float32)}
    save_file({**tensors, **spare}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert read_network(find(f"hf:{tmp_path}"))[2] == ["spare.weight"]


def test_weights_that_lack_a_tensor(make: Any, tmp_path: Path):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(make("resnet") / "model.safetensors")
    lost = sorted(name for name in tensors if name.endswith("convolution.weight"))[0]
    del tensors[lost]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((make("resnet") / "config.json").read_bytes())
    with pytest.raises(ModelError, match=rf"lacks 1 weights of its network, {lost} first"):
        read_network(find(f"hf:{tmp_path}"))


def test_weights_that_do_not_fit_their_config(make: Any, tmp_path: Path):
    folder = make("vit")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    config = {**json.loads((folder / "config.json").read_text()), "hidden_size": 24}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"weights do not fit its config\.json"):
        read_network(find(f"hf:{tmp_path}"))


def test_half_precision_is_widened(make: Any, tmp_path: Path, pictures: torch.Tensor):
    from safetensors.numpy import load_file, save_file

    folder = make("vit")
    tensors = {
        name: value.astype(np.float16) for name, value in load_file(folder / "model.safetensors").items()
    }
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    config = {**json.loads((folder / "config.json").read_text()), "dtype": "float16"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "preprocessor_config.json").write_bytes((folder / "preprocessor_config.json").read_bytes())
    frontend, _ = frontend_of(f"hf:{tmp_path}")
    assert {value.dtype for value in frontend.parameters()} == {torch.float32}
    whole, _ = frontend_of(f"hf:{folder}")
    with torch.no_grad():
        torch.testing.assert_close(
            frontend.eval()(pictures).pooled, whole.eval()(pictures).pooled, rtol=0, atol=0.05
        )
