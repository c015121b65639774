"""Frame: which part of a photograph its prepared square shows, so that a map can be laid back over it."""

from __future__ import annotations

from macaw.data.prepare import Fit
from macaw.results.heat import Frame


def seen_frame(height: int, width: int, how: Fit) -> Frame:
    """Left, top, right and bottom, in pixels of a (height, width) picture, of what `fit` makes of it."""
    if how.resize == "stretch":
        return 0.0, 0.0, float(width), float(height)
    shorter = min(height, width)
    if how.crop == 1 and how.detail:  # `fit` cuts first, between pixels where it must
        left, top = (width - shorter) / 2, (height - shorter) / 2
        return left, top, left + shorter, top + shorter
    # Scaled first: the longer side is rounded down to whole pixels, and so are the edges of the cut
    tall, wide = (max(1, int(how.side * side / shorter)) for side in (height, width))
    down, across = height / tall, width / wide
    top, left = (tall - how.size) // 2, (wide - how.size) // 2
    return left * across, top * down, (left + how.size) * across, (top + how.size) * down
