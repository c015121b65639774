"""Suspects: labels that were changed on purpose are found, others are left alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from macaw.data.examples import Examples
from macaw.data.labelled import read_labelled
from macaw.data.lint import lint_pictures
from macaw.data.pixels import load_pixels
from macaw.recognition.suspects import FEW, LEAST, add_suspects, find_doubts, out_of_fold, surprising


def clouds(number: int, labels: int, *, gap: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, 8) around the corner of each label, `gap` standard deviations apart."""
    rng = np.random.default_rng(seed)
    targets = np.arange(number) % labels
    centres = np.eye(labels, 8) * gap / np.sqrt(2)
    return (centres[targets] + rng.normal(size=(number, 8))).astype(np.float32), targets


def flipped(targets: np.ndarray, labels: int, *, share: float = 0.05, seed: int = 1):
    """Targets of which a share is changed to another label, and where."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(len(targets))[: round(share * len(targets))]
    wrong = targets.copy()
    wrong[places] = (wrong[places] + rng.integers(1, labels, len(places))) % labels
    return wrong, set(places.tolist())


def test_changed_labels_come_first_and_the_right_one_is_suggested():
    features, targets = clouds(600, 4, gap=6)
    wrong, places = flipped(targets, 4)
    doubts, right = find_doubts(features, wrong, labels=4)
    hits = [one for one in doubts if one.place in places]
    assert len(hits) >= 0.4 * len(places)
    assert len(hits) >= 0.9 * len(doubts)
    assert all(int(one.suggested) == targets[one.place] for one in hits)
    assert 0.9 < right < 0.97  # what was changed it cannot find
    shares = [one.doubt for one in doubts]
    assert shares == sorted(shares, reverse=True) and LEAST <= shares[-1] <= shares[0] <= 1


@pytest.mark.parametrize("gap", [0, 1, 3, 14])
def test_right_labels_are_not_doubted_however_weak_the_features(gap: float):
    features, targets = clouds(800, 4, gap=gap)
    assert len(find_doubts(features, targets, labels=4).most) <= 2


def test_answers_drawn_from_the_beliefs_are_no_surprise():
    numbers = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        beliefs = rng.dirichlet(np.full(5, 0.3), size=500)
        answers = (beliefs.cumsum(1) > rng.random((500, 1))).argmax(1)
        numbers.append(len(surprising(beliefs, answers)[0]))
    assert np.mean(numbers) < 0.5 and max(numbers) < 10


def test_the_share_of_wrong_answers_is_what_it_says():
    rng = np.random.default_rng(0)
    beliefs = rng.dirichlet(np.full(5, 0.2), size=20_000)
    answers = (beliefs.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    changed = rng.random(20_000) < 0.05
    answers[changed] = rng.integers(0, 5, changed.sum())
    order, wrong = surprising(beliefs, answers)
    assert len(order) > 300
    for many in (100, 200, len(order)):
        assert changed[order[:many]].mean() == pytest.approx(wrong[many - 1], abs=0.1)


def test_a_label_of_few_examples_is_neither_doubted_nor_suggested():
    features, targets = clouds(400, 3, gap=6)
    targets[targets == 2] = 0
    targets[: 3 * (FEW - 1) : 3] = 2  # taken from the first cloud, where it must be doubted
    doubts, _ = find_doubts(features, targets, labels=3)
    assert not any(targets[one.place] == 2 or one.suggested == 2 for one in doubts)


def test_the_same_seed_doubts_the_same():
    features, targets = clouds(200, 3, gap=3)
    one, other = (find_doubts(features, targets, labels=3, seed=5) for _ in range(2))
    assert [(d.place, d.doubt) for d in one.most] == [(d.place, d.doubt) for d in other.most]


def test_nobody_is_judged_by_a_probe_that_saw_it():
    # Features of pure chance: whoever has seen the labels knows them by heart, the others only guess
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(60, 200)).astype(np.float32), np.arange(60) % 2
    logits = out_of_fold(features, targets, labels=2)
    assert (logits.argmax(1) == targets).mean() < 0.75


def test_several_labels_are_doubted_one_by_one():
    features, _ = clouds(600, 2, gap=1)
    targets = (features[:, :3] > 0).astype(np.float32)
    wrong = targets.copy()
    places = np.random.default_rng(3).permutation(600)[:30]
    wrong[places, places % 3] = 1 - wrong[places, places % 3]
    doubts, right = find_doubts(features, wrong, labels=3)
    first = {one.place for one in doubts[:30]}
    assert len(first & set(places.tolist())) >= 20
    for one in doubts[:5]:
        assert np.abs(one.suggested - wrong[one.place]).sum() == 1
    assert 0.9 < right < 1


def test_digits_with_changed_labels(packs: Path):
    data = read_labelled(packs / "mnist", val_share=0)
    digits = data.splits["test"].subset(slice(0, 1200))
    pixels = load_pixels(digits, 14)[..., 0].reshape(1200, -1).astype(np.float32)
    wrong, places = flipped(digits.targets, 10)
    doubts, _ = find_doubts(pixels, wrong, labels=10)
    hits = [one.place in places for one in doubts]
    assert np.mean(hits) >= LEAST  # chance would be 0.05
    assert sum(hits) >= 0.4 * len(places)


class Bright:
    """A model whose features are the mean colours of a picture's quarters."""

    card = SimpleNamespace(name="bright")

    def features(self, examples: Examples, *, progress=None) -> np.ndarray:
        return load_pixels(examples, 4).reshape(len(examples), -1).astype(np.float32)


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Pictures of red and of blue, two of them in the wrong folder, and one that cannot be read."""
    rng = np.random.default_rng(0)
    for name, base in (("red", (180, 40, 40)), ("blue", (40, 40, 180))):
        (tmp_path / name).mkdir()
        for index in range(30):
            noise = rng.integers(-40, 40, (16, 16, 3))
            shown = base[::-1] if index == 7 else base
            Image.fromarray((noise + shown).clip(0, 255).astype(np.uint8)).save(
                tmp_path / name / f"{index}.png"
            )
    (tmp_path / "red" / "bad.png").write_bytes(b"")
    return tmp_path


def test_suspects_join_the_findings(colours: Path):
    linted = lint_pictures(colours)
    findings = add_suspects(linted, Bright())  # type: ignore[arg-type]
    assert [(one.source, one.given, one.suggested) for one in findings.suspects[:2]] in (
        [("blue/7.png", ("blue",), ("red",)), ("red/7.png", ("red",), ("blue",))],
        [("red/7.png", ("red",), ("blue",)), ("blue/7.png", ("blue",), ("red",))],
    )
    found = findings.of("label-suspect")
    assert found is not None and found.count == len(findings.suspects) == 2
    assert found.severity == "warning" and "features of bright" in found.words
    assert findings.suspects[0].crop is not None
    assert findings.of("unreadable") is not None and findings.seconds > linted.findings.seconds


def test_a_set_too_small_to_judge_is_left_alone(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for index in range(4):
            Image.new("RGB", (8, 8), (index * 50, 0, 255 * (name == "a"))).save(
                tmp_path / name / f"{index}.png"
            )
    linted = lint_pictures(tmp_path)
    assert add_suspects(linted, Bright()) is linted.findings  # type: ignore[arg-type]
