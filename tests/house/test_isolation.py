"""What tests/conftest.py promises to every test."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest


def closed() -> socket.socket:
    """A socket that cannot send anything, should the guard fail."""
    one = socket.socket()
    one.close()
    return one


def test_other_machines_are_out_of_reach():
    with pytest.raises(AssertionError, match=r"network off.*192\.0\.2\.1"):
        closed().connect(("192.0.2.1", 9))
    with pytest.raises(AssertionError, match=r"network off.*192\.0\.2\.1"):
        closed().connect_ex(("192.0.2.1", 9))
    with pytest.raises(AssertionError, match=r"looked up 'nowhere\.invalid'"):
        socket.create_connection(("nowhere.invalid", 9))


def test_this_machine_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), timeout=5) as caller:
            assert caller.getpeername() == server.getsockname()


def test_home_is_empty_and_its_own(home: Path):
    assert Path.home() == home
    assert list(home.iterdir()) == []
    assert Path(os.environ["MACAW_HOME"]).is_relative_to(home)


def test_torch_uses_one_thread_once_imported():
    torch = pytest.importorskip("torch")
    assert torch.get_num_threads() == 1
