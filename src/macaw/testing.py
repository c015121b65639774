"""Contracts: what every front-end, head, result, training and model promises, as functions that can fail.

The test suite runs them over everything that is registered; a plug-in runs them over what it brings:

    from macaw.testing import check_head
    def test_contract():
        check_head(lambda width: NumberHead(width), torch.tensor([1.0, 2.0, 4.0]))

Each raises AssertionError with one line that says which promise is broken. torch is imported by those that
need it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macaw.card import NAME as CARD
from macaw.card import Card
from macaw.errors import InputError, MissingExtra, UnknownName
from macaw.model import Model
from macaw.registry import ENGINES
from macaw.results.base import Result
from macaw.results.labels import Labels
from macaw.runtime.engine import GRAPH, WEIGHTS
from macaw.training.progress import Silent

if TYPE_CHECKING:
    import torch
    from torch import nn

    from macaw.frontends.base import Features, Frontend
    from macaw.heads.base import Head
    from macaw.training.loop import Run

__all__ = [
    "check_engines", "check_frontend", "check_head", "check_model", "check_result", "check_resume",
    "check_writer",
]  # fmt: skip

# Shapes: B inputs, D channels, *S positions
ALONE = 1e-4  # how far an answer in a batch may be from the one alone, relative: sums in another order
SAME = 1e-4  # how far the probabilities of two engines may be apart
NEIGHBOURS = "neighbours.safetensors"  # the index of what it was trained on, no weights
GRAPH_BYTES = 400_000  # the largest graph: it names its weights instead of holding them


def check_result(result: Result) -> None:
    """A result is a frozen dataclass that turns into JSON, a picture and files."""
    kind = type(result).__name__
    _expect(dataclasses.is_dataclass(result), f"{kind} is no dataclass")
    frozen = result.__dataclass_params__.frozen  # type: ignore[attr-defined]
    _expect(frozen, f"{kind} can be changed; make its dataclass frozen")
    values = result.to_dict()
    _expect(json.loads(json.dumps(values)) == values, f"{kind}.to_dict() changes on its way through JSON")
    picture = result.plot()
    _expect(min(picture.size) > 0, f"{kind}.plot() gives an empty picture")
    _expect(result._repr_png_()[:4] == b"\x89PNG", f"{kind} does not show itself in a notebook")
    with tempfile.TemporaryDirectory() as folder:
        saved = json.loads(result.save(Path(folder, "a.json")).read_text(encoding="utf-8"))
        _expect(saved == values, f"{kind}.save('a.json') differs from to_dict()")
        _expect(result.save(Path(folder, "a.png")).stat().st_size > 0, f"{kind}.save('a.png') wrote nothing")
        try:
            result.save(Path(folder, "a.exe"))
        except InputError:
            return
    raise AssertionError(f"{kind}.save('a.exe') did not raise InputError")


def check_frontend(make: Callable[[], Frontend], *batch: torch.Tensor) -> None:
    """A front-end's features have the declared shapes, and depend on one input and on its state alone.

    `make` gives a new one, seeded by torch's generator; `batch` is what its `forward` takes, B of 2 or more.
    """
    import torch

    frontend, again = _twice(make)
    kind = type(frontend).__name__
    _expect(_same(frontend.state_dict(), again.state_dict()), f"{kind}: the same seed gives other weights")
    features = frontend.train()(*batch)
    _check_levels(frontend, features, batch)
    features.pooled.square().mean().backward()
    idle = [name for name, p in frontend.named_parameters() if p.grad is None]
    _expect(not idle, f"{kind}: no gradient reaches {', '.join(idle[:3])}")
    frontend.eval()
    with torch.no_grad():
        whole = frontend(*batch)
        alone = [frontend(*(part[i : i + 1] for part in batch)) for i in range(len(batch[0]))]
        for i, level in enumerate(whole.levels):
            parts = torch.cat([one.levels[i] for one in alone])
            _expect(_close(level, parts), f"{kind}: level {i} of a batch differs from its inputs one by one")
        other = _rebuilt(type(frontend)(**_through_json(frontend.config, kind)), frontend)
        _expect(_same_levels(whole, other(*batch)), f"{kind}: saved and loaded, its features differ")


def check_head(make: Callable[[int], Head], targets: torch.Tensor, *, width: int = 16) -> None:
    """A head's raw output and its loss: shapes, independence within a batch, gradients, saving, learning.

    `make(width)` gives a new one for a front-end of that width; `targets` are for a batch of 2 or more.
    """
    import torch

    head, again = _twice(lambda: make(width))
    kind = type(head).__name__
    _expect(_same(head.state_dict(), again.state_dict()), f"{kind}: the same seed gives other weights")
    _expect(bool(head.dims), f"{kind}.dims names no front-end that it can read")
    for dims in head.dims:
        features = _features(len(targets), width, dims)
        _check_learning(head, features, targets)
        with torch.no_grad():
            head.eval()
            raw = head(features)
            _expect(len(raw) == len(targets), f"{kind}: {len(raw)} outputs for {len(targets)} inputs")
            alone = torch.cat([head(_one(features, i)) for i in range(len(targets))])
            _expect(_close(raw, alone), f"{kind}: a batch differs from its inputs one by one")
            other = _rebuilt(type(head)(width, **_through_json(head.config, kind)), head)
            _expect(torch.equal(raw, other(features)), f"{kind}: saved and loaded, its output differs")
    _check_refusal(head)


def check_resume(make: Callable[[], Run], folder: Path) -> None:
    """N epochs equal some of them, Ctrl-C and the rest, bit for bit, wherever Ctrl-C comes.

    `make` gives the same new run each time, of 3 epochs or more, by epochs and not by the clock.
    """
    whole, count = make(), _Count()
    whole.fit(folder / "whole", watcher=count)
    for event, calls in (("scored", count.scores), ("step", count.steps)):
        broken, place = make(), folder / event
        stop = _Stop(event, after=math.ceil(calls * 0.6))
        try:
            broken.fit(place, watcher=stop)
        except KeyboardInterrupt:
            pass
        _expect(0 < broken.state.step < whole.state.step, f"interrupted at '{event}', the run did not stop")
        resumed = make()
        _spoil(resumed)  # whatever it starts from must come from the checkpoint
        resumed.fit(place, watcher=Silent(), resume=True)
        for part in ("model", "average", "best"):
            mine, theirs = getattr(resumed, part).state_dict(), getattr(whole, part).state_dict()
            _expect(_same(mine, theirs), f"interrupted at '{event}' and resumed, {part} differs")
        _expect(_history(resumed) == _history(whole), f"interrupted at '{event}', the history differs")


def check_engines(folder: Path, *batches: np.ndarray) -> None:
    """Every registered engine gives the same probabilities, to 1e-4, and the same best guess.

    Of models that give something else, the same raw output, relative to its largest number.
    `batches` are prepared inputs, of different sizes and counts. An engine that is not installed is left out.
    """
    models = [model for name in ENGINES.names() if (model := _opened(folder, name)) is not None]
    for batch in batches:
        first = _said(models[0], batch)
        for model in models[1:]:
            said, pair = _said(model, batch), f"{models[0].engine} and {model.engine}"
            apart = float(np.abs(said - first).max() / max(1.0, np.abs(first).max()))
            _expect(apart <= SAME, f"{pair} differ by {apart:.1e} for an input of shape {batch.shape}")
            if first.ndim == 2:
                _expect((said.argmax(1) == first.argmax(1)).all(), f"{pair} give different answers")


def check_model(folder: Path, inputs: Sequence[Any]) -> None:
    """A model's folder: one copy of its weights, a card that survives, answers by the input alone.

    `inputs` are two or more, as `Model.run` takes them.
    """
    _check_files(folder)
    model, again = Model(folder), Model(folder)
    with tempfile.TemporaryDirectory() as other:
        model.card.save(Path(other))
        _expect(Card.load(Path(other)) == model.card, f"{folder}: its card changes when saved and loaded")
    together = model.run(list(inputs))
    _expect(len(together) == len(inputs), f"{folder}: {len(together)} answers to {len(inputs)} inputs")
    for result, one in zip(together, inputs, strict=True):
        alone = again.run([one])[0]
        _expect(result.names == model.card.names, f"{folder}: an answer has names that the card lacks")
        apart = _apart(result, alone)
        _expect(apart <= ALONE, f"{folder}: an answer in a batch is {apart:.1e} from the same one alone")
        if isinstance(result, Labels) and not result.multi:
            total = float(result.probs.sum(dtype=np.float64))
            _expect(abs(total - 1) < 1e-5, f"{folder}: probabilities sum to {total}")
    repeated = again.run(list(inputs))
    equal = all(_apart(a, b) == 0 for a, b in zip(together, repeated, strict=True))
    _expect(equal, f"{folder}: opened twice, it answers differently")
    check_result(together[0])


def _expect(truth: object, words: str) -> None:
    if not truth:
        raise AssertionError(words)


def _twice(make: Callable[[], Any]) -> tuple[Any, Any]:
    import torch

    made = []
    for _ in range(2):
        torch.manual_seed(0)
        made.append(make())
    return made[0], made[1]


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(bool((one[name] == other[name]).all()) for name in one)


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= ALONE * one.abs().max().clamp(min=1.0))


def _same_levels(one: Features, other: Features) -> bool:
    return all(bool((a == b).all()) for a, b in zip(one.levels, other.levels, strict=True))


def _through_json(config: dict[str, Any], kind: str) -> dict[str, Any]:
    """A config as a card would give it back."""
    back: dict[str, Any] = json.loads(json.dumps(config))
    _expect(back == config, f"{kind}.config changes on its way through JSON, so no card can hold it")
    return back


def _rebuilt(fresh: Any, trained: nn.Module) -> Any:
    fresh.load_state_dict(trained.state_dict())
    return fresh.eval()


def _check_levels(frontend: Frontend, features: Features, batch: Sequence[torch.Tensor]) -> None:
    kind, sides = type(frontend).__name__, batch[0].shape[-frontend.dims :]
    counts = {len(features.levels), len(frontend.widths), len(frontend.strides)}
    _expect(len(counts) == 1, f"{kind}: levels, widths and strides differ in number")
    _expect(list(frontend.strides) == sorted(frontend.strides), f"{kind}: levels go from fine to coarse")
    for level, width, stride in zip(features.levels, frontend.widths, frontend.strides, strict=True):
        wanted = (len(batch[0]), width, *(math.ceil(side / stride) for side in sides))
        _expect(
            level.shape == wanted, f"{kind}: a level has shape {tuple(level.shape)}, declared is {wanted}"
        )
        _expect(bool(level.isfinite().all()), f"{kind}: a level is not finite")
    wanted = (len(batch[0]), frontend.width)
    _expect(features.pooled.shape == wanted, f"{kind}: pooled has shape {tuple(features.pooled.shape)}")


def _features(count: int, width: int, dims: int) -> Features:
    """Two levels of noise, 6 and 3 positions a side."""
    import torch

    from macaw.frontends.base import Features

    noise = torch.Generator().manual_seed(dims)
    sides = ((6,) * dims, (3,) * dims)
    return Features(tuple(torch.randn(count, width, *side, generator=noise) for side in sides))


def _one(features: Features, index: int) -> Features:
    return dataclasses.replace(features, levels=tuple(level[index : index + 1] for level in features.levels))


def _check_learning(head: Head, features: Features, targets: torch.Tensor) -> None:
    """The loss is a mean over the batch, and thirty small steps lower it."""
    import torch

    kind, optimizer = type(head).__name__, torch.optim.SGD(head.parameters(), 0.05)
    doubled = dataclasses.replace(features, levels=tuple(torch.cat([one, one]) for one in features.levels))
    with torch.no_grad():
        head.eval()
        first = head.loss(head(features), targets, features)
        twice = head.loss(head(doubled), torch.cat([targets, targets]), doubled)
    _expect(first.shape == () and bool(first.isfinite()), f"{kind}.loss is not one finite number")
    _expect(_close(first, twice), f"{kind}: its loss is no mean; twice the batch changes it")
    head.train()
    for _ in range(30):
        optimizer.zero_grad()
        loss = head.loss(head(features), targets, features)
        loss.backward()  # type: ignore[no-untyped-call]
        idle = [name for name, p in head.named_parameters() if p.grad is None]
        _expect(not idle, f"{kind}: no gradient reaches {', '.join(idle[:3])}")
        optimizer.step()
    before, after = first.item(), loss.item()
    _expect(after < before, f"{kind}: its loss does not fall, from {before:.3f} to {after:.3f}")


def _check_refusal(head: Head) -> None:
    """A front-end of other dims is refused by a message that lists the heads that fit it."""
    from macaw.frontends.base import Frontend
    from macaw.heads.base import check_pair

    other = Frontend()
    other.dims = max(head.dims) + 1
    try:
        check_pair(other, head)
    except UnknownName:
        return
    raise AssertionError(
        f"{type(head).__name__} takes features of {other.dims} dims, though dims={head.dims}"
    )


class _Count(Silent):
    """Counts what happens in a run."""

    def __init__(self) -> None:
        self.steps = self.scores = 0

    def step(self, progress: float, row: dict[str, float]) -> None:
        self.steps += 1

    def scored(self, row: dict[str, float], better: bool) -> None:  # noqa: FBT001
        self.scores += 1


class _Stop(_Count):
    """Presses Ctrl-C at one of the events."""

    def __init__(self, event: str, *, after: int) -> None:
        super().__init__()
        self.event, self.after = event, after

    def step(self, progress: float, row: dict[str, float]) -> None:
        super().step(progress, row)
        if self.event == "step" and self.steps == self.after:
            raise KeyboardInterrupt

    def scored(self, row: dict[str, float], better: bool) -> None:  # noqa: FBT001
        super().scored(row, better)
        if self.event == "scored" and self.scores == self.after:
            raise KeyboardInterrupt


def _spoil(run: Run) -> None:
    import torch

    with torch.no_grad():
        for part in (run.model, run.average, run.best):
            for parameter in part.parameters():
                parameter.add_(1.0)


def check_writer(folder: Path, text: str, *, engines: Sequence[str] = ("numpy",)) -> None:
    """A language model's folder: one distribution, scored as it is drawn from, the same from every engine.

    `text` is some ten words or more that its vocabulary can tell.
    """
    from macaw.language.decoding import sample, sample_many
    from macaw.language.protocol import score_by_steps
    from macaw.language.settings import GREEDY
    from macaw.language.writer import Writer

    writer = Writer(folder, engine=engines[0])
    model, name = writer.model, writer.card.name
    ids = model.vocabulary.encode(text)
    logp, state = model.next(ids[:2])
    kept = logp.copy()
    _expect(abs(float(np.exp(np.float64(logp)).sum()) - 1) < SAME, f"{name}: P(next) does not sum to one")
    begin = model.vocabulary.begin
    _expect(begin is None or logp[begin] == -np.inf, f"{name} predicts the begin of a document")
    scores, steps = model.score(ids), score_by_steps(model, ids)
    _expect(bool(np.abs(scores - steps).max() < SAME), f"{name}: score differs from what next says")
    one, other = (model.next(ids[2:3], state)[0] for _ in range(2))
    _expect(np.array_equal(one, other), f"{name}: a state is changed by going on from it")
    _expect(np.array_equal(kept, model.next(ids[:2])[0]), f"{name}: what was written changes what comes")
    wide: dict[str, Any] = {"seed": 7, "limit": 8, "temperature": 2.0, "top_p": 1.0}  # none goes by heart
    told = [writer.run(text, count=3, **wide), writer.run([text, text], **wide)]
    _expect(str(told[0][0]) == str(told[1][0]), f"{name}: the same seed writes another text")
    _expect(len({str(answer) for answer in told[0]}) > 1, f"{name}: every continuation is the same")
    together = [step.token for i, step in sample_many(model, [ids, ids[:4]], seed=7, limit=8) if i == 1]
    alone = [step.token for step in sample(model, ids[:4], seed=7, item=1, limit=8)]
    _expect(together == alone, f"{name}: written beside another, a text differs")
    first = [step.token for step in sample(model, ids, settings=GREEDY, limit=12)]
    for engine in engines[1:]:
        again = Writer(folder, engine=engine).model
        apart = float(np.abs(again.score(ids) - scores).max())
        _expect(apart < SAME, f"{name}: engine '{engine}' is {apart:.2g} nats apart")
        said = [step.token for step in sample(again, ids, settings=GREEDY, limit=12)]
        _expect(said == first, f"{name}: engine '{engine}' writes another text")


def _history(run: Run) -> list[dict[str, float]]:
    """The history without what the clock says."""
    clock = {"minutes", "pictures_per_second", "tokens_per_second"}
    return [{name: value for name, value in row.items() if name not in clock} for row in run.state.history]


def _opened(folder: Path, engine: str) -> Model | None:
    model = Model(folder, engine=engine)
    try:
        model.core(np.zeros((1, 3, model.card.prepare["size"], model.card.prepare["size"]), np.float32))
    except MissingExtra:
        return None
    return model


def _said(model: Model, batch: np.ndarray) -> np.ndarray:
    """The probabilities (B, C) of a classifier, the raw output (B, ...) of any other model."""
    raw = model.core(batch)
    if model.card.row.gives != "Labels":
        return raw
    return np.stack([answer.probs for answer in model.decode(raw)])


def _apart(one: Any, other: Any) -> float:
    """The largest difference between the numbers of two answers, relative to the largest of them."""
    apart = 0.0
    for name in (field.name for field in dataclasses.fields(one) if field.name != "picture"):
        mine, theirs = getattr(one, name), getattr(other, name)
        if not isinstance(mine, np.ndarray):
            continue
        if mine.shape != theirs.shape:
            return math.inf
        if mine.size:
            scale = max(1.0, float(np.abs(mine).max()))
            apart = max(apart, float(np.abs(mine.astype(np.float64) - theirs).max()) / scale)
    return apart


def _check_files(folder: Path) -> None:
    """The folder's files are complete, hold no code, and the weights once."""
    for name in (CARD, WEIGHTS, GRAPH):
        _expect((folder / name).is_file(), f"{folder} has no {name}")
    code = [file.name for file in _files(folder) if file.suffix in {".pkl", ".pickle", ".pt", ".pth", ".py"}]
    _expect(not code, f"{folder} holds code: {', '.join(code)}")
    tensors = {".safetensors", ".npz", ".bin", ".data"}
    large = [f.name for f in _files(folder) if f.suffix in tensors and f.name != NEIGHBOURS]
    _expect(large == [WEIGHTS], f"{folder} holds weights more than once: {', '.join(large)}")
    size = (folder / GRAPH).stat().st_size
    _expect(size < GRAPH_BYTES, f"{folder / GRAPH} has {size:,} bytes: it seems to hold the weights")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
