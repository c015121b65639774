"""Stand-ins: pictures for where none are given, made of photographs at hand and of seeded textures.

An export is proved on pictures. Without the user's own, these are the nearest to them: whole photographs,
windows of them from a tenth of their side to all of it, and textures that no camera takes. Picture i depends
on (seed, i) and the photographs alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from macaw.errors import InputError

WINDOWS = 0.75  # of what is not a whole photograph; the rest are textures
_SIDES = (16, 320)  # pixels of a texture
_NARROWEST = 0.1  # of a photograph's shorter side


def stand_ins(photographs: Sequence[np.ndarray], count: int, *, seed: int = 0) -> list[np.ndarray]:
    """`count` pictures (H, W, 3) uint8 of many sizes: the photographs, windows of them, textures.

    Without photographs all are textures. Raises InputError for a count below 1.
    """
    if count < 1:
        raise InputError(f"{count} pictures; ask for 1 or more")
    made = list(photographs[:count])
    while len(made) < count:
        random = np.random.default_rng((seed, len(made)))
        windowed = len(photographs) > 0 and random.random() < WINDOWS
        made.append(_window(photographs, random) if windowed else _texture(random))
    return made


def _window(photographs: Sequence[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """A rectangle of one of the photographs, mirrored half of the time."""
    picture = photographs[int(random.integers(len(photographs)))]
    height, width = picture.shape[:2]
    shorter = min(height, width) * _NARROWEST ** random.random()  # small windows as often as large ones
    longer = min(max(height, width), shorter * random.uniform(1, 1.5))
    sides = (shorter, longer) if height <= width else (longer, shorter)
    rows, columns = (max(1, int(side)) for side in sides)
    top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
    cut = picture[top : top + rows, left : left + columns]
    return np.ascontiguousarray(cut[:, ::-1] if random.random() < 0.5 else cut)


def _texture(random: np.random.Generator) -> np.ndarray:
    """Noise of three correlated channels, between clouds (power falls as 1 / f^2) and snow (even power)."""
    height, width = random.integers(*_SIDES, 2)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))  # (H, W / 2 + 1)
    frequency[0, 0] = 1 / max(height, width)
    slope = random.uniform(0, 2)
    noise = random.standard_normal((3, height, width)) * 0.5 + random.standard_normal((1, height, width))
    shaped = np.fft.irfft2(np.fft.rfft2(noise) / frequency**slope, (height, width))  # (3, H, W)
    shaped = (shaped - shaped.mean()) / (shaped.std() + 1e-9)
    middle, spread = random.uniform(60, 200, (3, 1, 1)), random.uniform(15, 70)
    return np.ascontiguousarray(np.clip(middle + spread * shaped, 0, 255).astype(np.uint8).transpose(1, 2, 0))
