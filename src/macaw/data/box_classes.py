"""Rules of the class table of boxes: what names, numbers of objects and sizes say against a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from macaw.data.aligned import finished
from macaw.data.box_survey import BoxSurvey
from macaw.data.class_rules import name_findings
from macaw.data.examples import count, listed, nfc
from macaw.data.find import shown
from macaw.data.reading import Reading
from macaw.errors import InputError, did_you_mean

FEW = 10  # objects of a class in train below which it can hardly be learned
SKEWED = 100  # times as many objects in the largest class as in the smallest; COCO reaches 1,300
APART, ENOUGH = 2.0, 30  # times between the usual size of objects of two splits, and objects that tell it


def class_findings(held: BoxSurvey, names: Sequence[str] | None) -> None:
    """Everything about classes; `names` is a model's class table, None for data that makes its own."""
    if held.data is None:
        return
    numbers = held.numbers()
    train = numbers.get("train", Counter())
    used = sum(numbers.values(), Counter[str]())
    if "train" not in numbers and names is None:
        held.report("train-missing", 1, f"there is {listed(numbers) or 'no picture'}, but no train")
    _splits(held, numbers, train)
    name_findings(held, used)
    _numbers(held, train)
    if names is None:
        unused = [f"'{shown(name)}'" for name in held.names if not used[name]]
        _told(held, "class-unused", unused, f"of {len(held.names):,} without an object")
    else:
        _model(held, used, names)
    _sizes(held)
    _refusal(held, names)


def _splits(held: BoxSurvey, numbers: dict[str, Counter[str]], train: Counter[str]) -> None:
    """Classes that some splits have and others lack."""
    if not train:
        return
    new, missing = [], []
    for split, some in numbers.items():
        for name in sorted(some.keys() - train.keys()):
            new.append(f"'{shown(name)}' is in {split} only.{did_you_mean(name, train)}".removesuffix("."))
        if some:
            missing += [f"'{shown(name)}' in {split}" for name in sorted(train.keys() - some.keys())]
    _told(held, "class-unlearned", new, "without an object in train")
    _told(held, "class-not-in-split", missing, "of train without an object in another split")


def _numbers(held: BoxSurvey, train: Counter[str]) -> None:
    few = sorted((number, name) for name, number in train.items() if number < FEW)
    words = f"with fewer than {FEW} objects in train"
    _told(held, "class-few", [f"'{shown(name)}' {number}" for number, name in few], words)
    if train:
        (most, high), (least, low) = (train.most_common()[place] for place in (0, -1))
        if high >= SKEWED * low:
            words = "classes of very different size in train: the largest is"
            words = f"{words} {high / low:,.0f} times the smallest"
            held.report("imbalance", 1, words, [f"'{shown(most)}' {high:,}, '{shown(least)}' {low:,}"])


def _model(held: BoxSurvey, used: Counter[str], names: Sequence[str]) -> None:
    """What a model's class table has against the data."""
    known = {nfc(name) for name in names}
    strange = sorted(used.keys() - known)
    told = [f"'{shown(name)}'.{did_you_mean(name, names)}".removesuffix(".") for name in strange]
    _told(held, "class-not-in-model", told, "that the model does not know")
    absent = [f"'{shown(name)}'" for name in names if not used[nfc(name)]]
    _told(held, "class-absent", absent, f"of the model's {len(names):,} without an object")


def _sizes(held: BoxSurvey) -> None:
    """Splits whose objects are of another size, measured in parts of their picture's longer side."""
    table = held.table
    known = ~table.crowd & (table.frame > 0).all(axis=1)
    side = np.sqrt(table.sides.prod(axis=1)) / np.maximum(table.frame.max(axis=1, initial=0), 1)
    home = np.array(held.splits)[table.picture] if len(held) else np.array([])
    parts = {split: side[known & (home == split)] for split in dict.fromkeys(held.splits)}
    usual = {split: float(np.median(some)) for split, some in parts.items() if len(some) >= ENOUGH}
    for split, value in usual.items():
        ratio = value / usual.get("train", value)
        if max(ratio, 1 / ratio) >= APART:
            how = f"half of them reach {100 * value:.1f} % of their picture's longer side"
            words = f"objects of {split} are of another size: {how}, in train {100 * usual['train']:.1f} %"
            held.report("sizes-differ", 1, words)


def _refusal(held: BoxSurvey, names: Sequence[str] | None) -> None:
    """What training says to the whole, where no finding so far tells why it refuses."""
    if held.data is None or any(one.severity == "error" for one in held.findings):
        return
    try:
        finished(held.data, Reading(), names=names, seed=0, val_share=0)
    except InputError as problem:
        held.report("refused", 1, str(problem))


def _told(held: BoxSurvey, code: str, told: Sequence[str], words: str) -> None:
    if told:
        held.report(code, len(told), f"{count(len(told), 'class', 'classes')} {words}", told)
