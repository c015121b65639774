"""A server in this process, what a client sees of it, and a model that waits to be told to go on."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from macaw import zoo
from macaw.model import Model


@dataclass(frozen=True)
class Reply:
    """What one request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, str]:
        """The error, whose form is checked on the way."""
        error = self.json["error"]
        assert set(self.json) == {"error"} and set(error) == {"code", "message", "hint"}
        assert all("\n" not in words and "!" not in words for words in error.values())
        return error


class Client:
    """Asks the server at one port."""

    def __init__(self, port: int, house: Any = None, server: Any = None) -> None:
        self.port, self.house, self.server = port, house, server

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request on a connection of its own; `content_type="..."` becomes a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as link:
            link.request(method, path, body, named)
            got = link.getresponse()
            return Reply(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def post(self, data: Any, path: str = "/classify", kind: str = "image/png") -> Reply:
        return self.ask("POST", path, data, content_type=kind)

    def form(self, files: Sequence[tuple[str, bytes]], path: str = "/classify") -> Reply:
        return self.post(form_of(files), path, "multipart/form-data; boundary=----b0undary")

    def say(self, values: Any, path: str = "/complete") -> Reply:
        """Ask for text, by JSON."""
        return self.post(json.dumps(values), path, "application/json")

    def events(self, values: Any, path: str = "/complete") -> list[tuple[str, Any]]:
        """The events of a stream: the name of each, and its data, as JSON where it is."""
        reply = self.say({**values, "stream": True}, path)
        assert reply.status == 200, reply.body
        assert reply.headers["content-type"].startswith("text/event-stream")
        return events_in(reply.body)

    def health(self) -> Any:
        return self.get("/health").json


def events_in(body: bytes) -> list[tuple[str, Any]]:
    """Server-Sent Events taken apart, each of one line of data."""
    assert body.endswith(b"\n\n")
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = fields.pop("data")
        found.append((fields.pop("event", ""), data if data == "[DONE]" else json.loads(data)))
        assert not fields
    return found


def form_of(files: Sequence[tuple[str, bytes]], field: str = "file") -> bytes:
    """A form as curl writes it."""
    parts = [
        f'------b0undary\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: image/png\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    return b"".join(parts) + b"------b0undary--\r\n"


def picture(seed: int = 0, width: int = 40, height: int = 30) -> bytes:
    """A PNG of noise, whose bytes hold line ends and dashes of every kind."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def wait(true: Callable[[], Any], *, seconds: float = 10) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


class Gated(Model):
    """The embedded model, whose core waits at a gate."""

    def __init__(self) -> None:
        super().__init__(zoo.folder("classify"))
        self.gate = threading.Event()
        self.gate.set()  # the server tries each model before it starts
        self.sizes: list[int] = []  # of the batches, that at the gate included

    def outputs(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        self.sizes.append(len(arrays[0]))
        assert self.gate.wait(20)
        return super().outputs(*arrays)


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """`png(seed, width, height)`: the bytes of a picture."""
    return picture


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(lambda: ...)` waits for something to become true."""
    return wait


@pytest.fixture(scope="session")
def client_of() -> type[Client]:
    """`client_of(port)` asks the server at a port."""
    return Client


@pytest.fixture
def gated() -> Iterator[Gated]:
    model = Gated()
    yield model
    model.gate.set()


TALES = [
    "The Fox and the Moon\n\n“Où vas-tu?” said the moon. “Home,” said the fox, and the fox went home.",
    "The Owl\n\nThe owl sat in the old oak. The fox came by, and the owl said nothing at all.",
    "The Sea\n\nThe sea was calm. The wind rose, and the sea was calm no more; so the fox went home…",
]


@pytest.fixture(scope="session")
def tale(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`tale("complete")`: the folder of an n-gram of that row, over `kind` of tokens, learned in no time."""
    from macaw.card import Card
    from macaw.language.ngram import Ngram
    from macaw.language.vocabulary import Vocabulary

    made: dict[tuple[str, str], Path] = {}

    def folder(task: str = "complete", kind: str = "pieces") -> Path:
        if (task, kind) not in made:
            made[task, kind] = out = tmp_path_factory.mktemp("tales") / f"my-{task}"
            vocabulary = Vocabulary.learn(TALES, kind, **({"size": 280} if kind == "pieces" else {}))
            model = Ngram.learn([vocabulary.document(text) for text in TALES], vocabulary, order=3)
            card = Card(
                task=task,
                name=f"tales of {kind}",
                builder="ngram",
                frontend={"name": kind, "config": {"tokens": len(vocabulary)}},
                head={"name": "ngram", "config": {"order": 3}},
                names=(),
                prepare={},
                decode={"temperature": 0.9, "top_p": 0.97, "limit": 20},
            )
            model.save(out, card=card)
        return made[task, kind]

    return folder


class Slow:
    """A language model that takes its time for each token, and counts them."""

    def __init__(self, model: Any, seconds: float) -> None:
        self.model, self.seconds, self.count = model, seconds, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def next(self, ids: np.ndarray, state: Any = None) -> tuple[np.ndarray, Any]:
        self.count += 1
        time.sleep(self.seconds)
        logp, state = self.model.next(ids, state)
        logp = np.array(logp)
        logp[self.model.vocabulary.end] = -np.inf  # it never ends by itself
        return logp, state


@pytest.fixture
def slow(tale: Callable[..., Path]) -> Callable[..., Any]:
    """`slow(seconds)`: a writer that never ends a text by itself; `.model.count` is how far it came."""
    from macaw.language.writer import Writer

    def make(seconds: float = 0.02, name: str = "slow") -> Any:
        folder = tale()
        whole = Writer(folder)
        return Writer.around(Slow(whole.model, seconds), whole.card, folder=folder.parent / name)

    return make


Start = Callable[..., Client]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """`start(models, limits=...)` runs a server in a thread until the module ends."""
    from macaw.server import Limits
    from macaw.server.application import build
    from macaw.server.graceful import Graceful
    from macaw.server.hosting import open_house
    from macaw.server.running import _listener

    with contextlib.ExitStack() as stack:

        def begin(
            models: Sequence[str | Path | Model] = ("classify",), *, log: Any = None, **limits: Any
        ) -> Client:
            house = open_house(models, Limits(**limits), "onnxruntime")
            listener = _listener("127.0.0.1", 0)
            server = Graceful(build(house, log), house)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()

            def end() -> None:
                server.should_exit = True
                thread.join(20)
                assert not thread.is_alive()

            stack.callback(end)
            wait(lambda: server.started)
            return Client(listener.getsockname()[1], house, server)

        yield begin


@pytest.fixture(scope="module")
def client(start: Start) -> Client:
    """A server of the embedded classifier."""
    return start(["classify"])
