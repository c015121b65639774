"""Many texts in one pass: each is what it would be alone, wherever it branches, ends or begins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from macaw.errors import InputError
from macaw.language.batching import NextOfMany, ScoresOfMany, next_many, scores
from macaw.language.decoding import sample, sample_many
from macaw.language.mixture import Mixture, mix
from macaw.language.networks import Network, open_core
from macaw.language.ngram import Ngram
from macaw.language.recurrent_step import abreast
from macaw.language.settings import Settings
from macaw.language.shapes import RecurrentShape, Shape, TransformerShape
from macaw.language.stream import stream, stream_many
from macaw.language.vocabulary import Vocabulary
from tests.language.toys import Bigram, letters, random_bigram, spelled

WORDS = Vocabulary.learn([" ".join(map(str, range(30))), " ".join(map(str, range(30)))], "words")
SIZE = len(WORDS)
SMALL = {"width": 24, "depth": 2, "heads": 4, "context": 12, "inner": 20, "never": WORDS.begin}
SHAPES: dict[str, Shape] = {
    "transformer": TransformerShape(SIZE, **SMALL, groups=2),
    "squares": TransformerShape(SIZE, **SMALL, activation="relu2", qk_norm="no", softcap=8.0),
    "lstm": RecurrentShape(SIZE, width=16, depth=2, embedding=10, never=WORDS.begin),
    "gru": RecurrentShape(SIZE, width=16, embedding=10, cell="gru", tied="yes", never=WORDS.begin),
}


def random_weights(shape: Shape) -> dict[str, np.ndarray]:
    """Weights by the names of the torch module, of a size at which nothing is certain and nothing equal."""
    torch = pytest.importorskip("torch")
    from macaw.language.modules import build

    noise = np.random.default_rng(7)
    torch.manual_seed(0)
    return {
        name: held.numpy() + 0.3 * noise.normal(size=held.shape).astype(np.float32)
        for name, held in build(shape).state_dict().items()
    }


def network(name: str, **how) -> Network:
    return Network(open_core(SHAPES[name], random_weights(SHAPES[name]), **how), WORDS)


def compiled(precision: str) -> Network:
    """A small network that batches as large ones do, whose weights no cache holds."""
    model = network("transformer", engine="compiled", precision=precision)
    model.core._size = 1 << 40
    return model


def ngram() -> Ngram:
    noise = np.random.default_rng(3)
    return Ngram.learn(
        [WORDS.document(" ".join(map(str, noise.integers(0, 30, 40)))) for _ in range(9)], WORDS
    )


def some(*lengths: int, seed: int = 0) -> list[np.ndarray]:
    noise = np.random.default_rng(seed)
    return [noise.integers(3, SIZE, length).astype(np.int32) for length in lengths]


MODELS = {
    **{name: lambda name=name: network(name) for name in SHAPES},
    "int8": lambda: network("lstm", precision="int8"),
    "compiled": lambda: compiled("int8"),
    "torch": lambda: network("transformer", engine="torch"),
    "ngram": ngram,
    "mixture": lambda: Mixture([ngram(), network("lstm"), network("transformer")], [0.5, 0.2, 0.3]),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    if request.param in {"int8", "compiled"}:
        pytest.importorskip("numba")
    return MODELS[request.param]()


def test_a_row_is_what_next_says_of_that_text_alone(model):
    """Of prompts of unequal length, an empty one among them, then token by token far beyond the context."""
    prompts = some(5, 0, 1, 19, 2)
    logp, states = next_many(model, prompts, [None] * 5)
    alone = [model.next(ids) for ids in prompts]
    for turn in range(16):
        assert logp.shape == (5, SIZE) and logp.dtype == np.float32 and len(states) == 5
        np.testing.assert_allclose(logp, np.stack([one for one, _ in alone]), atol=1e-5)
        tokens = some(*[1] * 5, seed=turn)
        logp, states = next_many(model, tokens, states)
        alone = [model.next(ids, state) for ids, (_, state) in zip(tokens, alone, strict=True)]


def test_states_of_a_batch_are_values(model):
    """One state may be that of several texts, some of more than a token, and is as it was after all that."""
    _, start = model.next(some(4)[0])
    ids = some(1, 1, 3, 1, 1, seed=1)
    ids[4] = ids[0]
    logp, states = next_many(model, ids, [start, start, start, None, start])
    for row, one, state in zip(logp, ids, [start, start, start, None, start], strict=True):
        np.testing.assert_allclose(row, model.next(one, state)[0], atol=1e-5)
    again, _ = next_many(model, ids[:2], states[:2])  # go on, and go on from the same once more
    once, _ = next_many(model, ids[:2], states[:2])
    np.testing.assert_allclose(again, once, atol=1e-6)


def test_an_item_of_a_batch_has_the_tokens_that_it_has_alone(model):
    prompts = some(3, 0, 14, 1)
    settings = Settings(temperature=0.8, top_p=0.9, repetition=1.2)
    made: dict[int, list] = {item: [] for item in range(4)}
    for item, step in sample_many(model, prompts, settings=settings, seed=4, limit=20):
        made[item].append(step)
    for item, ids in enumerate(prompts):
        alone = list(sample(model, ids, settings=settings, seed=4, item=item, limit=20))
        assert [step.token for step in made[item]] == [step.token for step in alone]
        assert [step.ends for step in made[item]] == [step.ends for step in alone]
        for one, other in zip(made[item], alone, strict=True):
            np.testing.assert_allclose(one.logp, other.logp, atol=1e-5)


def test_many_documents_have_the_scores_that_each_has_alone(model):
    documents = some(3, 0, 1, 40, 3, 12, 11, 90, 2, 2, 5)
    found = scores(model, documents)
    assert [one.shape for one in found] == [ids.shape for ids in documents]
    for one, ids in zip(found, documents, strict=True):
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, model.score(ids), atol=1e-4)
    assert scores(model, []) == []


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "int8"])  # to compile
def test_compiled_a_batch_says_what_each_text_says_alone(precision: str):
    pytest.importorskip("numba")
    model = compiled(precision)
    calls = []
    model.core._tokens = lambda x, spans, go=model.core._tokens: calls.append(len(x)) or go(x, spans)
    alone = [model.next(ids) for ids in some(2, 5, 1)]
    states = [state for _, state in alone]
    for turn in range(9):  # and beyond the context, where the window slides
        tokens = some(1, 1, 1, seed=turn)
        logp, states = model.next_many(tokens, states)
        alone = [model.next(ids, state) for ids, (_, state) in zip(tokens, alone, strict=True)]
        np.testing.assert_allclose(logp, np.stack([one for one, _ in alone]), atol=1e-5)
    assert calls == [3] * 9
    batched, _ = model.next_many(tokens, states)
    model.core._size = 0  # what a cache holds is read text by text
    np.testing.assert_allclose(model.next_many(tokens, states)[0], batched, atol=1e-5)
    assert calls == [3] * 10


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_keys_and_values_stay_where_they_are_until_a_text_branches(engine: str):
    if engine == "compiled":
        pytest.importorskip("numba")
    model = compiled("int8") if engine == "compiled" else network("transformer")
    states = [model.next(ids)[1] for ids in some(3, 1)]
    arrays = [state.inside.store.pairs for state in states]
    for turn in range(4):
        _, after = model.next_many(some(1, 1, seed=turn), states)
        assert [state.inside.store.pairs is held for state, held in zip(after, arrays, strict=True)] == [
            True
        ] * 2
        older, states = states, after
    _, twins = model.next_many(some(1, 1), [states[0], states[0]])  # the first goes on, the other branches
    assert [twin.inside.store.pairs is arrays[0] for twin in twins] == [True, False]
    _, (branch,) = model.next_many(some(1), older[1:])
    assert branch.inside.store.pairs is not arrays[1]


def test_networks_and_mixtures_can_and_whoever_cannot_is_asked_text_by_text():
    assert isinstance(network("gru"), NextOfMany) and isinstance(network("gru"), ScoresOfMany)
    assert isinstance(MODELS["mixture"](), NextOfMany) and isinstance(ngram(), ScoresOfMany)
    toy = random_bigram(4)
    assert not isinstance(toy, NextOfMany | ScoresOfMany)
    logp, states = next_many(toy, [np.array([3]), np.array([4, 5])], [None, None])
    np.testing.assert_array_equal(logp, [toy.next(np.array([3]))[0], toy.next(np.array([5]))[0]])
    assert states == [(3,), (5,)]


class Counted(Bigram):
    """A toy that can, and notes how many texts it is asked of at once."""

    def __init__(self, *of) -> None:
        super().__init__(*of)
        self.rows: list[int] = []
        self.begun = 0

    def next(self, ids, state=None):
        self.begun += 1
        return super().next(ids, state)

    def next_many(self, ids, states):
        self.rows.append(len(ids))
        answers = [super(Counted, self).next(one, state) for one, state in zip(ids, states, strict=True)]
        return np.stack([logp for logp, _ in answers]), [state for _, state in answers]


def counted() -> Counted:
    return Counted(letters(5), random_bigram(5).table)


def test_every_pass_is_of_all_texts_that_run_and_no_more_than_a_batch():
    toy, lengths = counted(), {}
    for item, _ in sample_many(toy, [np.array([3])] * 9, seed=2, limit=30, batch=4):
        lengths[item] = lengths.get(item, 0) + 1
    assert max(toy.rows) == 4 and sorted(lengths) == list(range(9))
    assert sum(toy.rows) == sum(lengths.values()) - 9  # the first token comes of the prompt, the last ends it
    assert toy.rows[0] == 4 and toy.begun == 1  # and equal prompts are read once


def test_where_a_text_ends_the_next_begins_and_prompts_are_asked_for_as_there_is_room():
    asked = []

    def prompts():
        for place in range(6):
            asked.append(place)
            yield np.array([3 + place % 3])

    finished: list[int] = []
    for item, step in sample_many(counted(), prompts(), seed=1, limit=12, batch=2):
        assert item not in finished and len(asked) <= len(finished) + 2
        if step.ends:
            finished.append(item)
    assert asked == sorted(finished) == list(range(6))


def test_a_text_that_is_ended_from_outside_leaves_the_batch():
    toy, ended, seen = counted(), set(), {0: 0, 1: 0, 2: 0}
    prompts = [np.array([3]), np.array([4]), np.array([5])]
    for item, _ in sample_many(toy, prompts, seed=0, limit=50, batch=3, ended=ended):
        seen[item] += 1
        if item == 1 and seen[1] == 2:
            ended.add(1)
        ended.add(2)  # by another's turn
    assert seen[1] == 2 and seen[2] == 0
    assert seen[0] == len(list(sample(toy, prompts[0], seed=0, item=0, limit=50)))


def test_pieces_of_many_are_those_of_each_with_its_item_and_its_stop():
    model = spelled("a long text that stops. and goes on")
    made: dict[int, list] = {0: [], 1: [], 2: []}
    for place, piece in stream_many(model, ["a long", "", "a long text"], stop=["stops"], items=[5, 0, 5]):
        made[place].append(piece)
    for place, (prompt, item) in enumerate([("a long", 5), ("", 0), ("a long text", 5)]):
        alone = list(stream(model, prompt, item=item, stop=["stops"]))
        assert [piece.text for piece in made[place]] == [piece.text for piece in alone]
        assert made[place][-1].ends == alone[-1].ends == "stop"


def test_texts_of_many_lengths_go_side_by_side():
    lengths = np.array([2, 5, 1, 5, 3])
    order, rows, counts = abreast(lengths)
    assert order.tolist() == [1, 3, 4, 0, 2] and counts.tolist() == [5, 4, 3, 2, 2]
    assert sorted(rows.tolist()) == list(range(16))
    starts = np.cumsum(lengths) - lengths
    at = 0
    for step, count in enumerate(counts):
        assert rows[at : at + count].tolist() == (starts[order[:count]] + step).tolist()
        at += count
    assert all(a >= b for a, b in pairwise(counts))


def test_the_weights_of_a_mixture_are_fitted_on_documents_scored_together():
    models = [ngram(), network("lstm")]
    documents = [WORDS.document(" ".join(map(str, ids))) for ids in some(7, 3, 9)]
    by_hand = np.stack([np.concatenate([model.score(ids[1:]) for ids in documents]) for model in models])
    weights = mix(models, documents).weights
    best = max(
        np.linspace(0, 1, 1001),
        key=lambda w: np.logaddexp(*(by_hand + np.log([[w + 1e-300], [1 - w + 1e-300]]))).sum(),
    )
    assert weights[0] == pytest.approx(best, abs=2e-3)


def test_what_cannot_be_used_is_refused_in_a_line():
    with pytest.raises(InputError, match="batch is 0 texts"):
        sample_many(counted(), [np.array([3])], batch=0)
    with pytest.raises(InputError, match="limit is 0"):
        sample_many(counted(), [np.array([3])], limit=0)
    with pytest.raises(InputError, match="id 999 is not in the vocabulary"):
        list(sample_many(counted(), [np.array([999])]))
    with pytest.raises(InputError, match="none of them empty"):
        stream_many(spelled("a"), ["a"], stop=[""])
    model = network("lstm")
    with pytest.raises(InputError, match="no token to go on with"):
        model.next_many(some(1, 0), [None, model.next(some(1)[0])[1]])
