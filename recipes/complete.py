"""Trains the embedded language models: a Transformer, an LSTM and an n-gram, on the same text, one vocabulary.

    python -m recipes.complete --network transformer --minutes 65
    python -m recipes.complete --network recurrent --minutes 65 --vocabulary src/macaw/zoo/complete
    python -m recipes.complete --network ngram --vocabulary src/macaw/zoo/complete

`val` of the novels chooses the best weights; `test`, three whole books, is scored once, at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from macaw import zoo
from macaw.files import Stage
from macaw.language.fit_tokens import TokenOptions, fit_tokens
from macaw.language.vocabulary import Vocabulary
from macaw.training.progress import Bar
from recipes.corpus import corpus

FOLDERS = {"transformer": "complete", "recurrent": "complete-lstm", "ngram": "complete-ngram"}
TOKENS = 4096
# Squared ReLU: text is plentiful, a token is seen hardly more than once. A state of 512 is the usual size.
SHAPES = {"transformer": {"activation": "relu2"}, "recurrent": {"batch": 32}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=FOLDERS, required=True)
    parser.add_argument("--minutes", type=float, default=65)
    parser.add_argument("--vocabulary", type=Path, help="a model's folder; else one is learned")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    texts = corpus(asked.data)
    if asked.vocabulary:
        tokens = Vocabulary.load(asked.vocabulary)
    else:
        tokens = Vocabulary.learn(texts.splits["train"], "pieces", size=TOKENS)
    out = asked.out or zoo.FOLDER / FOLDERS[asked.network]
    options = TokenOptions.of(network=asked.network, minutes=asked.minutes, **SHAPES[asked.network])
    with Bar() as bar:
        fit_tokens(texts, tokens, Stage(out), options=options, watcher=bar)


if __name__ == "__main__":
    main()
