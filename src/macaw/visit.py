"""One stop of the tour: a row of the table, its embedded model, what that says of each sample, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from macaw import samples, verbs
from macaw.errors import InputError, MacawError
from macaw.results.measures import FRACTION, Interval
from macaw.runtime.engine import WEIGHTS
from macaw.samples import Sample

if TYPE_CHECKING:
    import numpy as np

    from macaw.card import Card
    from macaw.results.base import Result
    from macaw.tasks import Task

REPEATS = 9  # times that a thing is measured; the median of nine bears four slow ones
WAYS = {"Labels": ("occlusion", "neighbours")}  # to explain an answer: those that need no torch; else all
CHOICES = frozenset({"Labels"})  # answers that choose among the names: their order tells how right they are
PLACES = frozenset({"Points"})  # answers that say of every name where it is: no name can be wrong
PATIENCE = 1.0  # seconds; a slow application is repeated less often, at least once


class Verdict(NamedTuple):
    """Whether an answer was right, as a kind that a page can colour and as words."""

    kind: Literal["right", "later", "wrong", "outside"]
    words: str


@dataclass(frozen=True, eq=False)
class Answered:
    """One sample, the model's answer, and how long it took."""

    sample: Sample
    answer: Result
    seconds: float  # median of the repeats, reading the file included
    right: tuple[str, ...]  # the names that would be right, of those the model knows
    classes: int  # names the model knows; 0 of a model without a class table
    gives: str = "Labels"  # the kind of answer, as the row of the table says it
    seen: np.ndarray | None = None  # (H, W, 3) uint8, what of a picture reaches the model

    @property
    def rank(self) -> int | None:
        """The place, from 1, of a right name in the answer; None of one that names nothing."""
        return self.answer.rank(self.right) if self.classes else None

    @property
    def verdict(self) -> Verdict | None:
        """Whether it was right; None of a model that names nothing."""
        if not self.classes:
            return None
        if not self.right:
            table = f"its subject is not among the {self.classes:,} classes"
            said = "any answer is" if self.gives in CHOICES else "whatever it finds is"
            return Verdict("outside", f"{table}: {said} the nearest it knows")
        if self.gives not in CHOICES:
            return self._found
        if self.rank == 1:
            return Verdict("right", "right, rank 1")
        if self.rank:
            return Verdict("later" if self.rank <= 5 else "wrong", f"right answer at rank {self.rank}")
        return Verdict("wrong", f"the right answer, {' or '.join(self.right)}, is not in it")

    @property
    def _found(self) -> Verdict:
        """Of an answer that names all it finds: whether something right is among that."""
        found = [name for name in self.right if self.answer.rank((name,))]
        if found:
            return Verdict("right", f"right, it finds {' and '.join(found)}")
        return Verdict("wrong", f"it does not find {' or '.join(self.right)}")

    def to_dict(self) -> dict[str, Any]:
        """Sample, answer, milliseconds and verdict as plain values."""
        return {
            "sample": self.sample.name,
            "answer": {**self.answer.to_dict(), "source": self.sample.file if self.sample.package else ""},
            "milliseconds": round(1000 * self.seconds, 2),
            "would_be_right": list(self.right),
            "rank": self.rank,
            "verdict": self.verdict.words if self.verdict else "",
        }


@dataclass(frozen=True, eq=False)
class Visit:
    """What one row of the table did; `problem` says in a line why it did nothing."""

    task: Task
    card: Card | None = None
    answered: tuple[Answered, ...] = ()
    notes: tuple[str, ...] = ()  # a line for each reason why samples are left out
    problem: str = ""
    first: float = 0.0  # seconds from nothing to the first answer: imports, opening, reading, computing
    opening: float = 0.0  # seconds to open the model alone, median of the repeats
    weights: int = 0  # bytes
    why: Result | None = None  # how the first answer came about

    @property
    def seconds(self) -> float:
        """Median over the samples, 0 without any."""
        return median([one.seconds for one in self.answered]) if self.answered else 0.0

    @property
    def score(self) -> Interval | None:
        """The row's metric as the card has it, of the evaluation that the row names, or the first."""
        scores = scores_of(self.card)
        own = [scores[self.task.evaluation]] if self.task.evaluation in scores else scores.values()
        found = [metrics[self.task.metric] for metrics in own if self.task.metric in metrics]
        return found[0] if found else None

    def to_dict(self) -> dict[str, Any]:
        """Everything but pictures, as plain values; times in milliseconds."""
        return {
            "task": self.task.name,
            "model": self.card.name if self.card else "",
            "problem": self.problem,
            "notes": list(self.notes),
            "first_answer_ms": round(1000 * self.first, 2),
            "opening_ms": round(1000 * self.opening, 2),
            "median_ms": round(1000 * self.seconds, 2),
            "weights_bytes": self.weights,
            "scores": {
                data: {name: value.to_dict() for name, value in metrics.items()}
                for data, metrics in scores_of(self.card).items()
            },
            "samples": [one.to_dict() for one in self.answered],
        }

    def __str__(self) -> str:
        if self.problem:
            return f"{self.task.name}  did not run: {self.problem}"
        facts = [f"{self.task.metric} {self.score}"] if self.score else []
        facts += [f"{megabytes(self.weights)}", f"first answer {milliseconds(self.first)}"]
        facts += [f"then {milliseconds(self.seconds)} a {self.task.takes}"]
        name = f"{self.task.name}  {self.card.name}" if self.card else self.task.name
        lines = [*self._table(), *self.notes]
        return "\n  ".join([f"{name}  {', '.join(facts)}", *lines])

    def _table(self) -> list[str]:
        """A line for each sample: its name, the answer, the verdict."""
        names = [one.sample.name for one in self.answered]
        said = [one.answer.headline for one in self.answered]
        words = [one.verdict.words if one.verdict else "" for one in self.answered]
        first, second = max(map(len, names)), max(map(len, said))
        rows = zip(names, said, words, strict=True)
        return [f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows]


def visit(task: Task, *, quick: bool = False) -> Visit:
    """Run one row on its samples, on the first at hand when `quick`; the Visit tells what went wrong."""
    try:
        return _visited(task, quick=quick)
    except MacawError as problem:
        return Visit(task, problem=str(problem))
    except Exception as problem:  # a fault of one application must not hide the others
        return Visit(task, problem=f"{type(problem).__name__}: {' '.join(str(problem).split())}")


def _visited(task: Task, *, quick: bool) -> Visit:
    found, notes = samples.at_hand(task.samples, most=1 if quick else None)
    began = time.perf_counter()
    model = verbs.load(task.name)
    answered: list[Answered] = []
    first = 0.0
    for sample in found:
        try:
            answer = verbs.run(model, sample.input)
        except InputError as problem:
            notes.append(str(problem))
            continue
        first = first or time.perf_counter() - began
        answered.append(_answered(task, model, sample, answer))
    if not answered:
        raise InputError(f"no sample to show. {' '.join(notes)}".rstrip())
    weights = (model.folder / WEIGHTS).stat().st_size
    why = None if quick else _why(task, model, answered[0].sample, notes)
    opening = _typical(lambda: _opened(task.name))
    return Visit(task, model.card, tuple(answered), tuple(notes), "", first, opening, weights, why)


def _answered(task: Task, model: Any, sample: Sample, answer: Result) -> Answered:
    seconds = _typical(lambda: verbs.run(model, sample.input))
    names = model.card.names
    right = tuple(name for name in sample.shows if name in names)
    classes = 0 if task.gives in PLACES else len(names)
    return Answered(sample, answer, seconds, right, classes, task.gives, _seen(model, sample))


def _why(task: Task, model: Any, sample: Sample, notes: list[str]) -> Result | None:
    """How the answer to a sample came about, as far as it takes no torch; a note where it cannot be said."""
    try:
        found: Result = verbs.explain(model, sample.input, by=WAYS.get(task.gives))
    except MacawError as problem:
        notes.append(f"its answers are not explained here: {problem}")
        return None
    return found


def _opened(name: str) -> object:
    """The core of an application's model, opened anew."""
    from macaw.runtime.engine import open_engine

    model = verbs.load(name)
    if model.card.row.takes == "text":
        return model.model
    return open_engine(model.engine, model.folder, model.card)


def _seen(model: Any, sample: Sample) -> np.ndarray | None:
    """What of a picture reaches the model, turned back into a picture: (H, W, 3) uint8."""
    how = model.card.prepare
    if sample.kind != "picture" or not {"mean", "std"} <= how.keys():
        return None
    import numpy as np

    from macaw.data.pictures import read_picture

    prepared = model.prepare([read_picture(sample.input)])[0].transpose(1, 2, 0)  # (H, W, 3)
    return np.asarray(np.clip(np.rint(255 * (prepared * how["std"] + how["mean"])), 0, 255), np.uint8)


def _typical(work: Callable[[], object]) -> float:
    """Median seconds of REPEATS times, or of fewer when they would take longer than PATIENCE."""
    times: list[float] = []
    while not times or (len(times) < REPEATS and sum(times) < PATIENCE):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


def scores_of(card: Card | None) -> dict[str, dict[str, Interval]]:
    """The scores of a card, evaluation by evaluation; what is no interval is left out."""
    found: dict[str, dict[str, Interval]] = {}
    for data, metrics in (card.scores if card else {}).items():
        read = {name: _interval(name, value) for name, value in metrics.items()}
        found[data] = {name: interval for name, interval in read.items() if interval}
    return found


def _interval(name: str, value: Any) -> Interval | None:
    """An Interval from a card: its fields by name, or value, low and high in a row."""
    unit = "nats" if name.endswith("loss") else FRACTION  # a row of three says no unit
    try:
        return Interval(**value) if isinstance(value, dict) else Interval(value[0], value[1], value[2], unit)
    except (TypeError, IndexError, InputError):
        return None


def milliseconds(seconds: float) -> str:
    """`8.4 ms`, `312 ms`, `2.4 s`: two or three digits, whatever the size."""
    ms = 1000 * seconds
    return f"{ms:.1f} ms" if ms < 9.95 else f"{ms:.0f} ms" if ms < 999.5 else f"{seconds:.1f} s"


def megabytes(size: int) -> str:
    """`2.4 MB`, or kB for a small file; thousands of bytes, not 1024."""
    return f"{size / 1e6:.1f} MB" if size >= 99_950 else f"{size / 1e3:.0f} kB"
