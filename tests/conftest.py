"""What every test stands on: no network, a home of its own, one thread, and the data packs where they are."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Shared machines have slow moments: a property is judged by its truth. CI draws the same examples each time.
settings.register_profile("macaw", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "macaw")

# For this process before torch is imported, and for the processes that tests start. (macaw itself never
# changes the environment.) One thread: same sums in the same order on every machine.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

# A run in the background starts with Ctrl-C ignored, and hands that on to the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class NetworkUsed(AssertionError):
    """A test opened a connection to another machine."""


def _local(host: object) -> bool:
    return host in {None, "", b"", "localhost", "::1"} or str(host).startswith("127.")


def _guarded_connect(original: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and not _local(address[0]):  # a Unix socket's address is a path
            raise NetworkUsed(f"tests run with the network off, this one wanted {address[0]!r}")
        return original(self, address)

    return connect


def _guarded_lookup(original: Any) -> Any:
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _local(host):
            raise NetworkUsed(f"tests run with the network off, this one looked up {host!r}")
        return original(host, *args, **kwargs)

    return getaddrinfo


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections to other machines, and look-ups of their names, fail; loopback works."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded_connect(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded_connect(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        for name in ("http_proxy", "https_proxy"):  # for the processes that tests start: nobody listens there
            patch.setenv(name, "http://127.0.0.1:9")
        patch.setenv("no_proxy", "localhost,127.0.0.1,::1")
        yield


@pytest.fixture(autouse=True, scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """matplotlib's font list takes seconds to make: once a run, not once a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder: no test reads or leaves anything in the user's."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "MACAW_HOME"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    return folder


def pytest_runtest_setup() -> None:
    """One torch thread, for those tests that brought torch along; the others never wait for its import."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def packs() -> Path:
    """The folder of data packs: MACAW_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("MACAW_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data packs at {folder}; name their folder with MACAW_DATA")
    return folder


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ImageFolder of 3 classes, 40 pictures of 32 pixels each: a disc, a square or a cross on noise."""
    from PIL import Image

    root = tmp_path_factory.mktemp("data") / "shapes"
    noise = np.random.default_rng(0)
    row, column = np.mgrid[:32, :32]
    for number in range(40):
        y, x, half = *noise.integers(11, 21, 2).tolist(), int(noise.integers(5, 9))
        masks = {
            "disc": (row - y) ** 2 + (column - x) ** 2 <= half**2,
            "square": (abs(row - y) <= half) & (abs(column - x) <= half),
            "cross": (abs(row - y) <= 1) & (abs(column - x) <= half)
            | (abs(column - x) <= 1) & (abs(row - y) <= half),
        }
        for name, mask in masks.items():
            picture = noise.integers(0, 100, (32, 32, 3), np.uint8)
            picture[mask] = noise.integers(150, 256, 3, np.uint8)
            (root / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def little(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small model trained on `shapes` (some seconds, once a session)."""
    import macaw

    out = tmp_path_factory.mktemp("models") / "little"
    macaw.train("classify", shapes, out=out, epochs=8, dial=0.5, batch=16)
    return out


OBJECTS = {"disc": (230, 60, 40), "square": (40, 90, 230)}


def draw_objects(seed: int, size: tuple[int, int]) -> tuple[Any, list[tuple[str, list[float]]]]:
    """A grey picture with one to three discs and squares that do not touch, and their boxes x, y, w, h."""
    from PIL import Image, ImageDraw

    noise = np.random.default_rng(seed)
    picture = Image.new("RGB", size, (120, 120, 120))
    brush, found = ImageDraw.Draw(picture), []
    cells = noise.permutation(4)[: noise.integers(1, 4)]
    for cell in cells:
        name, side = list(OBJECTS)[noise.integers(2)], int(noise.integers(14, 26))
        x = int(cell % 2 * size[0] // 2 + noise.integers(0, size[0] // 2 - side))
        y = int(cell // 2 * size[1] // 2 + noise.integers(0, size[1] // 2 - side))
        shape = brush.ellipse if name == "disc" else brush.rectangle
        shape((x, y, x + side - 1, y + side - 1), fill=OBJECTS[name])
        found.append((name, [x, y, side, side]))
    return picture, found


@pytest.fixture(scope="session")
def drawn() -> Any:
    """`drawn(seed, size)`: a picture of discs and squares, and their names and boxes x, y, w, h."""
    return draw_objects


@pytest.fixture(scope="session")
def discs_and_squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set in COCO's format: 48 pictures of 96 x 64 to train on, 12 to choose by."""
    root = tmp_path_factory.mktemp("scenes")
    (root / "annotations").mkdir()
    for split, count, first in (("train", 48, 0), ("val", 12, 1000)):
        (root / split).mkdir()
        images, annotations = [], []
        for i in range(count):
            picture, found = draw_objects(first + i, (96, 64))
            picture.save(root / split / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": 96, "height": 64})
            for name, box in found:
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": i, "category_id": list(OBJECTS).index(name) + 1,
                     "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                )  # fmt: skip
        categories = [{"id": i + 1, "name": name} for i, name in enumerate(OBJECTS)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root
