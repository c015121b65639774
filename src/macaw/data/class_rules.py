"""Rules of the class table: what the splits, the names and the numbers of pictures say against a data set."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from macaw.data.examples import count, listed, nfc
from macaw.data.find import shown
from macaw.data.survey import Survey
from macaw.errors import did_you_mean

FEW = 10  # pictures of a class in train below which it can hardly be learned
SKEWED = 10  # times as many pictures in the largest class as in the smallest
_RARE, _FREQUENT = 3, 30  # a class of at most so many pictures may be a misspelt one of at least so many
_LONG = 5  # letters of a name that may be misspelt: "cart" is no misspelt "car"


def class_findings(held: Survey, names: Sequence[str] | None) -> None:
    """Everything about classes; `names` is a model's class table, None for data that makes its own."""
    counts = {split: some for split, some in held.counts().items() if split}
    train = counts.get("train", Counter())
    if counts and "train" not in counts and names is None:
        held.report("train-missing", 1, f"there is {listed(counts) or 'no split'}, but no train")
    used = Counter[str]()
    for some in counts.values():
        used.update(some)
    if names is None:
        _one(held, used)
    _splits(held, counts, train)
    name_findings(held, used)
    _numbers(held, train)
    if names is not None:
        _model(held, counts, used, names)


def _one(held: Survey, used: Counter[str]) -> None:
    if held.multi and len(held) and not used:
        held.report("class-one", 1, "no picture has a label")
    if not held.multi and len(used) == 1:
        held.report("class-one", 1, f"only one class, {listed(used)}")


def _splits(held: Survey, counts: dict[str, Counter[str]], train: Counter[str]) -> None:
    """Classes that some splits have and others lack."""
    if not train:
        return
    new, missing = [], []
    for split, some in counts.items():
        for name in sorted(some.keys() - train.keys()):
            new.append(_hinted(f"'{shown(name)}' is in {split} only", name, train))
        for name in sorted(train.keys() - some.keys()):
            missing.append(f"'{shown(name)}' in {split}")
    if new:
        held.report("class-not-in-train", len(new), f"{_classes(len(new))} not in train", new)
    if missing:
        words = f"{_classes(len(missing))} of train without a picture in another split"
        held.report("class-not-in-split", len(missing), words, missing)


def name_findings(held: Survey, used: Counter[str]) -> None:
    """Names that look like one another, and names with blanks at their ends."""
    blank = sorted(name for name in used if name != name.strip())
    if blank:
        words = f"{_classes(len(blank))} with blanks around the name"
        held.report("class-blank", len(blank), words, (f"'{shown(name)}'" for name in blank))
    groups = defaultdict(list)
    for name in sorted(used):
        groups[_key(name)].append(name)
    alike = [some for some in groups.values() if len(some) > 1]
    alike += [[groups[key][0], groups[f"{key}s"][0]] for key in sorted(groups) if f"{key}s" in groups]
    alike += _misspelt(used, {name for some in alike for name in some})
    if alike:
        told = (" and ".join(f"'{shown(name)}' ({used[name]:,})" for name in some) for some in alike)
        words = f"{count(len(alike), 'pair')} of classes with nearly the same name"
        held.report("class-alike", len(alike), words, told)


def _misspelt(used: Counter[str], known: set[str]) -> list[list[str]]:
    """Rare names that are close to a frequent one."""
    frequent = {name.casefold(): name for name, number in used.items() if number >= _FREQUENT}
    rare = [name for name, number in sorted(used.items()) if number <= _RARE and name not in known]
    pairs = []
    for name in rare[:100]:  # each is compared with every frequent one
        if len(name) >= _LONG and not re.search(r"\d", name):  # "room 12" is not a misspelt "room 13"
            close = get_close_matches(name.casefold(), frequent, n=1, cutoff=0.85)
            pairs += [[name, frequent[other]] for other in close]
    return pairs


def _numbers(held: Survey, train: Counter[str]) -> None:
    few = sorted((number, name) for name, number in train.items() if number < FEW)
    if few:
        words = f"{_classes(len(few))} with fewer than {FEW} pictures in train"
        held.report("class-few", len(few), words, (f"'{shown(name)}' {number}" for number, name in few))
    if len(train) < 2:
        return
    least, most = (choose(sorted(train), key=train.__getitem__) for choose in (min, max))
    low, high = train[least], train[most]
    if high >= SKEWED * low:
        words = f"classes of very different size in train: the largest is {high / low:.0f} times the smallest"
        held.report("imbalance", 1, words, [f"'{shown(most)}' {high:,}, '{shown(least)}' {low:,}"])


def _model(held: Survey, counts: dict[str, Counter[str]], used: Counter[str], names: Sequence[str]) -> None:
    """What a model's class table has against the data."""
    table = {nfc(name) for name in names}
    homes = {name: split for split, some in reversed(counts.items()) for name in some}
    strange = sorted(name for name in homes if name not in table)
    unknown = [_hinted(f"'{shown(name)}' in {homes[name]}", name, names) for name in strange]
    if unknown:
        words = f"{_classes(len(unknown))} that the model does not know"
        held.report("class-unknown", len(unknown), words, unknown)
    absent = [f"'{shown(name)}'" for name in names if nfc(name) not in used]
    if absent:
        words = f"{len(absent):,} of the model's {len(names):,} classes without a picture"
        held.report("class-absent", len(absent), words, absent)


def _hinted(words: str, name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, known)
    return f"{words}.{hint}" if hint else words


def _key(name: str) -> str:
    """What stays of a name when case, blanks and the strokes between words do not count."""
    return re.sub(r"[\s_\-.]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()


def _classes(number: int) -> str:
    return count(number, "class", "classes")
