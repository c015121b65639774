"""The loop: seeds, averages, early stop, the clock, and what it says when the loss is lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from macaw.errors import InputError, MacawError, UnknownName
from macaw.training import loop
from macaw.training.loop import Batches, Run, resolve_precision
from macaw.training.optimizers import Phase
from macaw.training.progress import Silent
from macaw.training.recipe import Recipe
from macaw.training.schedule import ramp

MakeRun = Callable[..., Run]


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


class Linear(nn.Module):
    """The smallest thing the loop can train: one weight, which falls by a constant slope."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([5.0]))
        self.slope = slope

    def phases(self, pictures, targets):
        yield Phase("one", (self.weight * self.slope).sum(), (self.weight,))


class Events(Silent):
    """Keeps what a run tells."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, dict[str, float]]] = []
        self.scores: list[tuple[dict[str, float], bool]] = []

    def step(self, progress, row):
        self.steps.append((progress, row))

    def scored(self, row, better):
        self.scores.append((row, better))


def linear_run(judge=lambda module: {"score": 0.0}, count: int = 40, **numbers) -> Run:
    noise = np.random.default_rng(0)
    data = Batches(noise.integers(0, 256, (count, 4, 4, 3), np.uint8), np.zeros(count, np.int64), 2)
    recipe = Recipe(batch=4, epochs=2).override(decay=0.0, momentum=0.0, **numbers)
    return Run(Linear(), data, recipe, size=4, score=judge)


def test_same_seed_same_bits_another_seed_others(make_run: MakeRun, tmp_path: Path):
    runs = [make_run(epochs=2, seed=seed, zoom=0.2) for seed in (1, 1, 2)]
    for number, run in enumerate(runs):
        torch.manual_seed(99 * number)  # what was drawn before must not matter
        np.random.seed(number)  # noqa: NPY002  (the state that must not be read)
        run.fit(tmp_path / str(number), watcher=Silent())
    assert same(runs[0].model, runs[1].model)
    assert same(runs[0].best, runs[1].best)
    assert not same(runs[0].model, runs[2].model)


def test_it_learns_and_a_shuffled_label_drops_the_score_to_chance(
    make_run: MakeRun, tmp_path: Path, train_set
):
    honest = make_run(epochs=6, rate=0.1)
    honest.fit(tmp_path / "honest", watcher=Silent())
    assert honest.state.best < 0.1
    assert honest.state.history[-1]["val_loss"] < 0.5
    # Dealt out evenly: a chance surplus of one label among the pictures of a pattern could be learnt
    shuffled = np.arange(len(train_set[1])) // 3 % 3
    fooled = make_run(epochs=6, rate=0.1, targets=shuffled)
    fooled.fit(tmp_path / "fooled", watcher=Silent())
    # In nats, not in errors: of three patterns a fooled network may guess one right for all its pictures
    assert np.mean([row["val_loss"] for row in fooled.state.history]) > 0.8 * math.log(3)


def test_the_best_weights_are_those_of_the_best_score(tmp_path: Path):
    scores = iter([0.5, 0.3, 0.4, 0.35])
    seen = []

    def judge(module):
        seen.append(module.weight.item())
        return {"score": next(scores)}

    run, events = linear_run(judge, epochs=4), Events()
    run.fit(tmp_path, watcher=events)
    assert [better for _, better in events.scores] == [True, True, False, False]
    assert run.best.weight.item() == seen[1]
    assert run.state.best == 0.3
    assert [row["score"] for row in run.state.history] == [0.5, 0.3, 0.4, 0.35]


def test_the_average_forgets_as_declared(tmp_path: Path):
    # mean_t = d_t mean_(t-1) + (1 - d_t) w_t with d_t = min(ema, (1 + t) / (10 + t))
    run = linear_run(epochs=2, ema=0.6, rate=0.1, plain_rate=0.1)
    path = [run.model.weight.item()]

    class Path_(Silent):
        def step(self, progress, row):
            path.append(run.model.weight.item())

    run.fit(tmp_path, watcher=Path_())
    assert len(path) == 21
    mean = path[0]
    for t, weight in enumerate(path[1:], start=1):
        decay = min(0.6, (1 + t) / (10 + t))
        mean = decay * mean + (1 - decay) * weight
    assert run.average.weight.item() == pytest.approx(mean, rel=1e-5)
    # The weights themselves: plain steps along the slope, each as long as the schedule says
    fall = sum(0.1 * ramp(t / 20, warmup=run.recipe.warmup) for t in range(20))
    assert path[-1] == pytest.approx(5 - fall, rel=1e-5)


def test_scored_weights_have_statistics_of_their_own(make_run: MakeRun, tmp_path: Path, train_set):
    # Of the averaged weights, on the training pictures: what the first norm has seen can be worked out
    run = make_run(epochs=1, flip=0.0, shift=0.0)
    run.fit(tmp_path, watcher=Silent())
    conv, norm = run.best.frontend.stem[0], run.best.frontend.stem[1]
    x = (torch.from_numpy(train_set[0]).permute(0, 3, 1, 2).float() / 255 - 0.4) / 0.2
    with torch.no_grad():
        seen = conv(x)
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), rtol=1e-3, atol=1e-3)


def test_patience_stops_a_run_that_no_longer_improves(tmp_path: Path):
    run = linear_run(epochs=50, patience=3)
    run.fit(tmp_path, watcher=Silent())
    assert len(run.state.history) == 1 + 3
    assert run.state.waited == 3
    scores = iter([0.9, 0.8, 0.85, 0.7, 0.75, 0.71, 0.72, 0.1])
    run = linear_run(lambda module: {"score": next(scores)}, epochs=50, patience=3)
    run.fit(tmp_path, watcher=Silent())
    assert len(run.state.history) == 7
    assert run.state.best == 0.7


def test_without_patience_it_runs_to_the_end(tmp_path: Path):
    run = linear_run(epochs=5)
    run.fit(tmp_path, watcher=Silent())
    assert [row["epoch"] for row in run.state.history] == [1, 2, 3, 4, 5]


def test_a_part_of_an_epoch_counts_too(tmp_path: Path):
    run, events = linear_run(epochs=2.5), Events()  # 10 steps an epoch
    run.fit(tmp_path, watcher=events)
    assert len(events.steps) == 25
    assert [row["epoch"] for row in run.state.history] == [1, 2, 2.5]


def test_a_batch_is_never_larger_than_the_set(tmp_path: Path):
    run, events = linear_run(epochs=3, batch=4096), Events()
    run.fit(tmp_path, watcher=events)
    assert len(events.steps) == 3


def test_every_picture_has_its_turn(tmp_path: Path):
    class Seen(Linear):
        def phases(self, pictures, targets):
            seen.extend(targets.tolist())
            yield Phase("one", self.weight.sum(), (self.weight,))

    seen: list[int] = []
    data = Batches(np.zeros((12, 4, 4, 3), np.uint8), np.arange(12), 12)
    run = Run(Seen(), data, Recipe(batch=4, epochs=3), size=4, score=lambda module: {"score": 0.0})
    run.average.phases = lambda pictures, targets: iter([None])  # what settles its statistics is no training
    run.fit(tmp_path, watcher=Silent())
    epochs = [seen[i : i + 12] for i in (0, 12, 24)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3  # in another order each time


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_lost_is_one_clear_line(value: float, tmp_path: Path):
    run = linear_run(epochs=2)
    run.model.slope = value
    with pytest.raises(InputError, match=rf"the loss became (-?){value} at step 1; .*rate") as caught:
        run.fit(tmp_path, watcher=Silent())
    assert isinstance(caught.value, MacawError)
    assert "\n" not in str(caught.value)


def test_an_absurd_rate_is_found_out(make_run: MakeRun, tmp_path: Path):
    with pytest.raises(InputError, match=r"the loss became .* lower"):
        make_run(epochs=3, plain_rate=1e30).fit(tmp_path, watcher=Silent())


# By the clock: a clock of ours, which moves when a step or an evaluation says so


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def timed(clock: SimpleNamespace, *, step: float, scoring: float = 0.0) -> tuple[Run, Events]:
    def judge(module):
        clock.now += scoring
        return {"score": 0.0}

    class Ticking(Events):
        def step(self, progress, row):
            super().step(progress, row)
            clock.now += step

    return linear_run(judge), Ticking()


def test_by_the_clock_the_schedule_follows_the_time(clock: SimpleNamespace, tmp_path: Path):
    run, events = timed(clock, step=0.125)
    run.fit(tmp_path, watcher=events, seconds=20.0)
    assert clock.now - 1000 == 20.0
    assert [progress for progress, _ in events.steps] == pytest.approx(np.arange(160) / 160)
    rates = [row["rate"] for row in run.state.history]
    assert rates[-1] == pytest.approx(ramp(159 / 160, warmup=0.1))
    assert 17 <= len(run.state.history) <= 20  # about every twentieth of the time
    assert run.state.history[-1]["minutes"] == pytest.approx(20 / 60)


def test_dear_evaluations_are_rarer(clock: SimpleNamespace, tmp_path: Path):
    run, events = timed(clock, step=0.1, scoring=1.0)
    run.fit(tmp_path, watcher=events, seconds=100.0)
    # One second in 20, and the last one: at most a twentieth of the time goes into them
    assert 4 <= len(run.state.history) <= 6
    assert len(events.steps) > 0.93 * 1000


def test_a_resumed_run_has_the_time_that_is_left(clock: SimpleNamespace, tmp_path: Path):
    run, events = timed(clock, step=0.5)

    class Cut(type(events)):
        def step(self, progress, row):
            super().step(progress, row)
            if len(self.steps) == 25:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.fit(tmp_path, watcher=Cut(), seconds=20.0)
    clock.now += 3600  # a break, which does not count
    again, rest = timed(clock, step=0.5)
    again.fit(tmp_path, watcher=rest, seconds=20.0, resume=True)
    assert rest.steps[0][0] == pytest.approx(0.5)  # from the last whole epoch on: 20 of the 40 steps
    assert len(rest.steps) == 20


def test_the_last_step_is_scored_even_when_the_time_ends_between_epochs(
    clock: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run, events = timed(clock, step=0.1)
    original = loop.save_checkpoint

    def slow(*arguments):
        clock.now += 0.5
        return original(*arguments)

    monkeypatch.setattr(loop, "save_checkpoint", slow)
    run.fit(tmp_path, watcher=events, seconds=20.7)  # over while the 14th checkpoint is written
    assert run.state.history[-1]["epoch"] == pytest.approx(len(events.steps) / 10)


def test_real_seconds_are_kept(make_run: MakeRun, tmp_path: Path):
    run, times = make_run(), [time.monotonic()]

    class Times(Silent):
        def step(self, progress, row):
            assert progress < 1
            times.append(time.monotonic())

    run.fit(tmp_path, watcher=Times(), seconds=1.5)
    took = time.monotonic() - times[0]
    # Over by a step, an evaluation and a checkpoint; on a busy machine one of these can be long
    assert 1.5 <= took < 1.5 * 1.5 + 4 * np.diff(times).max()
    assert run.state.history[-1]["rate"] < 0.2


def test_precision():
    assert resolve_precision("float32") == "float32"
    assert resolve_precision("bfloat16") == "bfloat16"
    assert resolve_precision("auto") in {"float32", "bfloat16"}
    with pytest.raises(UnknownName, match=r"precision='bf16'.* Did you mean 'bfloat16'"):
        resolve_precision("bf16")


def test_half_precision_trains_too(make_run: MakeRun, tmp_path: Path):
    run = make_run(epochs=0.5, precision="bfloat16")
    run.fit(tmp_path, watcher=Silent())
    assert all(parameter.dtype == torch.float32 for parameter in run.model.parameters())
    assert np.isfinite(run.state.history[-1]["loss"])
