"""ARPA: the text format in which n-gram toolkits exchange models, read plain or as .gz.

Every n-gram is a line: log10 probability, words, log10 backoff, with the lines of one order in any order. A
backoff that is missing is 0, a probability of -99 is zero. SRILM, KenLM and others write it.

Shapes: E entries of an order
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from macaw.errors import DataError, InputError
from macaw.language.counts import Level, edges, smallest
from macaw.language.kneser_ney import Estimated
from macaw.language.ngram import Ngram
from macaw.language.vocabulary import Vocabulary
from macaw.language.word_coder import ROLES

_MISSING = -100.0  # log10 of the unknown word in a file without one, as KenLM has it
_BLANKS = b" \t\r\n"  # and no other: KenLM takes a form feed for a letter
_BLANK = re.compile(rb"[ \t]+")
_COUNT = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)$")
_SECTION = re.compile(rb"\\(\d+)-grams:$")


class _Section(NamedTuple):
    """The lines of one order as they stand in the file."""

    rows: np.ndarray  # (E,) where they stand, from 1
    logp: np.ndarray  # (E,) float32
    words: list[list[bytes]]  # (E) of n words each
    backoff: np.ndarray  # (E,) float32


def read_arpa(path: str | Path) -> Ngram:
    """The model of an ARPA file, as a vocabulary of words in the file's order; .gz is unpacked.

    It has no counts, so `counts` and influence cannot be asked. Raises InputError for no such file, and
    DataError, which names the row, for a file that is cut off or in which something is missing, double or no
    number.
    """
    path = Path(path)
    sections = list(_sections(path))
    names = [words[0].decode("utf-8", "replace") for words in sections[0].words]
    words = _words(path, sections[0], names)
    vocabulary = Vocabulary.of("words", words)
    ids = {word: at for at, word in enumerate((*ROLES, *words))}
    unigrams = np.array([ids[_role(name)] for name in names])
    place = {words[0]: int(at) for words, at in zip(sections[0].words, unigrams, strict=True)}
    size = len(vocabulary)
    levels = [Level(np.arange(size), np.array([0, size]))]
    first, held = np.full(size, _MISSING, np.float32), np.zeros(size, np.float32)
    first[unigrams], held[unigrams] = sections[0].logp, sections[0].backoff
    logp, backoff = [first], [held]
    for section in sections[1:]:
        level, order = _level(path, section, levels, place)
        levels.append(level)
        logp.append(section.logp[order])
        backoff.append(section.backoff[order])
    parts = Estimated(tuple(levels), tuple(logp), tuple(backoff[: len(levels) - 1]))
    return Ngram(vocabulary, parts)


def _rows(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, without blanks around them, and their places from 1."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            for row, line in enumerate(file, start=1):
                if line := line.strip(_BLANKS):
                    yield row, line
    except FileNotFoundError:
        raise InputError(f"no file '{path}'; give an ARPA file") from None
    except (OSError, EOFError) as problem:
        raise DataError(f"cannot read {path}: {problem}") from problem


def _sections(path: Path) -> Iterator[_Section]:
    """The orders of a file, 1 upwards."""
    rows = _rows(path)
    if next((line for _, line in rows if line == b"\\data\\"), None) is None:
        raise DataError(f"{path} is no ARPA file: it has no line \\data\\")
    sizes: list[int] = []
    for row, line in rows:
        if not (found := _COUNT.match(line)):
            break
        if int(found[1]) != len(sizes) + 1:
            raise DataError(
                f"{path} row {row}: the size of order {int(found[1])} stands where {len(sizes) + 1} should"
            )
        sizes.append(int(found[2]))
    else:
        raise DataError(f"{path} ends after {len(sizes)} sizes; the file is cut off, get it again")
    for order, size in enumerate(sizes, start=1):
        if not (heading := _SECTION.match(line)) or int(heading[1]) != order:
            raise DataError(f"{path} row {row}: '{_shown(line)}' stands where \\{order}-grams: should")
        section, (row, line) = _section(path, rows, order, size)
        yield section
    if not sizes or line != b"\\end\\":
        raise DataError(f"{path} row {row}: '{_shown(line)}' stands where \\end\\ should")


def _section(
    path: Path, rows: Iterator[tuple[int, bytes]], order: int, size: int
) -> tuple[_Section, tuple[int, bytes]]:
    """The lines of one order, and the line that ends it."""
    places, logp, words, backoff = [], [], [], []
    for row, line in rows:
        if line[:1] == b"\\" and (line == b"\\end\\" or _SECTION.match(line)):
            break
        fields = _BLANK.split(line)
        if not order + 1 <= len(fields) <= order + 2:
            raise DataError(
                f"{path} row {row}: {len(fields)} fields where order {order} has {order + 1} or {order + 2}"
            )
        try:
            logp.append(float(fields[0]))
            backoff.append(float(fields[order + 1]) if len(fields) > order + 1 else 0.0)
        except ValueError as problem:
            raise DataError(f"{path} row {row}: {problem}; probability and backoff are log10") from problem
        places.append(row)
        words.append(fields[1 : order + 1])
    else:
        raise DataError(f"{path} ends within order {order}; the file is cut off, get it again")
    if len(places) != size:
        raise DataError(
            f"{path} row {row}: order {order} has {len(places):,} n-grams, its head says {size:,}"
        )
    found = _Section(np.array(places), np.array(logp, np.float32), words, np.array(backoff, np.float32))
    return found, (row, line)


def _words(path: Path, section: _Section, names: list[str]) -> list[str]:
    """The words of the first order, the roles aside."""
    seen: dict[str, int] = {}
    for name, row in zip(map(_role, names), section.rows.tolist(), strict=True):
        if name in seen:
            raise DataError(f"{path} row {row}: '{name}' stands in row {seen[name]} already")
        seen[name] = row
    return [name for name in seen if name not in ROLES]


def _role(name: str) -> str:
    """A word as it is, or the role that it plays: SRILM writes <UNK>."""
    return name.lower() if name.lower() in ROLES else name


def _level(
    path: Path, section: _Section, levels: list[Level], place: dict[bytes, int]
) -> tuple[Level, np.ndarray]:
    """The level of one order, and the order in which its entries stand in the file."""
    ids = np.array(
        [_ids(path, row, words, place) for row, words in zip(section.rows, section.words, strict=True)]
    )
    ids = ids.reshape(len(section.rows), len(levels) + 1)
    context = ids[:, 0]
    for n, level in enumerate(levels[1:], start=1):
        context = level.find(context, ids[:, n])
    if (context < 0).any():
        at = int(np.flatnonzero(context < 0)[0])
        words = b" ".join(section.words[at][:-1])
        raise DataError(
            f"{path} row {section.rows[at]}: its context '{_shown(words)}' is not among the n-grams"
        )
    order = np.lexsort((ids[:, -1], context))
    keys = np.stack([context[order], ids[order, -1]])
    if (double := (keys[:, 1:] == keys[:, :-1]).all(axis=0)).any():
        at = order[1:][double][0]
        raise DataError(
            f"{path} row {section.rows[at]}: '{_shown(b' '.join(section.words[at]))}' comes twice"
        )
    degrees = np.bincount(context, minlength=len(levels[-1]))
    return Level(smallest(keys[1]), edges(degrees)), order


def _ids(path: Path, row: int, words: list[bytes], place: dict[bytes, int]) -> list[int]:
    try:
        return [place[word] for word in words]
    except KeyError as problem:
        raise DataError(
            f"{path} row {row}: '{_shown(problem.args[0])}' is not among the words of order 1"
        ) from None


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return text if len(text) <= 60 else text[:57] + "..."
