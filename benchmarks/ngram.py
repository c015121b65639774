"""N-grams, ours beside KenLM's: the same probabilities, the time and memory to make them, queries per second.

    python -m benchmarks.ngram --data ../shared/data --lmplz build/bin/lmplz --kenlm venv/bin/python

KenLM comes from its PyPI source, twice: `cmake` makes `lmplz`, which estimates (it needs the headers of
Boost), and `pip install` the Python module, which answers queries; `MAX_ORDER=8` for the characters. Every
build and every query is a process of its own, in turn; compare the processor's seconds, since KenLM uses
several threads. Ours: from the text to all probabilities; KenLM: from the text to its ARPA file. Queries are
whole lines; ours takes the test text in one call, KenLM a line a call in C++.

Texts are lines of words, for tiny Shakespeare of characters; `<unk>` is written `[unk]`, since KenLM refuses
it. Perplexities count the line's end and give the unknown word its probability. PTB is for evaluation only.
The difference that is left, in the fourth decimal of a line, comes from the last word of KenLM's list, which
it leaves out of the tally by which order 1 is discounted. On texts too small for such tallies, those of
KenLM's own tests, every entry agrees to 2e-6 (tests/language/test_ngram.py).

Beside it stands what is asked of the n-gram in the races of language models: tiny Shakespeare as nanoGPT
splits it, as one text, in nats per character.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from macaw.language.ngram import Ngram
from macaw.language.vocabulary import Vocabulary

ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
ASK_KENLM = """
import json, sys, time, kenlm
model, lines = kenlm.Model(sys.argv[1]), open(sys.argv[2], encoding="utf-8").read().split("\\n")
lines = [line for line in lines if line]
began = time.process_time()
scores = [model.score(line) for line in lines]
print(json.dumps({"seconds": time.process_time() - began, "scores": scores}))
"""
WATCH = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, check=True)
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
cpu, mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
json.dump({"seconds": seconds, "cpu": cpu, "mb": mb}, sys.stderr)
"""


def shakespeare(data: Path) -> tuple[str, str]:
    """NanoGPT's split: the first nine tenths, and the rest."""
    text = unpacked(data / "lm_tinyshakespeare" / "input.txt.xz")
    return text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]


def characters(data: Path) -> tuple[str, str]:
    """Tiny Shakespeare with a blank between two characters, and `_` for a blank."""

    def spread(text: str) -> str:
        return "\n".join(" ".join(line.replace("_", "-").replace(" ", "_")) for line in text.split("\n"))

    train, test = shakespeare(data)
    return spread(train), spread(test)


def words_of(pack: str, first: str = "train", last: str = "test") -> Callable[[Path], tuple[str, str]]:
    """Training and test text of a pack of words."""

    def texts(data: Path) -> tuple[str, str]:
        train, test = (unpacked(data / pack / f"{split}.txt.xz") for split in (first, last))
        return plain(train), plain(test)

    return texts


def plain(text: str) -> str:
    """Without what KenLM reads otherwise: the word of its own, and form feeds, which are letters to it."""
    return text.replace("<unk>", "[unk]").replace("\f", " ")


CORPORA: dict[str, tuple[Callable[[Path], tuple[str, str]], int]] = {
    "shakespeare": (characters, 7),
    "ptb": (words_of("lm_ptb_EVAL_ONLY"), 5),
    "wikitext2": (words_of("lm_wikitext2"), 5),
    "novels": (words_of("lm_novels"), 5),
}


def unpacked(path: Path) -> str:
    return lzma.open(path, "rt", encoding="utf-8").read()


def lines_of(path: Path) -> Iterator[str]:
    """The lines that are not empty."""
    with path.open(encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file if line.strip())


def watched(command: list[str], *, given: Path | None = None) -> dict[str, Any]:
    """Run a command; its seconds, processor seconds, peak memory in MB, and what it printed.

    A small process starts it, because Linux counts to a process's peak what started it had in memory.
    """
    with open(given or os.devnull, "rb") as into:
        small = [sys.executable, "-S", "-c", WATCH, *command]
        ran = subprocess.run(
            small, stdin=into, capture_output=True, env={**os.environ, **ONE_CORE}, text=True
        )
    if ran.returncode:
        sys.exit(f"{command[0]} failed:\n{ran.stderr}")
    return {**json.loads(ran.stderr), "said": ran.stdout}


def ours(train: Path, test: Path, order: int, folder: Path, /) -> None:
    """In a process of its own: build and save, or open and ask; prints figures as JSON."""
    if not folder.exists():
        vocabulary = Vocabulary.learn(lines_of(train), "words")
        model = Ngram.learn(map(vocabulary.document, lines_of(train)), vocabulary, order=order)
        model.save(folder)
        print(json.dumps({"entries": len(model), "notes": model.notes}))
        return
    began = time.perf_counter()
    model = Ngram.load(folder)
    opened = time.perf_counter()
    documents = [model.vocabulary.document(line)[1:] for line in lines_of(test)]
    model.scores(documents)  # loads the loops
    asked = time.process_time()
    scores = [float(one.sum()) / math.log(10) for one in model.scores(documents)]
    seconds, tokens = time.process_time() - asked, sum(map(len, documents))
    said = {"seconds to open": round(opened - began, 3), "queries a second": round(tokens / seconds)}
    said |= {"tokens": tokens, "unknown": sum(int((one == 0).sum()) for one in documents)}
    said |= {"perplexity": math.exp(-sum(scores) * math.log(10) / tokens)}
    print(json.dumps({**said, "scores": scores}))


def compare(name: str, data: Path, lmplz: str, kenlm: str) -> dict[str, Any]:
    """One corpus through both."""
    texts, order = CORPORA[name]
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        train, test = here / "train.txt", here / "test.txt"
        for path, text in zip((train, test), texts(data), strict=True):
            kept = [
                line for line in text.split("\n") if line.strip()
            ]  # KenLM counts an empty one as a sentence
            path.write_text("\n".join([*kept, ""]), encoding="utf-8")
        alone = [str(train), str(test), str(order), str(here / "model")]
        command = [sys.executable, "-m", "benchmarks.ngram", "--alone", *alone]
        built, asked = watched(command), watched(command)
        said = json.loads(asked["said"])
        scores = said.pop("scores")
        row = {"corpus": name, "order": order, **json.loads(built["said"]), "build": figures(built), **said}
        row["file mb"] = round((here / "model" / "model.safetensors").stat().st_size / 2**20, 1)
        if lmplz:
            row |= peer(lmplz, kenlm, here, order, scores)
    return row


def peer(lmplz: str, kenlm: str, here: Path, order: int, scores: list[float], /) -> dict[str, Any]:
    """The same by KenLM, and how far its log10 probabilities of whole lines are from ours."""
    arpa = str(here / "kenlm.arpa")
    options = ["-o", str(order), "--discount_fallback", "-S", "2G", "-T", str(here), "--arpa", arpa]
    built = watched([lmplz, *options], given=here / "train.txt")
    theirs = json.loads(watched([kenlm, "-c", ASK_KENLM, arpa, str(here / "test.txt")])["said"])
    queries = sum(len(line.split()) + 1 for line in lines_of(here / "test.txt")) / theirs["seconds"]
    apart = float(np.abs(np.subtract(scores, theirs["scores"])).max())
    return {
        "KenLM build": figures(built),
        "KenLM queries a second": round(queries),
        "largest difference": apart,
    }


def figures(run: dict[str, Any]) -> dict[str, float]:
    return {name: round(run[name], 2) for name in ("seconds", "cpu", "mb")}


def race(data: Path) -> dict[str, Any]:
    """Tiny Shakespeare by characters, as one text: nats per character of nanoGPT's validation text."""
    train, val = shakespeare(data)
    vocabulary = Vocabulary.learn([train], "characters")
    found: dict[str, Any] = {}
    for order, prune in ((5, ()), (7, ()), (7, (0, 0, 0, 0, 1)), (9, (0, 0, 0, 0, 1))):
        began = time.process_time()
        model = Ngram.learn([vocabulary.encode(train)], vocabulary, order=order, prune=prune)
        built = time.process_time() - began
        nats = -float(model.score(vocabulary.encode(val)).mean())
        row = {"nats": round(nats, 4), "cpu seconds": round(built, 2), "entries": len(model)}
        found[f"order {order}, prune {list(prune)}"] = row
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--corpus", nargs="*", default=list(CORPORA), choices=list(CORPORA))
    parser.add_argument("--lmplz", default="", help="KenLM's lmplz; without it ours runs alone")
    parser.add_argument("--kenlm", default=sys.executable, help="a Python that has the module kenlm")
    parser.add_argument(
        "--alone", nargs=4, metavar=("TRAIN", "TEST", "ORDER", "FOLDER"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.alone:
        train, test, order, folder = given.alone
        ours(Path(train), Path(test), int(order), Path(folder))
        return
    print(json.dumps({"shakespeare, one text": race(given.data)}))
    for name in given.corpus:
        print(json.dumps(compare(name, given.data, given.lmplz, given.kenlm)), flush=True)


if __name__ == "__main__":
    main()
