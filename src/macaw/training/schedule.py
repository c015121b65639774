"""Schedules: numbers that change with the progress of a run, a number from 0 to 1."""

from __future__ import annotations


def ramp(progress: float, *, warmup: float = 0.1, floor: float = 0.0) -> float:
    """Linear up to 1 at `warmup`, then linear down to `floor`.

    The straight descent to zero matched or beat cosine in short runs (Defazio et al. 2023, arXiv 2310.07831).
    """
    if progress < warmup:
        return max(progress / warmup, 0.02)  # never zero: the first step should move
    return max(floor, floor + (1 - floor) * (1 - progress) / (1 - warmup))


def resolution(progress: float, *, size: int, start: float = 0.65, until: float = 0.7, step: int = 4) -> int:
    """The side of the training pictures: grows from `start * size` to `size`, which it reaches at `until`.

    Small pictures first is cheap and loses nothing when the last part sees the full size (Tan and Le 2021,
    EfficientNetV2, arXiv 2104.00298, section 4). Sizes are multiples of `step`.
    """
    share = start + (1 - start) * min(1.0, progress / until) if until > 0 else 1.0
    return min(size, max(step, int(size * share) // step * step)) if share < 1 else size
