"""Hub networks: built by the transformers library from a checkpoint's config.json, fresh or with its weights.

A network loses its classifier here: what is left gives, as its answer, what the classifier used to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from macaw.errors import InputError
from macaw.frontends.hubload import built, check_whole, described, loaded
from macaw.runtime.hubfiles import Checkpoint

# Of config.json: what says nothing about the network, or what a card has elsewhere
_APART = frozenset({
    "_name_or_path", "architectures", "auto_map", "dtype", "id2label", "label2id", "num_labels",
    "out_features", "out_indices", "output_attentions", "output_hidden_states", "problem_type", "return_dict",
    "torch_dtype",
})  # fmt: skip
_ATTENTION = "macaw"


def essence(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a config.json what shapes the network."""
    return {name: value for name, value in config.items() if name not in _APART}


def fresh_network(config: Mapping[str, Any]) -> Any:
    """The network of a config.json, with fresh weights, without a classifier.

    Raises InputError for a config that describes none, MissingExtra without transformers.
    """
    net = built(*_described(config))
    _open_up(net)
    return net


def read_network(found: Checkpoint) -> tuple[Any, nn.Linear | None, list[str]]:
    """A checkpoint's network in single precision; its classifier, if it has one; tensors that nothing uses.

    Raises ModelError for weights that are damaged or do not fit their config.json, InputError for a config
    that describes no network, or a classifier that is not one linear layer; MissingExtra.
    """
    config, kind = _described(found.config)
    if any("WithTeacher" in str(name) for name in found.config.get("architectures") or ()):
        raise InputError(
            f"'{found.source}' answers by the mean of two classifiers; macaw reads those with one"
        )
    net, missing, unused = loaded(config, kind, found)
    head = _classifier(net)
    check_whole(found, [name for name in missing if not (head and name.startswith(f"{head}."))])
    if missing or not head:
        _open_up(net)
        return net, None, unused
    return net, _taken(net, found.source), unused


def run_network(net: Any, pictures: torch.Tensor, **options: Any) -> torch.Tensor:
    """(B, 3, H, W) -> the answer of a network (B, D): what its classifier reads, once that is taken off."""
    answer = net(pictures, return_dict=True, **options)
    answered: torch.Tensor = answer.logits if "logits" in answer else answer.pooler_output
    return answered.flatten(1)


def side_of(config: Any) -> int:
    """The side of the pictures that a network was made for, pixels."""
    return _whole(getattr(config, "image_size", 224))


def patch_of(config: Any) -> int:
    """The side of the patches that a network reads, pixels."""
    return _whole(config.patch_size)


def _whole(value: Any) -> int:
    return int(value if isinstance(value, int) else value[0])


def _described(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """The library's config of a config.json, and what it builds: a classifier where the family has one."""
    given = described(config)
    import transformers
    from transformers.models.auto import modeling_auto

    classifiers: Any = modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    named = (classifiers if type(given) in classifiers else modeling_auto.MODEL_MAPPING)[type(given)]
    kind: Any = named[0] if isinstance(named, tuple) else named
    if kind._supports_sdpa and kind._supports_attention_backend:
        transformers.AttentionInterface.register(_ATTENTION, _attend)
        given._attn_implementation = _ATTENTION
    return given, kind


def _attend(
    module: nn.Module,
    query: torch.Tensor,  # (B, heads, N, width of a head), and so are key and value
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """The library's fused attention, but when exported: plain, so that ONNX Runtime fuses the scale.

    It has a name of ours: under its own a graph gets a mask for padding, in which nothing is masked, and
    looks for NaN after each softmax. Together that is 9 % of a ViT-S, measured in batches of 8.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    bias, scale = options.get("position_bias"), options.get("scaling") or query.shape[-1] ** -0.5
    if not torch.compiler.is_exporting() or bias is not None or key.shape[1] != query.shape[1]:
        answer: torch.Tensor = sdpa_attention_forward(module, query, key, value, attention_mask, **options)[0]
        return answer, None
    scores = query @ key.transpose(2, 3) * scale  # (B, heads, N, N)
    if attention_mask is not None:
        scores = scores + attention_mask
    return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None  # (B, N, heads, width of a head)


def _classifier(net: Any) -> str:
    """The name of the classifier: the last linear layer with an output for each label; "" without one."""
    if not type(net).__name__.endswith("ForImageClassification"):
        return ""
    labels = net.config.num_labels
    layers = [
        name for name, one in net.named_modules() if isinstance(one, nn.Linear) and one.out_features == labels
    ]
    return layers[-1] if layers else ""


def _open_up(net: Any) -> nn.Linear | None:
    """Take the classifier off, in place, and give it back; None where there is none.

    What only pre-training reads, the token of a masked patch, goes with it: nothing would ever train it.
    """
    for module in net.modules():
        if isinstance(getattr(module, "mask_token", None), nn.Parameter):
            module.mask_token = None
    name = _classifier(net)
    if not name:
        return None
    classifier: nn.Linear = net.get_submodule(name)
    parent, _, last = name.rpartition(".")
    setattr(net.get_submodule(parent), last, nn.Identity())
    return classifier


@torch.no_grad()
def _taken(net: Any, source: str) -> nn.Linear:
    """The classifier, taken off; refused unless it and the rest together still answer as the whole did."""
    noise = torch.randn(
        2, 3, side_of(net.config), side_of(net.config), generator=torch.Generator().manual_seed(0)
    )
    before = run_network(net, noise)
    classifier = _open_up(net)
    assert classifier is not None  # noqa: S101  (it has been named)
    features = run_network(net, noise)
    same = features.shape[1:] == (classifier.in_features,)
    if not same or not torch.allclose(classifier(features), before, rtol=1e-4, atol=1e-4):
        raise InputError(
            f"'{source}': its classifier is not one linear layer on pooled features; macaw needs that"
        )
    return classifier
