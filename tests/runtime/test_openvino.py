"""OpenVINO: the engine, its own files, what damage to them is called, and that it reports to nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from macaw import files
from macaw.card import Card
from macaw.errors import MissingExtra, ModelError, StorageError
from macaw.model import Model
from macaw.runtime.ir import convert, save_ir
from macaw.runtime.places import card_of
from macaw.runtime.single import described, whole_model
from macaw.runtime.vino import import_openvino

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")

NOISE = np.random.default_rng(0).standard_normal((5, 3, 32, 32), np.float32)


@pytest.fixture(scope="module")
def converted(little: Path) -> tuple[bytes, bytes]:
    return convert(whole_model(little))


@pytest.fixture
def exported(converted: tuple[bytes, bytes], little: Path, tmp_path: Path) -> Path:
    return save_ir(tmp_path / "mine.xml", *converted, Card.load(little))


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (7, 3, 64, 40), (2, 3, 33, 31)])
def test_it_answers_like_onnx_runtime_for_any_batch_and_size(little: Path, shape: tuple[int, ...]):
    batch = np.random.default_rng(1).standard_normal(shape, np.float32)
    ours, theirs = Model(little, engine="openvino"), Model(little)
    close(ours.core(batch), theirs.core(batch))
    close(ours.pooled(batch), theirs.pooled(batch))
    assert ours.core(batch).dtype == np.float32


def test_it_computes_in_single_precision_whatever_the_processor(little: Path):
    from macaw.runtime.compiled import OpenVinoEngine

    engine = OpenVinoEngine(little, Card.load(little))
    assert engine._compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"


def test_several_threads_may_ask_at_once(little: Path):
    model = Model(little, engine="openvino")
    batches = [NOISE + shift for shift in range(8)]
    alone = [model.core(batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(3):
            for one, other in zip(threads.map(model.core, batches), alone, strict=True):
                close(one, other)


def test_an_answer_is_not_overwritten_by_the_next(little: Path):
    model = Model(little, engine="openvino")
    first = model.core(NOISE)
    kept = first.copy()
    model.core(NOISE * 2)
    assert (first == kept).all()


def test_it_opens_a_one_file_model(little: Path, tmp_path: Path):
    path = tmp_path / "little.onnx"
    path.write_bytes(described(whole_model(little), Card.load(little)))
    model = Model(path, engine="openvino")
    assert model.engine == "openvino"
    close(model.core(NOISE), Model(little).core(NOISE))


def test_its_own_files_answer_like_the_folder(exported: Path, little: Path, shapes: Path):
    assert sorted(path.name for path in exported.parent.iterdir()) == ["mine.bin", "mine.xml"]
    assert card_of(exported) == Card.load(little)
    model = Model(exported)
    assert model.engine == "openvino"  # nothing else can open it, so it need not be asked for
    close(model.core(NOISE), Model(little).core(NOISE))
    close(model.pooled(NOISE), Model(little).pooled(NOISE))
    pictures = sorted(shapes.rglob("*.png"))[::11]
    pairs = zip(model.run(pictures), Model(little).run(pictures), strict=True)
    assert max(np.abs(a.probs - b.probs).max() for a, b in pairs) < 1e-4


def test_its_own_files_say_nothing_of_where_they_were_made(exported: Path):
    data = exported.read_bytes() + exported.with_suffix(".bin").read_bytes()
    for place in (Path(np.__file__).parents[1], exported.parent, Path("/tmp")):
        assert str(place).encode() not in data


def test_plain_openvino_opens_its_own_files(exported: Path, little: Path):
    core = import_openvino("a test").Core()
    model = core.read_model(exported)
    assert model.get_rt_info(["macaw", "card"]).astype(str).startswith('{"task": "classify"')
    answers = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(NOISE)
    close(answers["raw"], Model(little).core(NOISE))


def test_other_engines_do_not_open_its_own_files(exported: Path):
    with pytest.raises(ModelError, match=r"cannot be opened by engine 'torch'; those that can: openvino"):
        Model(exported, engine="torch")


# Damage


def cut(suffix: str, share: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = path.with_suffix(suffix).read_bytes()
        path.with_suffix(suffix).write_bytes(data[: int(share * len(data))])

    return damage


def other_weights(path: Path) -> None:
    data = bytearray(path.with_suffix(".bin").read_bytes())
    data[1000] ^= 1
    path.with_suffix(".bin").write_bytes(data)


def without_card(path: Path) -> None:
    net = ElementTree.parse(path)
    (info,) = net.findall("rt_info")
    info.remove(info.find("macaw"))
    net.write(path)


def other_layer(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'type="Convolution"', b'type="Convolve"'))


DAMAGE = {
    "an empty graph": (cut(".xml", 0), r"mine\.xml is cut short, or no OpenVINO model"),
    "half a graph": (cut(".xml", 0.5), r"mine\.xml is cut short, or no OpenVINO model"),
    "a graph but its end": (cut(".xml", 0.999), r"mine\.xml is cut short, or no OpenVINO model"),
    "a graph of somebody else": (without_card, r"mine\.xml has no card in its rt_info"),
    "a layer nobody knows": (other_layer, r"mine\.xml cannot be opened by OpenVINO \(.*Convolve"),
    "no weights": (lambda path: path.with_suffix(".bin").unlink(), r"has no mine\.bin beside it"),
    "empty weights": (cut(".bin", 0), r"mine\.bin holds other weights than those of mine\.xml"),
    "half the weights": (cut(".bin", 0.5), r"mine\.bin holds other weights"),
    "weights of another export": (other_weights, r"mine\.bin holds other weights"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_called_what_it_is(damage: Callable[[Path], None], words: str, exported: Path):
    damage(exported)
    with pytest.raises(ModelError, match=words) as caught:
        Model(exported).core(NOISE)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("full", ["mine.xml", ".mine.bin.part"])
def test_a_full_disk_leaves_the_old_files(
    full: str, exported: Path, converted: tuple[bytes, bytes], little: Path, monkeypatch: pytest.MonkeyPatch
):
    before = {path.name: path.read_bytes() for path in exported.parent.iterdir()}
    write = files.os.fsync

    def fsync(handle: int) -> None:
        if full in Path(f"/proc/self/fd/{handle}").resolve().name:
            raise OSError(28, "No space left on device")
        write(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(StorageError, match="the disk is full"):
        save_ir(exported, converted[0], converted[1] + b"more", Card.load(little))
    assert {path.name: path.read_bytes() for path in exported.parent.iterdir()} == before


# Alone


def test_it_reports_to_nobody_and_leaves_nothing_at_home(little: Path, home: Path):
    code = (
        "import os, socket, sys\n"
        "def refuse(*_, **__): os._exit(77)\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import numpy as np\n"
        "from macaw.model import Model\n"
        "before = dict(os.environ)\n"
        "Model(sys.argv[1], engine='openvino').core(np.zeros((1, 3, 32, 32), np.float32))\n"
        "assert dict(os.environ) == before\n"
        "import openvino.tools.ovc.telemetry_utils as used\n"
        "print(used.tm.__name__, 'openvino_telemetry' in sys.modules, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, little], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False", "False"]
    assert list(home.rglob("*")) == []


def test_a_telemetry_package_that_somebody_imported_stays(monkeypatch: pytest.MonkeyPatch):
    somebody = type(sys)("openvino_telemetry")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", somebody)
    import_openvino("a test")
    assert sys.modules["openvino_telemetry"] is somebody


def test_without_openvino_the_command_to_install_it(little: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"engine 'openvino' needs 'openvino'.*'macaw\[openvino\]'"):
        Model(little, engine="openvino").core(NOISE)
    with pytest.raises(MissingExtra, match=r"exporting to \.xml needs 'openvino'"):
        convert(whole_model(little))
    assert "openvino_telemetry" not in sys.modules
