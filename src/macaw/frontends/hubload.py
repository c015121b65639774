"""Hub load: a class of the transformers library, built from a config.json, fresh or with its weights.

Whatever the library makes of a damaged file, or of a config that does not fit, becomes one line here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from safetensors import SafetensorError

from macaw.errors import InputError, MissingExtra, ModelError
from macaw.runtime.hubfiles import Checkpoint

_PROBLEMS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def described(config: Mapping[str, Any]) -> Any:
    """The library's config of a config.json.

    Raises InputError for one that it does not know or cannot read, MissingExtra without it.
    """
    try:
        from transformers.models.auto import configuration_auto
    except ModuleNotFoundError as problem:
        raise MissingExtra("front-end 'hub'", problem.name or "transformers", "hub") from problem
    called = str(config.get("model_type"))
    if called not in configuration_auto.CONFIG_MAPPING:
        raise InputError(f"the installed transformers knows no '{called}'; upgrade it")
    try:
        return configuration_auto.CONFIG_MAPPING[called].from_dict(dict(config))
    except Exception as problem:  # its checks have a tree of their own
        raise InputError(f"the checkpoint's config.json cannot be read ({_reason(problem)})") from problem


def built(config: Any, kind: Any) -> Any:
    """What `kind`, a class of the library, builds from its config, with fresh weights.

    Raises InputError for a config that describes no network.
    """
    try:
        return kind(config)
    except _PROBLEMS as problem:
        raise InputError(
            f"the checkpoint's config.json describes no network ({_reason(problem)})"
        ) from problem


def loaded(config: Any, kind: Any, found: Checkpoint) -> tuple[Any, list[str], list[str]]:
    """What `kind` builds with a checkpoint's weights; the names of weights it lacks, and of those it leaves.

    Raises ModelError for weights that are damaged, or do not fit the config.
    """
    try:
        with quiet():
            net, told = kind.from_pretrained(
                found.folder, config=config, dtype=torch.float32, use_safetensors=True,
                local_files_only=True, output_loading_info=True,
            )  # fmt: skip
    except (OSError, SafetensorError, *_PROBLEMS) as problem:
        raise ModelError(
            f"'{found.source}': its weights do not fit its config.json ({_reason(problem)}); fetch it again, "
            "or restore it"
        ) from problem
    return net.eval(), sorted(told["missing_keys"]), sorted(told["unexpected_keys"])


def check_whole(found: Checkpoint, lacking: list[str]) -> None:
    """Refuse a checkpoint that lacks weights: fresh ones would answer at random.

    Raises ModelError.
    """
    if lacking:
        raise ModelError(f"'{found.source}' lacks {len(lacking)} weights of its network, {lacking[0]} first")


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Without the library's checks of values, which no graph can hold; it reads its switch at each."""
    switch = "TRANSFORMERS_DISABLE_TORCH_CHECK"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        yield
    finally:
        del os.environ[switch]
        if before is not None:
            os.environ[switch] = before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The library reports what it loads, in tables and bars; macaw says what the user should know."""
    import transformers.utils.logging

    log: Any = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _reason(problem: Exception) -> str:
    return " ".join(str(problem).split())[:200] or type(problem).__name__
