"""Parrot meter: how much of a text comes from the training text, and whether that means anything.

Four figures that are never made one, each beside the same of human text that the model was not trained on:

* verbatim overlap: the share of the text that lies in passages of at least so many symbols which the training
  text has. Alone it proves nothing: people, too, write what was written before.
* surprising overlap: the share in passages that would hardly occur there by chance (`macaw.language.nulls`).
* extractable (`macaw.language.extraction`) and exposure (`macaw.language.exposure`), which ask the model
itself.

Held-out text often has pages of the training text, and then everything looks new beside it: its long repeats
are cut out first (Merrill et al. 2024, arXiv 2406.13069, version 3, on what their first version had missed).

Shapes: P passages
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from macaw.errors import InputError
from macaw.language.nulls import expected, sample_null
from macaw.language.overlap import Overlap, Track, novelty, track
from macaw.language.provenance import as_read, seen_passages
from macaw.language.suffixes import Suffixes, Text
from macaw.results.parrot import Figure, Parrot
from macaw.results.words import several

LEAST = {"byte": 25, "character": 25}  # symbols of a passage that counts as verbatim: about five words
REPEAT = {"byte": 200, "character": 200}  # cut out of held-out text: about 50 tokens (arXiv 2107.06499)
LEAST_TOKENS, REPEAT_TOKENS = 5, 50  # of words and pieces
SIGNIFICANCE = 0.05  # of the whole text: each passage has its share of it (Bonferroni)
NULL_SIZE = 20_000  # symbols of the text drawn from the trigram null, for its curve


def measure(
    texts: Text | Sequence[Text],
    suffixes: Suffixes,
    *,
    held: Text | Sequence[Text],
    decoding: str,
    least: int | None = None,
    others: Mapping[str, Sequence[Text]] | None = None,
    seed: int = 0,
) -> Parrot:
    """Look a text, or several, up in the training text, and human text of the same kind beside it.

    `held` is text that the model was not trained on, `decoding` how `texts` were drawn, such as "temperature
    0.8, top-p 0.95"; `least` is the shortest passage that counts as verbatim (25 bytes or characters, 5
    tokens); `others` are more texts whose novelty curves are drawn, by what they are called. What needs the
    model is added by `Parrot.plus`. Raises InputError for an empty text, and where all of `held` is in the
    training text.
    """
    least = least or LEAST.get(suffixes.unit, LEAST_TOKENS)
    ours, whole = track(texts, suffixes), track(held, suffixes)
    repeat = max(REPEAT.get(suffixes.unit, REPEAT_TOKENS), 2 * least)
    fresh = without_repeats(whole, repeat)
    text, human = (_overlap(one, suffixes, least, trials=len(ours)) for one in (ours, fresh))
    null = track(sample_null(suffixes, NULL_SIZE, seed=seed), suffixes)
    drawn = {"this text": ours, "held-out text": fresh, "held-out, repeats kept": whole, "trigram null": null}
    drawn |= {name: track(some, suffixes) for name, some in (others or {}).items()}
    shown, starts, ends = as_read(text, suffixes)
    return Parrot(
        text=shown,
        seen=seen_passages(text, suffixes, starts, ends),
        curves=tuple(novelty(name, one, seed=seed) for name, one in drawn.items()),
        figures=_figures(text, human, least=least, decoding=decoding, seed=seed, unit=suffixes.unit),
        unit=suffixes.unit,
        least=least,
        decoding=decoding,
        training=(len(suffixes), len(suffixes.labels)),
    )


def without_repeats(one: Track, length: int) -> Track:
    """The text without passages of `length` symbols or more that the training text has.

    Raises InputError where nothing is left.
    """
    passages = one.passages
    fresh = one.without(passages.where(passages.ends - passages.starts >= length))
    if not len(fresh):
        raise InputError(
            f"all of the held-out text is in the training text, in passages of {length} symbols or more; "
            "take text that the model was not trained on"
        )
    return fresh


def _overlap(one: Track, suffixes: Suffixes, least: int, *, trials: int) -> Overlap:
    """`trials`: positions of the text in question, for which the level of significance is shared out."""
    passages = one.passages
    chance = expected(one, passages, suffixes)
    bound = np.log10(SIGNIFICANCE / trials)
    surprising = {name: values < bound for name, values in chance.items()}
    verbatim = passages.ends - passages.starts >= least
    kept = verbatim | np.any([*surprising.values()], axis=0)
    return Overlap(
        one,
        passages.where(kept),
        {name: values[kept] for name, values in chance.items()},
        {name: values[kept] for name, values in surprising.items()},
        verbatim[kept],
    )


def _figures(
    text: Overlap, human: Overlap, *, least: int, decoding: str, seed: int, unit: str
) -> tuple[Figure, ...]:
    verbatim, surprising, alone = (
        [one.share(mask, seed) for one, mask in zip((text, human), masks, strict=True)]
        for masks in (
            (text.verbatim, human.verbatim),
            (text.unexplained, human.unexplained),
            (text.surprising["unigram"], human.surprising["unigram"]),
        )
    )
    copied = f"of the text in passages that the training text has, {several(least, unit)} or more"
    strange = (
        "of the text in passages that neither single words nor each word after two others make by chance; "
        f"beyond single words alone {alone[0].text}, held-out {alone[1].text}"
    )
    return (
        Figure("verbatim overlap", verbatim[0], verbatim[1], copied, decoding),
        Figure("surprising overlap", surprising[0], surprising[1], strange, decoding),
        Figure("extractable", None, None, "needs the model", ""),
        Figure("exposure", None, None, "needs a model that was trained with canaries", ""),
    )
