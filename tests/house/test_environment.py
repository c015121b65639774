"""`make` from a fresh clone: done twice, interrupted, moved, without Python, without the network.

A stand-in for Python records what it is asked, so that no test waits for an install; one lets real pip fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "awk cat chmod cksum cp cut env find grep head make mkdir rm sed sh sleep tail".split()

STAND_IN = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
    *'print("%d.%d"'*) echo "${FAKE_VERSION:-3.11}" ;;
    *'version_info < (3, 11)'*) [ "${FAKE_VERSION:-3.11}" != 3.9 ] ;;
    *ensurepip*) [ -z "${FAKE_NO_VENV:-}" ] ;;
    '-m venv .venv') mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    '-m pip install'*)
        [ -z "${FAKE_PIP:-}" ] || { echo pip is here >.venv/half; eval "$FAKE_PIP"; exit 1; }
        printf '#!/bin/sh\\necho tour/index.html\\n' >.venv/bin/macaw; chmod +x .venv/bin/macaw ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class Clone:
    """A copy of what `make` reads, on a PATH that holds the named tools and nothing else."""

    def __init__(self, room: Path) -> None:
        self.folder, self.bin, self.calls = room / "clone", room / "bin", room / "calls"
        (self.folder / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("Makefile", "scripts/environment.sh"):
            shutil.copy(ROOT / name, self.folder / name)
        (self.folder / "pyproject.toml").write_text('[project]\nname = "toy"\nversion = "1"\n')
        (self.folder / "constraints.txt").write_text("")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or pytest.skip(f"{tool} is not installed"))

    def add_python(self, name: str = "python3.11", *, script: str = STAND_IN) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        env = {"PATH": str(self.bin), "HOME": os.environ["HOME"], "CALLS": str(self.calls), **environment}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        # A shell's background job ignores Ctrl-C, and hands that on; a person's make does not
        heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
        return subprocess.Popen(
            ["make", *words], cwd=self.folder, env=env, text=True, start_new_session=True,
            preexec_fn=heard, **pipes,
        )  # fmt: skip

    def make(self, *words: str, **environment: str) -> tuple[int, list[str]]:
        """Exit code, and the lines that are not make's own."""
        process = self.start(*words, **environment)
        output, _ = process.communicate(timeout=120)
        lines = [line for line in output.splitlines() if line and not line.startswith("make")]
        return process.returncode, lines

    def asked(self, word: str) -> int:
        """How often a Python was called with `word`."""
        return sum(word in line for line in self.calls.read_text().splitlines())


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def ready(clone: Clone) -> Clone:
    """A clone whose `make tour` has succeeded."""
    clone.add_python()
    code, lines = clone.make("tour")
    assert (code, lines[-1]) == (0, "tour/index.html")
    return clone


def test_make_alone_lists_the_targets(clone: Clone):
    code, lines = clone.make()
    assert code == 0
    assert [line.split()[1] for line in lines] == "help tour test check format docs wheel clean".split()


def test_a_second_time_installs_nothing(ready: Clone):
    assert ready.make("tour") == (0, ["tour/index.html"])
    assert (ready.asked("-m venv"), ready.asked("-m pip")) == (1, 1)


def test_changed_constraints_are_installed_on_top(ready: Clone):
    (ready.folder / "constraints.txt").write_text("numpy==2.0\n")
    assert ready.make("tour")[0] == 0
    assert (ready.asked("-m venv"), ready.asked("-m pip")) == (1, 2)


def test_a_moved_checkout_is_installed_anew(ready: Clone):
    ready.folder = ready.folder.rename(ready.folder.with_name("moved"))
    assert ready.make("tour")[0] == 0
    assert ready.asked("-m pip") == 2


def test_the_full_environment_serves_the_tour(ready: Clone):
    assert ready.make("env-dev")[0] == 0
    assert ready.make("tour")[0] == 0
    assert ready.asked("-m pip") == 2
    assert ready.asked(".[dev,train]") == 1


def test_an_environment_whose_python_is_gone_is_rebuilt(ready: Clone):
    (ready.folder / ".venv/bin/python").unlink()
    assert ready.make("tour")[0] == 0
    assert ready.asked("-m venv") == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_install_is_repaired(clone: Clone, how: signal.Signals):
    clone.add_python()
    half = clone.folder / ".venv/half"
    process = clone.start("tour", FAKE_PIP="sleep 60")
    deadline = time.monotonic() + 60
    while not half.exists():
        assert time.monotonic() < deadline, "the install never began"
        time.sleep(0.01)
    os.killpg(process.pid, how)
    process.communicate(timeout=120)

    assert clone.make("tour")[0] == 0
    assert not half.exists()
    assert clone.asked("-m venv") == 2
    assert clone.make("tour") == (0, ["tour/index.html"])


def test_a_failed_install_is_repaired(clone: Clone):
    clone.add_python()
    assert clone.make("tour", FAKE_PIP="echo ERROR: odd wheel")[0] != 0
    assert clone.make("tour")[0] == 0
    assert clone.asked("-m venv") == 2


def test_an_environment_that_the_user_made_is_kept(clone: Clone):
    clone.add_python()
    theirs = clone.folder / ".venv/theirs"
    theirs.parent.joinpath("bin").mkdir(parents=True)
    theirs.touch()
    shutil.copy(clone.bin / "python3.11", clone.folder / ".venv/bin/python")
    assert clone.make("tour")[0] == 0
    assert theirs.exists()


def failure(clone: Clone, **environment: str) -> str:
    """The one line that a failing `make tour` says after it said what it is doing."""
    code, lines = clone.make("tour", **environment)
    assert code != 0
    *progress, line = lines
    assert all(step.endswith("...") for step in progress), progress
    return line


def test_without_python(clone: Clone):
    line = failure(clone)
    assert "needs Python 3.11 or newer, found none" in line
    assert "make tour PYTHON=" in line
    assert not (clone.folder / ".venv").exists()


def test_with_an_old_python(clone: Clone):
    clone.add_python("python3")
    assert "found python3, which is 3.9" in failure(clone, FAKE_VERSION="3.9")


def test_a_python_without_venv(clone: Clone):
    clone.add_python()
    assert "apt install python3.11-venv" in failure(clone, FAKE_NO_VENV="1")
    assert not (clone.folder / ".venv").exists()


def test_a_python_that_only_pretends_is_passed_over(clone: Clone):
    # Version managers put a python3.12 on the PATH that says "command not found" when it is called.
    clone.add_python(script="#!/bin/sh\necho command not found >&2; exit 127\n")
    clone.add_python("python3.12")
    assert clone.make("tour")[0] == 0


@pytest.mark.parametrize(
    ("pip", "said"),
    [
        ("echo 'OSError: [Errno 28] No space left on device'", "the disk is full"),
        ("echo 'WARNING: Retrying after connection broken by NewConnectionError'", "cannot be reached"),
        ("echo 'ERROR: No matching distribution for torch==9'", "No matching distribution for torch==9"),
        ("echo 'bin/python: No module named pip'", "No module named pip"),
    ],
    ids=["disk", "network", "version", "no pip"],
)
def test_a_failed_install_says_why_and_where_to_read_on(clone: Clone, pip: str, said: str):
    clone.add_python()
    line = failure(clone, FAKE_PIP=pip)
    assert said in line
    assert ".venv-install.log" in line
    assert (clone.folder / ".venv-install.log").read_text().strip()


def test_real_pip_without_a_network(clone: Clone):
    real = f"""'-m pip'*) exec {sys.executable} "$@" ;;\nnever)"""
    clone.add_python(script=STAND_IN.replace("'-m pip install'*)", real))
    # Nobody has this package and nobody listens on port 9: whatever else pip is told, nothing is installed.
    build = '[build-system]\nrequires = ["macaw-none-such"]\nbuild-backend = "none"\n'
    (clone.folder / "pyproject.toml").write_text(f'[project]\nname = "toy"\nversion = "1"\n{build}')
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1",
    }
    assert "the package index cannot be reached: check the network" in failure(clone, **nowhere)
