"""Hub fetch: a checkpoint by its name, from this machine, or from the Hub when the user has asked for that.

The Hub's own library fetches into its own cache, so that it and macaw share one copy: only the few files that
are needed, weights as safetensors or not at all. The library's telemetry is switched off.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from macaw.errors import InputError, MacawError, MissingExtra, ModelError, UnknownName, storage_errors
from macaw.runtime.hubfiles import (
    CONFIG,
    OF_TEXT,
    PROCESSORS,
    README,
    Checkpoint,
    absent,
    hub_cache,
    in_cache,
    in_folder,
    no_weights,
    parse,
    weight_files,
)


def find(text: str, *, download: bool = False) -> Checkpoint:
    """The checkpoint of that name: a folder, else what the Hub's cache holds, else, by `download`, the Hub's.

    Raises InputError for one that is not here or of another kind, UnknownName for a repository or a revision
    that does not exist, ModelError for files that are missing or damaged, StorageError, and MissingExtra to
    download without the Hub's library.
    """
    reference = parse(text)
    if reference.folder is not None:
        return in_folder(reference, reference.folder)
    try:
        if found := in_cache(reference):
            return found
    except ModelError:
        if not download:  # some files may never have been fetched
            raise
    if not download:
        raise absent(reference)
    fetch(reference.repo, reference.revision, cache=hub_cache())
    if found := in_cache(reference):
        return found
    raise absent(reference)


def fetch(repo: str, revision: str, *, cache: Path) -> None:
    """Bring the files of `repo` at `revision` ("" for the main branch) into `cache`.

    Raises UnknownName for a repository or a revision that the Hub does not have; InputError when it cannot be
    reached, refuses, or has no safetensors; MissingExtra, StorageError.
    """
    name = f"hf:{repo}@{revision}" if revision else f"hf:{repo}"
    try:
        from huggingface_hub import HfApi, constants, errors, hf_hub_download
    except ModuleNotFoundError as problem:
        raise MissingExtra(f"downloading '{name}'", problem.name or "huggingface_hub", "hub") from problem
    constants.HF_HUB_DISABLE_TELEMETRY = True  # looked at before each request
    try:
        listed = HfApi().model_info(repo, revision=revision or None).siblings or []
        for wanted in _wanted(name, {one.rfilename for one in listed}):
            hf_hub_download(repo, wanted, revision=revision or None, cache_dir=cache)
    except Exception as problem:  # transport errors have another tree in each version of the library
        with storage_errors(cache):
            raise _told(problem, errors, name, repo, revision) from problem


def _wanted(name: str, listed: set[str]) -> list[str]:
    """The files to fetch, the small ones first."""
    weights = weight_files(listed)
    if not weights:
        raise no_weights(name, listed)
    return [*sorted({CONFIG, *PROCESSORS, *OF_TEXT, README} & listed), *sorted(weights)]


_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS})

# What the Hub's library raises, the first that fits, and what the user is told of it
_ANSWERS: tuple[tuple[str, type[MacawError], str], ...] = (
    (
        "RevisionNotFoundError",
        UnknownName,
        "'{name}': the Hub has no revision '{revision}' of '{repo}'; give another, or none",
    ),
    (
        "GatedRepoError",
        InputError,
        "'{name}' is given to those alone who accept its terms on the Hub; accept them there, run "
        "'hf auth login', and try again",
    ),
    (
        "RepositoryNotFoundError",
        UnknownName,
        "the Hub has no repository '{repo}' that is open to you; check its name, or run 'hf auth login'",
    ),
    (
        "OfflineModeIsEnabled",
        InputError,
        "'{name}' cannot be fetched: HF_HUB_OFFLINE forbids the network; unset it, or give a folder",
    ),
    ("HfHubHTTPError", InputError, "'{name}' cannot be fetched: the Hub answers {reason}; try again later"),
)


def _told(problem: Exception, errors: Any, name: str, repo: str, revision: str) -> Exception:
    """What went wrong, in words for the user; an error of the disk as it is."""
    if isinstance(problem, MacawError):
        return problem
    reason = " ".join(str(problem).split())[:200] or type(problem).__name__
    for theirs, ours, words in _ANSWERS:
        if isinstance(problem, getattr(errors, theirs)):
            return ours(words.format(name=name, repo=repo, revision=revision, reason=reason))
    if isinstance(problem, OSError) and problem.errno in _OF_THE_DISK:
        return problem
    how = "try again with a network, or give a folder (hf:./folder)"
    return InputError(f"'{name}' cannot be fetched: the Hub cannot be reached ({reason}); {how}")
