"""The end of a server in a process of its own: nothing accepted is lost, and a kill leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import macaw
from macaw import server
from macaw.server.running import _listener

pytest.importorskip("fastapi")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

# The embedded model, which takes as many seconds for each picture as the first argument says.
PROGRAM = """
import sys, time
from macaw import server, zoo
from macaw.model import Model

class Slow(Model):
    tried = False
    def outputs(self, *arrays):
        if self.tried:
            time.sleep(float(sys.argv[1]))
        self.tried = True  # by the server, before it starts
        return super().outputs(*arrays)

server.serve([Slow(zoo.folder("classify"))], port=0, limits=server.Limits(batch=1))
"""


class Process:
    """A server on its own, and requests that wait for it."""

    def __init__(self, seconds: float, folder: Path) -> None:
        environment = {**os.environ, "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment,
        )  # fmt: skip
        address = self.process.stdout.readline()
        assert address.startswith("http://127.0.0.1:"), self.process.stderr.read()
        self.port = int(address.rpartition(":")[2])

    def ended(self) -> tuple[int, str]:
        """Its exit code and what it said on standard error."""
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def run(tmp_path: Path) -> Iterator:
    started: list[Process] = []

    def begin(seconds: float) -> Process:
        started.append(Process(seconds, tmp_path))
        return started[-1]

    yield begin
    for one in started:
        with one.process:
            one.process.kill()


def waiting(client_of, port: int) -> int:
    return client_of(port).health()["waiting"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_everything_accepted_is_answered_before_the_end(run, client_of, png, until, how):
    server = run(0.15)
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(client_of(server.port).post, png(n)) for n in range(6)]
        until(lambda: waiting(client_of, server.port) == 6)
        server.process.send_signal(how)
        replies = [one.result() for one in asked]
    assert [one.status for one in replies] == [200] * 6
    code, said = server.ended()
    assert code == 0
    assert said.splitlines()[-1] == "stopped"
    assert sum(" POST /classify 200 " in line for line in said.splitlines()) == 6
    assert "Traceback" not in said


def test_whoever_comes_after_the_signal_is_turned_away(run, client_of, png, until):
    server = run(1.0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client_of(server.port).post, png())
        until(lambda: waiting(client_of, server.port) == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(server.port), seconds=0.8)
        assert asked.result().status == 200
    assert server.ended()[0] == 0


def listens(port: int) -> bool:
    with socket.socket() as link:
        return link.connect_ex(("127.0.0.1", port)) == 0


def test_a_request_on_its_way_when_the_signal_comes_still_arrives(run, client_of, png):
    server = run(0.0)
    data = png()
    head = "POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    head += f"Content-Length: {len(data)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as link:
        assert client_of(server.port).get("/health").status == 200  # later than ours: so ours was taken up
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
        link.sendall(head.encode() + data)
        reply = http.client.HTTPResponse(link)
        reply.begin()
        assert (reply.status, reply.getheader("connection")) == (200, "close")
        reply.read()
    assert server.ended()[0] == 0


def test_a_connection_that_is_kept_without_a_request_does_not_hold_up_the_end(run):
    server = run(0.0)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as idle:
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.ended()[0] == 0
        assert time.monotonic() - began < 3
        assert idle.recv(1) == b""


def test_a_second_signal_ends_it_at_once(run, client_of, png, until):
    server = run(60.0)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client_of(server.port).post, png())
        until(lambda: waiting(client_of, server.port) == 1)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not listens(server.port))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.ended()[0] == 128 + signal.SIGTERM
        assert time.monotonic() - began < 3
        assert isinstance(asked.exception(), http.client.RemoteDisconnected | ConnectionError)


def test_killed_in_mid_request_it_leaves_nothing_behind(run, client_of, png, until, tmp_path, home):
    server = run(60.0)
    large = png(0, 1200, 800)  # 2.9 MB: what spools forms to a disk would do so now
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client_of(server.port).form, [("large.png", large)])
        until(lambda: waiting(client_of, server.port) == 1)
        server.process.kill()
        assert isinstance(asked.exception(), http.client.RemoteDisconnected | ConnectionError)
    assert server.ended()[0] == -signal.SIGKILL
    assert [*tmp_path.rglob("*"), *home.rglob("*")] == []
    again = run(0.0)
    assert client_of(again.port).form([("large.png", large)]).status == 200


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"cannot listen on 127.0.0.1:{port}: address already in use; give another by --port, or 0"
        with pytest.raises(macaw.MacawError, match=words):
            server.serve(port=port)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("192.0.2.7", 0, "cannot listen on 192.0.2.7:0: cannot assign requested address; give"),
        ("127.0.0.1", 99_999, "cannot listen on 127.0.0.1:99999: .*; give another by --port"),
    ],
)
def test_an_address_that_cannot_be_had_is_one_line(host: str, port: int, words: str, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", (host, port))])
    with pytest.raises(macaw.MacawError, match=words):
        server.serve(host=host, port=port)


def test_answers_are_not_held_back_by_nagles_delay():
    # asyncio turns it off for sockets that say they are TCP; else most answers would take 40 ms more.
    with _listener("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_serving_without_fastapi_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(macaw.MacawError, match=r"serving needs 'fastapi'.*pip install 'macaw\[server\]'"):
        server.serve()


def test_another_server_can_run_the_application(client_of, png, until):
    import uvicorn

    config = uvicorn.Config("macaw.server:app", factory=True, port=0, log_config=None)
    listener = socket.create_server(("127.0.0.1", 0))
    other = uvicorn.Server(config)
    thread = threading.Thread(target=other.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        until(lambda: other.started)
        assert client_of(listener.getsockname()[1]).post(png()).status == 200
    finally:
        other.should_exit = True
        thread.join(20)


def test_an_open_address_is_noted(monkeypatch, capsys):
    from macaw.server import graceful

    monkeypatch.setattr(graceful.Graceful, "run", lambda self, **_: self._ready())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 1, 6, "", ("0.0.0.0", 0))])
    server.serve(host="0.0.0.0", port=0)
    said = capsys.readouterr()
    assert "note: '0.0.0.0' lets in every machine that can reach this one" in said.err
    assert said.out.startswith("http://0.0.0.0:")
    server.serve(port=0)  # the address of before, by another name
    assert "note" not in capsys.readouterr().err
