"""The files beside the source: no path of one machine, versions that agree, a changelog that is current."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# A checkout in one of these says nothing about whose machine it is.
COMMON = {"/", "/tmp", "/home", "/opt", "/src", "/usr/src", "/var/tmp"}


def tracked() -> list[Path]:
    """Tracked text files, and new ones that git does not ignore."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: nothing is tracked")
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


def test_no_file_names_a_place_on_this_machine():
    home = pwd.getpwuid(os.getuid()).pw_dir
    places = {place for place in (home, str(ROOT.parent), str(ROOT)) if place not in COMMON}
    pattern = re.compile("|".join(rf"(?<![\w.~]){re.escape(place)}/" for place in sorted(places)))
    files = tracked()
    assert len(files) > 10
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_nothing_chooses_a_package_index_for_the_user():
    files = [
        "Makefile",
        "constraints.txt",
        "pyproject.toml",
        ".ci/run",
        "scripts/environment.sh",
        "scripts/wheel.sh",
    ]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
    choosing = re.compile(r"index-url|find-links|INDEX_URL|FIND_LINKS|://")
    assert [name for name, text in texts.items() if choosing.search(text)] == []


def requirement(text: str) -> str:
    return re.split(r"[\[<>=!~;@ ]", text, maxsplit=1)[0].lower().replace("_", "-")


def test_every_dependency_has_a_tested_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []  # exact, without +cpu
    wanted = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    assert {requirement(text) for text in wanted} - {requirement(pin) for pin in pins} == {"macaw"}


def test_the_core_needs_no_torch():
    core = {requirement(text) for text in PROJECT["dependencies"]}
    assert core & {"torch", "torchvision", "transformers"} == set()


def test_the_changelog_knows_the_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(PROJECT['version'])}\]", text, flags=re.MULTILINE)


def test_links_between_pages_lead_somewhere():
    pages = [path for path in tracked() if path.suffix == ".md" and path.is_relative_to(ROOT)]
    links = [
        (page, link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert len(links) > 5
    dead = [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert dead == []
