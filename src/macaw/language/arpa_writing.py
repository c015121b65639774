"""Writing ARPA: an n-gram as the text file that every toolkit of the kind reads, plain or as .gz.

Shapes: E entries of an order
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from macaw.errors import InputError
from macaw.files import atomic_write
from macaw.language.coder import BEGIN, END
from macaw.language.ngram import Ngram
from macaw.language.vocabulary import Vocabulary
from macaw.language.word_coder import ROLES


def write_arpa(model: Ngram, path: str | Path) -> Path:
    """Write the model as an ARPA file, packed where the name ends in .gz.

    Tokens are written by their names, in which blanks are marked; where a vocabulary has no begin, its end
    leads the documents and is written as `<s>` there. Raises InputError where two tokens have one name,
    StorageError.
    """
    path = Path(path)
    text = "".join(_lines(model)).encode()
    return atomic_write(path, gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def _lines(model: Ngram) -> Iterator[str]:
    """The file, line by line."""
    yield "\\data\\\n"
    bare = model.vocabulary.begin is None  # the end's own entry is also what leads documents
    for n, level in enumerate(model.levels, start=1):
        yield f"ngram {n}={len(level) + (bare and n == 1)}\n"
    names = _names(model.vocabulary)
    grams: list[tuple[str, ...]] = [(name,) for name in names]
    for n in range(1, model.order + 1):
        if n == 2 and bare:
            grams[model.vocabulary.start] = (BEGIN,)
        if n > 1:
            level = model.levels[n - 1]
            grams = [(*grams[c], names[word]) for c, word in zip(level.parents(), level.words, strict=True)]
        yield f"\n\\{n}-grams:\n"
        yield from _entries(model, n, grams)
    yield "\n\\end\\\n"


def _entries(model: Ngram, n: int, grams: list[tuple[str, ...]]) -> Iterator[str]:
    """The lines of order `n`."""
    logp = model.parts.logp[n - 1]
    backoff = model.parts.backoff[n - 1] if n < model.order else None
    leads = model.vocabulary.start if n == 1 and model.vocabulary.begin is None else -1
    if leads >= 0:
        yield f"0\t{BEGIN}{_held(backoff, leads)}\n"
    for i, gram in enumerate(grams):
        held = _held(backoff, i) if i != leads or backoff is None else "\t0"
        yield f"{_number(logp[i])}\t{' '.join(gram)}{held}\n"


def _held(backoff: np.ndarray | None, i: int) -> str:
    """The column of the backoff, which the highest order has not."""
    return "" if backoff is None else f"\t{_number(backoff[i])}"


def _names(vocabulary: Vocabulary) -> list[str]:
    """What the tokens are called in the file."""
    words = vocabulary.kind == "words"
    names = [*ROLES, *vocabulary.coder.tokens()] if words else list(vocabulary.names)
    names = [name.replace("\n", "↵").replace(" ", "␣") for name in names]
    if vocabulary.end is not None:
        names[vocabulary.end] = END
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"two tokens are called '{twice}'; an ARPA file needs a name for each")
    return names


def _number(value: float) -> str:
    """The shortest decimal number that is the same float32."""
    return np.format_float_positional(np.float32(value), trim="-")
