"""Whole points: ViTPose of the Hub as a model of key points: a map of heat for each, of one object.

Shapes: B objects, K points, h and w cells of a map, N tokens, D channels
"""

from __future__ import annotations

import torch

from macaw.recognition.whole import Whole

COCO = 0  # the first of the data sets that a network has an expert for each of: 17 joints of COCO


class Poses(Whole):
    """ViTPose (Xu et al. 2022, arXiv 2204.12484), and ViTPose+ with experts (arXiv 2212.04246)."""

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Heat (B, K, h, w), and the mean (B, D) of the last tokens."""
        experts: int = getattr(self.net.config.backbone_config, "num_experts", 1)
        index = torch.full((x.shape[0],), COCO, device=x.device) if experts > 1 else None
        answer = self.net(pixel_values=x, dataset_index=index, output_hidden_states=True)
        return answer.heatmaps, answer.hidden_states[-1].mean(1)
