"""Hub files: where the checkpoint `hf:owner/name@revision` lies on this machine, and whether it is whole.

A name stands for a folder (`hf:./folder`) or for what the cache of the Hub's own library holds. Everything is
looked at before torch is imported; weights that are pickles, which can run code when they are read, are never
opened.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from macaw.errors import InputError, ModelError, UnknownName, did_you_mean

SCHEME = "hf:"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PROCESSORS = ("processor_config.json", "preprocessor_config.json")  # the first has it below "image_processor"
README = "README.md"
TOKENIZER = "tokenizer.json"
ROLES = ("tokenizer_config.json", "special_tokens_map.json")  # which tokens begin and end a text
DRAWING = "generation_config.json"  # how its makers draw from it
OF_TEXT = (TOKENIZER, *ROLES, DRAWING)  # what a language model has beside its weights
_REPO = re.compile(r"\w[\w.-]{0,95}(/\w[\w.-]{0,95})?")
_COMMIT, _START = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{7,40}")
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
_OTHERS = frozenset({".h5", ".msgpack", ".onnx", ".gguf"})
_RESTORE = "fetch it again with --download, or restore it"


@dataclass(frozen=True)
class Reference:
    """A name, taken apart."""

    text: str  # as it was written
    folder: Path | None  # of one that is a folder's
    repo: str = ""  # of the others: "owner/name"
    revision: str = ""  # a branch, a tag or a commit; "" for the main branch


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are all there."""

    source: str  # "hf:owner/name@commit", or "hf:" and the folder
    name: str  # "owner/name", or the folder's
    folder: Path
    commit: str  # 40 hexadecimal digits; "" of a folder
    config: dict[str, Any]  # what config.json says
    processor: dict[str, Any]  # how pictures are prepared; {} where nothing says so
    weights: tuple[Path, ...]
    notes: tuple[str, ...] = ()  # what the user should know, a line each

    @property
    def files(self) -> list[Path]:
        """Every file that its answers depend on."""
        described = (self.folder / name for name in (CONFIG, *PROCESSORS))
        return [*(path for path in described if path.is_file()), *self.weights]


def is_hub(name: object) -> bool:
    """Whether a name has the scheme of this module."""
    return isinstance(name, str) and name.startswith(SCHEME)


def parse(text: str) -> Reference:
    """Take `hf:owner/name@revision` or `hf:./folder` apart; a folder starts with `.`, `~` or the root.

    Raises InputError for anything else.
    """
    body = text.removeprefix(SCHEME)
    if body.startswith((".", "~")) or Path(body).is_absolute():
        return Reference(text, Path(body).expanduser())
    repo, pinned, revision = body.partition("@")
    if not _REPO.fullmatch(repo) or bool(pinned) != bool(revision) or ".." in body:
        raise InputError(f"'{text}' names no checkpoint; write hf:owner/name@revision, or hf:./folder")
    return Reference(text, None, repo, revision)


def in_folder(reference: Reference, folder: Path) -> Checkpoint:
    """The checkpoint in a folder of the user's.

    Raises InputError for a folder that is not there, and what `read` raises.
    """
    if not folder.is_dir():
        close = did_you_mean(str(folder), _beside(folder))
        raise InputError(f"'{reference.text}': no folder '{folder}'.{close} Give one that holds a {CONFIG}")
    return _read(folder, f"{SCHEME}{folder}", folder.resolve().name)


def in_cache(reference: Reference) -> Checkpoint | None:
    """The checkpoint in the Hub's cache; None when it is not there.

    Raises InputError for one of another kind, ModelError for files that are missing or damaged.
    """
    commit = _commit(reference)
    if not commit:
        return None
    source = f"{SCHEME}{reference.repo}@{commit}"
    note = f"{reference.text} names no revision, and may change; to pin it: {source}"
    notes = () if reference.revision else (note,)
    folder = _store(reference.repo) / "snapshots" / commit
    return _read(folder, source, reference.repo, commit=commit, notes=notes)


def config_of(reference: Reference) -> dict[str, Any]:
    """What the config.json of a checkpoint says, whatever else of it is there; {} where it is not here.

    Raises ModelError for one that is damaged.
    """
    commit = "" if reference.folder else _commit(reference)
    cached = _store(reference.repo) / "snapshots" / commit if commit else None
    folder = reference.folder or cached
    return _values(folder / CONFIG) if folder and (folder / CONFIG).is_file() else {}


def values_of(found: Checkpoint, name: str) -> dict[str, Any]:
    """What another of a checkpoint's files of JSON says; {} where it has none. Raises ModelError."""
    path = found.folder / name
    return _values(path) if path.is_file() else {}


def hub_cache() -> Path:
    """Where the Hub's library keeps what it has fetched, by the variables that the library reads."""
    env = os.environ.get
    home = env("HF_HOME") or os.path.join(env("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    named = env("HF_HUB_CACHE") or env("HUGGINGFACE_HUB_CACHE") or os.path.join(home, "hub")
    return Path(os.path.expandvars(named)).expanduser()


def absent(reference: Reference) -> InputError | UnknownName:
    """Why a name leads nowhere on this machine, and what to do."""
    store, advice = _store(reference.repo), "add --download to fetch it, or give a folder (hf:./folder)"
    commits = [path.name for path in sorted((store / "snapshots").glob("*")) if path.is_dir()]
    if commits:
        revision, known = reference.revision or "main", [*dict(_refs(store)), *commits]
        return UnknownName(
            f"'{reference.text}': the Hub's cache has no revision '{revision}' of it."
            f"{did_you_mean(revision, known)} It has: {', '.join(known)}; {advice}"
        )
    if Path(reference.repo).is_dir():
        advice = f"for the folder of that name write hf:./{reference.repo}, else add --download to fetch it"
    others = [path.name.removeprefix("models--") for path in sorted(hub_cache().glob("models--*"))]
    close = did_you_mean(reference.repo, [name.replace("--", "/") for name in others])
    return InputError(
        f"'{reference.text}' is not in the Hub's cache ({hub_cache()}).{close} To use it, {advice}"
    )


def licence(folder: Path) -> str:
    """The licence that the README of a checkpoint states in its header; "" when it states none."""
    try:
        text = (folder / README).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    header = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    stated = re.search(r"^license:[ \t]*['\"]?([^'\"\n]+)", header[1], re.MULTILINE) if header else None
    return stated[1].strip() if stated else ""


def weight_files(names: set[str]) -> set[str]:
    """Of a checkpoint's file names those of its weights: one file, or an index and its parts, or none."""
    if WEIGHTS in names:
        return {WEIGHTS}
    parts = {name for name in names if re.fullmatch(r"model-\d+-of-\d+\.safetensors", name)}
    return {INDEX, *parts} if INDEX in names else set()


def no_weights(source: str, names: set[str]) -> InputError | ModelError:
    """Why a checkpoint with these files and no safetensors is refused."""
    pickles = sorted(name for name in names if Path(name).suffix in _PICKLES)
    if pickles:
        return InputError(
            f"'{source}' has its weights as a pickle ({pickles[0]}), which can run code when it is read; "
            f"convert it to safetensors where you trust it, or give a revision that has {WEIGHTS}"
        )
    others = sorted(name for name in names if Path(name).suffix in _OTHERS)
    found = f", only {others[0]}, which is not read" if others else ""
    return ModelError(f"'{source}' has no {WEIGHTS}{found}; {_RESTORE}")


def _read(
    folder: Path, source: str, name: str, *, commit: str = "", notes: tuple[str, ...] = ()
) -> Checkpoint:
    names = {path.name for path in folder.iterdir() if path.is_file()}
    if CONFIG not in names:
        raise ModelError(f"'{source}' has no {CONFIG}; {_RESTORE}")
    config = _values(folder / CONFIG)
    chosen = weight_files(names)
    if not chosen:
        raise no_weights(source, names)
    if INDEX in chosen:
        chosen = _parts(folder / INDEX)
    if missing := sorted(chosen - names):
        counted = f"{len(missing)} of the {len(chosen)} files of its weights"
        raise ModelError(f"'{source}' lacks {counted}, {missing[0]} first; {_RESTORE}")
    weights = tuple(folder / one for one in sorted(chosen))
    for path in weights:
        _check_whole(path)
    return Checkpoint(source, name, folder, commit, config, _processor(folder, names), weights, notes)


def _values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise ModelError(f"{path} is damaged ({problem}); {_RESTORE}") from problem
    if not isinstance(values, dict):
        found = type(values).__name__
        raise ModelError(f"{path} is damaged: it holds a {found}, not an object of fields; {_RESTORE}")
    return values


def _processor(folder: Path, names: set[str]) -> dict[str, Any]:
    for name in PROCESSORS:
        values = _values(folder / name) if name in names else {}
        inner = values.get("image_processor") if name == PROCESSORS[0] else values
        if isinstance(inner, dict) and inner:
            return inner
    return {}


def _parts(index: Path) -> set[str]:
    table = _values(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise ModelError(f"{index} is damaged: it has no weight_map; {_RESTORE}")
    return {Path(str(name)).name for name in table.values()}


def _check_whole(path: Path) -> None:
    """Refuse a file of weights that is cut short: its header says how long it must be."""
    try:
        with safe_open(path, framework="np"):
            return
    except (SafetensorError, OSError) as problem:
        reason = " ".join(str(problem).split())
        raise ModelError(f"{path} is cut short or damaged ({reason}); {_RESTORE}") from problem


def _store(repo: str) -> Path:
    """A repository in the cache: `refs/<branch or tag>` holds a commit, `snapshots/<commit>` its files."""
    return hub_cache() / f"models--{repo.replace('/', '--')}"


def _commit(reference: Reference) -> str:
    """The commit that a name stands for in the cache; "" when its files are not there."""
    store, revision = _store(reference.repo), reference.revision or "main"
    commit = dict(_refs(store)).get(revision, revision)
    if not _START.fullmatch(commit):
        return ""
    held = [path.name for path in (store / "snapshots").glob(f"{commit}*") if path.is_dir()]
    return held[0] if len(held) == 1 and _COMMIT.fullmatch(held[0]) else ""


def _refs(store: Path) -> Iterator[tuple[str, str]]:
    """Branches and tags that the cache knows, each with its commit; `refs/pr/1` is one called `pr/1`."""
    for path in sorted((store / "refs").rglob("*")):
        if path.is_file():
            yield path.relative_to(store / "refs").as_posix(), path.read_text(encoding="utf-8").strip()


def _beside(folder: Path) -> list[str]:
    try:
        return [str(folder.parent / path.name) for path in folder.parent.iterdir() if path.is_dir()]
    except OSError:
        return []
