"""Rules of the places of points: outside, all in one place, on the wrong side, given in other units.

Shapes: M objects, K points, P pairs of a left and a right point
"""

from __future__ import annotations

import numpy as np

from macaw.data.examples import count
from macaw.data.find import shown
from macaw.data.point_survey import PointSurvey
from macaw.data.rows import EDGE

MANY, LEAST = 0.1, 3  # share and number of points outside, from which it is the form and not a slip
ONE_PLACE = 1.0  # pixels within which all points of an object are in one place
UNIT = 1.01  # what no coordinate exceeds that is a part of a side
# Two points are told apart by less than NEAR pixels in so many objects that have both: one written twice
NEAR, TWINS, ENOUGH = 0.5, 0.9, 5
# Parts of an object's span by which left and right must be apart to tell a side; the share of objects that
# must agree before the others are doubted; and how far the pairs of one object must speak against it.
APART, AGREED, AGAINST = 0.05, 0.9, -0.5
FEW, RARE = 10, 0.05  # objects of train, and share of them, below which a point can hardly be learned


def place_findings(held: PointSurvey) -> None:
    """Everything about where points are."""
    _bare(held)
    if not held.seen.any() or _normalised(held):
        return
    _outside(held)
    several = held.seen.sum(axis=1) > 1
    words = "whose points are all in one place"
    flat = several & (held.span < ONE_PLACE)
    held.report_objects("point-collapsed", flat, f"{count(int(flat.sum()), 'object')} {words}")
    _twins(held, several & ~flat)
    _swapped(held)


def _bare(held: PointSurvey) -> None:
    bare = ~held.seen.any(axis=1) & ~held.table.crowd
    held.report_objects("point-none", bare, f"{count(int(bare.sum()), 'object')} without a labelled point")


def _normalised(held: PointSurvey) -> bool:
    """Whether all points are parts of their pictures' sides."""
    large = held.table.frame.min(axis=1, initial=np.inf) > 2 * UNIT  # (M,)
    places = held.points[large][held.seen[large], :2]
    within = len(places) > 1 and bool((abs(places) <= UNIT).all()) and bool(np.ptp(places) > 0)
    if within:
        held.report("point-normalised", len(places), f"all of {len(places):,} points lie between 0 and 1")
    return within


def _outside(held: PointSurvey) -> None:
    """Points beyond the edges of their picture, as far as its size is known."""
    room = np.where(held.table.frame > 0, held.table.frame, np.inf)[:, None]
    out = (held.points[..., :2] < -EDGE) | (held.points[..., :2] > room + EDGE)
    which = np.asarray(out.any(axis=2) & held.seen)
    number, total = int(which.sum()), int(held.seen.sum())
    many = number >= max(LEAST, MANY * total)
    words = f"{count(number, 'point')} of {total:,} outside the picture"
    held.report_objects(
        "outside-many" if many else "point-outside", np.asarray(which.any(axis=1)), words, which=which
    )


def _twins(held: PointSurvey, chosen: np.ndarray) -> None:
    """Two points that are in the same place nearly always."""
    points, seen = held.points[chosen, :, :2], held.seen[chosen]
    names, told = held.skeleton.names, []
    for one in range(len(names) - 1):
        both = seen[:, one : one + 1] & seen[:, one + 1 :]  # (M, others)
        near = (abs(points[:, one : one + 1] - points[:, one + 1 :]) < NEAR).all(axis=2) & both
        number = both.sum(axis=0)
        same = (number >= ENOUGH) & (near.sum(axis=0) >= TWINS * number)
        told += [f"{names[one]} and {names[one + 1 + at]}" for at in np.flatnonzero(same).tolist()]
    if told:
        held.report("point-twin", len(told), f"{count(len(told), 'pair')} of points in one place", told)


def _swapped(held: PointSurvey) -> None:
    """Objects whose left and right are the other way round than in nearly all others."""
    pairs = np.array(_sides(held)).reshape(-1, 2)
    if not len(pairs):
        return
    left, right = pairs.T
    both = held.seen[:, left] & held.seen[:, right]
    apart = held.points[:, left, 0] - held.points[:, right, 0]
    clear = both & (abs(apart) > APART * held.span[:, None])
    order = np.where(clear, np.sign(apart), 0.0)  # (M, P)
    usual = np.sign(order.sum(axis=0))  # (P,) 1 where most objects have the one right of the other, else -1
    votes = (order * usual).sum(axis=1) / np.maximum(clear.sum(axis=1), 1)
    voting = clear.any(axis=1)
    wrong = voting & (votes <= AGAINST)
    if wrong.any() and (votes > 0).sum() >= AGREED * voting.sum():
        words = (
            f"{count(int(wrong.sum()), 'object')} with left and right the other way round than in the rest"
        )
        held.report_objects("side-swapped", wrong, words)


def _sides(held: PointSurvey) -> list[tuple[int, int]]:
    """Pairs of points that a mirror swaps."""
    flips = held.skeleton.flips or ()
    return [(one, other) for one, other in enumerate(flips) if one < other]


def number_findings(held: PointSurvey) -> None:
    """How often each point is labelled in train, and whether pictures can be mirrored."""
    names = held.skeleton.names
    if held.learned.any():
        times = held.seen[held.learned].sum(axis=0)
        total = int(held.learned.sum())
        never = [f"'{shown(names[k])}'" for k in np.flatnonzero(times == 0).tolist()]
        few = np.flatnonzero((times > 0) & (times < max(FEW, RARE * total))).tolist()
        words = "never labelled in train"
        if never and len(never) < len(names):
            held.report("point-never", len(never), f"{count(len(never), 'point')} {words}", never)
        if few:
            told = [f"'{shown(names[k])}' {times[k]:,}" for k in few]
            words = f"hardly ever labelled in the {count(total, 'object')} of train"
            held.report("point-few", len(few), f"{count(len(few), 'point')} {words}", told)
    if len(names) > 1 and held.skeleton.flips is None:
        held.report("flips-unknown", 1, "which points a mirror swaps is not known: training will not mirror")
