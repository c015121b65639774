"""The verbs from Python: every layout trained, scored and run; what needs torch, and what does not."""

from __future__ import annotations

import csv
import inspect
import io
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw
from macaw import verbs
from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName

QUICK = {"dial": 0.25, "batch": 8, "size": 16}


def plain(path: Path, colour: tuple[int, int, int], noise: np.random.Generator) -> Path:
    """A picture of one colour, with noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array(colour) + noise.integers(-20, 20, (16, 16, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


# The grammar


def test_the_verbs_have_the_signatures_of_the_design():
    eight = {"load", "run", "train", "evaluate", "explain", "check", "export", "serve"}
    assert set(verbs.VERBS) == eight
    for verb in verbs.VERBS:
        parameters = list(inspect.signature(getattr(macaw, verb)).parameters.values())
        kinds = [p.kind for p in parameters]
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) <= 2, verb
        assert len(parameters) <= 7, verb
    for verb in ("load", "run", "evaluate"):
        assert inspect.signature(getattr(macaw, verb)).parameters["engine"].default is None  # each kind's own


def test_a_loaded_model_has_the_verbs_as_methods(little: Path, shapes: Path, tmp_path: Path):
    mine = macaw.load(little)
    assert isinstance(mine, macaw.Model)
    assert repr(mine) == "Model('classify-shapes': classify, 3 classes, 32 px, onnxruntime)"
    by_method, by_verb = mine.evaluate(shapes, split="val"), macaw.evaluate(little, shapes, split="val")
    assert by_method.count == by_verb.count == 12
    assert by_method.metrics == by_verb.metrics
    one, two = mine.export(tmp_path / "one.onnx"), macaw.export(mine, tmp_path / "two.onnx")
    assert (one.path.name, two.path.name, one.size) == ("one.onnx", "two.onnx", two.size)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_an_exported_file_answers_like_the_model(little: Path, shapes: Path, tmp_path: Path):
    import onnxruntime

    mine = macaw.load(little)
    session = onnxruntime.InferenceSession(str(mine.export(tmp_path / "one.onnx").path))
    picture = np.asarray(Image.open(shapes / "disc" / "05.png"))
    how = mine.card.prepare
    by_hand = ((picture / 255 - how["mean"]) / how["std"]).transpose(2, 0, 1)[None].astype(np.float32)
    (raw,) = session.run(["raw"], {"pictures": by_hand})
    powers = np.exp(raw[0] / mine.card.decode["temperature"])
    np.testing.assert_allclose(mine.run(picture).probs, powers / powers.sum(), atol=1e-5)


# load


def test_names_are_schemes_and_never_guesses(
    embedded: Path, little: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(little, "classify")
    for name in ("classify", "image-classification"):
        assert macaw.load(name).folder == embedded
    for folder in ("./classify", Path("classify"), tmp_path / "classify"):
        assert macaw.load(folder).folder.resolve() == tmp_path / "classify"
    shutil.copytree(little, "s3:mine")
    with pytest.raises(UnknownName, match="scheme 's3:'"):
        macaw.load("s3:mine")
    assert macaw.load("./s3:mine").card.names == ("cross", "disc", "square")
    with pytest.raises(UnknownName, match=r"no application and no folder 'C:\\models\\mine'"):
        macaw.load("C:\\models\\mine")  # a drive is no scheme


def test_an_engine_is_checked_before_the_folder(little: Path):
    with pytest.raises(UnknownName, match=r"no engine 'tourch'\. Did you mean 'torch'"):
        macaw.load(little, engine="tourch")
    assert macaw.load(little, engine="torch").engine == "torch"


def test_a_copy_of_macaw_without_its_embedded_model_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from macaw import zoo

    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    with pytest.raises(ModelError, match="no embedded model 'classify'; it has: none"):
        macaw.load("classify")


# run


def test_one_input_gives_one_answer_and_several_a_list(little: Path, shapes: Path):
    mine, path = macaw.load(little), shapes / "disc" / "00.png"
    pixels = np.asarray(Image.open(path))
    wanted = mine.run(path).probs
    with path.open("rb") as file:
        one = [
            str(path),
            path,
            path.read_bytes(),
            file,
            io.BytesIO(path.read_bytes()),
            Image.open(path),
            pixels,
        ]
        for picture in one:
            np.testing.assert_array_equal(mine.run(picture).probs, wanted)
    several = [[path], (path,), iter([path]), (p for p in [path]), str(path.parent / "00*"), pixels[None]]
    for inputs in several:
        (answer,) = mine.run(inputs)
        np.testing.assert_array_equal(answer.probs, wanted)
    assert mine.run([]) == []
    assert [Path(answer.source).name for answer in mine.run([shapes / "disc", path])][-2:] == [
        "39.png",
        "00.png",
    ]


def test_an_answer_knows_where_its_input_came_from(little: Path, shapes: Path):
    mine, path = macaw.load(little), shapes / "disc" / "00.png"
    with path.open("rb") as file:
        sources = [answer.source for answer in mine.run([path, str(path), file, path.read_bytes()])]
    assert sources == [str(path), str(path), str(path), ""]


def test_a_batch_answers_like_one_by_one_whatever_its_size(little: Path, shapes: Path):
    mine = macaw.load(little)
    paths = sorted((shapes / "cross").iterdir())[:11]
    alone = np.stack([mine.run(path).probs for path in paths])
    for batch in (1, 4, 32):
        together = np.stack([answer.probs for answer in mine.stream(paths, batch=batch)])
        np.testing.assert_allclose(together, alone, atol=1e-6)


def test_run_takes_a_name_or_a_model(little: Path, embedded: Path, shapes: Path):
    path = shapes / "square" / "03.png"
    wanted = macaw.load(little).run(path).to_dict()
    assert macaw.run("classify", path).to_dict() == wanted
    assert macaw.run(little, path).to_dict() == wanted
    assert macaw.run(macaw.Model(little), path).to_dict() == wanted


def test_engines_agree(little: Path, shapes: Path):
    one, two = (macaw.run(little, shapes / "disc", engine=engine) for engine in ("onnxruntime", "torch"))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a.probs, b.probs, atol=1e-5)


# evaluate


def test_classes_are_aligned_by_name(little: Path, shapes: Path, tmp_path: Path):
    # The model knows cross, disc, square. Here square is folder 0 of 2, and the table lists square first.
    mine = macaw.load(little)
    for name in ("square", "disc"):
        shutil.copytree(shapes / name, tmp_path / "two" / "test" / name)
    rows = [("square", n) for n in range(40)] + [("disc", n) for n in range(40)]
    table = tmp_path / "rows.csv"
    lines = [f"{shapes / name / f'{n:02}.png'},{name}" for name, n in rows]
    table.write_text("\n".join(["image,label", *lines]))
    listed = tmp_path / "rows.jsonl"
    listed.write_text(
        "\n".join(
            json.dumps({"file_name": line.split(",")[0], "label": line.split(",")[1]}) for line in lines
        )
    )

    by_hand = {name: [answer.best.name for answer in mine.run(shapes / name)] for name in ("square", "disc")}
    wrong = sum(said != name for name, answers in by_hand.items() for said in answers) / 80
    for data in (tmp_path / "two", table, listed):
        scores = mine.evaluate(data)
        assert scores.metrics["top-1 error"].value == pytest.approx(wrong)
        sparse = scores.to_dict()["confusion"]
        for name, answers in by_hand.items():
            assert sparse[name] == {said: answers.count(said) for said in sorted(set(answers))}
        assert sparse["cross"] == {}


def test_without_a_split_everything_is_scored_and_val_is_what_train_set_aside(little: Path, shapes: Path):
    mine = macaw.load(little)
    assert mine.evaluate(shapes).count == 120
    aside = mine.evaluate(shapes, split="val")
    assert aside.count == mine.card.training["examples"]["val"] == 12
    # Training reported the error of the weights before they were rounded to half precision
    assert aside.metrics["top-1 error"].value == pytest.approx(mine.card.training["val_error"], abs=1.01 / 12)


def test_splits_go_by_all_their_names(little: Path, shapes: Path, tmp_path: Path):
    mine = macaw.load(little)
    for split, count in (("train", 3), ("valid", 2), ("testing", 1)):
        for name in ("cross", "disc", "square"):
            for number in range(count):
                target = tmp_path / split / name / f"{number}.png"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(shapes / name / f"{number:02}.png", target)
    assert mine.evaluate(tmp_path).count == 3
    counts = {
        split: mine.evaluate(tmp_path, split=split).count for split in ("train", "val", "VALID", "test")
    }
    assert counts == {"train": 9, "val": 6, "VALID": 6, "test": 3}
    shutil.rmtree(tmp_path / "testing")
    assert mine.evaluate(tmp_path).count == 6
    with pytest.raises(InputError, match=r"has no split 'test'\. It has: train, val"):
        mine.evaluate(tmp_path, split="test")


def test_a_watcher_hears_of_the_data_and_of_the_reading(little: Path, shapes: Path):
    from macaw.training.progress import Silent

    class Ear(Silent):
        heard: tuple[object, ...] = ()

        def started(self, notes: tuple[str, ...]) -> None:
            self.heard += notes

        def read(self, done: int, total: int, unit: str = "pictures") -> None:
            self.heard += ((done, total),)

    ear = Ear()
    macaw.evaluate(little, shapes, watcher=ear)
    assert ear.heard[-1] == (120, 120)
    assert str(ear.heard[0]).startswith("no test and no val: all of train is scored, 120 pictures")


# train


def test_several_labels_a_picture(tmp_path: Path):
    noise = np.random.default_rng(0)
    rows = []
    for number in range(64):
        red, blue = number % 2, number // 2 % 2
        picture = plain(tmp_path / "pictures" / f"{number}.png", (40 + 160 * red, 40, 40 + 160 * blue), noise)
        labels = [name for name, there in (("red", red), ("blue", blue)) if there]
        rows.append((f"pictures/{picture.name}", "|".join(labels), "val" if number >= 48 else "train"))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "labels", "split"), *rows])

    mine = macaw.train(
        "classify", tmp_path / "table.csv", out=tmp_path / "m", epochs=6, colour=0, mixup=0.2, **QUICK
    )
    assert mine.card.names == ("blue", "red") and mine.card.decode["multi"] is True
    both = mine.run(plain(tmp_path / "both.png", (200, 40, 200), noise))
    assert both.multi and {guess.name for guess in both.chosen()} == {"blue", "red"}
    assert both.probs.sum() > 1.2  # each its own yes or no
    assert mine.run(plain(tmp_path / "none.png", (40, 40, 40), noise)).chosen() == ()
    scores = mine.evaluate(tmp_path / "table.csv")
    assert scores.count == 16 and scores.confusion is None
    assert max(1 - score.f1 for score in scores.per_class if score.f1 is not None) < 0.2
    torch = macaw.load(tmp_path / "m", engine="torch").run(tmp_path / "both.png")
    np.testing.assert_allclose(torch.probs, both.probs, atol=1e-4)


def test_two_classes_of_16_bits_keep_their_range_in_the_model(tmp_path: Path):
    """Values of 1000 to 3000 of 65535: all black to who takes them as they are."""
    noise = np.random.default_rng(0)

    def deep(path: Path, low: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(low, low + 500, (16, 16)).astype(np.uint16)).save(path)
        return path

    rows = []
    for number in range(24):
        for name, low in (("dim", 1000), ("lit", 2500)):
            path = deep(tmp_path / "pictures" / name / f"{number}.png", low)
            rows.append({"image": str(path.relative_to(tmp_path)), "label": name})
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    files = [np.asarray(Image.open(tmp_path / row["image"])) for row in rows]

    mine = macaw.train("classify", table, out=tmp_path / "m", epochs=4, colour=0, **QUICK)
    assert mine.card.names == ("dim", "lit")
    assert mine.card.prepare["levels"] == [min(map(np.min, files)), max(map(np.max, files))]
    for engine in ("onnxruntime", "torch"):
        again = macaw.load(tmp_path / "m", engine=engine)
        assert again.run(deep(tmp_path / "a.png", 1000)).best.name == "dim"
        assert again.run(deep(tmp_path / "b.png", 2500)).best.name == "lit"
    assert mine.evaluate(table).metrics["top-1 error"].value == 0
    blind = mine.card.replace(prepare={**mine.card.prepare, "levels": None})
    blind.save(tmp_path / "m")
    assert macaw.run(tmp_path / "m", tmp_path / "b.png").best.name == "dim"  # what the range is kept for


def test_a_run_by_the_clock(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from macaw.recognition import fit

    monkeypatch.setattr(fit, "_EXPORT_SECONDS", 4.0)
    began = time.monotonic()
    mine = macaw.train("classify", shapes, out=tmp_path / "m", minutes=0.15, dial=0.25)
    assert time.monotonic() - began > 5
    assert mine.card.training["recipe"]["minutes"] == 0.15
    assert 0 < mine.card.training["minutes"] < 0.15


@pytest.mark.slow
def test_half_a_minute_by_the_command_takes_half_a_minute(shapes: Path, tmp_path: Path):
    from macaw.cli import main

    began = time.monotonic()
    assert main(["train", "classify", str(shapes), "--out", str(tmp_path / "m"), "--minutes", "0.5"]) == 0
    assert 20 < time.monotonic() - began < 40
    assert macaw.evaluate(tmp_path / "m", shapes, split="val").metrics["top-1 error"].value < 0.4


def test_same_seed_same_bits_another_seed_others(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from macaw.recognition import saving

    monkeypatch.setattr(saving, "save_graph", lambda *_, **__: None)  # the weights are what is compared
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        macaw.train("classify", shapes, out=tmp_path / name, epochs=1, seed=seed, **QUICK)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_the_card_says_what_was_trained_on(little: Path, shapes: Path):
    card = Card.load(little)
    assert (card.task, card.name, card.names) == ("classify", "classify-shapes", ("cross", "disc", "square"))
    assert card.training["data"] == "shapes" and set(card.training["data_sha256"]) == {"train", "val"}
    assert card.training["recipe"]["epochs"] == 8
    assert str(shapes.parent) not in (little / "card.json").read_text()


# Without torch

# A process in which the modules named first cannot be imported; then commands, a JSON list of their words
WITHOUT = """
import contextlib, io, json, sys
blocked = sys.argv[1].split(",")

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from macaw.cli import main
for words in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""

Without = Callable[..., list[tuple[int, str, str]]]


@pytest.fixture
def without(start: Any) -> Without:
    def call(blocked: str, *commands: list[object]) -> list[tuple[int, str, str]]:
        words = json.dumps([[str(word) for word in command] for command in commands])
        out, err = start(blocked, words, code=WITHOUT).communicate(timeout=120)
        assert err == ""
        return [tuple(json.loads(line)) for line in out.splitlines()]

    return call


def test_without_torch_all_but_training_works(little: Path, shapes: Path, tmp_path: Path, without: Without):
    ran, scored, listed, trained, engine = without(
        "torch,onnx,onnxscript,onnx_ir,skimage",
        ["run", little, shapes / "disc" / "00.png", "--json", "--save", tmp_path / "seen"],
        ["evaluate", little, shapes, "--out", tmp_path / "scores.html"],
        ["tasks"],
        ["train", "classify", shapes, "--out", tmp_path / "new"],
        ["run", little, shapes / "disc" / "00.png", "--engine", "torch"],
    )
    assert (ran[0], scored[0], listed[0]) == (0, 0, 0)
    assert json.loads(ran[1]) == macaw.run(little, shapes / "disc" / "00.png").to_dict()
    command = "Install it with: pip install 'macaw[train]'\n"
    assert trained == (5, "", f"macaw: training 'classify' needs 'torch'. {command}")
    assert engine == (5, "", f"macaw: engine 'torch' needs 'torch'. {command}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.html", "seen"]


def test_without_torch_and_onnx_a_model_is_exported_all_the_same(
    little: Path, tmp_path: Path, without: Without
):
    ((code, _, _),) = without("onnx,torch", ["export", little, tmp_path / "new.onnx"])
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["new.onnx"]
