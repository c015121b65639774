"""Training over tokens: windows that lose nothing, runs that resume bit for bit, folders that open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from macaw import testing
from macaw.data.texts import read_texts
from macaw.errors import DataError, InputError, UnknownName
from macaw.files import Stage
from macaw.language import losses
from macaw.language.fit_tokens import TokenOptions, fit_tokens
from macaw.language.losses import IGNORED
from macaw.language.modules import build
from macaw.language.networks import Network
from macaw.language.shapes import RecurrentShape, TransformerShape
from macaw.language.token_judge import TokenJudge
from macaw.language.token_optimizers import MatrixMuon, TokenOptimizers
from macaw.language.token_recipe import TokenRecipe, choose
from macaw.language.token_run import TokenRun, given
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import Windows, packed
from macaw.training.muon import orthogonal
from macaw.training.progress import Silent

PERIODIC = ["abcdefgh" * 40] * 4
LETTERS = Vocabulary.learn(PERIODIC, "characters")
WORDS = Vocabulary.learn(["one two three"], "words")
SMALL = {"width": 32, "depth": 1, "heads": 2, "context": 16}


def run_of(kind: str, texts=PERIODIC, vocabulary=LETTERS, shape=None, **numbers) -> TokenRun:
    recipe = TokenRecipe(
        **({"epochs": 3.0, "batch": 4, "length": 16, "ema": 0.9, "precision": "float32"} | numbers)
    )
    shape = (
        shape
        or {
            "transformer": TransformerShape(len(vocabulary), **SMALL),
            "recurrent": RecurrentShape(len(vocabulary), width=24, embedding=12),
        }[kind]
    )
    torch.manual_seed(0)
    data = packed(texts, vocabulary, recipe.length)
    return TokenRun(build(shape), data, recipe, score=TokenJudge(data, vocabulary), vocabulary=vocabulary)


def test_windows_of_an_epoch_hold_every_token_once_wherever_they_begin():
    data = Windows(np.arange(60, dtype=np.uint16), 5)
    ids, targets = data.scattered(np.arange(len(data)), 17)
    assert sorted(ids.ravel()) == list(range(60))
    assert (targets == (ids + 1) % 60).all()


def test_windows_abreast_go_on_where_the_step_before_ended():
    data = Windows(np.arange(60, dtype=np.uint16), 5)
    steps = [data.abreast(step, 3, 7)[0] for step in range(4)]
    rows = np.concatenate(steps, axis=1)
    assert rows.shape == (3, 20)
    assert (np.diff(rows, axis=1) % 60 == 1).all()
    assert sorted(rows.ravel()) == list(range(60))


def test_documents_are_packed_one_after_the_other_with_their_ends():
    data = packed(["one two", "three"], WORDS, 100)
    expected = np.concatenate([WORDS.document("one two"), WORDS.document("three")])
    assert data.ids.tolist() == expected.tolist()
    assert data.length == len(expected) - 1
    _, targets = given(data.scattered(np.array([0]), 0), WORDS, torch.device("cpu"))
    assert (targets == IGNORED).sum() == (expected[1:] == WORDS.begin).sum() > 0


def test_a_corpus_is_read_once_and_never_held(tmp_path):
    def documents():
        for _ in range(3000):
            yield "abcdefgh" * 100

    data = packed(documents(), LETTERS, 64)
    assert isinstance(data.ids, np.memmap) and len(data.ids) == 3000 * 801


@pytest.mark.parametrize("texts", [[], [""], ["", ""]], ids=["none", "empty", "two empty"])
def test_no_text_is_one_line(texts):
    with pytest.raises(DataError, match="nothing to learn from"):
        packed(texts, LETTERS, 8)


def test_one_token_is_enough_to_train_on(tmp_path):
    run = run_of("transformer", ["a"], epochs=2.0)
    run.fit(tmp_path, watcher=Silent())
    assert np.isfinite(run.state.best)


def test_a_document_sees_itself_alone():
    module = run_of("transformer").model.eval()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.3 * torch.randn_like(p))
    start, letters = LETTERS.start, LETTERS.encode("abcdefg")
    alone = torch.tensor([[start, *letters[3:]]]).long()
    together = torch.tensor([[start, *letters[:3], start, *letters[3:]]]).long()
    said, _ = module(together, documents=(together == start).cumsum(1))
    torch.testing.assert_close(said[:, 4:], module(alone)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_a_periodic_text_is_learned_to_near_nothing(kind: str, tmp_path: Path):
    run = run_of(kind, epochs=12.0, plain_rate=1e-2)
    before = TokenJudge(run.windows, LETTERS)(run.model)["val_loss"]
    run.fit(tmp_path, watcher=Silent())
    assert before > 1.8
    assert run.state.best < 0.1
    assert run.state.history[-1]["tokens_per_second"] > 0
    assert run.state.history[-1]["bits_per_byte"] < 0.15


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("transformer", {}),
        ("recurrent", {}),
        ("recurrent", {"average": "asgd", "plain": "sgd", "plain_rate": 1.0}),
    ],
    ids=["transformer", "recurrent", "averaged SGD"],
)
def test_a_run_resumes_bit_for_bit(kind: str, numbers: dict, tmp_path: Path):
    texts = [text[:160] for text in PERIODIC[:2]]
    dropped = {
        "transformer": TransformerShape(len(LETTERS), **SMALL, dropout=0.1),
        "recurrent": RecurrentShape(
            len(LETTERS), width=12, embedding=8, depth=2, weight_drop=0.3, dropout=0.2, dropout_input=0.1,
            dropout_between=0.1, dropout_tokens=0.1,
        ),
    }  # fmt: skip
    testing.check_resume(
        lambda: run_of(kind, texts, shape=dropped[kind], epochs=8.0, batch=2, **numbers), tmp_path
    )


def test_averaged_sgd_keeps_the_mean_of_all_weights_since_the_score_was_stale():
    run = run_of("recurrent", average="asgd", plain="sgd", plain_rate=0.1)
    run.state.history = [{"score": s, "averaged_from": 0.0} for s in (1.0, 2, 2, 2, 2, 2)]
    run.state.step = 50
    assert run._averaged_from() == 50
    run.state.history.append({"score": 2.0, "averaged_from": 50.0})
    seen = []
    for step in (51, 52, 53):
        run.state.step = step
        with torch.no_grad():
            run.model.out_bias.add_(float(step))
        seen.append(run.model.out_bias.detach().clone())
        run._average()
    torch.testing.assert_close(run.average.out_bias, torch.stack(seen).mean(0))


def test_muon_turns_matrices_orthogonal_and_takes_stacked_ones_one_by_one():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 40, 16), steps=5))
    assert values.min() > 0.6 and values.max() < 1.3
    whole, grad = torch.nn.Parameter(torch.zeros(24, 8)), torch.randn(24, 8)
    whole.stacked, whole.grad = (16, 8), grad
    parts = [torch.nn.Parameter(torch.zeros(rows, 8)) for rows in (16, 8)]
    for part, rows in zip(parts, grad.split((16, 8)), strict=True):
        part.grad = rows.clone()
    for some in ([whole], parts):
        MatrixMuon(some, lr=0.1, momentum=0.9, decay=0.0).step()
    torch.testing.assert_close(whole.detach(), torch.cat([p.detach() for p in parts]))


def test_muon_has_the_matrices_inside_and_nothing_else():
    model = build(TransformerShape(9, **SMALL))
    muon, plain = TokenOptimizers(TokenRecipe())._make(model.parameters())
    inside = {id(p) for group in muon.param_groups for p in group["params"]}
    assert inside == {id(p) for name, p in model.named_parameters() if "blocks" in name and p.ndim == 2}
    assert id(model.embedding.weight) in {id(p) for group in plain.param_groups for p in group["params"]}


def test_the_judge_counts_as_the_chain_rule_does():
    texts = ["abcdabcdab"]
    run = run_of("recurrent", texts, length=11)
    judge = TokenJudge(packed(texts, LETTERS, 11), LETTERS)
    network = Network(_core(run.model), LETTERS)
    # One window, which begins with the first letter: the end comes last, and is no start
    ids = LETTERS.document(texts[0])
    logits, _ = run.model.eval()(torch.from_numpy(ids[:-1].astype(np.int64))[None])
    nats = -logits[0].log_softmax(-1).gather(1, torch.from_numpy(ids[1:].astype(np.int64))[:, None]).mean()
    assert judge(run.model.eval())["val_loss"] == pytest.approx(nats.item(), rel=1e-5)
    assert network.score(ids).shape == ids.shape


def _core(model):
    from macaw.language.networks import open_core

    return open_core(model.shape, {k: v.detach().numpy() for k, v in model.state_dict().items()})


def corpus(folder: Path) -> Path:
    folder.mkdir()
    for name, text in (("train", "abcdefgh" * 60), ("valid", "abcdefgh" * 12)):
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_a_training_leaves_a_folder_that_opens_without_torch(kind: str, tmp_path: Path):
    stage = Stage(tmp_path / "model")
    small = {"width": 32, "depth": 1} | ({"heads": 2} if kind == "transformer" else {"embedding": 12})
    options = TokenOptions.of(network=kind, epochs=40.0, batch=4, length=16, plain_rate=1e-2, **small)
    texts = read_texts(corpus(tmp_path / "texts"))
    assert fit_tokens(texts, LETTERS, stage, options=options, watcher=Silent())
    assert not stage.work.exists()
    assert {p.name for p in stage.out.iterdir()} >= {
        "card.json",
        "model.safetensors",
        "history.csv",
        "curve.png",
    }
    held = json.loads((stage.out / "card.json").read_text())
    assert held["task"] == "complete" and held["head"]["name"] == kind and held["training"]["tokens"] == 481
    model = Network.load(stage.out)
    ids = LETTERS.encode("abcdefgh" * 8)
    assert -model.score(ids)[8:].mean() < 0.3
    np.testing.assert_allclose(
        model.score(ids), Network.load(stage.out, engine="torch").score(ids), atol=1e-4
    )


class Impatient(Silent):
    """Presses Ctrl-C after so many evaluations."""

    def __init__(self, evaluations: int) -> None:
        self.left = evaluations

    def scored(self, row, better):
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt

    def step(self, progress, row):
        if self.left <= 0:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_best_so_far_and_resume_goes_on(tmp_path: Path):
    texts = read_texts(corpus(tmp_path / "texts"))
    options = TokenOptions.of(network="recurrent", epochs=4.0, batch=4, length=16, width=16, embedding=8)
    stage = Stage(tmp_path / "model")
    with pytest.raises(KeyboardInterrupt):
        fit_tokens(texts, LETTERS, stage, options=options, watcher=Impatient(0))
    assert not stage.out.exists()
    assert not fit_tokens(texts, LETTERS, stage, options=options, watcher=Impatient(2))
    assert Network.load(stage.out).card.training["epochs"] == 2
    resumed = Stage(stage.out, resume=True)
    assert fit_tokens(texts, LETTERS, resumed, options=options, watcher=Silent())
    assert Network.load(stage.out).card.training["epochs"] == 4


def test_minutes_end_a_run(tmp_path: Path):
    texts = read_texts(corpus(tmp_path / "texts"))
    options = TokenOptions.of(network="recurrent", minutes=0.1, batch=4, length=16, width=16, embedding=8)
    assert fit_tokens(texts, LETTERS, Stage(tmp_path / "model"), options=options, watcher=Silent())
    with pytest.raises(InputError, match="allow more"):
        options = TokenOptions.of(network="recurrent", minutes=0.01)
        fit_tokens(texts, LETTERS, Stage(tmp_path / "other"), options=options, watcher=Silent())


def test_what_cannot_be_trained_is_one_line(tmp_path: Path):
    (tmp_path / "train.txt").write_text("abc abc")
    texts = read_texts(tmp_path, val_share=0)
    with pytest.raises(DataError, match="no val split"):
        fit_tokens(texts, LETTERS, Stage(tmp_path / "m"), options=TokenOptions(), watcher=Silent())
    for wrong, error, words in (
        ({"network": "transformers"}, UnknownName, "Did you mean 'transformer'"),
        ({"minuets": 3}, UnknownName, "Did you mean 'minutes'"),
        ({"rate": -1}, InputError, "a number of 0 or more"),
        ({"heads": 5}, InputError, "does not divide into 5 heads"),
        ({"dial": 2.5}, InputError, "a whole number"),
        ({"average": "swa"}, UnknownName, "ema or asgd"),
        ({"network": "recurrent", "cell": "lstn"}, UnknownName, "Did you mean 'lstm'"),
    ):
        with pytest.raises(error, match=words):
            TokenOptions.of(**wrong)


def test_effort_reads_more_and_small_texts_are_not_read_for_ever():
    few, many = (choose("transformer", tokens).epochs for tokens in (1000, 10_000_000))
    assert few == 30 and many == pytest.approx(1.3)
    assert choose("recurrent", 10_000_000, effort=2).epochs == 2 * choose("recurrent", 10_000_000).epochs
    letters, pieces = (choose("recurrent", 10**7, minutes=2, vocabulary=n).epochs for n in (65, 4096))
    assert letters == pytest.approx(0.66) and pieces == pytest.approx(0.24)  # what is to be expected


def test_a_text_that_is_read_again_and_again_is_not_learned_by_heart():
    for kind, small, large in (("recurrent", 256, 512), ("transformer", 256, 256)):
        once, often = TokenOptions.of(network=kind, epochs=1.0), TokenOptions.of(network=kind, minutes=9.0)
        free, hindered = (one.shape(65, one.recipe(10**6), never=None) for one in (once, often))
        assert (free.width, hindered.width, free.dropout) == (small, large, 0) and hindered.dropout > 0
        own = TokenOptions.of(network=kind, minutes=9.0, dropout=0.6, width=128)
        asked = own.shape(65, own.recipe(10**6, vocabulary=65), never=None)
        assert (asked.dropout, asked.width) == (0.6, 128)
    dialled = TokenOptions.of(network="recurrent", minutes=9.0, dial=0.5)
    assert dialled.shape(65, dialled.recipe(10**6), never=None).width == 128


@pytest.mark.parametrize("never", [-1, 3])
@pytest.mark.parametrize("softcap", [0.0, 2.0])
@pytest.mark.parametrize("biased", [False, True])
def test_the_loss_in_parts_is_that_of_all_logits_and_so_are_its_gradients(
    monkeypatch, never, softcap, biased
):
    monkeypatch.setattr(losses, "_AT_ONCE", 20)  # logits: three rows at a time
    torch.manual_seed(0)
    x, weight = torch.randn(2, 5, 4, requires_grad=True), torch.randn(7, 4, requires_grad=True)
    bias = torch.randn(7, requires_grad=True) if biased else None
    targets = torch.tensor([[0, 1, IGNORED, 2, 6], [5, 4, 1, 0, IGNORED]])
    output, given = losses.Output(weight, bias, softcap, never), [x, weight, *([bias] if biased else [])]
    whole = losses.token_loss(output.logits(x), targets)
    parts = losses.linear_loss(x, targets, output)
    assert parts.item() == pytest.approx(whole.item(), rel=1e-6)
    for one, other in zip(*(torch.autograd.grad(2 * loss, given) for loss in (parts, whole)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
