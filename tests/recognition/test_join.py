"""Several heads on one frozen front-end as one model: the same answers, one copy of what they share."""

from __future__ import annotations

import asyncio
import io
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw
from macaw.card import Card
from macaw.errors import InputError, ModelError, UnknownName
from macaw.results.joint import Joint
from macaw.testing import check_result

pytest.importorskip("torch")

import torch
from safetensors.numpy import load_file, save_file

from macaw.frontends.image import ImageFrontend
from macaw.recognition.recognizer import Recognizer, head_on
from macaw.recognition.saving import Made, save_model

# Shapes: B pictures
SIDE = 64
PREPARE = {"size": SIDE, "mean": [0.4] * 3, "std": [0.3] * 3, "levels": None, "resize": "letter"}
HEADS: dict[str, tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "classify": (
        "label", {"labels": 3, "multi": "no", "smoothing": 0.0, "weights": None},
        {"temperature": 1.0, "multi": False}, ("disc", "square", "cross"),
    ),
    "detect": (
        "box", {"labels": 2, "strides": [4, 8, 16, 32]},
        {"score": 0.001, "iou": 0.6, "limit": 300, "branch": "one-to-many"}, ("disc", "square"),
    ),
    "segment": ("mask", {"labels": 2, "width": 32}, {}, ("ground", "thing")),
    "keypoints": (
        "point", {"points": 2, "size": [SIDE, SIDE], "strides": [4, 8, 16, 32]}, {"edges": [[0, 1]]},
        ("left", "right"),
    ),
}  # fmt: skip
ENGINES = ("onnxruntime", "openvino", "torch")


def made(folder: Path, task: str, *, seed: int = 0, head: int = 1, **prepare: Any) -> Path:
    """A small model of `task` with random weights: `seed` is of its front-end, `head` of its head."""
    name, config, decode, names = HEADS[task]
    torch.manual_seed(seed)
    frontend = ImageFrontend(dial=0.25)
    with torch.no_grad():  # statistics as after a training: half precision does not hold them exactly
        for module in frontend.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    torch.manual_seed(head)
    fresh = head_on(frontend, name, **config)
    with torch.no_grad():
        for weight in fresh.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    how = {**PREPARE, **prepare}
    module = Recognizer(frontend, fresh, mean=how["mean"], std=how["std"])
    module.to(memory_format=torch.channels_last)
    card = Card(
        task=task, name=f"a {task}", builder="recognizer",
        frontend={"name": "image", "config": frontend.config},
        head={"name": name, "config": module.head.config}, names=names, prepare=how, decode=decode,
        terms={"code": "Apache-2.0", "data": f"drawn for {task}"},
    )  # fmt: skip
    row = {"epoch": 1.0, "loss": 1.0, "score": 1.0, "val_error": 0.5, "val_loss": 1.0}
    return save_model(folder, Made(module, card, [row], finished=True))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each application, all on one front-end."""
    root = tmp_path_factory.mktemp("apart")
    return {task: made(root / task, task) for task in HEADS}


@pytest.fixture(scope="module")
def joined(apart: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("together") / "joined"
    macaw.join(list(apart.values()), out=out)
    return out


def picture(seed: int = 0, size: tuple[int, int] = (90, 70)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def same(one: Any, other: Any) -> bool:
    return json.dumps(one.to_dict(), sort_keys=True) == json.dumps(other.to_dict(), sort_keys=True)


# Answers


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_answers_in_the_same_bits_as_each_model_alone(
    engine: str, apart: dict[str, Path], joined: Path
):
    whole = macaw.load(joined, engine=engine)
    arrays = whole.prepare([picture(i) for i in range(3)])  # (3, 3, SIDE, SIDE)
    together = whole.outputs(arrays)
    assert list(whole.card.places) == list(apart)
    for name, place in whole.card.places.items():
        alone = macaw.load(apart[name], engine=engine)
        outputs = alone.outputs(arrays)
        assert len(together[place]) == len(outputs)
        for one, other in zip(together[place], outputs, strict=True):
            if engine == "openvino":  # it may fuse sums otherwise where more reads a map
                assert np.abs(one - other).max() <= 1e-5 * max(1.0, np.abs(other).max())
            else:
                assert np.array_equal(one, other)
        assert np.array_equal(whole.pooled(arrays), alone.pooled(arrays))


def test_run_gives_the_answer_of_each_part_by_its_name(apart: dict[str, Path], joined: Path, tmp_path: Path):
    Image.fromarray(picture(4)).save(tmp_path / "a.png")
    answer = macaw.run(joined, tmp_path / "a.png")
    assert isinstance(answer, Joint) and list(answer) == list(apart) and len(answer) == 4
    for name, place in apart.items():
        assert same(answer[name], macaw.run(place, tmp_path / "a.png"))
    assert answer.source.endswith("a.png") and len(answer["detect"]) > 0
    several = macaw.run(joined, [picture(1), picture(2, (40, 120))])
    assert [one["segment"].size for one in several] == [(90, 70), (40, 120)]
    with pytest.raises(UnknownName, match=r"no part 'detekt'\. Did you mean 'detect'"):
        answer["detekt"]


def test_a_joint_is_words_a_dictionary_and_a_picture(joined: Path, tmp_path: Path):
    answer = macaw.run(joined, picture())
    told = answer.to_dict()
    assert list(told["parts"]) == list(HEADS) and told["source"] == ""
    assert told["parts"]["classify"] == answer["classify"].to_dict()
    lines = answer.text(1).splitlines()
    assert lines[0] == "classify" and lines[2] == "detect" and "segment" in lines
    assert answer.headline.startswith("classify: ") and "; detect: " in answer.headline
    best = answer["classify"].best.name
    assert answer.rank([best]) == 1 and answer.rank(["nobody"]) is None
    assert "<h4>segment</h4>" in answer.fragment()
    answer.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as drawn:
        width, height = drawn.size
    parts = [one.plot() for one in answer.parts.values()]
    assert height > max(one.height for one in parts) and width <= 1288
    with pytest.raises(InputError, match="no answer to join"):
        Joint({})


# The folder


def test_the_folder_holds_the_front_end_once_and_every_head(apart: dict[str, Path], joined: Path):
    tensors = load_file(joined / "model.safetensors")
    ours = load_file(apart["detect"] / "model.safetensors")
    shared = {name for name in ours if name.startswith("frontend.")}
    assert {name for name in tensors if name.startswith("frontend.")} == shared
    for name in shared:
        assert tensors[name].dtype == ours[name].dtype and np.array_equal(tensors[name], ours[name])
    own = {name.removeprefix("head.") for name in ours if name.startswith("head.")}
    kept = {name.removeprefix("head_detect.") for name in tensors if name.startswith("head_detect.")}
    assert kept == own
    assert [path.name for path in joined.rglob("*.safetensors")] == ["model.safetensors"]
    card = Card.load(joined)
    assert card.task == "join" and card.names == tuple(HEADS) and card.row.gives == "Joint"
    assert card.parts["detect"] == Card.load(apart["detect"])
    assert card.terms["segment, data"] == "drawn for segment"


def test_a_card_comes_back_and_is_refused_when_its_parts_do_not_belong_together(joined: Path, tmp_path: Path):
    card = Card.load(joined)
    card.save(tmp_path)
    assert Card.load(tmp_path) == card
    values = card.to_dict()

    def fault(**changes: Any) -> str:
        (tmp_path / "card.json").write_text(json.dumps({**values, **changes}))
        with pytest.raises(ModelError) as problem:
            Card.load(tmp_path)
        return str(problem.value)

    assert "belong together" in fault(parts={})
    assert "belong together" in fault(task="detect")
    assert "name the same parts" in fault(names=["a", "b", "c", "d"])
    assert "outputs of each part" in fault(
        head={"name": "joined", "config": {"outputs": dict.fromkeys(values["parts"], "raw")}}
    )
    other = {**values["parts"]["detect"], "prepare": {**PREPARE, "size": 96}}
    assert "part 'detect' must have" in fault(parts={**values["parts"], "detect": other})
    broken = {name: value for name, value in values["parts"]["detect"].items() if name != "names"}
    assert "of part 'detect' it has no field 'names'" in fault(parts={**values["parts"], "detect": broken})


def test_the_same_models_make_the_same_files(apart: dict[str, Path], joined: Path, tmp_path: Path):
    macaw.join(list(apart.values()), out=tmp_path / "again")
    for file in ("card.json", "model.safetensors", "model.onnx", "detect/model.onnx"):
        assert (tmp_path / "again" / file).read_bytes() == (joined / file).read_bytes()


# Parts


@pytest.mark.parametrize("engine", ENGINES)
def test_a_part_is_a_model_of_its_own(engine: str, apart: dict[str, Path], joined: Path):
    for name, place in apart.items():
        part = macaw.load(joined, engine=engine).part(name)
        assert type(part) is macaw.verbs.Loaded and part.card == Card.load(place)
        assert same(part.run(picture()), macaw.load(place, engine=engine).run(picture()))
        assert same(macaw.run(joined / name, picture(), engine=engine), part.run(picture()))


def test_a_part_has_all_the_verbs(joined: Path, discs_and_squares: Path, tmp_path: Path, monkeypatch: Any):
    part = macaw.load(joined).part("detect")
    scores = part.evaluate(discs_and_squares, split="val")
    assert 0 <= scores.metrics["AP"].value < 1
    assert part.explain(picture(), by="cells").to_dict()
    written = part.export(tmp_path / "part.onnx")
    assert written.parity.changed.value == 0
    assert same(macaw.run(tmp_path / "part.onnx", picture()), part.run(picture()))
    monkeypatch.chdir(joined / "detect")
    assert same(macaw.run(Path(), picture()), part.run(picture()))  # by whatever name its folder is called
    assert macaw.load(Path(), engine="torch").run(picture()).names == ("disc", "square")


def test_the_weights_of_a_part_have_a_hash(joined: Path, tmp_path: Path):
    from macaw.metrics.provenance import weights_of

    shutil.copytree(joined, tmp_path / "other")
    before = weights_of(macaw.load(joined / "detect"))
    assert weights_of(macaw.load(tmp_path / "other" / "detect")) == before
    tensors = load_file(joined / "model.safetensors")
    name = next(name for name in tensors if name.startswith("head_detect."))
    save_file({**tensors, name: tensors[name] + 1}, tmp_path / "other" / "model.safetensors")
    assert weights_of(macaw.load(tmp_path / "other" / "detect")) != before


def test_what_asks_for_one_answer_names_the_parts(joined: Path, apart: dict[str, Path]):
    for ask in (macaw.evaluate, macaw.explain):
        with pytest.raises(InputError, match=r"joins classify, detect, segment, keypoints; e\w+ one of them"):
            ask(joined, picture())
    with pytest.raises(UnknownName, match=r"no part 'segmnt'\. Did you mean 'segment'"):
        macaw.load(joined).part("segmnt")
    with pytest.raises(InputError, match="not several joined"):
        macaw.load(apart["detect"]).part("detect")
    with pytest.raises(ModelError, match="is not a model"):
        macaw.load(joined.parent / "joined" / "..")


# Export


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_the_whole_becomes_one_file_that_is_proved_part_by_part(
    suffix: str, apart: dict[str, Path], joined: Path, tmp_path: Path, monkeypatch: Any
):
    monkeypatch.setattr("macaw.data.proof.STAND_INS", 6)
    written = macaw.export(joined, tmp_path / f"all{suffix}")
    assert list(written.parity.parts) == list(apart)
    assert all(one.changed.value == 0 for one in written.parity.parts.values())
    assert "detect: " in str(written) and "; segment: " in written.parity.headline
    check_result(written.parity)
    assert json.loads(json.dumps(written.to_dict()))["parity"]["parts"]["segment"]["count"] == 6
    shut = macaw.load(tmp_path / f"all{suffix}")
    answer = shut.run(picture())
    for name in apart:
        part = shut.part(name)
        assert same(part.run(picture()), answer[name])
        if suffix == ".onnx":
            assert same(answer[name], macaw.run(apart[name], picture()))
    refusal = "is an export" if suffix == ".xml" else "holds several parts"
    with pytest.raises(InputError, match=refusal):
        shut.part("detect").export(tmp_path / "part.onnx")
    with pytest.raises(InputError, match=r"such as \.part\('classify'\)"):
        shut.explain(picture())


def test_the_file_says_in_words_how_each_part_is_read(joined: Path, tmp_path: Path, monkeypatch: Any):
    from macaw.runtime.wire import read_metadata

    monkeypatch.setattr("macaw.data.proof.STAND_INS", 2)
    macaw.export(joined, tmp_path / "all.onnx")
    told = read_metadata((tmp_path / "all.onnx").read_bytes())
    assert json.loads(told["labels"]) == list(HEADS) and json.loads(told["labels.detect"]) == [
        "disc",
        "square",
    ]
    words = told["macaw.decode"]
    assert all(f"Output '{name}.raw'" in words for name in HEADS) and "'raw'" not in words
    assert "'labels.segment'" in words and words.count("'pooled'") == 1


# What cannot be joined


def refused(models: list[Any], out: Path, **options: Any) -> str:
    with pytest.raises(InputError) as problem:
        macaw.join(models, out=out, **options)
    assert not out.exists() and "\n" not in str(problem.value)
    return str(problem.value)


def test_models_that_differ_are_refused_with_what_differs(apart: dict[str, Path], tmp_path: Path):
    one, out = apart["detect"], tmp_path / "out"
    other = made(tmp_path / "other", "segment", seed=7)
    said = refused([one, other], out)
    assert "'frontend." in said and "--tune probe" in said and str(other) in said
    wide = made(tmp_path / "wide", "segment", size=96)
    assert "with size 96" in refused([one, wide], out)
    card = Card.load(other)
    deep = {"name": "image", "config": {"dial": 0.25, "reduction": 2}}
    card.replace(frontend=deep).save(other)
    assert "has the front-end 'image' (dial 0.25, reduction 2)" in refused([one, other], out)


def test_one_bit_of_the_front_end_is_enough(apart: dict[str, Path], tmp_path: Path):
    shutil.copytree(apart["segment"], tmp_path / "near")
    tensors = load_file(apart["segment"] / "model.safetensors")
    name = next(one for one in tensors if one.startswith("frontend.") and one.endswith("running_var"))
    tensors[name][0] = np.nextafter(tensors[name][0], np.float32(9))
    save_file(tensors, tmp_path / "near" / "model.safetensors")
    assert f"the first of them '{name}'" in refused([apart["detect"], tmp_path / "near"], tmp_path / "out")


def test_the_remaining_refusals(apart: dict[str, Path], joined: Path, tmp_path: Path, monkeypatch: Any):
    out = tmp_path / "out"
    assert "give two or more" in refused([apart["detect"]], out)
    pair = [apart["detect"], made(tmp_path / "cells", "detect", head=5)]
    assert "2 parts would be called 'detect'" in refused(pair, out)
    assert "1 names for 2 models" in refused(pair, out, names=["a"])
    assert "2 parts would be called 'a'" in refused(pair, out, names=["a", "a"])
    assert "cannot name a part" in refused(pair, out, names=["../a", "b"])
    assert "is joined already" in refused([joined, apart["detect"]], out)
    monkeypatch.setattr("macaw.data.proof.STAND_INS", 2)
    macaw.export(apart["detect"], tmp_path / "one.onnx")
    assert "is an exported file" in refused([tmp_path / "one.onnx", apart["segment"]], out)
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        macaw.join(pair, out=out, names=["a", "b"])
    assert (out / "mine.txt").read_text() == "mine"


@pytest.mark.slow
def test_two_of_one_application_have_names(apart: dict[str, Path], tmp_path: Path):
    cells = made(tmp_path / "cells", "detect", head=5)
    both = macaw.join([apart["detect"], cells], out=tmp_path / "both", names=["train", "cells"])
    answer = both.run(picture())
    assert same(answer["train"], macaw.run(apart["detect"], picture()))
    assert same(answer["cells"], macaw.run(cells, picture())) and not same(answer["train"], answer["cells"])


# How one comes by models that can be joined


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("start") / "detector", "detect")


def frontend_of(folder: Path) -> dict[str, np.ndarray]:
    tensors = load_file(folder / "model.safetensors")
    return {name: one for name, one in tensors.items() if name.startswith("frontend.")}


def test_probes_on_one_start_can_be_joined(
    start: Path, shapes: Path, discs_and_squares: Path, tmp_path: Path
):
    """A classifier of 32-pixel pictures, which alone would be trained at 32, and a detector of 96 x 64."""
    how: dict[str, Any] = {"start": str(start), "tune": "probe", "epochs": 1}
    macaw.train("classify", shapes, out=tmp_path / "c", **how)
    macaw.train("detect", discs_and_squares, out=tmp_path / "d", **how)
    before = frontend_of(start)
    for place in (tmp_path / "c", tmp_path / "d"):
        after = frontend_of(place)
        assert after.keys() == before.keys()
        assert all(np.array_equal(after[name], before[name]) for name in before)
        assert Card.load(place).prepare == Card.load(start).prepare
        assert Card.load(place).frontend == Card.load(start).frontend
    both = macaw.join([tmp_path / "c", tmp_path / "d"], out=tmp_path / "both")
    known = shapes / "disc" / "00.png"
    answer = both.run(known)
    assert same(answer["classify"], macaw.run(tmp_path / "c", known))
    assert same(answer["detect"], macaw.run(tmp_path / "d", known))
    near = both.part("classify").explain(known, by="neighbours", data=shapes)  # its index came along
    assert near.to_dict()


def test_without_a_probe_the_data_decides_as_before(start: Path, shapes: Path, tmp_path: Path):
    macaw.train("classify", shapes, out=tmp_path / "c", start=str(start), tune="probe", size=32)
    assert Card.load(tmp_path / "c").prepare["size"] == 32


# Doors


@pytest.mark.slow
def test_the_command_line(apart: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from macaw.cli import main

    def call(*words: Any) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    out = tmp_path / "joined"
    Image.fromarray(picture()).save(tmp_path / "a.png")
    code, said, _ = call("join", apart["detect"], apart["segment"], "--out", out)
    assert (code, said) == (0, f"{out}  detect, segment\n")
    code, said, _ = call("run", out, tmp_path / "a.png", "--json")
    assert code == 0 and set(json.loads(said)["parts"]) == {"detect", "segment"}
    code, said, _ = call("run", out / "segment", tmp_path / "a.png")
    assert code == 0 and "%" in said
    code, said, _ = call("run", out, tmp_path / "a.png", "--save", tmp_path / "pictures")
    assert code == 0 and "\nsegment\n" in said and list((tmp_path / "pictures").iterdir())
    code, _, said = call("evaluate", out, tmp_path)
    assert code == 3 and "evaluate one of them" in said
    again = ("join", apart["detect"], apart["detect"], "--as", "one", "--as", "two", "--out", tmp_path / "b")
    code, said, _ = call(*again, "--json")
    assert code == 0 and json.loads(said)["parts"] == ["one", "two"]


def test_the_guide_does_what_it_says(
    start: Path, shapes: Path, tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture[str]
):
    from macaw.cli import main

    monkeypatch.chdir(tmp_path)
    shutil.copytree(start, "my-cells")
    shutil.copytree(shapes, "birds")
    Image.fromarray(picture()).save("slide.jpg")
    page = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "join.md").read_text()
    for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if kind == "python":
            exec(compile(text, "join.md", "exec"), {})
        for line in text.splitlines() if not kind else ():
            assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.rstrip().endswith("cells, kinds")
    assert (tmp_path / "slide.png").is_file() and (tmp_path / "named" / "kinds").is_dir()


def test_a_server_answers_for_every_part(joined: Path):
    pytest.importorskip("fastapi")
    from macaw.server import Limits
    from macaw.server.application import build
    from macaw.server.hosting import open_house

    house = open_house([joined, joined / "detect"], Limits(), "onnxruntime")
    api = build(house)

    async def asked(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"content-type", b"image/png"), (b"host", b"127.0.0.1")],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await api(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)

    data = io.BytesIO()
    Image.fromarray(picture()).save(data, "PNG")
    status, said = asyncio.run(asked("POST", "/join", data.getvalue()))
    told, answer = json.loads(said), macaw.run(joined, picture())
    assert status == 200 and told["model"] == "joined" and list(told["parts"]) == list(HEADS)
    assert told["parts"]["detect"]["boxes"] == answer["detect"].to_dict()["boxes"]
    assert told["parts"]["keypoints"]["points"] == answer["keypoints"].to_dict()["points"]
    status, alone = asyncio.run(asked("POST", "/detect", data.getvalue()))
    assert json.loads(alone)["boxes"] == told["parts"]["detect"]["boxes"]
    status, page = asyncio.run(asked("GET", "/", b""))
    assert status == 200 and b"several questions" in page
    house.close()
