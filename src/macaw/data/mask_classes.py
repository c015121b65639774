"""Rules of what masks hold: pixels without a class, classes without pixels, and how they are shared out.

Shapes: N pictures, C classes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from macaw.data.class_rules import name_findings
from macaw.data.examples import count, listed, nfc
from macaw.data.find import shown
from macaw.data.mask_survey import MaskSurvey
from macaw.data.masked import IGNORE
from macaw.errors import did_you_mean

FEW = 5  # pictures of train that show a class, below which it can hardly be learned
SKEWED = 1000  # times as many pixels of the largest class as of the smallest; streets reach some 100
BARE, BARES = 0.05, 0.5  # share of pixels without a class that is worth a word, and that is a lot
SINGLE = 0.5  # share of a split's pictures that are of one class alone, from which masks may be unfinished


def class_findings(held: MaskSurvey, names: Sequence[str] | None) -> None:
    """Everything about classes; `names` is a model's class table, None for data that makes its own."""
    if held.data is None:
        return
    shows = held.shows()
    train = shows.get("train", Counter())
    used = sum(shows.values(), Counter[str]())
    if "train" not in shows and names is None:
        held.report("train-missing", 1, f"there is {listed(shows) or 'no picture'}, but no train")
    _one(held, used)
    _splits(held, shows, train)
    name_findings(held, Counter(dict.fromkeys(held.names, 0)) + used)
    few = sorted((number, name) for name, number in train.items() if number < FEW)
    words = f"shown by fewer than {FEW} pictures of train"
    _told(held, "class-few", [f"'{shown(name)}' {number}" for number, name in few], words)
    _shares(held)
    if names is None:
        unused = [f"'{shown(name)}'" for name in held.names if not used[name]]
        _told(held, "class-unused", unused, f"of {len(held.names):,} without a pixel")
    else:
        _model(held, used, names)


def pixel_findings(held: MaskSurvey) -> None:
    """Pictures without a labelled pixel, or with one class alone; and how much is not labelled at all."""
    labelled = held.pixels[:, :-1]
    empty = held.read & (labelled.sum(axis=1) == 0)
    held.report_pictures("mask-empty", np.flatnonzero(empty).tolist(), "without a labelled pixel")
    total, bare = int(held.pixels.sum()), int(held.pixels[:, -1].sum())
    if bare >= BARE * max(1, total):
        code = "unlabelled-many" if bare >= BARES * total else "unlabelled"
        held.report(code, 1, f"{100 * bare / total:.0f} % of all pixels are not labelled")
    if int((labelled.sum(axis=0) > 0).sum()) < 2:
        return  # told of the whole
    single = (labelled > 0).sum(axis=1) == 1
    home = np.array(held.splits)
    many = np.zeros(len(held), bool)
    for split in dict.fromkeys(held.splits):
        own = single & (home == split)
        many |= own & (own.sum() > SINGLE * (home == split).sum())
    words = "of one class alone"
    held.report_pictures(
        "one-class-many", np.flatnonzero(many).tolist(), f"{words}, more than half of their split"
    )
    held.report_pictures("one-class", np.flatnonzero(single & ~many).tolist(), words)


def _one(held: MaskSurvey, used: Counter[str]) -> None:
    """Less than two classes in all masks; and the usual reason, black and white read as class 0 and none."""
    if len(used) > 1 or not held.read.any():
        return
    words = f"only one class is labelled, {listed(used)}" if used else "no pixel is labelled"
    bare = int(held.pixels[:, -1].sum())
    white = held.data is not None and held.data.legend.values.get(IGNORE) == IGNORE
    if used and bare and white and held.data is not None and held.data.ignore is None:
        share = 100 * bare / held.pixels.sum()
        words += f"; {share:.0f} % of the pixels are {IGNORE}, which means not labelled: is it a class?"
    held.report("class-one", 1, words)


def _splits(held: MaskSurvey, shows: dict[str, Counter[str]], train: Counter[str]) -> None:
    """Classes that some splits have and others lack."""
    if not train:
        return
    new, missing = [], []
    for split, some in shows.items():
        new += [f"'{shown(name)}' is in {split} only" for name in sorted(some.keys() - train.keys())]
        if some:
            missing += [f"'{shown(name)}' in {split}" for name in sorted(train.keys() - some.keys())]
    _told(held, "class-unlearned", new, "without a pixel in train")
    _told(held, "class-not-in-split", missing, "of train without a pixel in another split")


def _shares(held: MaskSurvey) -> None:
    """Pixels of train: the largest class against the smallest."""
    learned = np.array([split == "train" for split in held.splits], bool)
    pixels = held.pixels[learned, :-1].sum(axis=0)
    present = np.flatnonzero(pixels)
    if len(present) < 2:
        return
    order = present[np.argsort(pixels[present], kind="stable")]
    low, high = int(order[0]), int(order[-1])
    ratio = pixels[high] / pixels[low]
    if ratio >= SKEWED:
        told = (f"'{shown(held.names[at])}' {100 * pixels[at] / pixels.sum():.2g} %" for at in (high, low))
        words = "classes of very different size in train: the largest has"
        held.report(
            "imbalance", 1, f"{words} {ratio:,.0f} times the pixels of the smallest", [", ".join(told)]
        )


def _model(held: MaskSurvey, used: Counter[str], names: Sequence[str]) -> None:
    """What a model's class table has against the data's, used or not: training takes both as they are."""
    known = {nfc(name) for name in names}
    strange = [name for name in held.names if name not in known]
    told = [f"'{shown(name)}'.{did_you_mean(name, names)}".removesuffix(".") for name in strange]
    _told(held, "class-not-in-model", told, "that the model does not know")
    absent = [f"'{shown(name)}'" for name in names if not used[nfc(name)]]
    _told(held, "class-absent", absent, f"of the model's {len(names):,} without a pixel")


def _told(held: MaskSurvey, code: str, told: Sequence[str], words: str) -> None:
    if told:
        held.report(code, len(told), f"{count(len(told), 'class', 'classes')} {words}", told)
