"""Views: what a model sees of one object of a picture: a sheet, and where the places on it lie.

Shapes: N boxes, H and W pixels of the picture, h and w of the sheet
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from macaw.data.crops import Crop, boxes_in, crops_of
from macaw.data.letterbox import Letter
from macaw.data.prepare import Fit, fit
from macaw.data.warp import Warp


@dataclass(frozen=True)
class CropView:
    """A crop, brought to its size as any picture is."""

    crop: Crop
    how: Fit
    width: int  # of the picture, pixels
    height: int

    @property
    def sees(self) -> bool:
        """Whether any of the picture is in it."""
        return self.crop.sees(self.width, self.height)

    def sheet(self, picture: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (h, w, 3) uint8."""
        return fit(self.crop.cut(picture), self.how)

    def to_picture(self, xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) or boxes (..., 4): sheet -> picture, float64."""
        return self.crop.to_picture(self._letter.to_picture(xy))

    def to_prepared(self, xy: np.ndarray) -> np.ndarray:
        """The way back."""
        return self._letter.to_prepared(self.crop.to_crop(xy))

    @property
    def _letter(self) -> Letter:
        return self.how.letter(*self.crop.size)


View = CropView | Warp


def views_of(xyxy: Any, size: tuple[int, int], how: Fit, *, margin: float) -> Sequence[View]:
    """A view of each box (N, 4) of a picture of `size` (width, height), with `margin` times its sides.

    Raises InputError for boxes that are none.
    """
    if how.resize == "warp":
        return [Warp.about(box, size, how.sheet, margin=margin) for box in boxes_in(xyxy)]
    return [CropView(crop, how, *size) for crop in crops_of(xyxy, size, margin=margin)]
