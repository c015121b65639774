"""Vocabularies: every text comes back as it was, lengths add up, and what is saved is what was learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.texts import read_texts
from macaw.errors import InputError, ModelError, UnknownName
from macaw.language.vocabulary import KINDS, Vocabulary

TEXTS = [
    "To be, or not to be: that is the question.\nWhether 'tis nobler in the mind to suffer",
    "the slings and arrows of outrageous fortune </s> naïve 😀\n\n",
    "Die Straße, 水と氷.",
]
LOSSLESS = ("bytes", "characters", "pieces")
VOCABULARIES = {kind: Vocabulary.learn(TEXTS, kind) for kind in KINDS}
TEXT = st.text() | st.text(st.sampled_from("to be<s>/\n 水é\U0001f600"))


@pytest.mark.parametrize("kind", LOSSLESS)
@given(text=TEXT)
def test_any_text_comes_back_and_its_lengths_add_up_to_its_bytes(kind: str, text: str):
    vocabulary = VOCABULARIES[kind]
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32 and ids.ndim == 1
    assert vocabulary.decode(ids) == text
    assert vocabulary.lengths[ids].sum() == vocabulary.sizes(text).sum() == len(text.encode())
    assert vocabulary.end not in ids


@pytest.mark.parametrize("kind", ("bytes", "characters"))
@given(left=TEXT, right=TEXT)
def test_bytes_and_characters_of_a_sum_are_the_sum_of_theirs(kind: str, left: str, right: str):
    vocabulary = VOCABULARIES[kind]
    parts = [vocabulary.encode(left), vocabulary.encode(right)]
    np.testing.assert_array_equal(vocabulary.encode(left + right), np.concatenate(parts))


@given(ids=st.lists(st.integers(0, 256)))
def test_bytes_decode_whatever_they_are(ids: list[int]):
    expected = bytes(i for i in ids if i < 256).decode("utf-8", "replace")
    assert VOCABULARIES["bytes"].decode(ids) == expected


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_every_row_of_ids_decodes(kind: str, data: st.DataObject):
    vocabulary = VOCABULARIES[kind]
    ids = data.draw(st.lists(st.integers(0, len(vocabulary) - 1), max_size=30))
    assert isinstance(vocabulary.decode(np.array(ids, np.int32)), str)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_what_is_loaded(kind: str, tmp_path: Path):
    vocabulary = VOCABULARIES[kind]
    assert vocabulary.save(tmp_path) == tmp_path / "vocabulary.json"
    again = Vocabulary.load(tmp_path)
    assert again == vocabulary and hash(again) == hash(vocabulary) and again.key() == vocabulary.key()
    assert again.names == vocabulary.names
    roles = ("kind", "begin", "end", "unknown", "start", "lossless")
    assert [getattr(again, role) for role in roles] == [getattr(vocabulary, role) for role in roles]
    for text in (*TEXTS, "unseen ß </s>"):
        np.testing.assert_array_equal(again.encode(text), vocabulary.encode(text))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_vocabulary_and_others_another(kind: str):
    again = Vocabulary.learn(iter(TEXTS), kind)
    assert again == VOCABULARIES[kind]
    other = Vocabulary.learn([*TEXTS, "zzz zzz zzz zzz zzz"], kind)
    assert (other == again) is (kind == "bytes")
    assert len({vocabulary.key() for vocabulary in VOCABULARIES.values()}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_has_its_roles_around_it(kind: str):
    vocabulary = VOCABULARIES[kind]
    ids = vocabulary.document(TEXTS[0])
    inner = vocabulary.encode(TEXTS[0])
    begin = 0 if vocabulary.begin is None else 1
    np.testing.assert_array_equal(ids[begin:-1], inner)
    assert ids[-1] == vocabulary.end and vocabulary.names[vocabulary.end] == "</s>"
    assert ids.dtype == np.int32 and vocabulary.start == (vocabulary.begin if begin else vocabulary.end)
    assert vocabulary.decode(ids) == vocabulary.decode(inner)
    assert vocabulary.lengths[vocabulary.end] == 0 and len(vocabulary.names) == len(vocabulary)
    np.testing.assert_array_equal(vocabulary.document("")[begin:], [vocabulary.end])


def test_bytes_are_their_own_ids_and_the_end_is_256():
    vocabulary = VOCABULARIES["bytes"]
    assert (len(vocabulary), vocabulary.end) == (257, 256)
    assert vocabulary.encode("aé").tolist() == [0x61, 0xC3, 0xA9]
    assert [vocabulary.names[i] for i in (0x20, 0x41, 0x0A, 0xC3)] == ["␣", "A", "↵", "<0xC3>"]


def test_characters_are_in_order_of_code_point_and_the_unseen_is_spelled_in_half_bytes():
    vocabulary = Vocabulary.learn(["banana\n"], "characters")
    assert vocabulary.names[:5] == ("↵", "a", "b", "n", "</s>") and len(vocabulary) == 5 + 32
    assert vocabulary.encode("ban").tolist() == [2, 1, 3]
    assert [vocabulary.names[i] for i in vocabulary.encode("é")] == ["<0xC_>", "<0x_3>", "<0xA_>", "<0x_9>"]
    assert vocabulary.decode([*vocabulary.encode("é")[:3], 1]) == "\ufffda"


def test_words_are_those_between_blanks_and_the_rare_are_unknown():
    vocabulary = Vocabulary.learn(["the cat\tsat \n the mat <unk> </s>", "the cat"], "words", least=2)
    assert vocabulary.names == ("<unk>", "<s>", "</s>", "the", "cat")
    assert (vocabulary.unknown, vocabulary.begin, vocabulary.end, vocabulary.start) == (0, 1, 2, 1)
    text = "the dog </s>\nthe <s>"
    assert vocabulary.encode(text).tolist() == [3, 0, 0, 0, 3, 0]
    assert vocabulary.sizes(text).tolist() == [3, 3, 4, 1, 3, 3]
    assert not vocabulary.lossless
    lines = Vocabulary.learn(["a b\nc\n"], "words")
    assert lines.decode(lines.encode(" a  b \n c ")) == "a b\nc"
    assert Vocabulary.learn(["b a b c"], "words", size=5).names[3:] == ("b", "a")


def test_pieces_are_those_of_the_tokenizers_library(tmp_path: Path):
    from tokenizers import Tokenizer

    vocabulary = Vocabulary.learn([*TEXTS * 3, "the question is the question"], "pieces", size=300)
    assert len(vocabulary) <= 300 and vocabulary.end == len(vocabulary) - 1
    vocabulary.save(tmp_path)
    library = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("that is the question", "naïve 水"):
        ids = vocabulary.encode(text)
        assert ids.tolist() == library.encode(text).ids
        assert library.decode(ids.tolist()) == text
    assert "␣question" in vocabulary.names
    assert library.encode("</s>").ids == [vocabulary.end]  # the library would end a document that says so
    assert vocabulary.end not in vocabulary.encode("</s>")


def test_pieces_join_the_pair_that_occurs_most():
    vocabulary = Vocabulary.learn(["aab aab aab cab"], "pieces", size=258)
    assert vocabulary.names[256:] == ("ab", "</s>")  # four times, where aa is there three times


def test_a_tokenizer_that_is_not_over_bytes_tells_its_lengths():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    pieces = {"<unk>": 0, "</s>": 1, "▁the": 2, "▁c": 3, "at": 4, "<0x0A>": 5, "▁": 6}
    model = models.BPE(vocab=pieces, merges=[], unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["</s>"])
    vocabulary = Vocabulary.of_tokenizer(tokenizer, end=1)
    assert vocabulary.lengths.tolist() == [5, 0, 4, 2, 2, 1, 1]
    assert vocabulary.decode([2, 3, 4]) == "the cat" and not vocabulary.lossless
    with pytest.raises(InputError, match=r"end is id 7, and the tokenizer has 0\.\.6"):
        Vocabulary.of_tokenizer(tokenizer, end=7)


@pytest.mark.parametrize("kind", KINDS)
def test_empty_texts_are_refused(kind: str):
    for texts in ([], ["", ""]):
        with pytest.raises(InputError, match="the texts are empty"):
            Vocabulary.learn(texts, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_one_token_is_a_corpus(kind: str):
    vocabulary = Vocabulary.learn(["a"], kind)
    assert vocabulary.decode(vocabulary.document("a")) == "a"


def test_what_cannot_be_is_told_in_one_line():
    texts = ["a"]
    with pytest.raises(UnknownName, match="Did you mean 'words'"):
        Vocabulary.learn(texts, "word")
    with pytest.raises(InputError, match="texts is one text"):
        Vocabulary.learn("a text", "words")
    with pytest.raises(InputError, match="least 0"):
        Vocabulary.learn(texts, "words", least=0)
    for kind, size, words in (("characters", 20, "33"), ("words", 2, "3"), ("pieces", 100, "257")):
        with pytest.raises(InputError, match=f"{size} tokens are too few: .* {words} already"):
            Vocabulary.learn(texts, kind, size=size)
    for kind in KINDS:
        with pytest.raises(InputError, match=r"character 2 .* \(U\+D800\)"):
            Vocabulary.learn(["a\ud800"], kind)
        size = len(VOCABULARIES[kind])
        for wrong in (size, -1):
            with pytest.raises(InputError, match=rf"id {wrong} is no token: .* 0\.\.{size - 1}"):
                VOCABULARIES[kind].decode([0, wrong])
    for kind in LOSSLESS:
        with pytest.raises(InputError, match="half a surrogate pair"):
            VOCABULARIES[kind].encode("a\ud800")
    for words in (["a b"], [""], ["a", "a"], ["</s>"]):
        with pytest.raises(InputError, match="word"):
            Vocabulary.of("words", words)
    with pytest.raises(InputError, match="one in each token"):
        Vocabulary.of("characters", ["ab"])
    with pytest.raises(UnknownName, match="'pieces' is not made of a list"):
        Vocabulary.of("pieces", [])


def test_another_vocabulary_is_refused():
    characters = VOCABULARIES["characters"]
    characters.must_equal(Vocabulary.learn(TEXTS, "characters"))
    with pytest.raises(
        InputError, match=r"the LSTM has another vocabulary: 257 bytes, where [0-9]+ characters"
    ):
        characters.must_equal(VOCABULARIES["bytes"], "the LSTM")
    with pytest.raises(InputError, match="as many, but not the same"):
        Vocabulary.of("words", ["a"]).must_equal(Vocabulary.of("words", ["b"]))


@pytest.mark.parametrize("kind", ("characters", "pieces"))
def test_a_damaged_folder_is_named(kind: str, tmp_path: Path):
    with pytest.raises(ModelError, match=r"has no vocabulary\.json"):
        Vocabulary.load(tmp_path)
    path = VOCABULARIES[kind].save(tmp_path)
    text = path.read_text()
    values = json.loads(text)
    later = json.dumps({**values, "format": 9})
    strange = json.dumps({**values, "kind": "runes"})
    broken = [
        (text[:20], "is damaged"),
        ("[]", "is damaged"),
        (later, "format 9.*upgrade"),
        (strange, "is damaged"),
    ]
    for content, words in broken:
        path.write_text(content)
        with pytest.raises(ModelError, match=words) as caught:
            Vocabulary.load(tmp_path)
        assert "\n" not in str(caught.value)
    path.write_text(text)
    if kind == "pieces":
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(ModelError, match="cannot be read as a tokenizer"):
            Vocabulary.load(tmp_path)
        (tmp_path / "tokenizer.json").unlink()
        with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
            Vocabulary.load(tmp_path)


PUBLISHED = {  # words with one end of line each, and how many there are of them
    "lm_ptb_EVAL_ONLY": ({"val": 73_760, "test": 82_430}, 10_000),
    "lm_wikitext2": ({"val": 217_646, "test": 245_569}, 33_278),
}


@pytest.mark.parametrize("pack", PUBLISHED)
def test_words_are_counted_as_published(pack: str, packs: Path):
    folder = packs / pack
    if not folder.is_dir():
        pytest.skip(f"no pack {pack}")
    counts, size = PUBLISHED[pack]
    data, lines = read_texts(folder), read_texts(folder, between="lines")
    vocabulary = Vocabulary.learn(data.splits["train"], "words")
    assert len(vocabulary) == size + 2  # theirs holds <unk> and the end of the line; <s> and </s> are ours
    for split, published in counts.items():
        (text,) = data.splits[split]
        assert len(vocabulary.encode(text)) == published
        assert sum(len(vocabulary.document(line)) - 1 for line in lines.splits[split]) == published
