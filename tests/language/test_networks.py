"""Networks without torch: the same numbers as torch's, wherever a text branches and however long it grows."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from macaw.errors import InputError, ModelError, UnknownName
from macaw.language.insides import influence, look
from macaw.language.matrices import Half, matrix
from macaw.language.modules import build
from macaw.language.networks import Network, log_softmax, open_core
from macaw.language.protocol import LanguageModel, score_by_steps
from macaw.language.shapes import RecurrentShape, TransformerShape, head_of, shape_of
from macaw.language.transformer import Transformer
from macaw.language.vocabulary import Vocabulary

LETTERS = Vocabulary.learn(["the quick brown fox jumps over a lazy dog, and sleeps."], "characters")
WORDS = Vocabulary.learn(["one two three four five six seven", "two two"], "words")

SMALL = {"width": 24, "depth": 2, "heads": 4, "context": 12, "inner": 20}
SHAPES = {
    "plain": lambda v, never: TransformerShape(v, **SMALL, never=never),
    "grouped": lambda v, never: TransformerShape(v, **SMALL, groups=2, never=never),
    "squares, no norms, capped": lambda v, never: TransformerShape(
        v, **SMALL, groups=1, activation="relu2", qk_norm="no", softcap=8.0, never=never
    ),
    "lstm": lambda v, never: RecurrentShape(v, width=16, depth=2, embedding=10, never=never),
    "tied lstm": lambda v, never: RecurrentShape(v, width=16, embedding=10, tied="yes", never=never),
    "gru": lambda v, never: RecurrentShape(v, width=16, depth=2, embedding=10, cell="gru", never=never),
}


def shaken(shape):
    """A network with no weight at zero, as training leaves it."""
    torch.manual_seed(5)
    module = build(shape).eval()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return module


def weights_of(module):
    return {name: held.numpy().copy() for name, held in module.state_dict().items()}


def network(name: str, vocabulary: Vocabulary = LETTERS, **how) -> Network:
    never = -1 if vocabulary.begin is None else vocabulary.begin
    shape = SHAPES[name](len(vocabulary), never)
    return Network(open_core(shape, weights_of(shaken(shape)), **how), vocabulary)


def some_ids(vocabulary: Vocabulary, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, len(vocabulary), count).astype(np.int32)


@pytest.mark.parametrize("vocabulary", [LETTERS, WORDS], ids=["letters", "words"])
@pytest.mark.parametrize("name", SHAPES)
def test_numpy_and_torch_agree_on_next_and_score_also_beyond_the_context(name, vocabulary):
    mine, theirs = network(name, vocabulary), network(name, vocabulary, engine="torch")
    ids = some_ids(vocabulary, 40)
    np.testing.assert_allclose(mine.score(ids), theirs.score(ids), atol=1e-4)
    for stop in (0, 1, 11, 12, 13, 40):
        np.testing.assert_allclose(mine.next(ids[:stop])[0], theirs.next(ids[:stop])[0], atol=1e-4)


def test_weights_that_saved_models_have_take_half_the_bytes_and_lose_nothing():
    pytest.importorskip("numba")
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    floats = every[np.isfinite(every)].astype(np.float32)[:, None]  # (O, 1)
    bits = Half.bits(floats)
    half = Half(bits, np.ones(len(floats), np.float32))
    np.testing.assert_array_equal(half.unpacked(), floats)
    np.testing.assert_array_equal(half @ np.ones(1, np.float32), floats[:, 0])  # by the kernel
    np.testing.assert_array_equal(half @ np.array([[1], [-2]], np.float32), [floats[:, 0], -2 * floats[:, 0]])
    for more in (0.1, 1e6, np.nan):  # which float16 has not
        assert Half.bits(np.array([[1.0, more]], np.float32)) is None
    rows = np.random.default_rng(0).normal(size=(70, 33)).astype(np.float16).astype(np.float32)
    mine, xs = Half(Half.bits(rows), np.ones(70, np.float32)), rows[:50].copy()
    for x in (xs[0], xs[:3], xs):
        np.testing.assert_allclose(mine @ x, x @ rows.T, atol=1e-4)


@pytest.mark.slow  # to compile
@pytest.mark.parametrize("name", ["grouped", "squares, no norms, capped"])
def test_the_compiled_step_of_a_saved_model_reads_half_the_bytes(name: str):
    pytest.importorskip("numba")
    module = shaken(SHAPES[name](len(LETTERS), -1))
    weights = {key: held.half().float().numpy() for key, held in module.state_dict().items()}
    mine, theirs = (
        Network(open_core(module.shape, weights, engine=engine), LETTERS) for engine in ("compiled", "numpy")
    )
    assert mine.core.out.weights.dtype == np.uint16
    ids = some_ids(LETTERS, 40)
    np.testing.assert_allclose(score_by_steps(mine, ids), theirs.score(ids), atol=1e-4)
    np.testing.assert_allclose(mine.score(ids), theirs.score(ids), atol=1e-4)


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "int8"])  # to compile
@pytest.mark.parametrize("name", [name for name in SHAPES if not name.endswith(("lstm", "gru"))])
def test_the_compiled_step_says_what_numpy_says_and_its_states_branch(name: str, precision: str):
    pytest.importorskip("numba")
    mine, theirs = (network(name, engine=engine, precision=precision) for engine in ("compiled", "numpy"))
    ids = some_ids(LETTERS, 40)
    np.testing.assert_allclose(score_by_steps(mine, ids), theirs.score(ids), atol=1e-4)
    np.testing.assert_allclose(mine.score(ids), theirs.score(ids), atol=1e-4)
    _, state = mine.next(ids[:4])
    first, _ = mine.next(ids[4:5], state)
    mine.next(ids[5:6], state)
    np.testing.assert_allclose(mine.next(ids[4:5], state)[0], first, atol=1e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_score_is_what_next_says_token_by_token(name):
    model = network(name)
    assert isinstance(model, LanguageModel)
    ids = some_ids(LETTERS, 30)
    np.testing.assert_allclose(model.score(ids), score_by_steps(model, ids), atol=1e-4)
    assert model.score(ids[:0]).shape == (0,)


@pytest.mark.parametrize("name", SHAPES)
def test_a_state_is_a_value_that_can_be_gone_on_from_twice(name):
    model, ids = network(name), some_ids(LETTERS, 9)
    _, state = model.next(ids)
    one, other = some_ids(LETTERS, 4, seed=1), some_ids(LETTERS, 5, seed=2)
    first, after = model.next(one, state)
    second, _ = model.next(other, state)
    again, _ = model.next(one, state)
    np.testing.assert_allclose(first, again, atol=1e-5)
    np.testing.assert_allclose(second, model.next(np.concatenate((ids, other)))[0], atol=1e-4)
    further, _ = model.next(other, after)
    np.testing.assert_allclose(further, model.next(np.concatenate((ids, one, other)))[0], atol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_probabilities_sum_to_one_and_a_begin_has_none(name):
    logp, _ = network(name, WORDS).next(some_ids(WORDS, 5))
    assert logp.dtype == np.float32 and logp.shape == (len(WORDS),)
    assert np.exp(logp.astype(float)).sum() == pytest.approx(1, abs=1e-5)
    assert logp[WORDS.begin] == -np.inf


def test_within_the_context_the_cache_changes_nothing():
    module = shaken(SHAPES["grouped"](11, -1))
    ids = torch.from_numpy(np.random.default_rng(3).integers(0, 11, (2, 12)))
    whole, _ = module(ids)
    parts, state = [], None
    for piece in ids.split((1, 5, 2, 1, 3), dim=1):
        logits, state = module(piece, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)


def test_beyond_the_context_the_later_half_is_read_as_if_the_text_began_there():
    model, ids = network("plain"), some_ids(LETTERS, 30)
    # The start and 11 ids fill the context of 12; then 6 are kept, and every 6 tokens later again
    logp, _ = model.next(ids[:12])  # the 13th token read, after a window of ids 5 to 10
    core = model.core
    said = log_softmax(core.feed(ids[5:12], last=True)[0][-1])
    np.testing.assert_allclose(logp, said, atol=1e-4)


def plain_attention(shape: TransformerShape, weights: dict, ids: np.ndarray) -> np.ndarray:
    """Logits (T, V) of a Transformer written for the eye: one position, one head, one pair at a time."""
    size = shape.width // shape.heads

    def norm(x, gain):
        return x / np.sqrt((x**2).mean() + 1e-6) * gain

    def turned(x, place):
        out = x.copy()
        for i in range(size // 2):
            angle = place * shape.theta ** (-2 * i / size)
            turn = np.exp(1j * angle) * (x[i] + 1j * x[i + size // 2])
            out[i], out[i + size // 2] = turn.real, turn.imag
        return out

    stream = [weights["embedding.weight"][i].astype(float) for i in ids]
    for b in range(shape.depth):
        w = {
            k.removeprefix(f"blocks.{b}."): v.astype(float) for k, v in weights.items() if f"blocks.{b}." in k
        }
        rows = [w["attention.qkv.weight"] @ norm(x, w["norm.gain"]) for x in stream]
        heads = [row.reshape(-1, size) for row in rows]  # queries, keys, values
        after = []
        for t, x in enumerate(stream):
            seen = []
            for h in range(shape.heads):
                group = h // (shape.heads // shape.groups)
                q = turned(norm(heads[t][h], w["attention.query_norm.gain"]), t)
                keys = [heads[s][shape.heads + group] for s in range(t + 1)]
                keys = [turned(norm(k, w["attention.key_norm.gain"]), s) for s, k in enumerate(keys)]
                share = np.exp([q @ k / np.sqrt(size) for k in keys])
                values = [heads[s][shape.heads + shape.groups + group] for s in range(t + 1)]
                seen.append(sum(p * v for p, v in zip(share / share.sum(), values, strict=True)))
            x = x + w["attention.out.weight"] @ np.concatenate(seen)
            gate, up = np.split(w["feed_forward.up.weight"] @ norm(x, w["forward_norm.gain"]), 2)
            after.append(x + w["feed_forward.down.weight"] @ (gate / (1 + np.exp(-gate)) * up))
        stream = after
    return np.stack([weights["embedding.weight"] @ norm(x, weights["norm.gain"]) for x in stream])


def test_rotary_positions_norms_and_groups_are_those_of_a_plain_reference():
    shape = SHAPES["grouped"](11, -1)
    module, ids = shaken(shape), np.random.default_rng(0).integers(0, 11, 9)
    said, _ = module(torch.from_numpy(ids)[None])
    expected = plain_attention(shape, weights_of(module), ids)
    np.testing.assert_allclose(said[0].detach().numpy(), expected, atol=2e-4)


def test_with_swiglu_it_is_qwen3_of_transformers_weight_for_weight():
    transformers = pytest.importorskip("transformers")
    from benchmarks.generate import as_qwen3

    shape = SHAPES["grouped"](37, -1)
    module = shaken(shape)
    theirs = as_qwen3(transformers, module)
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 37, (2, 12)))
    with torch.inference_mode():
        torch.testing.assert_close(module(ids)[0], theirs(input_ids=ids).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_recurrent_layer_is_that_of_torch(cell: str):
    module = shaken(RecurrentShape(9, width=6, embedding=5, cell=cell))
    layer = module.cells[0]
    theirs = (torch.nn.LSTM if cell == "lstm" else torch.nn.GRU)(5, 6, batch_first=True)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    mine = (layer.input, layer.recurrent, layer.input_bias, layer.recurrent_bias)
    theirs.load_state_dict(dict(zip(names, (p.detach() for p in mine), strict=True)))
    ids = torch.tensor([[3, 1, 4, 1, 5], [2, 7, 1, 8, 2]])
    logits, _ = module(ids)
    states, _ = theirs(module.embedding(ids))
    torch.testing.assert_close(logits, F.linear(states, module.out, module.out_bias))


def test_int8_is_within_half_a_step_of_every_weight_and_close_in_all_it_says():
    pytest.importorskip("numba")
    noise = np.random.default_rng(0)
    weights, x = noise.normal(size=(30, 40)).astype(np.float32), noise.normal(size=40).astype(np.float32)
    small = matrix(weights, "int8")
    steps = np.abs(weights).max(1) / 127
    assert (np.abs(small.weights * small.scales[:, None] - weights) <= steps[:, None] / 2 + 1e-6).all()
    exact = (small.weights * small.scales[:, None]) @ x
    np.testing.assert_allclose(small @ x, exact, atol=1e-4)
    np.testing.assert_allclose((small @ np.stack((x, -x)))[1], -exact, atol=1e-4)
    ids = some_ids(LETTERS, 30)
    whole, eighth = network("grouped"), network("grouped", precision="int8")
    assert abs(whole.score(ids).mean() - eighth.score(ids).mean()) < 0.02
    np.testing.assert_allclose(eighth.score(ids), score_by_steps(eighth, ids), atol=1e-4)


def test_all_threads_are_used_where_they_win_and_given_up_where_they_lose():
    from macaw.language.compiled_step import Pace

    pace, now, slow = Pace(4), [], {4: 0}

    def tokens(count: int, seconds: dict[int, float]) -> None:
        for _ in range(count):
            with pace.chosen(now.append) as threads:
                time.sleep(seconds[threads])
            slow[4] += threads == 4

    tokens(20, {1: 6e-3, 4: 1e-3})
    assert pace.best == 4
    tokens(20, {1: 3e-3, 4: 4e-2})  # the machine is busy: one token tells, and they are not tried soon
    assert pace.best == 1 and slow[4] <= 20
    assert now[-1] == 4 and set(now) == {1, 4}


def test_attention_is_causal_and_the_last_lens_is_the_answer():
    model, ids = network("grouped"), some_ids(LETTERS, 7)
    found = look(model, ids)
    assert found.attention.shape == (2, 4, 8, 8) and found.lens.shape == (2, 8, len(LETTERS))
    np.testing.assert_allclose(found.attention.sum(-1), 1, atol=1e-5)
    assert (np.triu(found.attention, 1) == 0).all()
    np.testing.assert_allclose(found.lens[-1, -1], model.next(ids)[0], atol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(found.lens[-1, :-1], ids[:, None], 1)[:, 0], model.score(ids), atol=1e-4
    )
    with pytest.raises(InputError, match="context of 12"):
        look(model, some_ids(LETTERS, 12))


def test_influence_is_the_slope_of_what_is_said():
    model, ids = network("lstm"), some_ids(LETTERS, 6)
    found = influence(model, ids, 4)
    assert found.shape == (7,) and (found > 0).all()
    # By differences, along each channel of the last token's embedding
    core, token = model.core, int(ids[-1])
    slopes = []
    for channel in range(10):
        said = []
        for step in (1e-2, -1e-2):
            weights = {k: v.astype(np.float32).copy() for k, v in core.weights.items()}
            moved = np.concatenate((weights["embedding.weight"], weights["embedding.weight"][[token]]))
            moved[-1, channel] += step
            twin = dict(
                weights, **{"embedding.weight": moved, "out": np.vstack((weights["out"], weights["out"][:1]))}
            )
            twin["out_bias"] = np.append(weights["out_bias"], -1e9).astype(np.float32)
            other = open_core(RecurrentShape(len(LETTERS) + 1, width=16, depth=2, embedding=10), twin)
            fed = np.concatenate(([LETTERS.start], ids[:-1], [len(LETTERS)])).astype(np.int32)
            said.append(log_softmax(other.feed(fed, last=True)[0][-1])[4])
        slopes.append((said[0] - said[1]) / 2e-2)
    assert np.linalg.norm(slopes) == pytest.approx(found[-1], rel=2e-2)


def test_what_does_not_fit_is_one_line():
    shape = SHAPES["plain"](11, -1)
    with pytest.raises(ModelError, match="knows 11 tokens, its vocabulary has"):
        Network(open_core(shape, weights_of(shaken(shape))), LETTERS)
    with pytest.raises(ModelError, match="not those of the card's network"):
        open_core(shape, {})
    with pytest.raises(UnknownName, match="Did you mean 'int8'"):
        open_core(shape, weights_of(shaken(shape)), precision="int88")
    with pytest.raises(InputError, match="13 tokens in a context of 12"):
        Transformer(shape)(torch.zeros(1, 13, dtype=torch.long))
    model = network("plain")
    with pytest.raises(InputError, match="no token to go on with"):
        model.next(some_ids(LETTERS, 0), model.next(some_ids(LETTERS, 1))[1])
    with pytest.raises(InputError, match="is not in the vocabulary"):
        model.score(np.array([1, len(LETTERS)]))
    with pytest.raises(InputError, match="take 192"):
        TransformerShape(9, width=100, heads=3)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_survives_its_card(name: str):
    shape = SHAPES[name](50, 1)
    assert shape_of(head_of(shape)) == shape
