"""Hub: a causal model of the Hugging Face Hub becomes a Writer, as any language model of ours is one.

Nothing is converted: transformers computes, in single precision, and no code of a checkpoint's own is run.
What it says can be compared with the other models by bits per byte, whatever their tokens are.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from macaw.errors import InputError, MissingExtra, ModelError
from macaw.language.hub_card import card_of
from macaw.language.hub_core import core_of
from macaw.language.hub_model import HubModel
from macaw.language.hub_vocabulary import vocabulary_of
from macaw.machine import available_memory
from macaw.runtime.hubfetch import fetch, find
from macaw.runtime.hubfiles import TOKENIZER, Checkpoint, config_of, hub_cache, parse

if TYPE_CHECKING:
    from macaw.language.writer import Writer

Note = Callable[[str], None]
Values = Mapping[str, Any]

_CAUSAL = re.compile(r"\w+(ForCausalLM|(?<!With)LMHeadModel)")  # T5WithLMHeadModel reads, then writes
_DECODERS = frozenset({  # what types without `architectures` must be: they do nothing but write
    "bloom", "codegen", "ctrl", "gemma", "gpt2", "gpt_neo", "gpt_neox", "gptj", "llama", "mamba", "mistral",
    "mixtral", "mpt", "olmo", "opt", "phi", "phi3", "qwen2", "qwen3", "smollm3", "stablelm",
})  # fmt: skip
_STRETCHED = "longrope"  # positions measured otherwise in longer texts, for which what is cached is void


def is_causal(reference: str, *, download: bool = False) -> bool:
    """Whether a checkpoint, `hf:owner/name@revision` or `hf:./folder`, predicts the next token.

    Its config.json decides; imports neither torch nor transformers. False also where it is not on this
    machine: `macaw.runtime.hubfetch.find` says why. With `download` it is fetched first, whatever it is.
    Raises InputError for a name that is none, ModelError for a damaged config, and to download what `find`
    raises.
    """
    named = parse(reference)
    config = config_of(named)
    if not config and download:
        config = find(reference, download=True).config
    return _is_causal(config)


def adopt_causal(reference: str, *, download: bool = False, note: Note | None = None) -> Writer:
    """A causal checkpoint, opened; `note` is told, in a line each, what the user should know.

    Raises InputError for one that is none, has quantised weights or no `tokenizer.json`, or is of a type that
    the installed transformers does not know; ModelError for files that are damaged or do not belong together;
    MissingExtra without torch or transformers; and what `macaw.runtime.hubfetch.find` raises.
    """
    from macaw.language.writer import Writer

    found = _found(reference, download=download)
    _check_kind(found)
    vocabulary = vocabulary_of(found)
    for line in (*found.notes, *_on_memory(found)):
        if note:
            note(line)
    with _extras(reference):
        net, unused = _network(found)
        core = core_of(net, source=found.source)
    if vocabulary.start >= core.rows:
        raise ModelError(
            f"'{found.source}' begins texts with token {vocabulary.start}, and its network knows "
            f"{core.rows:,} tokens; its tokenizer is of another model: fetch it again, or restore it"
        )
    context = _context(net.config)
    card = card_of(found, len(vocabulary), context, unused)
    return Writer.around(HubModel(core, vocabulary, context=context, card=card), card, folder=found.folder)


def _is_causal(config: Values) -> bool:
    if named := _architecture(config):
        return bool(_CAUSAL.fullmatch(named))
    return config.get("model_type") in _DECODERS


def _architecture(config: Values) -> str:
    named = config.get("architectures")
    return str(named[0]) if isinstance(named, list) and named else ""


def _found(reference: str, *, download: bool) -> Checkpoint:
    """The checkpoint; its tokenizer is fetched too where something else brought the weights alone."""
    found = find(reference, download=download)
    if download and found.commit and not (found.folder / TOKENIZER).is_file():
        fetch(found.name, found.commit, cache=hub_cache())
        found = find(reference)
    return found


def _check_kind(found: Checkpoint) -> None:
    if not _is_causal(found.config):
        kind = _architecture(found.config) or found.config.get("model_type", "checkpoint of no type")
        raise InputError(
            f"'{found.source}' is a {kind}, which does not go on with a text; give a causal model, whose "
            "architecture ends in ForCausalLM"
        )
    if quantised := found.config.get("quantization_config"):
        how = quantised.get("quant_method") if isinstance(quantised, dict) else None
        raise InputError(
            f"'{found.source}' has quantised weights ({how or 'of some kind'}), which need libraries of "
            "their own; give the checkpoint that it was made of"
        )


def _on_memory(found: Checkpoint) -> tuple[str, ...]:
    """What to say of a network that may not fit: it is computed in single precision, fastest on a CPU."""
    weights, free = 0, available_memory()
    for path in found.weights:
        with safe_open(path, framework="np") as file:
            weights += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    if 4 * weights < free:
        return ()
    takes, has = f"{4 * weights / 1e9:.1f} GB", f"{free / 1e9:.1f} GB"
    return (f"{found.source} takes {takes} in single precision, and {has} are free: it may be slow",)


def _network(found: Checkpoint) -> tuple[Any, list[str]]:
    """The network with its weights, and the names of tensors that nothing uses."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    from macaw.frontends.hubload import check_whole, described, loaded

    config = described(found.config)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(
            f"'{found.source}' is of type '{config.model_type}', of which the installed transformers has no "
            "causal model; upgrade it, or give another checkpoint"
        )
    net, missing, unused = loaded(config, MODEL_FOR_CAUSAL_LM_MAPPING[type(config)], found)
    check_whole(found, missing)
    return net, unused


def _context(config: Any) -> int | None:
    """How many tokens the network was made for; None where it has no limit, as recurrent ones."""
    inner = config.get_text_config(decoder=True)
    limits = [getattr(inner, name, None) for name in ("max_position_embeddings", "max_seq_len")]
    rope = getattr(inner, "rope_parameters", None) or {}
    for one in (rope, *(part for part in rope.values() if isinstance(part, dict))):
        if one.get("rope_type") == _STRETCHED:
            limits.append(one.get("original_max_position_embeddings"))
    found = [int(one) for one in limits if isinstance(one, int | float) and one > 0]
    return min(found, default=None)


@contextlib.contextmanager
def _extras(reference: str) -> Iterator[None]:
    """What is not installed becomes the command that installs it."""
    try:
        yield
    except ModuleNotFoundError as problem:
        missing = (problem.name or "").split(".")[0]
        if missing in {"torch", "transformers"}:
            extra = "hub" if missing == "transformers" else "train"
            raise MissingExtra(f"opening '{reference}'", missing, extra) from problem
        raise
