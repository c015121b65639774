"""Mixtures: the sum is right, the weights are the best there are, and the test split is not touched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from macaw.errors import InputError, ModelError
from macaw.language.mixture import Mixture, fit_weights, mix, mixed
from macaw.language.mixture_files import load_mixture, save_mixture
from macaw.language.ngram import Ngram
from macaw.language.protocol import LanguageModel, score_by_steps
from tests.language.toys import letters, random_bigram

ONE, TWO, THREE = (random_bigram(5, seed=seed) for seed in (1, 2, 3))


def texts(model, count=30, length=20, seed=0):
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        last, row = model.vocabulary.begin, []
        for _ in range(length):
            last = int(random.choice(len(model.vocabulary), p=model.table[last]))
            row.append(last)
            if last == model.vocabulary.end:
                break
        rows.append(np.array(row))
    return rows


def test_the_probabilities_are_the_weighted_sum():
    model = Mixture([ONE, TWO], [0.3, 0.7])
    assert isinstance(model, LanguageModel) and model.context == 1
    logp, state = model.next(np.array([3, 4]))
    np.testing.assert_allclose(np.exp(logp), 0.3 * ONE.table[4] + 0.7 * TWO.table[4], atol=1e-6)
    assert np.exp(logp.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)
    again, _ = model.next(np.array([5]), state)
    np.testing.assert_allclose(np.exp(again), 0.3 * ONE.table[5] + 0.7 * TWO.table[5], atol=1e-6)
    assert logp[model.vocabulary.begin] == -np.inf and not np.isnan(logp).any()


def test_a_text_scores_what_its_steps_do():
    model = Mixture([ONE, TWO, THREE], [0.2, 0.5, 0.3])
    ids = np.array([3, 4, 5, 6, 7, 2])
    np.testing.assert_allclose(model.score(ids), score_by_steps(model, ids), atol=1e-5)


def test_shares_of_each_model_sum_to_one():
    shares = Mixture([ONE, TWO], [0.3, 0.7]).opinions(np.array([3, 4, 5]))
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    assert shares[0, 1] == pytest.approx(
        0.3 * ONE.table[3, 4] / (0.3 * ONE.table[3, 4] + 0.7 * TWO.table[3, 4])
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_those_that_scipy_finds(seed):
    random = np.random.default_rng(seed)
    probs = random.beta(0.5, 2, size=(3, 500))
    probs[:, ::50] = np.eye(3)[:, random.integers(3, size=10)]  # tokens that one model alone expects
    with np.errstate(divide="ignore"):
        found = fit_weights(np.log(probs))

    def cost(raw):
        weights = np.exp(raw - raw.max())
        return -np.log(weights / weights.sum() @ probs).mean()

    best = minimize(
        cost, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000}
    )
    assert found.together <= best.fun + 1e-7
    weights = np.exp(best.x - best.x.max())
    np.testing.assert_allclose(found.values, weights / weights.sum(), atol=2e-3)
    assert found.gap <= 1e-7 and found.values.sum() == pytest.approx(1)


def test_two_weights_are_the_best_of_a_grid():
    random = np.random.default_rng(4)
    probs = random.uniform(0.01, 1, size=(2, 300))
    found = fit_weights(np.log(probs))
    grid = np.linspace(0, 1, 10_001)
    costs = -np.log(grid[:, None] * probs[0] + (1 - grid[:, None]) * probs[1]).mean(axis=1)
    assert found.values[0] == pytest.approx(grid[np.argmin(costs)], abs=1e-3)
    assert found.together == pytest.approx(costs.min(), abs=1e-7)


def test_a_model_that_only_harms_gets_nothing():
    found = fit_weights(np.log(np.array([[0.9, 0.8, 0.9], [0.1, 0.2, 0.1]])))
    np.testing.assert_allclose(found.values, [1, 0], atol=1e-6)
    np.testing.assert_allclose(found.alone, -np.log([[0.9, 0.8, 0.9], [0.1, 0.2, 0.1]]).mean(axis=1))


def test_a_mixture_of_its_parts_finds_the_shares_they_were_mixed_in():
    rows = texts(ONE, 140, seed=1) + texts(TWO, 60, seed=2)
    model = mix([ONE, TWO], rows)
    share = sum(len(row) for row in rows[:140]) / sum(len(row) for row in rows)
    assert model.weights[0] == pytest.approx(share, abs=0.06)
    alone = [np.concatenate([one.score(row) for row in rows]).mean() for one in (ONE, TWO)]
    assert np.concatenate([model.score(row) for row in rows]).mean() > max(alone)


def test_weights_are_never_fitted_on_the_test_split():
    with pytest.raises(InputError, match="not fitted on the test split"):
        mix([ONE, TWO], texts(ONE), split="test")


def test_what_cannot_be_mixed_is_refused_in_a_line():
    with pytest.raises(InputError, match="model 2 of the mixture has another vocabulary"):
        Mixture([ONE, random_bigram(4)], [0.5, 0.5])
    with pytest.raises(InputError, match="one weight a model"):
        Mixture([ONE, TWO], [1.0])
    with pytest.raises(InputError, match="sum to one"):
        Mixture([ONE, TWO], [0.5, 0.6])
    with pytest.raises(InputError, match="hold no token"):
        mix([ONE, TWO], [])
    with pytest.raises(InputError, match="no chance with any model"):
        mix([ONE, TWO], [np.array([3, ONE.vocabulary.unknown])])


def test_a_model_of_everything_has_the_longest_context():
    two = random_bigram(5, seed=2)
    two.context = None
    assert Mixture([ONE, two], [0.5, 0.5]).context is None
    two.context = 7
    assert Mixture([ONE, two], [0.5, 0.5]).context == 7


def test_a_token_that_never_comes_is_not_nan():
    found = mixed(np.full((2, 3), -np.inf), np.array([0.5, 0.5]))
    assert np.isneginf(found).all() and len(letters(2)) == 5


def test_begin_is_not_scored():
    rows = texts(ONE)
    begun = [np.array([ONE.vocabulary.begin, *row]) for row in rows]
    assert mix([ONE, TWO], begun).weights.tolist() == mix([ONE, TWO], rows).weights.tolist()


def ngrams(folder):
    vocabulary = letters(4)
    documents = [vocabulary.document(text) for text in ("a b c d", "b c a", "a b a b c", "d d a b c")]
    models = [Ngram.learn(documents, vocabulary, order=order) for order in (1, 3)]
    return models, [model.save(folder / str(model.order)) for model in models]


def test_what_is_saved_is_what_is_loaded(tmp_path):
    models, parts = ngrams(tmp_path)
    folder = save_mixture(tmp_path / "mixture", parts, np.array([0.25, 0.75]))
    loaded = load_mixture(folder, Ngram.load)
    ids = models[0].vocabulary.encode("a b c b a")
    np.testing.assert_allclose(loaded.score(ids), Mixture(models, [0.25, 0.75]).score(ids), atol=1e-6)
    np.testing.assert_allclose(loaded.score(ids), score_by_steps(loaded, ids), atol=1e-4)
    assert loaded.vocabulary == models[0].vocabulary and not list(tmp_path.glob(".*"))


def test_a_damaged_mixture_is_refused_in_a_line(tmp_path):
    _, parts = ngrams(tmp_path)
    folder = save_mixture(tmp_path / "mixture", parts, np.array([0.25, 0.75]))
    path = folder / "mixture.json"
    for text, words in (
        ("{", "is damaged"),
        ('{"format": 1}', "is damaged"),
        ('{"format": 9, "weights": []}', "upgrade macaw"),
        ('{"format": 1, "weights": [0.5, 0.7]}', "sum to one"),
        ('{"format": 1, "weights": []}', "0 models"),
    ):
        path.write_text(text)
        with pytest.raises(ModelError, match=words):
            load_mixture(folder, Ngram.load)
    with pytest.raises(ModelError, match="is no mixture"):
        load_mixture(tmp_path / "3", Ngram.load)
    with pytest.raises(InputError, match="one weight a folder"):
        save_mixture(tmp_path / "other", parts, np.array([1.0]))
