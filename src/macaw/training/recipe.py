"""Recipe: every number of a training run, chosen by one dial (`effort`) and the data; each can be set."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from macaw.errors import InputError, UnknownName, did_you_mean
from macaw.training.augment import Augmentation
from macaw.training.numbers import check_number
from macaw.training.scene_augment import SceneAugmentation


@dataclass(frozen=True)
class Recipe:
    """One training run. Rates are per step; `epochs` are passes over the training pictures."""

    epochs: float = 20.0
    minutes: float | None = None  # when given, the schedule follows the clock and `epochs` is not used
    batch: int = 256
    rate: float = 0.06  # Muon, on the filter banks
    plain: str = "sgd"  # what steps everything else: "sgd", or "adam" (AdamW), which transformers need
    plain_rate: float = 0.15  # its rate
    momentum: float = 0.9
    decay: float = 5e-4  # L2, on what SGD steps
    smoothing: float = 0.1
    warmup: float = 0.1  # share of the run in which the rates rise
    start_size: float = 0.65  # side of the first pictures, share of the final one; 1.0 switches it off
    ema: float = 0.995  # decay of the averaged weights, which are the ones kept
    patience: int = 0  # evaluations without a better score before stopping; 0 never stops early
    precision: str = "auto"  # float32, bfloat16, or auto: bfloat16 where the processor has it
    seed: int = 0
    augmentation: Augmentation | SceneAugmentation = field(default_factory=Augmentation)

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for the card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """The inverse of `to_dict`."""
        scenes = "mosaic" in values["augmentation"]
        kind = SceneAugmentation if scenes else Augmentation
        return cls(**{**values, "augmentation": kind(**values["augmentation"])})

    def override(self, **changes: Any) -> Recipe:
        """A recipe with some numbers changed; augmentation fields by their own names.

        Raises UnknownName for a number there is none of, InputError for one that cannot be.
        """
        fields = type(self.augmentation).__dataclass_fields__
        inner = {k: v for k, v in changes.items() if k in fields}
        outer = {k: v for k, v in changes.items() if k not in inner}
        known = [*self.__dataclass_fields__, *fields]
        for name in outer:
            if name not in self.__dataclass_fields__:
                raise UnknownName(
                    f"a recipe has no '{name}'.{did_you_mean(name, known)} It has: {', '.join(known)}"
                )
        for name, value in changes.items():
            _check(name, value)
        return replace(self, **outer, augmentation=replace(self.augmentation, **inner))


_WHOLE = ("batch", "patience", "seed")
_POSITIVE = ("epochs", "batch", "rate", "plain_rate", "start_size")
_SHARES = (
    "momentum", "smoothing", "warmup", "ema",
    "flip", "shift", "zoom", "colour", "cutout", "mosaic", "calm",
)  # fmt: skip


def _check(name: str, value: Any) -> None:
    """Refuse a number with which the loop cannot run."""
    if name in {"augmentation", "precision"}:  # no numbers: whoever reads them looks
        return
    if name == "plain":
        if value not in {"sgd", "adam"}:
            raise UnknownName(f"plain={value!r}: sgd or adam.{did_you_mean(str(value), ('sgd', 'adam'))}")
        return
    check_number(name, value, whole=_WHOLE, positive=_POSITIVE, shares=_SHARES)


def choose(examples: int, *, effort: float = 1.0, minutes: float | None = None, seed: int = 0) -> Recipe:
    """The recipe for so many training examples.

    `effort` 1 shows the network about 400,000 pictures (ten minutes at 64 px on two cores), 2 twice as many,
    and so on; small sets are seen at most 100 times over per unit of effort. Longer runs mix and crop more,
    since they see every picture more often. Raises InputError for an effort that is not above 0.
    """
    if not 0 < effort < math.inf:
        raise InputError(f"effort={effort}: a number above 0 (1 is the default, 2 twice the work)")
    epochs = effort * min(100.0, max(4.0, 400_000 / max(1, examples)))
    batch = 256
    while batch > 16 and examples / batch < 16:  # at least 16 steps an epoch, or the schedule is too coarse
        batch //= 2
    # A run of m minutes sees as much as one of m / 10 units of effort: augmentation's strength follows that
    passes = epochs if minutes is None else minutes / 10 * min(100.0, max(4.0, 400_000 / max(1, examples)))
    strength = min(1.0, passes / 40)
    # A zoomed picture is a resampled one, softer than those to come: worth it only when each is seen often
    zoom = 0.4 if strength == 1.0 else 0.0
    how = Augmentation(shift=0.1, zoom=zoom, colour=0.3 * strength, cutout=0.35 * strength)
    return Recipe(epochs=epochs, minutes=minutes, batch=batch, seed=seed, augmentation=how)
