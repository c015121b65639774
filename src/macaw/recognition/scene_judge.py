"""Scene judge: what the judges of boxes, masks and points share: pictures in batches, loss and raw output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from macaw.data.prepare import normalise

if TYPE_CHECKING:
    from macaw.recognition.scene_fit import Seen

# Shapes: M pictures, B of them at a time
_BATCH = 32


class SceneJudge:
    """Goes through validation pictures; a subclass makes a row of a history of it.

    `mean` and `std` as in a card; `precision` "bfloat16" scores as a training of that precision computes.
    """

    def __init__(
        self, seen: Seen, *, mean: Sequence[float], std: Sequence[float], precision: str = "float32"
    ) -> None:
        self.seen, self.mean, self.std, self.precision = seen, list(mean), list(std), precision

    def __call__(self, module: torch.nn.Module) -> dict[str, float]:
        """`val_loss`, `val_error`, and `score`, the number to minimise."""
        raws, total = [], 0.0
        for some, features in self.features(module):
            with torch.inference_mode():
                scenes = self.seen.scenes[some]
                head: Any = module.head
                total += float(head.loss(head(features), self.targets(scenes), features)) * len(scenes)
                raws.append(head.decoded(features)[0].float().numpy())
        error, loss = self.error(np.concatenate(raws)), total / len(self.seen.pictures)
        # The loss breaks ties: early on, when nothing is found, and on small sets
        return {"val_loss": loss, "val_error": error, "score": error + 1e-3 * min(loss, 100.0)}

    def features(self, module: torch.nn.Module) -> Iterator[tuple[slice, Any]]:
        """What the front-end makes of each batch, and which pictures it holds."""
        fast, frontend = self.precision == "bfloat16", module.frontend
        for start in range(0, len(self.seen.pictures), _BATCH):
            some = slice(start, start + _BATCH)
            x = torch.from_numpy(normalise(self.seen.pictures[some], self.mean, self.std))
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
                yield some, frontend(x.contiguous(memory_format=torch.channels_last))  # type: ignore[operator]

    def targets(self, scenes: Sequence[Any]) -> Any:
        """What the head's loss takes: by default the scenes themselves."""
        return scenes

    def error(self, raw: np.ndarray) -> float:
        """What is wrong with the raw output (M, ...), 0 for nothing."""
        raise NotImplementedError
