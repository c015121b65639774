"""Exported: the file a model was written to, and the proof that it answers as the model did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macaw.results.base import Result

if TYPE_CHECKING:
    from PIL.Image import Image

    from macaw.results.box_parity import BoxParity
    from macaw.results.joint_parity import JointParity
    from macaw.results.mask_parity import MaskParity
    from macaw.results.parity import Parity
    from macaw.results.point_parity import PointParity
    from macaw.results.text_parity import TextParity


@dataclass(frozen=True, eq=False)
class Exported(Result):
    """What `macaw.export` gives."""

    path: Path  # the .onnx, the .xml with its .bin beside it, the .arpa, or the folder ending in .hf
    size: int  # bytes, of all of it
    precision: str  # "float32" or "int8"
    parity: Parity | BoxParity | MaskParity | PointParity | JointParity | TextParity

    def __str__(self) -> str:
        return f"{self.path}  {self.precision}, {self.size / 1e6:.1f} MB\n{self.parity}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "bytes": self.size,
            "precision": self.precision,
            "parity": self.parity.to_dict(),
        }

    def plot(self) -> Image:
        return self.parity.plot()
