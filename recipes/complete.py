"""Trains the embedded language models: a Transformer, an LSTM and an n-gram, on one text, by one vocabulary.

    python -m recipes.complete --network transformer --minutes 65
    python -m recipes.complete --network recurrent --minutes 65 --vocabulary src/macaw/zoo/complete
    python -m recipes.complete --network ngram --vocabulary src/macaw/zoo/complete

`val` of the novels chooses the best weights; `test`, three whole books, is scored once, at the end, and so
are the held-out stories. `--finish` completes the card of a model that is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from macaw import tasks, zoo
from macaw.card import Card
from macaw.data.texts import read_texts
from macaw.data.titles import Titled
from macaw.files import Stage
from macaw.language.fit import Options, fit
from macaw.language.ngram import Ngram
from macaw.language.opening import open_model
from macaw.language.protocol import LanguageModel
from macaw.language.vocabulary import Vocabulary
from macaw.machine import processor
from macaw.metrics.likelihood import score_texts
from macaw.training.progress import Bar
from recipes.corpus import NOVELS, TERMS, TIMES, corpus, told

FOLDERS = {"transformer": "complete", "recurrent": "complete-lstm", "ngram": "complete-ngram"}
TOKENS, ENTRIES = 4096, 1_000_000
# Squared ReLU is cheaper, and text is plentiful: a token is seen hardly more than once
OPTIONS: dict[str, dict[str, Any]] = {
    "transformer": {"activation": "relu2"},
    "recurrent": {},
    "ngram": {"order": 4, "entries": ENTRIES},
}
SHOWN = ("bits per byte", "perplexity per word", "perplexity per token")
LIMITS = (
    "Writes English as novels of the nineteenth century have it, sentence by sentence; it knows no facts and "
    "loses the thread after some sentences. For more reach for a checkpoint of the Hugging Face Hub, such as "
    "HuggingFaceTB/SmolLM2-135M."
)


def held_out(data: Path) -> dict[str, Iterable[tuple[str, str]]]:
    """What chose nothing and was read by no model, by what a card calls it."""
    stories = told(data).splits["test"]
    return {
        "lm_novels test (three whole books)": read_texts(data / NOVELS).splits["test"].items(),
        f"stories_children test ({len(stories)} stories)": Titled(stories).items(),
    }


def scores_of(model: LanguageModel, data: Path, before: str = "") -> dict[str, Any]:
    """What a model scores on all that is held out, as a card has it; `before` begins the names."""
    found = {}
    for name, documents in held_out(data).items():
        metrics = score_texts(model, documents).metrics
        found[before + name] = {
            key: {k: round(v, 4) if k != "unit" else v for k, v in metrics[key].to_dict().items()}
            for key in SHOWN
        }
        print(before + name, metrics["bits per byte"])
    return found


def finish(out: Path, data: Path, command: str) -> None:
    """Score on what is held out, beside pieces drawn by their frequency alone, and complete the card."""
    model, card = open_model(out), Card.load(out)
    train = (model.vocabulary.document(text) for text in corpus(data, times=1).splits["train"])
    alone = Ngram.learn(train, model.vocabulary, order=1)
    baseline = scores_of(alone, data, "baseline, each piece by its frequency alone: ")
    machine = f"{processor()}, one core, shared with other work"
    card.replace(
        name=f"novels-{card.head['name']}",
        scores={**scores_of(model, data), **baseline},
        training={**card.training, "command": command, "machine": machine},
        terms=TERMS,
        limits=LIMITS,
    ).save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--network", choices=FOLDERS, required=True)
    parser.add_argument("--minutes", type=float, default=65)
    parser.add_argument("--vocabulary", type=Path, help="a model's folder; else one is learned")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--finish", action="store_true", help="only complete the card")
    asked = parser.parse_args()
    out, network = asked.out or zoo.FOLDER / FOLDERS[asked.network], asked.network
    command = f"python -m recipes.complete --network {network}"
    command += "" if network == "ngram" else f" --minutes {asked.minutes:g}"
    if not asked.finish:
        texts, place = corpus(asked.data, times=1 if network == "ngram" else TIMES), asked.vocabulary
        if place is None:
            place = out.with_name(f"{out.name}.vocabulary")
            Vocabulary.learn(texts.splits["train"], "pieces", size=TOKENS).save(place)
        given = {} if network == "ngram" else {"minutes": asked.minutes}
        options = Options.of(network=network, vocabulary=place, **given, **OPTIONS[network])
        with Bar() as bar:
            row, began = tasks.find("complete"), time.monotonic()
            fit(row, texts, Stage(out), options=options, watcher=bar, began=began)
    if network == "ngram":  # a fifth of the size, and it opens in less than a second
        Ngram.load(out).save(out, form="small")
    finish(out, asked.data, command)


if __name__ == "__main__":
    main()
