"""Processor: how a Hub checkpoint wants its pictures, said as the `prepare` of a card.

Its preprocessor_config.json names a class and changes some of the class's values. All classes do the same in
the same order, on Pillow: scale, cut the centre, multiply, subtract, divide. They differ in what they start
from and in how a size is meant. The arithmetic after the cut is always one subtraction and one division.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from macaw.card import FILTERS
from macaw.errors import InputError

Values = Mapping[str, Any]

_HALF, _IMAGENET = [0.5, 0.5, 0.5], ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
_PILLOW = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by number
assert set(_PILLOW) == set(FILTERS)  # noqa: S101


def _kind(edge: int, filter: str, scale: tuple[list[float], list[float]], **others: Any) -> dict[str, Any]:
    """What a class starts from; `edge` is the shorter side where `default_to_square` is False."""
    return {
        "size": edge,
        "default_to_square": False,
        "resample": _PILLOW.index(filter),
        "image_mean": scale[0],
        "image_std": scale[1],
        "do_resize": True,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        **others,
    }


_SQUARE: dict[str, Any] = {"default_to_square": True}
_CUT: dict[str, Any] = {"do_center_crop": True, "crop_size": 224}
_UPRIGHT: dict[str, Any] = {"size": {"height": 256, "width": 192}}
_PLAIN = (_HALF, _HALF)

# The classes, without "ImageProcessor" and the like, and what each starts from (transformers 5)
_KINDS: dict[str, dict[str, Any]] = {
    "Beit": _kind(224, "bicubic", _PLAIN, **_SQUARE, crop_size=224),
    "Bit": _kind(224, "bicubic", _CLIP, **_CUT),
    "CLIP": _kind(224, "bicubic", _CLIP, **_CUT),
    "ConvNext": _kind(384, "bicubic", _PLAIN, crop_pct=224 / 256),
    "DINOv3ViT": _kind(224, "bilinear", _IMAGENET, **_SQUARE),
    "DeiT": _kind(256, "bicubic", _PLAIN, **_SQUARE, **_CUT),
    "EfficientNet": _kind(346, "bicubic", _PLAIN, **_SQUARE, crop_size=289, include_top=True),
    "Levit": _kind(224, "bicubic", _IMAGENET, **_CUT),
    "Mask2Former": _kind(800, "bilinear", _IMAGENET, do_pad=True, size_divisor=32),
    "MobileNetV1": _kind(256, "bilinear", _PLAIN, **_CUT),
    "MobileNetV2": _kind(256, "bilinear", _PLAIN, **_CUT),
    "PoolFormer": _kind(224, "bicubic", _IMAGENET, **_CUT, crop_pct=0.9),
    "Pvt": _kind(224, "bicubic", _IMAGENET, **_SQUARE),
    "RTDetr": _kind(640, "bilinear", _IMAGENET, **_SQUARE, do_normalize=False),
    "Segformer": _kind(512, "bilinear", _IMAGENET, **_SQUARE),
    "Siglip": _kind(224, "bicubic", _PLAIN, **_SQUARE),
    "ViT": _kind(224, "bilinear", _PLAIN, **_SQUARE),
    "VitPose": _kind(256, "bilinear", _IMAGENET, **_UPRIGHT, do_affine_transform=True, normalize_factor=200),
}
# Where no class is named, the architecture's
_BY_MODEL = {
    "beit": "Beit", "bit": "Bit", "convnext": "ConvNext", "convnextv2": "ConvNext", "data2vec-vision": "Beit",
    "deit": "DeiT", "dinov2": "Bit", "dinov3_vit": "DINOv3ViT", "efficientnet": "EfficientNet",
    "mobilenet_v1": "MobileNetV1", "mobilenet_v2": "MobileNetV2", "poolformer": "PoolFormer",
    "pvt_v2": "Pvt", "regnet": "ConvNext", "resnet": "ConvNext", "swin": "ViT", "swinv2": "ViT", "vit": "ViT",
    "vit_msn": "ViT",
}  # fmt: skip
_ENDINGS = ("Fast", "Pil", "ImageProcessor", "FeatureExtractor")


def prepare_of(processor: Values, config: Values, source: str, *, kind: str = "") -> dict[str, Any]:
    """The `prepare` of a card that gives the arrays of the checkpoint's own processor.

    `processor` and `config` are the contents of preprocessor_config.json and config.json; `source` stands in
    messages. `kind` is the class where none is named, by default the architecture's. Raises InputError for a
    class, or a way to prepare, that a card cannot describe.
    """
    kind = _class_of(processor, kind or _BY_MODEL.get(str(config.get("model_type")), ""), source)
    given = {name: value for name, value in processor.items() if value is not None}  # null: the class's own
    how = {**_KINDS[kind], **given}
    try:
        if kind == "VitPose":
            return _warped(how, source)
        resize, side, size = _geometry(kind, how)
        mean, std = _scaling(how)
        chosen = _PILLOW[how["resample"]]
    except InputError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise InputError(
            f"'{source}' has a preprocessor_config.json of another form ({problem})"
        ) from problem
    if size == 0:
        asked = ", ".join(f"{name} {how.get(name)}" for name in ("size", "crop_size", "do_resize", "do_pad"))
        raise InputError(
            f"'{source}' does not make one square of every picture ({asked}); a card can describe a scaled "
            "side and a square cut from it"
        )
    return {
        "size": size,
        "mean": mean,
        "std": std,
        "levels": None,
        "resize": resize,
        "crop": _share(size, side),
        "filter": chosen,
        "detail": 0,  # every pixel counts where answers are to be the same
    }


def _class_of(processor: Values, default: str, source: str) -> str:
    named = processor.get("image_processor_type") or processor.get("feature_extractor_type")
    kind = str(named or default)
    for ending in _ENDINGS:
        kind = kind.removesuffix(ending)
    if not processor or kind not in _KINDS:
        found = f"prepares pictures by '{named}'" if named else "does not say how pictures are prepared"
        what = "What macaw can follow is a preprocessor_config.json of one of"
        raise InputError(f"'{source}' {found}. {what}: {', '.join(_KINDS)}")
    return kind


def _warped(how: Values, source: str) -> dict[str, Any]:
    """The `prepare` of a network that sees one object, drawn from its box onto a sheet of another shape."""
    rows, columns, _ = _sides(how["size"], square=True)
    if not how["do_affine_transform"] or how["normalize_factor"] != 200 or min(rows, columns) < 2:
        names = ("size", "do_affine_transform", "normalize_factor")
        asked = ", ".join(f"{name} {how[name]}" for name in names)
        raise InputError(f"'{source}' does not draw objects from their boxes as ViTPose does ({asked})")
    mean, std = _scaling(how)
    scale = {"mean": mean, "std": std, "levels": None}
    return {"size": rows, "aspect": columns / rows, **scale, "resize": "warp", "detail": 0}


def _geometry(kind: str, how: Values) -> tuple[str, int, int]:
    """How a picture becomes a square: "shorter" or "stretch", the side scaled to, the side kept, or 0."""
    rows, columns, square = _sides(how["size"], square=how["default_to_square"])
    resize, side = _scaled(kind, rows, how, square=square)
    size = side if resize == "stretch" else rows if kind == "ConvNext" else 0
    if how.get("do_center_crop"):
        height, width, _ = _sides(how["crop_size"], square=True)
        size = height if height == width and size in {0, side, height} else 0
    # Mask2Former's and RT-DETR's pad to the largest of a batch, and all are stretched to one size
    padded = how.get("do_pad") and (kind not in {"Mask2Former", "RTDetr"} or how.get("pad_size"))
    whole = how["do_resize"] and not padded and rows == columns and size <= side
    return resize, side, size if whole else 0


def _scaled(kind: str, edge: int, how: Values, *, square: bool) -> tuple[str, int]:
    """What is scaled, and to how many pixels: some classes scale to more than they are asked for."""
    if kind == "ConvNext" and edge >= 384:
        return "stretch", edge
    if kind in {"ConvNext", "PoolFormer"}:
        return "shorter", int(edge / how["crop_pct"])
    if kind == "Levit" and not square:
        return "shorter", int(256 / 224 * edge)
    step = how.get("size_divisor") or 1  # Mask2Former's sides are multiples of it
    return ("stretch" if square else "shorter"), -(-edge // step) * step


def _sides(size: Any, *, square: bool) -> tuple[int, int, bool]:
    """Rows, columns, and whether both sides become that or the shorter one alone; zeros where neither."""
    if isinstance(size, Mapping):
        known = {name: value for name, value in size.items() if value is not None}
        if set(known) == {"height", "width"}:
            return int(known["height"]), int(known["width"]), True
        edge = int(known["shortest_edge"]) if set(known) == {"shortest_edge"} else 0
        return edge, edge, False
    if isinstance(size, list | tuple):
        return int(size[0]), int(size[-1]), True
    return int(size), int(size), square


def _share(size: int, side: int) -> float:
    """The `crop` of a card by which `size` pixels are kept of `side`: what Fit.side inverts, exactly."""
    share = size / side
    return share if int(size / share) == side else size / (side + 0.5)


def _scaling(how: Values) -> tuple[list[float], list[float]]:
    """`mean` and `std` of pixels in 0..1 for what the processor does to pixels in 0..255."""
    factor = how["rescale_factor"] if how["do_rescale"] else 1.0
    offset = 1.0 if how.get("rescale_offset") else 0.0
    means, stds = _three(how["image_mean"]), _three(how["image_std"])
    again = stds if how.get("include_top") else _three(1.0)  # EfficientNet divides twice
    if not how["do_normalize"]:
        means, stds = _three(0.0), _three(1.0)
    whole = 255 * factor  # what white becomes
    mean = [(one + offset) / whole for one in means]
    return mean, [one * twice / whole for one, twice in zip(stds, again, strict=True)]


def _three(value: Any) -> list[float]:
    return [float(one) for one in value] if isinstance(value, list | tuple) else [float(value)] * 3
