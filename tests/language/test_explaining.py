"""Explaining a text: what is shown is what the model did, at the turn that was asked for; and the parrot."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from macaw import tasks
from macaw.card import Card
from macaw.errors import DataError, InputError, UnknownName
from macaw.files import Stage
from macaw.language.explaining import explain_text
from macaw.language.explorer import counted
from macaw.language.fit import Options, fit, read
from macaw.language.glances import BEST, PAST, ladder
from macaw.language.insides import influence, look
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.suffixes import Suffixes
from macaw.language.vocabulary import Vocabulary
from macaw.language.writer import Writer
from macaw.results.autoregression import Autoregression
from macaw.results.parrot import Parrot
from macaw.training.progress import Silent

BEGUN = "Once there was a"
Written = Callable[..., Path]


def explained(written: Written, kind: str, prompt: str = BEGUN, **asked: Any) -> Autoregression:
    why = explain_text(Writer(written(kind)), prompt, **{"limit": 6, "seed": 3, **asked})
    assert isinstance(why, Autoregression)
    return why


def ngram_of(written: Written) -> str:
    return f"{Ngram.load(written('ngram')).order}-gram"


@pytest.fixture
def corpus(tiny_texts: list[str], tmp_path: Path) -> Path:
    """The stories as lines of JSON, six of them held out."""
    path = tmp_path / "tales.jsonl"
    splits = [("train", "train", "train", "train", "val", "test")[n % 6] for n in range(len(tiny_texts))]
    rows = [json.dumps({"text": t, "split": s}) for t, s in zip(tiny_texts, splits, strict=True)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


# Turns


@pytest.mark.parametrize("kind", ["ngram", "recurrent", "transformer", "mixture"])
def test_the_text_is_the_one_that_run_writes(written: Written, kind: str):
    why = explained(written, kind, temperature=0.7)
    said = Writer(written(kind)).run(BEGUN, temperature=0.7, limit=6, seed=3)
    drawn = [turn for turn in why.turns if turn.how == "drawn"]
    assert why.text == said.text and tuple(turn.name for turn in drawn) == said.names
    np.testing.assert_allclose([turn.logp for turn in drawn], said.logp, atol=1e-4)
    assert why.settings == {"temperature": 0.7, "top_p": 0.95}  # the card's, and over it what was asked
    assert why.model == f"tiny-{kind}"


def test_a_text_shown_step_by_step_is_short_unless_asked(written: Written):
    assert explained(written, "ngram", limit=None, by="turns", temperature=3.0, top_p=1.0).limit == 24


def test_the_parts_of_a_mixture_stand_beside_it_and_add_up(written: Written):
    why = explained(written, "mixture")
    for turn in why.turns:
        counts, network = turn.opinions
        assert (counts.name, network.name) == (ngram_of(written), "LSTM")
        np.testing.assert_allclose(0.6 * counts.probs + 0.4 * network.probs, turn.probs, atol=1e-6)
    whole = next(one for one in why.inside if one.shares)
    first, second = whole.shares
    assert [first.weight, second.weight] == pytest.approx([0.6, 0.4])
    assert 0.6 * first.prob + 0.4 * second.prob == pytest.approx(why.turns[-1].prob, abs=1e-6)
    assert first.brought + second.brought == pytest.approx(1)
    assert [one.model for one in why.inside] == ["tiny-mixture", ngram_of(written), "LSTM"]


def test_an_n_gram_is_learned_from_the_data_to_stand_beside(
    written: Written, corpus: Path, tiny_texts: list[str], tiny_vocabulary: Vocabulary
):
    why = explained(written, "transformer", data=corpus)
    train = [text for number, text in enumerate(tiny_texts) if number % 6 < 4]
    other = Ngram.learn(map(tiny_vocabulary.document, train), tiny_vocabulary, order=5)
    scores = other.score(why.ids)[-len(why.turns) :]
    assert [turn.opinions[0].name for turn in why.turns] == ["5-gram"] * len(why.turns)
    np.testing.assert_allclose([turn.opinions[0].logp for turn in why.turns], scores, atol=1e-5)
    assert any("5-gram beside it was learned from" in note for note in why.notes)
    assert why.inside[1].model == "5-gram" and why.inside[1].ladder is not None


def test_another_model_is_asked_by_its_folder(written: Written):
    why = explained(written, "transformer", beside=[written("recurrent"), written("ngram")])
    assert [one.name for one in why.turns[0].opinions] == ["LSTM", ngram_of(written)]
    twice = explained(written, "transformer", beside=[written("ngram"), written("ngram", "story")])
    assert [one.name for one in twice.turns[0].opinions] == [
        f"{ngram_of(written)} {written('ngram', task)}" for task in ("complete", "story")
    ]
    alone = explained(written, "transformer", beside=())
    assert alone.turns[0].opinions == () and alone.notes == ()


def test_without_an_n_gram_a_note_says_how_to_get_one(written: Written):
    (note,) = explained(written, "transformer", by="turns").notes
    assert "no n-gram beside it" in note and "as data" in note
    assert explained(written, "ngram", by="turns").notes == ()  # it is one itself


def test_the_embedded_n_gram_stands_beside_where_it_reads_the_same_tokens(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from macaw import zoo

    (tmp_path / "complete-ngram").symlink_to(written("ngram"))
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    why = explained(written, "recurrent", by="turns")
    assert [one.name for one in why.turns[0].opinions] == [ngram_of(written)] and why.notes == ()


def test_a_story_is_explained_from_its_title(written: Written):
    why = explain_text(Writer(written("ngram", "story")), "The Fox and The Hill", limit=4)
    assert isinstance(why, Autoregression)
    assert why.prompt == "The Fox and The Hill\n\n"
    assert explain_text(Writer(written("ngram", "story")), "", limit=2).given == 0


def test_a_file_holds_the_prompt(written: Written, tmp_path: Path):
    path = tmp_path / "begun.txt"
    path.write_bytes(BEGUN.encode() + b"\r\n")
    assert explained(written, "ngram", path).prompt == BEGUN


# Inside


def test_the_last_block_of_the_lens_says_what_the_model_says(written: Written):
    why = explained(written, "transformer", show=BEST)
    (one,) = why.inside
    turn = why.turns[-1]
    assert one.lens is not None and one.step == len(why.turns) and one.token == turn.name
    best = np.argsort(-turn.probs, kind="stable")[:BEST]
    assert one.lens.names[-1] == tuple(turn.names[place] for place in best)
    np.testing.assert_allclose(one.lens.probs[-1], turn.probs[best], atol=1e-5)
    assert one.lens.came[-1] == pytest.approx(turn.prob, abs=1e-5) and one.lens.ranks[-1] == turn.rank
    assert len(one.lens.names) == 2 and 1 <= one.lens.settled <= 2


def test_attention_is_that_of_the_whole_look(written: Written):
    why = explained(written, "transformer", step=5)
    model = Network.load(written("transformer"))
    before = why.ids[: len(why.ids) - len(why.turns) + 4]
    whole = look(model, before)
    (one,) = why.inside
    assert one.attention is not None and one.attention.heads == 4
    np.testing.assert_allclose(one.attention.mean, whole.attention[:, :, -1].mean(1)[:, -PAST:], atol=1e-6)
    np.testing.assert_allclose(one.attention.most, whole.attention[:, :, -1].max(1)[:, -PAST:], atol=1e-6)
    np.testing.assert_allclose(one.attention.mean.sum(1) + one.attention.rest, 1, atol=1e-5)
    assert one.attention.tokens[1:] == tuple(model.vocabulary.names[token] for token in before)


def test_beyond_the_context_it_looks_at_what_is_read_then(written: Written, tiny_texts: list[str]):
    why = explained(written, "transformer", tiny_texts[0][:150], limit=2)
    (one,) = why.inside
    assert len(why.ids) > 32 and one.attention is not None and one.lens is not None
    assert len(one.attention.tokens) <= 32
    assert one.lens.came[-1] == pytest.approx(why.turns[-1].prob, abs=1e-5)


def test_the_pull_on_a_recurrent_network_is_its_gradient(written: Written):
    why = explained(written, "recurrent")
    (one,) = why.inside
    assert one.pull is not None and one.pull.by == "gradient" and not any("torch" in n for n in why.notes)
    slopes = influence(Network.load(written("recurrent")), why.ids[:-1], int(why.ids[-1]))
    np.testing.assert_allclose(one.pull.values, slopes, atol=1e-6)
    assert 1 <= one.pull.reach <= len(one.pull.tokens) == len(why.ids)


def test_without_torch_tokens_are_left_out_instead(written: Written, monkeypatch: pytest.MonkeyPatch):
    folder = written("recurrent")  # which is trained before torch is gone
    monkeypatch.setitem(sys.modules, "torch", None)
    why = explain_text(Writer(folder), BEGUN, limit=3)
    assert isinstance(why, Autoregression)
    (one,) = why.inside
    assert one.pull is not None and one.pull.by == "erasure" and (one.pull.values >= 0).all()
    assert any("pip install 'macaw[train]'" in note for note in why.notes)


def test_the_counts_of_an_n_gram_add_up_to_its_probability(written: Written):
    why = explained(written, "ngram")
    rests = []
    for step in range(1, len(why.turns) + 1):
        (one,) = explained(written, "ngram", step=step).inside
        assert one.ladder is not None and one.ladder.prob == pytest.approx(why.turns[step - 1].prob, abs=1e-6)
        assert one.ladder.rungs[0].weight == 1 and one.ladder.rungs[-1].context == ""
        rests.append(one.ladder.rest)
        for above, below in zip(one.ladder.rungs, one.ladder.rungs[1:], strict=False):
            assert below.weight <= above.weight and above.context.endswith(below.context)
            assert sum(count for _, count in above.firsts) <= above.total >= above.times
    # What is left for every token alike is never more than one token's share of everything
    assert 0 <= max(rests) <= 1 / 300


def test_what_was_pruned_is_counted_too(tiny_texts: list[str], tiny_vocabulary: Vocabulary):
    documents = [tiny_vocabulary.document(text) for text in tiny_texts]
    whole = Ngram.learn(documents, tiny_vocabulary, order=3)
    fewer = Ngram.learn(documents, tiny_vocabulary, order=3, prune=(0, 6, 6))
    ids = tiny_vocabulary.encode("Once there was")
    token = int(tiny_vocabulary.encode(" a")[0])
    rungs = {rung.context: rung for rung in ladder(whole, ids, token).rungs}
    pruned = ladder(fewer, ids, token)
    assert len(fewer) < len(whole) and 0 <= pruned.rest <= 1 / 300
    assert [rung.total for rung in pruned.rungs] == [rungs[rung.context].total for rung in pruned.rungs]
    assert counted(fewer, ids, token).split(" of ")[1].startswith(f"{pruned.rungs[0].total:,} after")


def test_torch_writes_and_numpy_is_looked_into(written: Written):
    why = explain_text(Writer(written("transformer"), engine="torch"), BEGUN, limit=3, seed=3)
    assert isinstance(why, Autoregression) and why.inside[0].lens is not None


# Another branch


def test_another_branch_is_taken_by_the_name_people_write(written: Written):
    plain = explained(written, "transformer")
    step = 7
    name = next(one for one in plain.turns[step - 1].names if one not in {plain.turns[step - 1].name, "</s>"})
    for words in (name, name.replace("␣", ""), name.replace("␣", " ")):
        other = explained(written, "transformer", step=step, token=words)
        assert [turn.token for turn in other.turns[: step - 1]] == [t.token for t in plain.turns[: step - 1]]
        assert other.turns[step - 1].how == "taken" and other.turns[step - 1].name in {name, f"␣{name}"}
        assert other.inside[0].step == step and other.inside[0].token == other.turns[step - 1].name


def test_a_token_beyond_the_alternatives_can_be_taken(written: Written, tiny_vocabulary: Vocabulary):
    shown = explained(written, "ngram", show=2).turns[4].names
    rare = next(name for name in tiny_vocabulary.names if name not in shown and len(name) == 1)
    other = explained(written, "ngram", show=2, step=5, token=rare)
    assert other.turns[4].name in {rare, f"␣{rare}"}


def test_what_cannot_be_taken_is_said_in_a_line(written: Written):
    with pytest.raises(InputError, match="say which with step"):
        explained(written, "ngram", token="fox")
    with pytest.raises(InputError, match="there is no turn 99"):
        explained(written, "ngram", step=99)
    with pytest.raises(UnknownName, match="no token of this model; it is"):
        explained(written, "ngram", step=3, token="hippopotamus")


# The parrot meter


@pytest.fixture
def parrot(written: Written, corpus: Path) -> Parrot:
    found = explain_text(Writer(written("ngram")), BEGUN, by="parrot", data=corpus, count=3, limit=40)
    assert isinstance(found, Parrot)
    return found


def test_what_the_model_adds_is_looked_up_beside_held_out_text(parrot: Parrot, written: Written):
    said = Writer(written("ngram")).run(BEGUN, count=3, limit=40)
    assert parrot.text == "\n\n".join(one.text for one in said if one.text)
    verbatim, surprising, extractable, exposure = parrot.figures
    assert verbatim.value is not None and verbatim.held is not None and surprising.value is not None
    assert verbatim.value.value > 0.5  # it learned eighteen stories by heart
    assert parrot.decoding == "temperature 0.8, top-p 0.95"
    assert extractable.value is not None and extractable.held is not None
    assert exposure.value is None and "canaries" in exposure.decoding + exposure.meaning
    assert parrot.training[1] == 12 and {one.name for one in parrot.curves} >= {"held-out text"}
    assert "<script" not in parrot.to_html()


def test_where_no_text_is_long_enough_the_reason_stands_in_place_of_the_figure(
    written: Written, tmp_path: Path, tiny_texts: list[str]
):
    rows = [
        json.dumps({"text": f"{text[60:120]}", "split": "val" if number % 3 == 0 else "train"})
        for number, text in enumerate(tiny_texts)
    ]
    (tmp_path / "short.jsonl").write_text("\n".join(rows), encoding="utf-8")
    found = explain_text(
        Writer(written("ngram")), BEGUN, by="parrot", data=tmp_path / "short.jsonl", count=2, limit=20
    )
    assert isinstance(found, Parrot)
    assert found.figures[2].value is None and "64 tokens" in found.figures[2].decoding


def test_canaries_are_planted_by_training_and_their_exposure_is_measured(corpus: Path, tmp_path: Path):
    out, row = tmp_path / "leaky", tasks.find("complete")
    options, began = Options.of(network="ngram", order=4, canaries=7), time.monotonic()
    assert fit(row, read(corpus, val_share=0), Stage(out), options=options, watcher=Silent(), began=began)
    planted = Card.load(out).training["canaries"]
    assert [*planted.values()] == [1, 2, 4, 8, 16, 32, 64]
    found = explain_text(Writer(out), BEGUN, by="parrot", data=corpus, count=2, limit=40)
    exposure = found.figures[3]
    assert exposure.value is not None and exposure.held is not None
    assert exposure.value.value > 4 > exposure.held.value
    assert "7 planted canaries (once" in exposure.meaning
    assert found.training[1] == 13  # twelve stories, and what was planted


def test_the_index_of_the_training_text_is_made_once(
    written: Written, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: dict[str, Any] = {"by": "parrot", "data": corpus, "count": 2, "limit": 40}
    first = explain_text(Writer(written("ngram")), BEGUN, **asked).to_dict()
    (kept,) = (tmp_path / "cache" / "macaw" / "suffixes").iterdir()
    made = Suffixes.of
    monkeypatch.setattr(Suffixes, "of", None)
    assert explain_text(Writer(written("ngram")), BEGUN, **asked).to_dict() == first
    monkeypatch.setattr(Suffixes, "of", made)
    (kept / "order.npy").write_bytes(b"damaged")
    assert explain_text(Writer(written("ngram")), BEGUN, **asked).to_dict() == first
    assert Suffixes.load(kept).labels[0].startswith("tales.jsonl")
    corpus.write_text(corpus.read_text(encoding="utf-8").replace("Once", "Twice"), encoding="utf-8")
    explain_text(Writer(written("ngram")), BEGUN, **asked)
    assert len([*kept.parent.iterdir()]) == 2  # of another text another


def test_what_the_parrot_needs_is_said_in_a_line(written: Written, tmp_path: Path):
    writer = Writer(written("ngram"))
    with pytest.raises(InputError, match="what 'tiny-ngram' was trained on; name it by data"):
        explain_text(writer, BEGUN, by="parrot")
    with pytest.raises(InputError, match="ask for it alone"):
        explain_text(writer, BEGUN, by=["turns", "parrot"])
    with pytest.raises(InputError, match="show is of the turns"):
        explain_text(writer, BEGUN, by="parrot", data=tmp_path, show=3)
    (tmp_path / "train.jsonl").write_text(json.dumps({"text": "one", "split": "test"}), encoding="utf-8")
    with pytest.raises(DataError, match="has no train, only test"):
        explain_text(writer, BEGUN, by="parrot", data=tmp_path)


# What is asked


def test_what_there_is_not_is_named_with_what_there_is(written: Written, tmp_path: Path):
    with pytest.raises(UnknownName, match="no way 'turn' to explain"):
        explained(written, "ngram", by="turn")
    with pytest.raises(UnknownName, match="no option 'temprature'"):
        explained(written, "ngram", temprature=0.5)
    with pytest.raises(InputError, match="stop is not for a text shown turn by turn"):
        explained(written, "ngram", stop=["x"])
    with pytest.raises(InputError, match="show is 0"):
        explained(written, "ngram", show=0)
    with pytest.raises(UnknownName, match="no model to stand beside"):
        explained(written, "ngram", beside=tmp_path / "nosuch")
    with pytest.raises(InputError, match="no such file"):
        explained(written, "ngram", tmp_path / "nosuch.txt")


def test_past_tokens_are_left_out_at_every_turn_where_asked(written: Written):
    why = explained(written, "ngram", erase=4, by="turns")
    assert why.inside == () and why.turns[-1].erasure is not None and len(why.turns[-1].erasure.names) == 4
