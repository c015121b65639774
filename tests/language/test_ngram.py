"""N-grams: every probability by the formulas in dictionaries, KenLM's files, saving, counts, influence."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from macaw.errors import InputError, ModelError, UnknownName
from macaw.language.arpa import read_arpa
from macaw.language.counts import _find, _grouped, linked
from macaw.language.influence import Influence
from macaw.language.kneser_ney import discounts
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel, score_by_steps
from macaw.language.vocabulary import Vocabulary

FABLE = "the fox and the crow\nthe crow sat on a branch\na fox sat under the branch and sang\nthe crow sang\n"


class Dictionaries:
    """Kneser-Ney by the book, in dictionaries of tuples; knows nothing of arrays, trees or ids."""

    def __init__(self, texts: list[list], tokens: set, *, order: int, start: object, least=()) -> None:
        self.order, self.size = order, len(tokens)
        self.seen = [Counter() for _ in range(order + 1)]
        for text in texts:
            led = [start, *text]
            for n in range(1, order + 1):
                self.seen[n].update(tuple(led[i : i + n]) for i in range(n == 1, len(led) - n + 1))
        self.used = [{}] + [
            {
                g: c if n == order or (n > 1 and g[0] == start) else sum(h[1:] == g for h in self.seen[n + 1])
                for g, c in self.seen[n].items()
            }
            for n in range(1, order + 1)
        ]
        self.discount = [None, *(self._discounts(self.used[n]) for n in range(1, order + 1))]
        limits = [*least, *[least[-1] if least else 0] * order][:order]
        self.kept = [set()] + [
            {g for g in self.used[n] if self.seen[n][g] > limits[n - 1]} for n in range(1, order + 1)
        ]
        self.after = [defaultdict(list) for _ in range(order + 1)]
        for n in range(1, order + 1):
            for g in self.used[n]:
                self.after[n][g[:-1]].append(g)

    @staticmethod
    def _discounts(used: dict) -> tuple:
        t = [sum(c == j for c in used.values()) for j in range(5)]
        if 0 in t[1:4]:
            return (0, 0.5, 1, 1.5)
        y = t[1] / (t[1] + 2 * t[2])
        found = [j - (j + 1) * y * t[j + 1] / t[j] for j in (1, 2, 3)]
        return (0, *found) if all(0 <= d <= j for j, d in enumerate(found, 1)) else (0, 0.5, 1, 1.5)

    def p(self, token: object, context: tuple) -> float:
        n = len(context) + 1
        below = 1 / self.size if n == 1 else self.p(token, context[1:])
        grams = self.after[n].get(context, [])
        if not grams:
            return below
        used, discount, kept = self.used[n], self.discount[n], self.kept[n]
        total = sum(used[g] for g in grams)
        gives = sum(discount[min(used[g], 3)] if g in kept else used[g] for g in grams) / total
        g = (*context, token)
        own = (used[g] - discount[min(used[g], 3)]) / total if g in kept else 0
        return own + gives * below

    def after_text(self, token: object, led: list) -> float:
        return self.p(token, tuple(led[max(len(led) - self.order + 1, 0) :]))


def words(text: str = FABLE, **options: object) -> tuple[Vocabulary, list[np.ndarray], Ngram]:
    lines = text.strip().split("\n")
    vocabulary = Vocabulary.learn(lines, "words")
    documents = [vocabulary.document(line) for line in lines]
    return vocabulary, documents, Ngram.learn(documents, vocabulary, **options)


def random_documents(seed: int, count: int = 12, size: int = 6) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    likely = random.dirichlet(np.ones(size) * 0.5, size)
    made = []
    for _ in range(count):
        ids = [int(random.integers(size))]
        while len(ids) < random.integers(2, 30):
            ids.append(int(random.choice(size, p=likely[ids[-1]])))
        made.append(np.array(ids))
    return made


def byte_model(seed: int, **options: object) -> tuple[list[np.ndarray], Ngram]:
    vocabulary = Vocabulary.of("bytes")
    documents = [np.append(97 + ids, vocabulary.end) for ids in random_documents(seed)]
    return documents, Ngram.learn(documents, vocabulary, **options)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("least", [(), (0, 0, 1), (0, 1)])
def test_every_probability_is_that_of_the_formulas(order, least):
    documents, model = byte_model(order, order=order, prune=least)
    end, some = model.vocabulary.end, [*range(96, 105), 120, 256]  # of the rest none was ever read
    book = Dictionaries(
        [ids.tolist() for ids in documents], set(range(257)), order=order, start=end, least=least
    )
    for ids in [*documents[:3], np.array([97, 120, 98, 97, 97])]:  # one with a byte that was never read
        state, led = None, [end]
        for t, token in enumerate([None, *ids.tolist()]):
            logp, state = model.next(ids[t - 1 : t] if t else ids[:0], state)
            led += [token] if t else []
            expected = [book.after_text(x, led) for x in some]
            np.testing.assert_allclose(np.exp(logp)[some], expected, rtol=2e-5)


def test_words_have_a_begin_that_never_comes_and_an_end():
    vocabulary, documents, model = words(order=3)
    tokens = set(range(len(vocabulary))) - {vocabulary.begin}
    book = Dictionaries([d[1:].tolist() for d in documents], tokens, order=3, start=vocabulary.begin)
    ids = np.append(vocabulary.encode("the crow sat under the zebra"), vocabulary.end)
    expected = [book.after_text(x, [vocabulary.begin, *ids[:t].tolist()]) for t, x in enumerate(ids.tolist())]
    np.testing.assert_allclose(model.score(ids), np.log(expected), rtol=1e-6)
    logp, _ = model.next(ids[:0])
    assert logp[vocabulary.begin] == -np.inf and logp[vocabulary.unknown] > -np.inf


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options", [{}, {"prune": (0, 0, 2)}, {"entries": 300}, {"entries": 257}, {"entries": 1}]
)
def test_probabilities_sum_to_one_after_any_context(seed, options, tmp_path):
    _, model = byte_model(seed, order=5, **options)
    small = Ngram.load(model.save(tmp_path / "small", form="small"))
    random = np.random.default_rng(seed)
    for one in (model, small):
        for _ in range(20):
            context = random.integers(96, 104, random.integers(0, 9))
            logp, _ = one.next(context)
            assert np.exp(logp.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)


def test_scores_are_what_next_says_from_any_split():
    documents, model = byte_model(3, order=4)
    assert isinstance(model, LanguageModel) and model.context == 3
    text = np.concatenate([documents[0], [99, 97, 107], documents[1]])
    np.testing.assert_allclose(model.score(text), score_by_steps(model, text), atol=1e-5)
    whole, state = model.next(text)
    _, before = model.next(text[:7])
    for _ in range(2):  # a state is a value: it can be gone on from twice
        parted, after = model.next(text[7:], before)
        np.testing.assert_array_equal(whole, parted)
        assert after == state
    assert model.score(text[:0]).shape == (0,) and model.scores([]) == []


@pytest.mark.parametrize("kind", ["bytes", "words"])
def test_many_documents_are_scored_as_each_alone(kind):
    if (
        kind == "bytes"
    ):  # where the end leads a document too; with one that has nothing else, and one cut short
        vocabulary = Vocabulary.of("bytes")
        documents = [*byte_model(3)[0], np.array([256]), np.array([97, 98])]
        model = Ngram.learn(documents, vocabulary, order=4)
    else:
        _, documents, model = words(order=4)
        documents = [ids[1:] for ids in documents]
    documents = [documents[-1], np.zeros(0, int), *documents]
    for ours, ids in zip(model.scores(documents), documents, strict=True):
        np.testing.assert_allclose(ours, score_by_steps(model, ids), atol=1e-5)


@pytest.mark.parametrize("name", ["toy0", "toy1"])
def test_kenlms_toys_reproduce_on_every_entry(packs, name):
    texts = {"toy0": ["a a b a", "b a a b"], "toy1": ["a a b b b b b b b", "c"]}[name]
    vocabulary = Vocabulary.learn(texts, "words")
    ours = Ngram.learn([vocabulary.document(text) for text in texts], vocabulary, order=3)
    assert len(ours.notes) == 3 and all("too few" in note for note in ours.notes)
    theirs, ours = _arpa_entries(read_arpa(packs / "ngram_fixtures" / f"{name}.arpa")), _arpa_entries(ours)
    assert ours.keys() == theirs.keys()
    for gram, values in theirs.items():
        assert ours[gram] == pytest.approx(values, abs=2e-6), gram


def test_kenlms_scores_reproduce_on_its_test_model(packs):
    folder = packs / "ngram_fixtures"
    model = read_arpa(folder / "test.arpa")
    for start, steps in json.loads((folder / "expected.json").read_text()).items():
        state = None if start == "from_<s>" else model.amid
        for t, (word, _, expected) in enumerate(steps):
            before = _id(model, steps[t - 1][0]) if t else model.vocabulary.encode("")
            logp, state = model.next(before, state if t or state else None)
            assert logp[_id(model, word)[0]] / math.log(10) == pytest.approx(expected, abs=2e-5), (
                start,
                word,
            )


def _id(model: Ngram, word: str) -> np.ndarray:
    return np.array([model.vocabulary.names.index(word) if word in model.vocabulary.names else 0])


def _arpa_entries(model: Ngram) -> dict[tuple[str, ...], tuple[float, float]]:
    """Every n-gram with its log10 probability and backoff."""
    grams, found = [(name,) for name in model.vocabulary.names], {}
    for n, level in enumerate(model.levels):
        if n:
            grams = [
                (*grams[c], model.vocabulary.names[w])
                for c, w in zip(level.parents(), level.words, strict=True)
            ]
        for i, gram in enumerate(grams):
            found[gram] = (
                float(model.parts.logp[n][i]),
                float(model.parts.backoff[n][i]) if n < model.order - 1 else 0.0,
            )
    return found


def test_a_text_too_small_for_discounts_gets_fixed_ones_and_says_so():
    found, why = discounts(np.array([8, 0, 1, 0]))
    assert found.tolist() == [0, 0.5, 1, 1.5] and why == "none has a count of 2"
    assert discounts(np.array([1, 1, 1, 90]))[1] == "their counts fall too unevenly"
    found, why = discounts(np.array([40, 10, 5, 2]))
    y = 40 / 60
    assert why == "" and found == pytest.approx([0, 1 - 2 * y / 4, 2 - 3 * y / 2, 3 - 4 * y * 0.4])


@pytest.mark.parametrize("form", ["whole", "small"])
def test_a_saved_model_says_the_same(form, tmp_path):
    documents, model = byte_model(5, order=4)
    folder = model.save(tmp_path / "model", form=form)
    again = Ngram.load(folder)
    np.testing.assert_array_equal(again.score(documents[0]), model.score(documents[0]))
    for ours, theirs in zip(again.counts(documents[0][:4]), model.counts(documents[0][:4]), strict=True):
        np.testing.assert_array_equal(ours.used, theirs.used)
        assert (ours.times is None) == (form == "small")
    if form == "whole":
        assert (
            not again.parts.logp[2].flags.owndata and not again.parts.logp[2].flags.writeable
        )  # it lies in the file
        again.save(folder, form="small")  # over the file that it lies in
        np.testing.assert_array_equal(Ngram.load(folder).score(documents[0]), again.score(documents[0]))


def test_large_counts_of_a_small_model_are_rounded_by_a_few_percent():
    from macaw.language.ngram_files import coded

    random = np.random.default_rng(0)
    counts = np.unique(np.rint(np.exp(random.uniform(0, 15, 3000)))).astype(np.int64)
    codes, book = coded(counts)
    assert codes.dtype == np.uint8 and len(book) <= 256
    assert np.abs(book[codes] / counts - 1).max() < 0.05
    np.testing.assert_array_equal(book[codes][counts < 128], counts[counts < 128])


def test_damaged_folders_and_wrong_choices_are_refused(tmp_path):
    _, model = byte_model(0, order=3)
    with pytest.raises(UnknownName, match="whole and small"):
        model.save(tmp_path / "m", form="tiny")
    folder = model.save(tmp_path / "m")
    whole = (folder / "model.safetensors").read_bytes()
    for damaged in (whole[:200], b"", whole[:8] + b"?" + whole[9:]):
        (folder / "model.safetensors").write_bytes(damaged)
        with pytest.raises(ModelError, match=r"damaged|cannot read"):
            Ngram.load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        Ngram.load(folder)
    with pytest.raises(InputError, match="not in the vocabulary"):
        model.next(np.array([300]))


def test_empty_texts_and_single_tokens():
    vocabulary = Vocabulary.of("bytes")
    for nothing in ([], [np.zeros(0, int)]):
        with pytest.raises(InputError, match="text is empty"):
            Ngram.learn(nothing, vocabulary)
    model = Ngram.learn([np.array([97])], vocabulary, order=5)
    logp, _ = model.next(np.zeros(0, int))
    assert logp.argmax() == 97 and np.exp(logp).sum() == pytest.approx(1, abs=1e-5)
    assert Ngram.learn([np.array([vocabulary.end])], vocabulary, order=2).score(np.array([256]))[0] < 0
    for wrong, words_ in (
        ({"order": 0}, "order 0"),
        ({"prune": (1,)}, "start with 0"),
        ({"prune": (0, 2, 1)}, "fall"),
    ):
        with pytest.raises(InputError, match=words_):
            Ngram.learn([np.array([97])], vocabulary, **wrong)
    with pytest.raises(InputError, match="id 300 is not in the vocabulary"):
        Ngram.learn([np.array([300])], vocabulary)


def test_the_more_entries_are_kept_the_likelier_the_text():
    documents, full = byte_model(8, order=5)
    kept = [byte_model(8, order=5, entries=size)[1] for size in (257, 280, 300, 340, 10_000)]
    assert [len(one) <= size for one, size in zip(kept, (257, 280, 300, 340, 10_000), strict=True)] == [
        True
    ] * 5
    assert len(kept[0]) == 257 and len(kept[-1]) == len(full)
    totals = [_total(one, documents) for one in kept]
    assert totals == sorted(totals) and len(set(totals)) == 5
    for one in kept:  # with an n-gram stays the one without its first token
        assert all((links >= 0).all() for links in linked(one.levels))


def _total(model: Ngram, documents: list[np.ndarray]) -> float:
    return float(sum(model.score(ids).sum() for ids in documents))


def test_counts_explain_every_probability():
    vocabulary, _, model = words(order=4)
    ids = vocabulary.encode("a fox sat")
    found = model.counts(ids)
    assert [vocabulary.decode(one.context) for one in found] == ["a fox sat", "fox sat", "sat", ""]
    assert {vocabulary.names[w]: int(c) for w, c in zip(found[2].words, found[2].times, strict=True)} == {
        "on": 1,
        "under": 1,
    }
    logp, _ = model.next(ids)
    mixed = np.full(len(vocabulary), found[-1].weight * found[-1].gives / (len(vocabulary) - 1))
    for one in found:
        assert one.shares.sum() + one.gives == pytest.approx(1)
        mixed[one.words] += one.weight * one.shares
    mixed[vocabulary.begin] = 0
    np.testing.assert_allclose(np.exp(logp), mixed, rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_influence_is_what_training_without_the_document_gives(order):
    documents, model = byte_model(2, order=order)
    text, ask = documents[4], Influence(model)
    np.testing.assert_allclose(ask.score(text), model.score(text), rtol=1e-5)
    for gone in ([0], [4], [1, 4, 7]):
        kept = [ids for i, ids in enumerate(documents) if i not in gone]
        again = Ngram.learn(kept, model.vocabulary, order=order)
        np.testing.assert_allclose(
            ask.score(text, [documents[i] for i in gone]), again.score(text), rtol=1e-5
        )
    moved = ask.of(text, documents)
    assert moved.shape == (len(documents), len(text))
    assert order == 1 or moved.sum(axis=1).argmax() == 4  # of single tokens, others may have more


def test_influence_of_words_and_what_cannot_be_asked(tmp_path):
    vocabulary, documents, model = words(order=3)
    again = Ngram.learn(documents[1:], vocabulary, order=3)
    text = documents[0][1:]
    np.testing.assert_allclose(Influence(model).score(text, documents[:1]), again.score(text), rtol=1e-5)
    with pytest.raises(InputError, match="never read"):
        Influence(model).score(text, [vocabulary.encode("branch branch")])
    with pytest.raises(InputError, match="oftener"):
        Influence(model).score(text, [documents[0]] * 2)
    with pytest.raises(InputError, match="pruned"):
        Influence(words(order=3, prune=(0, 1))[2])
    with pytest.raises(InputError, match="keeps no counts"):
        Influence(Ngram.load(model.save(tmp_path / "small", form="small")))


def test_the_loops_do_what_numpy_does():
    pytest.importorskip("numba")
    from macaw.language.count_loops import find_children, group_sorted, sort_keys

    random = np.random.default_rng(0)
    keys = random.integers(0, 1 << 30, 5000) >> random.integers(0, 30, 5000)
    expected = _grouped(keys.copy())
    order = sort_keys(keys, 30)
    for ours, theirs in zip(group_sorted(keys, order), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _, model = byte_model(1, order=3)
    level = model.levels[2]
    contexts, wanted = random.integers(-1, len(level.first) - 1, 3000), random.integers(96, 104, 3000)
    ours = find_children(level.words, level.first, contexts, wanted)
    np.testing.assert_array_equal(ours, _find(level, contexts, wanted))
    assert (ours >= 0).any() and (ours < 0).any()


def test_a_large_text_is_counted_alike_by_the_loops(monkeypatch):
    documents, slow = byte_model(6, order=4)
    monkeypatch.setattr("macaw.language.counts._SMALL", 0)
    fast = Ngram.learn(documents, slow.vocabulary, order=4)
    for ours, theirs in zip(fast.parts.logp, slow.parts.logp, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(fast.score(documents[0]), slow.score(documents[0]))


@pytest.mark.parametrize("form", ["whole", "small"])
def test_equal_models_are_equal_files(form, tmp_path):
    folders = [words()[2].save(tmp_path / name, form=form) for name in ("one", "other")]
    one, other = ((folder / "model.safetensors").read_bytes() for folder in folders)
    assert one == other
