"""Text while it is written: no half characters, no piece of a stop string, the same text in the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.language.spelling import UNREADABLE, Spelling, Stops
from macaw.language.stream import continue_text, stream
from macaw.language.vocabulary import Vocabulary
from tests.language.toys import spelled

WORDS = "naïve 🦜 日本語 – end"


@pytest.mark.parametrize("kind", ["bytes", "characters", "pieces"])
@given(text=st.text(min_size=1, max_size=40))
def test_the_pieces_are_the_text_whatever_it_is(kind, text):
    vocabulary = Vocabulary.learn(["abc abc abc"], kind)
    ids = vocabulary.encode(text)
    spelling = Spelling(vocabulary, ids[:0])
    pieces = [spelling.add(int(token)) for token in ids]
    assert "".join(pieces) + spelling.rest() == vocabulary.decode(ids)


@given(st.binary(max_size=80), st.integers(0, 20))
def test_bytes_that_are_no_text_come_out_as_they_are_decoded(data, cut):
    vocabulary = Vocabulary.learn(["a"], "bytes")
    ids = np.frombuffer(data, np.uint8).astype(np.int32)
    while cut and cut < len(ids) and not vocabulary.decode(ids[:cut]).isprintable():
        cut -= 1
    spelling = Spelling(vocabulary, ids[:0])
    said = "".join(spelling.add(int(token)) for token in ids) + spelling.rest()
    assert said == data.decode("utf-8", "replace")


def test_half_a_character_is_held_back():
    model = spelled(WORDS)
    pieces = [piece.text for piece in stream(model, "")]
    assert "".join(pieces) == WORDS and not any(UNREADABLE in piece for piece in pieces)
    bird = pieces.index("🦜")
    assert pieces[bird - 3 : bird] == ["", "", ""]  # its first three bytes


def test_words_keep_the_spaces_between_them():
    model = spelled("a cat sat\non a mat", kind="words")
    assert continue_text(model, "") == "a cat sat\non a mat"
    assert [piece.text for piece in stream(model, "a cat")][:3] == [" sat", "\n", "on"]


def test_a_prompt_is_not_given_again():
    assert continue_text(spelled(WORDS), "naïve ") == WORDS.removeprefix("naïve ")


@pytest.mark.parametrize("kind", ["bytes", "words"])
def test_a_stop_string_may_lie_across_tokens(kind):
    model = spelled("one two three four", kind=kind)
    pieces = list(stream(model, "", stop=["two thr"]))
    assert "".join(piece.text for piece in pieces) == "one " and pieces[-1].ends == "stop"
    assert continue_text(model, "", stop=["twofold", "three!"]) == "one two three four"


@given(
    st.text("ab", max_size=30),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
    st.lists(st.integers(1, 4), min_size=1, max_size=30),
)
def test_what_goes_through_is_the_text_before_the_first_stop(text, stops, sizes):
    found = Stops(stops)
    shown, place = "", 0
    for size in sizes * 30:
        shown += found.add(text[place : place + size])
        place += size
        if found.found or place >= len(text):
            break
    if not found.found:
        shown += found.rest()
    expected, complete = text, False
    for end in range(len(text) + 1):
        lengths = [len(stop) for stop in stops if text[:end].endswith(stop)]
        if lengths:
            expected, complete = text[: end - max(lengths)], True
            break
    assert shown == expected and bool(found.found) == complete


def test_it_ends_at_the_limit_with_what_was_held_back():
    pieces = list(stream(spelled("ab🦜"), "", limit=4, stop=["b🦜!"]))
    assert "".join(piece.text for piece in pieces) == "ab" + UNREADABLE and pieces[-1].ends == "limit"


def test_an_empty_stop_string_is_refused():
    with pytest.raises(InputError, match="none of them empty"):
        continue_text(spelled("a"), "", stop=[""])
    with pytest.raises(InputError, match="give a list"):
        Stops("ab")
