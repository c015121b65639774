"""Words: how a model is fed and read, in sentences, for those who open its file without macaw.

Shapes: B pictures, A cells, D features, h and w cells of a map
"""

from __future__ import annotations

from typing import Any

from macaw.card import Card
from macaw.runtime.engine import POOLED, PROTOTYPES, RAW

_GREY = 114  # as macaw.data.letterbox has it, which engines may not import


def prepare_words(how: dict[str, Any]) -> str:
    """The `prepare` of a card in sentences."""
    size = how["size"]
    said = ["RGB, upright by the EXIF orientation, transparency on white."]
    if levels := how.get("levels"):
        said.append(f"Of 16-bit and float pictures {levels[0]:g} becomes 0 and {levels[1]:g} becomes 255.")
    said += _SIZED[how.get("resize", "shorter")](how)
    mean, std = (", ".join(f"{x:g}" for x in how[key]) for key in ("mean", "std"))
    said.append(f"Divide by 255, subtract {mean}, divide by {std} (red, green, blue).")
    across = round(size * how.get("aspect", 1.0))
    return " ".join([*said, f"Input 'pictures': float32 (B, 3, {size}, {across})."])


def decode_words(card: Card) -> str:
    """The `decode` of a card in sentences."""
    return _SAID[card.row.gives](card)


def _shorter(how: dict[str, Any]) -> list[str]:
    size, kind = how["size"], how.get("filter", "bicubic")
    side = int(size / how.get("crop", 1.0))
    return [
        f"Scale the shorter side to {side} pixels ({kind}, antialiased).",
        f"Keep the centre, {size} x {size}.",
    ]


def _stretch(how: dict[str, Any]) -> list[str]:
    kind = how.get("filter", "bicubic")
    return [f"Scale both sides to {how['size']} pixels ({kind}, antialiased)."]


def _letter(how: dict[str, Any]) -> list[str]:
    size = how["size"]
    return [
        f"Scale the longer side to {size} pixels and the other by the same factor, rounded to whole pixels, "
        "1 at least (bilinear, antialiased).",
        f"Paste that in the middle of {size} x {size} pixels of grey, {_GREY} of 255; of an odd rest the "
        "larger half lies right or below.",
    ]


def _warp(how: dict[str, Any]) -> list[str]:
    down, across = how["size"], round(how["size"] * how["aspect"])
    return [
        "Of the object take its box, else the whole picture; widen it about its middle to the shape of "
        f"{across} x {down} and then by the margin, 1.25 where 'decode' has none.",
        f"Draw that on {across} x {down} pixels (bilinear), the middles of the outer pixels on its ends, and "
        "0 where the picture does not reach.",
    ]


_SIZED = {"shorter": _shorter, "stretch": _stretch, "letter": _letter, "warp": _warp}


def _labels(card: Card) -> str:
    through = "the sigmoid of each" if card.decode["multi"] else "their softmax"
    return (
        f"Output '{RAW}': float32 (B, {len(card.names)}). Divide by {card.decode['temperature']:g}; "
        f"{through} gives the probabilities of 'labels', in their order. "
        f"Output '{POOLED}': the features (B, D) that it was read from."
    )


def _boxes(card: Card) -> str:
    from macaw.results.box_decode import Keep

    keep, classes, mixed = Keep.of(card.decode), len(card.names), card.head["config"].get("protos", 0)
    holds = (
        f"left, top, right and bottom in pixels of the prepared picture, {classes} scores in 0..1, one for "
    )
    holds += "each of 'labels' in their order"
    holds += f", and {mixed} weights" if mixed else ""
    width = 4 + classes + mixed
    said = [
        f"Output '{RAW}': float32 (B, A, {width}); each of the A cells of a picture holds {holds}.",
        f"Every score of {keep.score:g} or more proposes a box of its class.",
        f"Bring boxes back to the picture, by {_back(card)}, and cut them at its edges.",
    ]
    if keep.branch == "one-to-many":
        best = f"looking at the best {keep.candidates} only"
        said.append(
            f"Within each class, best first and {best}, drop boxes that overlap a better one by an "
            f"intersection over union of more than {keep.iou:g}."
        )
    said.append(f"Keep the best {keep.limit}.")
    if mixed:
        said.append(
            f"Output '{PROTOTYPES}': float32 (B, {mixed}, h, w), which cover the prepared picture evenly; "
            "the sum of them, each times its weight in a box's cell, is above 0 where the object is, inside "
            "its box."
        )
    return " ".join([*said, _POOLED])


def _mask(card: Card) -> str:
    classes, votes = len(card.names), card.decode.get("evidence") == "votes"
    share = "the share that each has of their sum is its probability"
    known = share if votes else "their softmax gives the probabilities"
    return (
        f"Output '{RAW}': float32 (B, {classes}, h, w), which cover the prepared picture evenly. Scale them "
        f"to the picture (bilinear), by {_back(card)}; the largest at each pixel is its class, of "
        f"'labels' in their order, and {known}. {_POOLED}"
    )


def _points(card: Card) -> str:
    count = len(card.names)
    if card.head["name"] == "heatmap" or "form" in card.decode:
        heat = "heat" if "form" in card.decode else "logits, whose sigmoid is heat"
        return (
            f"Output '{RAW}': float32 (B, {count}, h, w), a map for each of 'labels' in their order, over "
            f"the prepared picture: {heat}. The hottest cell is near the point; the top of a paraboloid "
            "through the logarithm of the smoothed heat about it is the point (DARK, arXiv 1910.06278), by "
            f"the place on the sheet. {_POOLED}"
        )
    return (
        f"Output '{RAW}': float32 (B, {count}, W), for each of 'labels' in their order the logits of its "
        "place: half of W are bins along x that cover the prepared picture evenly, the others along y. The "
        "softmax of each half tells where the point is: its mean over the bins about the largest, by the "
        f"place on the grey. {_POOLED}"
    )


def _back(card: Card) -> str:
    """What leads from places on the prepared picture to places on the picture."""
    stretched = card.prepare.get("resize") == "stretch"
    return "the ratio of each side" if stretched else "its place on the grey"


def _joint(card: Card) -> str:
    said = []
    for name, part in card.parts.items():
        words = decode_words(part).replace(_POOLED, "").replace("'labels'", f"'{labels_key(name)}'")
        for output in card.head["config"]["outputs"][name]:
            words = words.replace(f"'{output}'", f"'{name}.{output}'")
        said.append(f"{name}: {words.strip()}")
    words = " ".join(said)
    return words if f"'{POOLED}'" in words else f"{words} {_POOLED}"


def labels_key(part: str) -> str:
    """Under which key the metadata of a joined model has the class table of a part."""
    return f"labels.{part}"


_POOLED = f"Output '{POOLED}': features (B, D) of the whole picture."
_SAID = {"Labels": _labels, "Boxes": _boxes, "Mask": _mask, "Points": _points, "Joint": _joint}
