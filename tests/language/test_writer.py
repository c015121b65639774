"""The writer: the same seed the same text, whatever is beside it; prompts of every kind; engines agree."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from macaw.errors import InputError, ModelError, UnknownName
from macaw.files import atomic_write
from macaw.language.asked import Asked
from macaw.language.exporting import export_text
from macaw.language.mixture import Mixture
from macaw.language.ngram import Ngram
from macaw.language.opening import ENGINES, open_model
from macaw.language.prompts import titled
from macaw.language.protocol import LanguageModel, score_by_steps
from macaw.language.settings import Settings
from macaw.language.stream import continue_text
from macaw.language.writer import Writer
from macaw.results.completion import Completion
from macaw.results.story import Story
from tests.language.conftest import CONTEXT, DECODE
from tests.language.toys import spelled

ALL = ("ngram", "transformer", "recurrent", "mixture")


@pytest.fixture(scope="module")
def writer(written):
    return Writer(written("ngram"))


@pytest.mark.parametrize("kind", ALL)
def test_every_kind_of_model_writes_what_it_has_read(written, kind):
    told = Writer(written(kind)).run("Once there was a", temperature=0)
    assert isinstance(told, Completion) and told.model == f"tiny-{kind}"
    assert told.text.split()[0] in {"fox", "owl", "hare", "mole", "wren", "toad"}


@pytest.mark.parametrize("kind", ALL)
def test_a_text_is_what_the_stream_says(written, kind):
    writer = Writer(written(kind))
    told = writer.run("The Owl", seed=3, limit=9, temperature=1.2, top_k=20)
    settings = Settings(temperature=1.2, top_k=20, top_p=DECODE["top_p"])
    assert told.text == continue_text(writer.model, "The Owl", settings=settings, seed=3, limit=9)
    assert told.whole == str(told) == "The Owl" + told.text


@pytest.mark.parametrize("kind", ALL)
def test_the_probabilities_are_the_models_whatever_the_settings(written, kind):
    writer = Writer(written(kind))
    told = writer.run("The Owl", seed=1, limit=8, temperature=0.3, repetition=1.3)
    vocabulary = writer.model.vocabulary
    place = {name: token for token, name in enumerate(vocabulary.names)}
    ids = np.array([*vocabulary.encode("The Owl"), *(place[name] for name in told.names)], np.int32)
    scores = score_by_steps(writer.model, ids)[-len(told.names) :]
    np.testing.assert_allclose(told.logp, scores, atol=1e-4)


def test_a_continuation_depends_on_the_seed_and_its_own_number_alone(writer):
    four = writer.run("The ", seed=5, count=4)
    assert [one.item for one in four] == [0, 1, 2, 3] and len({one.text for one in four}) > 1
    assert [one.text for one in writer.run("The ", seed=5, count=2)] == [one.text for one in four[:2]]
    assert writer.run("The ", seed=5).text == four[0].text
    assert "".join(piece.text for piece in writer.write("The ", seed=5, item=2)) == four[2].text
    beside = writer.run(["Once", "The "], seed=5, count=2)
    assert [one.text for one in beside[2:]] == [one.text for one in four[:2]]


def test_one_prompt_has_one_answer_and_a_list_has_a_list(writer):
    assert isinstance(writer.run("The "), Completion)
    assert [one.prompt for one in writer.run(["The ", "Once "])] == ["The ", "Once "]
    assert len(writer.run(["The "])) == 1 and writer.run([]) == []


def test_an_empty_prompt_begins_a_document(written):
    for kind in ALL:
        told = Writer(written(kind)).run("", seed=1, limit=8)
        assert told.prompt == "" and told.text and len(told.names) == 8
    assert Writer(written("ngram")).run("", temperature=0).text.startswith("The ")


def test_a_document_that_ends_has_its_end_among_the_tokens(writer, tiny_texts):
    told = writer.run(tiny_texts[0][:-30], temperature=0, limit=40)
    vocabulary = writer.model.vocabulary
    assert told.ends == "end" and told.names[-1] == vocabulary.names[vocabulary.end]
    assert told.pieces[-1] == "" and "".join(told.pieces) == told.text


def test_the_limit_and_stop_strings_end_a_text(writer):
    told = writer.run("Once", temperature=0, limit=3)
    assert told.ends == "limit" and len(told.names) == told.limit == 3
    told = writer.run("Once there was a fox", temperature=0, stop=" lived by", limit=20)
    assert told.ends == "stop" and told.text.endswith("who") and told.stop == (" lived by",)


@pytest.mark.parametrize("kind", ["transformer", "mixture"])
def test_a_prompt_longer_than_the_context_just_works(written, tiny_texts, kind):
    writer = Writer(written(kind))
    prompt = "\n".join(tiny_texts)
    assert len(writer.model.vocabulary.encode(prompt)) > 20 * CONTEXT
    assert len(writer.run(prompt, limit=5).names) <= 5
    scored = writer.scored(prompt)
    assert len(scored.names) > 20 * CONTEXT and np.isfinite(scored.logp).all()


def test_a_file_is_its_content(writer, tmp_path):
    path = tmp_path / "prompt.txt"
    path.write_bytes(b"\xef\xbb\xbfOnce there\r\nwas a\r\n")
    told = writer.run(path)
    assert told.prompt == "Once there\nwas a" and told.source == str(path)
    assert told.text == writer.run("Once there\nwas a").text
    assert writer.run(str(path)).prompt == str(path)  # a string is the prompt itself


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"caf\xe9", r"line 1: byte 3 of the file, 0xE9, is not UTF-8"),
        (b"\xff\xfea\x00", "written in UTF-16"),
        (None, "no such file or folder.*Did you mean '.*prompt.txt'"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(writer, tmp_path, data, words):
    (tmp_path / "prompt.txt").write_bytes(data or b"x")
    path = tmp_path / ("prompt.txt" if data else "promt.txt")
    with pytest.raises(InputError, match=words) as problem:
        writer.run(path)
    assert "\n" not in str(problem.value)


def test_what_is_wrong_with_one_prompt_does_not_hide_the_others(writer, tmp_path):
    problems: list[InputError] = []
    prompts = ["The ", tmp_path / "none.txt", tmp_path, 7, "half \ud800", "Once "]
    told = list(writer.stream(prompts, on_error=problems.append, count=2))
    assert [one.prompt for one in told] == ["The ", "The ", "Once ", "Once "]
    assert len(problems) == 4
    for one in (7, b"bytes", None):
        with pytest.raises(InputError, match="a prompt is text or the Path"):
            writer.run(one)


def test_what_was_begun_before_a_bad_prompt_is_told_first(writer, tmp_path):
    told = writer.stream(["The ", "Once", tmp_path / "none.txt", "And"], count=3)
    assert [next(told).prompt for _ in range(6)] == ["The "] * 3 + ["Once"] * 3
    with pytest.raises(InputError, match="no such file"):
        next(told)


def test_more_texts_than_fit_into_one_pass_come_in_order(written):
    writer, how = Writer(written("recurrent")), {"limit": 12, "stop": ["was"], "temperature": 1.5}
    texts = writer.run(["The ", "Once", ""], count=7, **how)
    assert [(one.prompt, one.item) for one in texts] == [
        (p, i) for p in ("The ", "Once", "") for i in range(7)
    ]
    for one in texts:
        alone = [piece.text for piece in writer.write(one.prompt, item=one.item, **how)]
        assert list(one.pieces) == alone
    assert {"stop", "limit"} <= {one.ends for one in texts}


def test_writing_needs_no_torch(written):
    code = (
        "import sys; from macaw.language.writer import Writer\n"
        f"told = Writer({str(written('transformer'))!r}).run('The ', limit=3)\n"
        "assert told.text and told.headline and told.to_dict() and told.to_html()\n"
        "print([name for name in ('torch', 'matplotlib', 'tokenizers') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['tokenizers']"


def test_a_title_becomes_a_story(written):
    told = Writer(written("ngram", "story")).run("The Fox and The Hill", temperature=0, limit=200)
    assert isinstance(told, Story) and told.ends == "end"
    assert told.prompt == "The Fox and The Hill\n\n" and told.title == "The Fox and The Hill"
    assert len(told.paragraphs) == 2 and told.paragraphs[0].startswith("Once there was a")


def test_without_a_title_the_story_finds_one(written):
    told = Writer(written("ngram", "story")).run("", seed=1, limit=200)
    assert told.prompt == "" and told.title.startswith("The ") and len(told.paragraphs) == 2


@pytest.mark.parametrize(
    ("prompt", "given"),
    [
        ("", ""),
        (" \n\n", ""),
        ("The Fox", "The Fox\n\n"),
        ("The Fox\n", "The Fox\n\n"),
        ("The Fox\n\nOnce there ", "The Fox\n\nOnce there "),
        ("The Fox\nOnce there\n", "The Fox\n\nOnce there\n"),
    ],
)
def test_a_prompt_of_a_story_is_its_title_and_perhaps_its_beginning(prompt, given):
    assert titled(prompt) == given


def test_a_model_may_serve_another_row(written):
    writer = Writer(written("ngram"), task="story")
    assert isinstance(writer.run("The Fox"), Story) and writer.task == "story"
    with pytest.raises(InputError, match="cannot serve 'classify'"):
        Writer(written("ngram"), task="classify")


def test_a_model_in_memory_is_a_writer_too(written):
    card = Writer(written("ngram")).card.replace(name="held", decode={})
    told = Writer.around(spelled("Once upon a time"), card, folder="hf:held").run("Once ")
    assert told.text == "upon a time" and told.model == "held" and told.ends == "end"


def test_what_is_no_language_model_is_refused(written, tmp_path):
    with pytest.raises(ModelError, match="is not a model"):
        Writer(tmp_path)
    card = Writer(written("ngram")).card
    atomic_write(tmp_path / "card.json", b"{}")
    with pytest.raises(ModelError, match="damaged"):
        Writer(tmp_path)
    card.replace(builder="recognizer").save(tmp_path)
    with pytest.raises(ModelError, match="builder is 'recognizer'"):
        _ = Writer(tmp_path).model
    from macaw import zoo

    with pytest.raises(ModelError, match="a model of 'classify', which writes no text"):
        Writer(zoo.folder("classify"))


@pytest.mark.parametrize("kind", ALL)
def test_opening_gives_the_models_as_they_were_saved(written, kind):
    model = open_model(written(kind))
    assert isinstance(model, LanguageModel)
    assert isinstance(model, {"ngram": Ngram, "mixture": Mixture}.get(kind, object))


@pytest.mark.parametrize("kind", ["transformer", "recurrent", "mixture"])
def test_every_engine_says_the_same(written, kind):
    plain = Writer(written(kind)).scored("The Owl and The Wood")
    for engine in ENGINES:
        if engine in {"compiled", "int8"}:
            pytest.importorskip("numba")
        scored = Writer(written(kind), engine=engine).scored("The Owl and The Wood")
        np.testing.assert_allclose(scored.logp, plain.logp, atol=0.2 if engine == "int8" else 1e-4)


def test_a_file_that_was_exported_is_a_writer_too(written, tmp_path):
    pytest.importorskip("onnx")
    plain = Writer(written("recurrent"))
    export_text(plain, tmp_path / "a.onnx")
    held = Writer(tmp_path / "a.onnx")
    assert (
        held.task == "complete"
        and held.run("The ", temperature=0).text == plain.run("The ", temperature=0).text
    )
    with pytest.raises(InputError, match="a file that ONNX Runtime reads"):
        _ = Writer(tmp_path / "a.onnx", engine="torch").model


def test_an_n_gram_has_no_other_engine(written):
    with pytest.raises(InputError, match="looked up, not computed"):
        _ = Writer(written("ngram"), engine="torch").model
    with pytest.raises(UnknownName, match="Did you mean 'compiled'"):
        Writer(written("ngram"), engine="compild")


def test_a_score_is_the_chain_rule(written, tiny_texts):
    text = tiny_texts[0]
    for kind in ALL:
        writer = Writer(written(kind))
        scored = writer.scored(text, source="a.txt")
        ids = writer.model.vocabulary.encode(text)
        np.testing.assert_allclose(scored.logp, score_by_steps(writer.model, ids), atol=1e-4)
        assert "".join(scored.pieces) == text and scored.size == len(text.encode())
        assert scored.bits_per_byte == pytest.approx(-scored.logp.sum() / np.log(2) / len(text.encode()))
        assert scored.perplexity == pytest.approx(np.exp(-scored.logp.mean()))
        assert scored.source == "a.txt" and scored.model == f"tiny-{kind}"


def test_words_have_no_bits_per_byte(written):
    card = Writer(written("ngram")).card
    scored = Writer.around(spelled("a cat sat", kind="words"), card, folder="x").scored("a cat")
    assert scored.bits_per_byte is None and len(scored.names) == 2 and scored.perplexity < 1.1


def test_there_must_be_something_to_score(writer):
    with pytest.raises(InputError, match="no text to score"):
        writer.scored("")


def test_what_is_asked_stands_over_the_card_and_the_card_over_the_row(writer):
    card = writer.card
    assert Asked.of(card) == Asked(Settings(temperature=0.8, top_p=0.95), limit=24)
    asked = Asked.of(card, temperature=1, limit=None, stop="x", count=np.int64(2))
    assert asked == Asked(Settings(temperature=1, top_p=0.95), limit=24, stop=("x",), count=2)
    bare = card.replace(decode={"multi": False})
    assert Asked.of(bare).limit == 128 and Asked.of(bare, task="story").limit == 600


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"temprature": 1}, UnknownName, "no setting 'temprature'. Did you mean 'temperature'"),
        ({"top_p": 0}, InputError, "top_p is 0"),
        ({"temperature": "hot"}, InputError, "temperature is 'hot'; it must be a number"),
        ({"temperature": float("nan")}, InputError, "temperature is nan"),
        ({"top_k": 2.5}, InputError, "top_k is 2.5"),
        ({"seed": -1}, InputError, "seed is -1; it must be a whole number, 0 or more"),
        ({"limit": 0}, InputError, "limit is 0"),
        ({"count": True}, InputError, "count is True"),
        ({"stop": ""}, InputError, "none of them empty"),
        ({"stop": [1]}, InputError, "give a string, or a list"),
    ],
)
def test_what_cannot_be_asked_is_one_line_before_anything_is_read(written, values, error, words):
    writer = Writer(written("ngram"))
    with pytest.raises(error, match=words) as problem:
        writer.stream("The", **values)
    assert "\n" not in str(problem.value) and "model" not in vars(writer)


def test_the_settings_of_an_answer_make_it_again(writer):
    told = writer.run("The ", temperature=1.0, seed=2, frequency=0.5)  # over the card's 0.8
    assert told.settings == {"temperature": 1.0, "top_p": 0.95, "frequency": 0.5}
    same = writer.run("The ", **told.settings, seed=told.seed, limit=told.limit, stop=told.stop)
    assert same.text == told.text


def test_a_file_is_scored_by_its_content(writer, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"The Fox\r\n")
    scored = writer.scored(tmp_path / "a.txt")
    assert scored.text == "The Fox" and scored.source == str(tmp_path / "a.txt")
