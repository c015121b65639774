"""Families: which networks of the Hub can be front-ends, and where each shows its maps. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from macaw.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Family:
    """Where the networks of one family show their maps."""

    maps: str  # pattern of names of modules: of those whose outputs have one size, the last gives a level
    tokens: str = "none"  # "none": outputs (B, D, H, W); "all": (B, N, D), one a place; "led": others before


_STAGES, _TOKENS = Family(r"encoder\.stages\.\d+"), Family(r"layernorm", "led")
_WINDOWS = Family(r"encoder\.layers\.\d+\.blocks\.\d+|layernorm", "all")

# By the `model_type` of config.json; the number of the paper on arXiv, where there is one
FAMILIES: dict[str, Family] = {
    "beit": _TOKENS,  # 2106.08254
    "bit": Family(r"encoder\.stages\.\d+|norm"),  # 1912.11370
    "convnext": _STAGES,  # 2201.03545
    "convnextv2": _STAGES,  # 2301.00808
    "data2vec-vision": _TOKENS,  # 2202.03555
    "deit": _TOKENS,  # 2012.12877
    "dinov2": _TOKENS,  # 2304.07193
    "dinov2_with_registers": _TOKENS,  # 2309.16588
    "dinov3_convnext": Family(r"model\.stages\.\d+"),  # 2508.10104
    "dinov3_vit": Family(r"norm", "led"),  # 2508.10104
    "hgnet_v2": _STAGES,
    "ijepa": _TOKENS,  # 2301.08243
    "mobilenet_v1": Family(r"conv_stem|layer\.\d+"),  # 1704.04861
    "mobilenet_v2": Family(r"conv_stem|layer\.\d+|conv_1x1"),  # 1801.04381
    "regnet": _STAGES,  # 2003.13678
    "resnet": _STAGES,  # 1512.03385
    "swin": _WINDOWS,  # 2103.14030
    "swinv2": _WINDOWS,  # 2111.09883
    "vit": _TOKENS,  # 2010.11929
    "vit_msn": _TOKENS,  # 2204.07141
}


def family_of(checkpoint: Mapping[str, Any], *, wholes: Iterable[str] = ()) -> Family:
    """The family of a config.json; `wholes` are the architectures that would have done without one.

    Raises InputError for one that is unknown, or reads pictures of other than three channels.
    """
    kind = str(checkpoint.get("model_type"))
    if kind not in FAMILIES:
        whole = ", ".join(sorted(wholes))
        raise InputError(
            f"a checkpoint of type '{kind}' is no image classifier or backbone that macaw can read."
            f"{did_you_mean(kind, FAMILIES)} What works: {', '.join(FAMILIES)}"
            f"{'; as whole models: ' if whole else ''}{whole}"
        )
    channels = checkpoint.get("num_channels", 3)
    if channels != 3:
        raise InputError(f"the checkpoint reads pictures of {channels} channels; macaw's have 3")
    return FAMILIES[kind]
