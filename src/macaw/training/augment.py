"""Augmentation of whole batches of uint8 pictures: flip, crop, colour, cutout, mixup; all from one seed.

Shapes: B batch, H and W rows and columns, C labels
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Augmentation:
    """How much of each; zero switches it off. Shares are of the picture's side, strengths of full scale."""

    flip: float = 0.5  # chance to mirror left and right (0 for letters, digits, road signs)
    shift: float = 0.1  # largest shift of the crop, share of the side
    zoom: float = 0.0  # smallest crop is 1 - zoom of the side
    colour: float = 0.0  # largest change of brightness, contrast and saturation
    cutout: float = 0.0  # side of the erased square, share of the side (DeVries and Taylor, arXiv 1708.04552)
    mixup: float = 0.0  # Beta parameter of the mixture of two pictures (Zhang et al., arXiv 1710.09412)


def augment(
    pictures: torch.Tensor, targets: torch.Tensor, how: Augmentation, *, labels: int, size: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, H, W, 3) uint8 and (B,) or (B, C) targets -> (B, 3, size, size) float32 in 0..255, channels last.

    The same seed gives the same batch, whatever came before it. Targets become (B, C) shares when mixed.
    """
    noise = torch.Generator().manual_seed(seed)
    x = pictures.permute(0, 3, 1, 2).float()  # (B, 3, H, W), channels last in memory
    x = _crop(x, how, size, noise)
    if how.colour:
        x = recolour(x, how.colour, noise)
    if how.cutout:
        x = _cutout(x, how.cutout, noise)
    if how.mixup:
        x, targets = _mixup(x, targets, how.mixup, labels, noise)
    return x.contiguous(memory_format=torch.channels_last), targets


def _crop(x: torch.Tensor, how: Augmentation, size: int, noise: torch.Generator) -> torch.Tensor:
    """Mirror, shift, zoom and resize, sampling once at most: pictures as soft as that mislead the network.

    On CIFAR-10, pictures sampled between their pixels while the unseen ones were sharp cost two points of
    accuracy in four minutes, whatever the zoom was worth.
    """
    count = len(x)
    mirror = torch.where(torch.rand(count, generator=noise) < how.flip, -1.0, 1.0)
    side = 1 - how.zoom * torch.rand(count, generator=noise)
    shift = (torch.rand(count, 2, generator=noise) * 2 - 1) * (2 * how.shift + (1 - side[:, None]))
    if not how.zoom:
        # Whole pixels: a pure shift then copies pixels and blurs nothing
        shift = (shift * size / 2).round() * 2 / size
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = side * mirror, side
    theta[:, :, 2] = shift
    if size < x.shape[-1] and not how.zoom:
        # Averaging before the shift, which then copies pixels; one resize for the batch is the cheap way
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    grid = F.affine_grid(theta, [count, 3, size, size], align_corners=False)
    mode = "bicubic" if how.zoom else "nearest"  # bicubic keeps the edges that bilinear would lose
    out = F.grid_sample(x, grid, mode=mode, padding_mode="reflection", align_corners=False)
    return out.clamp(0, 255) if how.zoom else out


def recolour(x: torch.Tensor, strength: float, noise: torch.Generator) -> torch.Tensor:
    """Brightness, contrast and saturation, each scaled by 1 +- strength."""
    by = 1 + strength * (torch.rand(3, len(x), 1, 1, 1, generator=noise) * 2 - 1)
    x = x * by[0]
    grey = x.mean(1, keepdim=True)  # (B, 1, H, W)
    x = grey + (x - grey) * by[1]
    mean = grey.mean((2, 3), keepdim=True)  # (B, 1, 1, 1)
    return (mean + (x - mean) * by[2]).clamp(0, 255)


def _cutout(x: torch.Tensor, share: float, noise: torch.Generator) -> torch.Tensor:
    """Erase one square a picture with mid-grey, anywhere, partly outside too."""
    count, _, height, width = x.shape
    half = share * height / 2
    row = torch.rand(count, 1, generator=noise) * height
    column = torch.rand(count, 1, generator=noise) * width
    rows = (torch.arange(height) + 0.5 - row).abs() < half  # (B, H)
    columns = (torch.arange(width) + 0.5 - column).abs() < half  # (B, W)
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 127.0)


def _mixup(
    x: torch.Tensor, targets: torch.Tensor, alpha: float, labels: int, noise: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A convex mixture of each picture with another of the batch; one share for the batch.

    The share is drawn from Beta(alpha, alpha); torch has no seeded one, so it comes from numpy's generator.
    """
    import numpy as np

    draw = np.random.default_rng(int(torch.randint(2**62, (1,), generator=noise)))
    share = float(draw.beta(alpha, alpha))
    other = torch.randperm(len(x), generator=noise)
    if targets.ndim == 1:
        targets = F.one_hot(targets, labels).float()
    return share * x + (1 - share) * x[other], share * targets + (1 - share) * targets[other]
