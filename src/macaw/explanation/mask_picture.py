"""Why a segmenter paints a picture as it does: one picture in, a MaskExplanation out."""

from __future__ import annotations

from macaw.data.inputs import Input
from macaw.data.prepare import Fit
from macaw.explanation.asked import class_place, one_answer
from macaw.explanation.mask_contests import contests_of
from macaw.explanation.mask_maps import maps_of
from macaw.model import Model
from macaw.results.mask import Mask
from macaw.results.mask_explanation import MaskExplanation

LARGE = 0.01  # of the picture: a class that takes less is not chosen where a larger one is there


def explain_mask(model: Model, picture: Input, *, target: str | None = None) -> MaskExplanation:
    """Where `model` is sure of class `target` in a picture, where it is unsure, and between which classes.

    Without `target` it is the class that the answer is surest of, the largest, which is mostly the ground,
    left aside. Read from the raw output: any engine will do, and torch is not needed. Raises UnknownName for
    a class that is not known, InputError for an input that is not one picture, ModelError for a damaged
    folder.
    """
    label = None if target is None else class_place(target, model.card.names)
    answer = one_answer(model, picture)
    width, height = answer.size
    label = _surest(answer) if label is None else label
    prepared = model.prepare([answer.picture], sizes=[(width, height)])
    logits = model.outputs(prepared)[0][0]
    letter = Fit.of(model.card.prepare).letter(width, height)
    maps = maps_of(logits, letter, label, evidence=model.card.decode.get("evidence", "logits"))
    return MaskExplanation(
        answer,
        answer.names[label],
        maps.probs,
        maps.bits,
        maps.contested,
        contests_of(maps, answer.names),
        cell=prepared.shape[-1] / logits.shape[-1] / letter.scale,
        asked=target is not None,
        model=model.card.name,
    )


def _surest(answer: Mask) -> int:
    """The class that has most probability on its own pixels, of those that are neither first nor tiny."""
    rest = list(answer.shares.items())[1:]
    large = [name for name, share in rest if share >= LARGE] or [name for name, _ in rest]
    if not large:
        return answer.names.index(next(iter(answer.shares)))
    if answer.probs is None:
        return answer.names.index(large[0])
    probs = answer.probs
    return answer.names.index(max(large, key=lambda name: float(probs[answer[name]].mean())))
