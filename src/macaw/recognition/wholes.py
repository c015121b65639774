"""Wholes: which networks of the Hub are models as they are, and which row of the table each serves. No torch.

One line for each architecture, the class that a config.json names. What turns the class's answer into macaw's
raw output is a module of a few lines (`macaw.recognition.whole.Whole`), named here and imported when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """What is known of one architecture before its network is built."""

    task: str  # the row of the table that it serves
    module: str  # "module:class" of the Whole that asks its network
    decode: Callable[[Values], dict[str, Any]]  # config.json -> the `decode` of a card
    processor: str = ""  # the class that prepares pictures, where its preprocessor_config.json names none


def _queries(config: Values) -> dict[str, Any]:
    """Each query is an object or none: nothing to suppress. The threshold is the library's own."""
    return {"score": 0.5, "branch": "one-to-one", "limit": int(config.get("num_queries", 300))}


def _heat(config: Values) -> dict[str, Any]:
    """Maps of heat; some checkpoints say which points to join."""
    edges = [[int(one), int(other)] for one, other in config.get("edges") or ()]
    return {"form": "unbiased", "margin": 1.25, "edges": edges}


def _logits(config: Values) -> dict[str, Any]:
    return {}


def _votes(config: Values) -> dict[str, Any]:
    """Queries vote; nothing in a config says whether they were trained on objects, so pixels are asked."""
    return {"evidence": "votes"}


_QUERIES = Kind("detect", "macaw.recognition.whole_boxes:QueryBoxes", _queries, "RTDetr")

# By the first of `architectures` of config.json; the number of the paper on arXiv
WHOLES: dict[str, Kind] = {
    "DFineForObjectDetection": _QUERIES,  # 2410.13842
    "Mask2FormerForUniversalSegmentation": Kind(  # 2112.01527
        "segment", "macaw.recognition.whole_masks:Mask2Former", _votes, "Mask2Former"
    ),
    "RTDetrForObjectDetection": _QUERIES,  # 2304.08069
    "RTDetrV2ForObjectDetection": _QUERIES,  # 2407.17140
    "SegformerForSemanticSegmentation": Kind(  # 2105.15203
        "segment", "macaw.recognition.whole_masks:Segformer", _logits, "Segformer"
    ),
    "VitPoseForPoseEstimation": Kind(  # 2204.12484
        "keypoints", "macaw.recognition.whole_points:Poses", _heat, "VitPose"
    ),
}


def whole_of(config: Values) -> str:
    """The architecture of a config.json; "" of one that is no whole model: a classifier, a backbone."""
    named = config.get("architectures")
    first = str(named[0]) if isinstance(named, list) and named else ""
    return first if first in WHOLES else ""
