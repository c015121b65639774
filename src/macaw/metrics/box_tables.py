"""Answers and annotations of all pictures as two tables, checked once: what every score of boxes begins with.

Shapes: P pictures, D answers and N objects of all pictures together, K key points of each
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from macaw.errors import InputError, UnknownName, did_you_mean

if TYPE_CHECKING:
    from macaw.data.objects import Objects

KINDS = ("boxes", "regions", "points")  # what is compared


class Found(NamedTuple):
    """The answers for one picture; a `Boxes` or a plain tuple of the same parts serves as well."""

    xyxy: np.ndarray  # (N, 4) pixels
    labels: np.ndarray  # (N,) int, into the class table
    scores: np.ndarray  # (N,) higher is surer
    regions: Sequence[Any] = ()  # (N,) Region
    points: np.ndarray | None = None  # (N, K, 2 or more) x, y


@dataclass(frozen=True, eq=False)
class Answers:
    """What was found in all pictures, a row each."""

    picture: np.ndarray  # (D,) int64
    labels: np.ndarray  # (D,) int64
    scores: np.ndarray  # (D,) float64
    xyxy: np.ndarray  # (D, 4) float64
    regions: np.ndarray  # (D,) of Region, or empty
    points: np.ndarray  # (D, K, 2) float64, or empty

    def __len__(self) -> int:
        return len(self.picture)

    def take(self, rows: np.ndarray) -> Answers:
        """These rows, in this order."""
        parts = {one.name: getattr(self, one.name) for one in fields(self)}
        return replace(self, **{name: part[rows] for name, part in parts.items() if len(part)})


@dataclass(frozen=True, eq=False)
class Truth:
    """What is annotated in all pictures, a row each."""

    pictures: int  # P, those without an object too
    classes: int  # of the table
    picture: np.ndarray  # (N,) int64
    labels: np.ndarray  # (N,) int64
    xyxy: np.ndarray  # (N, 4) float64
    crowd: np.ndarray  # (N,) bool
    difficult: np.ndarray  # (N,) bool
    area: np.ndarray  # (N,) float64 pixels
    regions: np.ndarray  # (N,) of Region, or empty
    points: np.ndarray  # (N, K, 3) float64 x, y, v, or empty

    def __len__(self) -> int:
        return len(self.picture)


def gather(
    found: Sequence[Any], objects: Sequence[Objects], names: Sequence[str], *, kind: str = "boxes"
) -> tuple[Answers, Truth]:
    """The tables of `found`, one Found (or Boxes, or tuple) a picture, and of `objects`, one Objects each.

    Raises InputError, naming picture and row, for shapes that do not fit, numbers that are not finite, boxes
    that end before they begin, labels outside the class table, or regions and points that `kind` needs and
    that are not there; UnknownName for another kind.
    """
    if kind not in KINDS:
        raise UnknownName(
            f"no kind '{kind}' of score; there are {', '.join(KINDS)}.{did_you_mean(kind, KINDS)}"
        )
    if len(found) != len(objects):
        raise InputError(f"answers for {len(found):,} pictures and objects of {len(objects):,}; give pairs")
    if not len(found):
        raise InputError("no picture to score; give answers and objects of at least one")
    if len(set(names)) != len(names) or not names:
        raise InputError(
            f"a class table of {len(names)} names, {len(set(names))} of them different; name each once"
        )
    for picture, one in enumerate(found):
        if tuple(getattr(one, "names", names)) != tuple(names):
            raise InputError(
                f"the answers for picture {picture} are of another class table; give names in its order"
            )
    parts = [_found(one, i, kind) for i, one in enumerate(found)]
    answers = _answers(parts, kind)
    truth = _truth(objects, kind, len(names))
    for what, table in (("answer", answers), ("object", truth)):
        _check_values(what, table, len(names))
    if kind == "points":
        _check_points(answers, truth)
    return answers, truth


def _found(one: Any, picture: int, kind: str) -> Found:
    """One picture's answers, their shapes checked."""
    if not isinstance(one, tuple):
        one = Found(one.xyxy, one.labels, one.scores, one.regions, one.points)
    elif kind == "points" and len(one) == 4:  # regions may be left out
        one = Found(*one[:3], points=one[3])
    elif 3 <= len(one) <= 5:
        one = Found(*one)
    else:
        raise InputError(
            f"the answers for picture {picture} have {len(one)} parts; give xyxy, labels, scores"
        )
    where = f"the answers for picture {picture}"
    boxes = np.asarray(one.xyxy, np.float64)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    count = len(boxes)
    labels, scores = np.asarray(one.labels), np.asarray(one.scores, np.float64)
    _shape(where, "xyxy", boxes.shape, (count, 4))
    _shape(where, "labels", labels.shape, (count,))
    _shape(where, "scores", scores.shape, (count,))
    points = None
    if kind == "regions":
        _shape(where, "regions", (len(one.regions),), (count,))
        if any(region is None for region in one.regions):
            raise InputError(f"{where}: one has no region; leave it out, or score boxes")
    if kind == "points" and count:
        points = np.asarray(np.nan if one.points is None else one.points, np.float64)
        if points.ndim != 3 or len(points) != count or points.shape[2] < 2:
            raise InputError(
                f"{where}: points has shape {points.shape}; {count} answers need ({count}, K, 2)"
            )
        points = points[:, :, :2]
    return Found(boxes, _integers(labels, where), scores, one.regions, points)


def _answers(parts: Sequence[Found], kind: str) -> Answers:
    return Answers(
        picture=np.repeat(np.arange(len(parts)), [len(one.scores) for one in parts]),
        labels=np.concatenate([one.labels for one in parts]),
        scores=np.concatenate([one.scores for one in parts]),
        xyxy=np.concatenate([one.xyxy for one in parts]),
        regions=_row_of(region for one in parts for region in one.regions)
        if kind == "regions"
        else _row_of(()),
        points=_stack([one.points for one in parts], "answers", 2),
    )


def _truth(objects: Sequence[Objects], kind: str, classes: int) -> Truth:
    if kind == "regions":
        for picture, one in enumerate(objects):
            bare = [i for i in range(len(one)) if not one.regions or one.regions[i] is None]
            if bare:
                raise InputError(
                    f"object {bare[0]} of picture {picture} has no region; score its box instead"
                )
    points = [one.points if len(one) and kind == "points" else None for one in objects]
    if kind == "points" and any(one is None and len(some) for one, some in zip(points, objects, strict=True)):
        picture = next(i for i, one in enumerate(points) if one is None and len(objects[i]))
        raise InputError(f"the objects of picture {picture} have no key points; score their boxes instead")
    return Truth(
        pictures=len(objects),
        classes=classes,
        picture=np.repeat(np.arange(len(objects)), [len(one) for one in objects]),
        labels=np.concatenate([np.asarray(one.labels, np.int64) for one in objects]),
        xyxy=np.concatenate([np.asarray(one.xyxy, np.float64).reshape(-1, 4) for one in objects]),
        crowd=np.concatenate([np.asarray(one.crowd, bool) for one in objects]),
        difficult=np.concatenate([np.asarray(one.difficult, bool) for one in objects]),
        area=np.concatenate([np.asarray(one.area, np.float64) for one in objects]),
        regions=_row_of(region for one in objects for region in one.regions)
        if kind == "regions"
        else _row_of(()),
        points=_stack(points, "objects", 3),
    )


def _check_values(what: str, table: Answers | Truth, classes: int) -> None:
    """InputError about the first row whose numbers make no sense."""
    boxes, scores = table.xyxy, table.scores if isinstance(table, Answers) else table.area
    rules = (
        (~np.isfinite(boxes).all(axis=1), "a box must be four numbers", boxes),
        (
            (boxes[:, 2:] < boxes[:, :2]).any(axis=1),
            "a box is left, top, right, bottom, in this order",
            boxes,
        ),
        (~np.isfinite(scores), f"its {'score' if what == 'answer' else 'area'} must be a number", scores),
        (
            (table.labels < 0) | (table.labels >= classes),
            f"labels of {classes} classes lie in 0..{classes - 1}",
            table.labels,
        ),
    )
    for wrong, rule, values in rules:
        if wrong.any():
            row = int(wrong.argmax())
            picture = int(table.picture[row])
            place = row - int(np.searchsorted(table.picture, picture))
            shown = np.array2string(np.asarray(values[row]), precision=4)
            raise InputError(
                f"{what} {place} of picture {picture} has {shown}: {rule} ({int(wrong.sum()):,} are wrong)"
            )


def _check_points(answers: Answers, truth: Truth) -> None:
    if len(answers) and len(truth) and answers.points.shape[1] != truth.points.shape[1]:
        raise InputError(
            f"answers of {answers.points.shape[1]} key points for objects of {truth.points.shape[1]}"
        )
    for what, table in (("answer", answers.points), ("object", truth.points)):
        if not np.isfinite(table).all():
            row = int((~np.isfinite(table).all(axis=(1, 2))).argmax())
            where = answers.picture[row] if what == "answer" else truth.picture[row]
            raise InputError(
                f"key points of an {what} in picture {where} are not numbers; leave it out or mend it"
            )


def _stack(parts: Sequence[np.ndarray | None], whose: str, columns: int) -> np.ndarray:
    """Points of all pictures, (D, K, columns); pictures without any may say None."""
    there = [np.asarray(one, np.float64)[:, :, :columns] for one in parts if one is not None and len(one)]
    kinds = {one.shape[1] for one in there}
    if len(kinds) > 1:
        raise InputError(
            f"{whose} of {' and '.join(map(str, sorted(kinds)))} key points; one skeleton has one number"
        )
    return np.concatenate(there) if there else np.zeros((0, 0, columns))


def _row_of(things: Iterable[Any]) -> np.ndarray:
    """Things of any kind as (D,), one in each place."""
    listed = list(things)
    row = np.empty(len(listed), object)
    row[:] = listed
    return row


def _integers(labels: np.ndarray, where: str) -> np.ndarray:
    if labels.size and labels.dtype.kind not in "iu":
        raise InputError(f"{where}: labels has type {labels.dtype}; class numbers must be integers")
    return labels.astype(np.int64)


def _shape(where: str, name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise InputError(f"{where}: {name} has shape {found}; {wanted[0]} boxes need {wanted}")
