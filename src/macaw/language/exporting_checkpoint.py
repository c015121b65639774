"""Checkpoint: a Transformer in the format of the Hugging Face Hub, weight for weight, for who reads that.

The folder needs no code of ours: the transformers library knows the family (`exporting_names`), and the
tokenizer puts the id that begins a document in front of every text, as the network has learned it. What the
format cannot say exactly is refused rather than left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.numpy import save

from macaw.card import Card
from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.language.asked import Asked
from macaw.language.exporting_names import config_of, fault_of, renamed
from macaw.language.networks import load_weights
from macaw.language.piece_coder import PieceCoder
from macaw.language.shapes import TransformerShape, shape_of
from macaw.language.vocabulary import Vocabulary

FILES = (
    "README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json",
)  # fmt: skip
_DRAWN = {  # our names of settings -> those of the library
    "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "typical": "typical_p",
    "repetition": "repetition_penalty", "no_repeat": "no_repeat_ngram_size",
}  # fmt: skip


def checked(card: Card, vocabulary: Vocabulary) -> tuple[TransformerShape, PieceCoder]:
    """What a checkpoint is made of. Raises InputError for what the format cannot say weight for weight."""
    shape, coder = shape_of(card.head), vocabulary.coder
    fault = fault_of(shape)
    if not fault and isinstance(shape, TransformerShape) and isinstance(coder, PieceCoder):
        return shape, coder
    fault = fault or f"its vocabulary is of {vocabulary.kind}, which a tokenizer.json does not hold"
    raise InputError(f"'{card.name}' cannot become a checkpoint: {fault}; export it to .onnx")


def write_checkpoint(folder: Path, place: Path, card: Card, vocabulary: Vocabulary) -> None:
    """Write the files but for README.md into `place`, from the model in `folder`.

    Raises what `checked` raises, and StorageError.
    """
    shape, coder = checked(card, vocabulary)
    start, end = vocabulary.start, vocabulary.end
    named = {"bos_token": _piece(coder, start), "eos_token": _piece(coder, end)}
    written = {
        "config.json": config_of(shape, start=start, end=end),
        "generation_config.json": drawing_of(card, start=start, end=end),
        "tokenizer.json": json.loads(tokenizer_of(coder, start=start)),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": shape.context,
            "add_bos_token": True,
            "clean_up_tokenization_spaces": False,
            **{name: piece for name, piece in named.items() if piece},
        },
    }
    for name, values in written.items():
        atomic_write(place / name, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
    weights = save(renamed(shape, load_weights(folder)), metadata={"format": "pt"})
    atomic_write(place / "model.safetensors", weights)


def drawing_of(card: Card, *, start: int, end: int | None) -> dict[str, Any]:
    """The contents of `generation_config.json`: how the card draws, as far as the library can."""
    asked = Asked.of(card)
    draws = asked.settings.temperature > 0
    values: dict[str, Any] = {"do_sample": draws, "max_new_tokens": asked.limit, "bos_token_id": start}
    if end is not None:
        values |= {"eos_token_id": end, "pad_token_id": end}
    if draws:
        # The library would cut all but the 50 likeliest where nothing is said
        values |= {"temperature": asked.settings.temperature, "top_k": 0}
        values |= {_DRAWN[name]: value for name, value in asked.settings.changed.items() if name in _DRAWN}
    return values


def tokenizer_of(coder: PieceCoder, *, start: int) -> str:
    """The contents of `tokenizer.json`, by which every text has `start` in front of it."""
    from tokenizers import Tokenizer, processors

    tokenizer, begin = Tokenizer.from_str(coder.to_json()), _piece(coder, start)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[begin, "$A"], pair=[begin, "$A", begin, "$B"], special_tokens=[(begin, start)]
    )
    return str(tokenizer.to_str())


def readme_of(card: Card, proof: str) -> str:
    """The contents of `README.md`: what it is, how it is opened, and the proof."""
    terms = "\n".join(f"* {what}: {' '.join(words.split())}" for what, words in card.terms.items())
    return (
        "---\nlibrary_name: transformers\npipeline_tag: text-generation\n---\n"
        f"# {card.name}\n\n{card.limits or card.row.does}\n\n"
        "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        'tokenizer = AutoTokenizer.from_pretrained("this-folder")\n'
        'model = AutoModelForCausalLM.from_pretrained("this-folder")\n'
        'ids = tokenizer("Once upon a time", return_tensors="pt")  # behind the id that begins a text\n'
        "print(tokenizer.decode(model.generate(**ids)[0], skip_special_tokens=True))\n```\n\n"
        f"Written by macaw, and compared with the model it was made of:\n\n```\n{proof}\n```\n\n{terms}\n"
    )


def _piece(coder: PieceCoder, token: int | None) -> str:
    """How the tokenizer writes a token."""
    return "" if token is None else str(coder.tokenizer.id_to_token(token))
