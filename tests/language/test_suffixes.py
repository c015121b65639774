"""Suffixes: the order against a naive sort, matches and counts against brute force, documents, disk."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import macaw.language.compiled as compiled
import macaw.language.suffix_sorting as sorting
from macaw.errors import InputError, ModelError
from macaw.language.suffix_queries import FOLLOWED
from macaw.language.suffix_sorting import doubled_order, suffix_order
from macaw.language.suffixes import Suffixes
from macaw.language.vocabulary import Vocabulary


def naive_order(text: bytes) -> list[int]:
    return sorted(range(len(text)), key=lambda i: text[i:])


def fibonacci(count: int) -> bytes:
    one, two = b"b", b"a"
    for _ in range(count):
        one, two = two, two + one
    return two


def de_bruijn(letters: int, length: int) -> bytes:
    """The lexicographically smallest sequence with every word once (Fredricksen and Maiorana 1978)."""
    found: list[int] = []

    def extend(word: list[int], at: int, period: int) -> None:
        if at > length:
            found.extend(word[1 : period + 1] if length % period == 0 else [])
            return
        extend([*word[:at], word[at - period]], at + 1, period)
        for letter in range(word[at - period] + 1, letters):
            extend([*word[:at], letter], at + 1, at)

    extend([0], 1, 1)
    return bytes(97 + x for x in found)


PATHOLOGICAL = {
    "empty": b"",
    "one byte": b"a",
    "all equal": b"a" * 300,
    "falling": bytes(range(255, -1, -1)),
    "rising": bytes(range(256)),
    "fibonacci": fibonacci(11),
    "de bruijn": de_bruijn(3, 5),
    "periodic": b"abcab" * 60,
    "two halves": b"abracadabra" * 2,
    "bytes that are not UTF-8": bytes([255, 0, 254, 255, 0, 192]) * 7,
}


@pytest.mark.parametrize(
    "sort", [lambda text: suffix_order(text, 256), doubled_order], ids=["sais", "doubling"]
)
@pytest.mark.parametrize("text", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
def test_suffixes_of_pathological_texts_are_in_order(text: bytes, sort: object):
    assert sort(np.frombuffer(text, np.uint8)).tolist() == naive_order(text)


def test_the_sequence_of_de_bruijn_has_every_word_once():
    text = de_bruijn(3, 5)
    assert len({(text + text)[i : i + 5] for i in range(len(text))}) == len(text) == 3**5


@given(st.integers(1, 4), st.binary(max_size=80))
def test_suffixes_of_any_bytes_are_in_order(letters: int, text: bytes):
    few = bytes(byte % letters for byte in text)  # repeats, which are what makes sorting hard
    for one in (text, few):
        array = np.frombuffer(one, np.uint8)
        assert suffix_order(array, 256).tolist() == naive_order(one)
        assert doubled_order(array).tolist() == naive_order(one)


def test_a_longer_text_is_in_order_at_every_neighbour():
    # Words drawn from few, so that the names of pieces repeat and the sort goes several levels deep.
    random = np.random.default_rng(3)
    words = [bytes(random.integers(97, 103, random.integers(2, 7)).astype(np.uint8)) for _ in range(40)]
    text = b" ".join(words[i] for i in random.integers(0, 40, 20_000))
    order = suffix_order(np.frombuffer(text, np.uint8), 256)
    assert np.array_equal(np.sort(order), np.arange(len(text)))
    assert all(text[a : a + 400] <= text[b : b + 400] for a, b in itertools.pairwise(order))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_tokens_are_sorted_like_bytes(dtype: type):
    tokens = np.random.default_rng(0).integers(0, 300, 2000).astype(dtype)
    expected = sorted(range(2000), key=lambda i: tokens[i:].tolist())
    assert suffix_order(tokens, 300).tolist() == expected


def test_without_numba_the_order_is_the_same(monkeypatch: pytest.MonkeyPatch):
    text = np.frombuffer(fibonacci(12), np.uint8)
    fast = suffix_order(text, 256)
    monkeypatch.setattr(sorting, "FAST", False)
    assert np.array_equal(suffix_order(text, 256), fast)
    assert suffix_order(text, 256).dtype == fast.dtype


DOCUMENTS = [b"the cat sat on the mat", b"", b"a cat", b"the mat of the cat sat on a mat"]


def brute(documents: list[bytes], query: bytes) -> list[tuple[int, int]]:
    """Length of the longest match at each position, and how often it occurs, overlaps included."""
    found = []
    for at in range(len(query)):
        length = next(
            n for n in range(len(query) - at, -1, -1) if any(query[at : at + n] in d for d in documents)
        )
        piece = re.escape(query[at : at + length])
        count = sum(len(re.findall(b"(?=" + piece + b")", one)) for one in documents) if length else 0
        found.append((length, count))
    return found


@pytest.mark.parametrize(
    "query", [b"the cat sat on a mat", b"zzz", b"matthe", b"catsat", b"\xff\x00the", b""]
)
def test_longest_matches_are_those_of_brute_force(query: bytes):
    suffixes = Suffixes.of(DOCUMENTS)
    matches = suffixes.match(query)
    assert list(zip(matches.lengths, matches.counts, strict=True)) == brute(DOCUMENTS, query)
    for at, (length, place) in enumerate(zip(matches.lengths, matches.places, strict=True)):
        assert suffixes.passage(place, length)[1] == query[at : at + length].decode() or not length


@given(st.lists(st.text("ab", max_size=12), min_size=1, max_size=5), st.text("abc", max_size=15))
def test_matches_of_any_texts_are_those_of_brute_force(documents: list[str], query: str):
    matches = Suffixes.of(documents).match(query)
    expected = brute([one.encode() for one in documents], query.encode())
    assert list(zip(matches.lengths, matches.counts, strict=True)) == expected


def test_no_match_spans_two_documents():
    suffixes = Suffixes.of(["one two", "three four"])
    assert suffixes.count("two") == suffixes.count("three") == 1
    assert suffixes.count("twothree") == 0
    assert suffixes.match("twothree").lengths[0] == 3


def test_places_lead_to_their_documents():
    suffixes = Suffixes.of(DOCUMENTS, labels=["a", "b", "c", "d"])
    places = suffixes.find("cat")
    assert [suffixes.labels[i] for i in suffixes.document(places)] == ["a", "c", "d"]
    assert (places - suffixes.starts[suffixes.document(places)]).tolist() == [4, 2, 15]
    assert suffixes.passage(int(places[0]), 3, around=4) == ("the ", "cat", " sat")
    assert suffixes.passage(int(places[1]), 3, around=99) == ("a ", "cat", "")
    assert len(suffixes.find("a", most=2)) == 2 and len(suffixes.find("dog")) == 0


def test_a_match_longer_than_what_is_looked_for_at_once_is_followed():
    random = np.random.default_rng(0)
    text = bytes(random.integers(97, 123, 3 * FOLLOWED).astype(np.uint8))
    matches = Suffixes.of([b"start " + text, b"other"]).match(b"?" + text + b"!")
    assert matches.lengths.tolist() == [0, *range(len(text), 0, -1), 0]
    assert np.array_equal(matches.places[1:-FOLLOWED], 6 + np.arange(len(text) + 1 - FOLLOWED + 1)[:-1])


def test_bytes_of_every_value_and_texts_that_are_not_utf8():
    suffixes = Suffixes.of([bytes(range(256)), "naïve", "\udcff"])
    assert suffixes.symbols.dtype == np.uint16
    assert suffixes.count(b"\xfe\xff") == 1 and suffixes.count(b"\xff") == 2
    assert suffixes.passage(int(suffixes.find("ï")[0]), 1)[1] == "\ufffd"


def test_tokens_of_a_vocabulary_are_matched_as_tokens():
    vocabulary = Vocabulary.learn(["the cat sat on the mat"], "words")
    suffixes = Suffixes.of(["the cat sat", "on the mat"], vocabulary=vocabulary)
    assert len(suffixes) == 6 and suffixes.unit == "word"
    assert suffixes.match("sat the cat").lengths.tolist() == [1, 2, 1]


def test_ids_that_the_training_text_has_not_match_nothing():
    suffixes = Suffixes.of([np.array([5, 70_000, 5])])
    assert suffixes.symbols.dtype == np.int32
    assert suffixes.match(np.array([70_001, 5, 70_000])).lengths.tolist() == [0, 2, 1]


@pytest.mark.parametrize("documents", [[], [""], ["", ""]])
def test_an_empty_corpus_has_seen_nothing(documents: list[str]):
    suffixes = Suffixes.of(documents)
    assert len(suffixes) == 0
    assert suffixes.match("abc").lengths.tolist() == [0, 0, 0]
    assert suffixes.count("a") == 0 and suffixes.count("") == 0


def test_saved_equals_loaded_and_stays_on_disk(tmp_path: Path):
    suffixes = Suffixes.of(DOCUMENTS, labels=["α", "b", "c", "d"])
    again = Suffixes.load(suffixes.save(tmp_path / "index"))
    for name in ("symbols", "order", "starts"):
        assert np.array_equal(getattr(again, name), getattr(suffixes, name))
    assert again.labels == suffixes.labels
    assert isinstance(again.order.base.base, np.memmap) or isinstance(again.order.base, np.memmap)
    assert np.array_equal(again.match("the cat on").lengths, suffixes.match("the cat on").lengths)
    with pytest.raises(ValueError, match="read-only"):
        again.order[0] = 1


def test_a_vocabulary_is_saved_along(tmp_path: Path):
    vocabulary = Vocabulary.learn(["to be or not"], "words")
    Suffixes.of(["to be"], vocabulary=vocabulary).save(tmp_path / "index")
    assert Suffixes.load(tmp_path / "index").vocabulary == vocabulary


@pytest.mark.parametrize("lost", ["suffixes.json", "order.npy"])
def test_a_damaged_folder_is_told(tmp_path: Path, lost: str):
    folder = Suffixes.of(DOCUMENTS).save(tmp_path / "index")
    (folder / lost).unlink()
    with pytest.raises(ModelError, match="holds no suffix array"):
        Suffixes.load(folder)


def test_what_cannot_be_ids_is_refused():
    with pytest.raises(InputError, match="counted from 0"):
        Suffixes.of([np.array([3, -1])])
    with pytest.raises(InputError, match="whole numbers"):
        Suffixes.of([np.array([0.5])])
    with pytest.raises(InputError, match="2 labels for 1 documents"):
        Suffixes.of(["a"], labels=["x", "y"])


def test_a_corpus_that_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("macaw.language.suffixes.available_memory", lambda: 40)
    assert len(Suffixes.of(["1234567"])) == 7
    with pytest.raises(InputError, match="the suffixes of 9 symbols take"):
        Suffixes.of(["12345678"])


WITHOUT = """
import sys
sys.modules["numba"] = None
from macaw.language.suffixes import Suffixes
suffixes = Suffixes.of(["the cat sat on the mat", "a cat"])
matches = suffixes.match("the cat on a mat")
print(suffixes.order.tolist(), matches.lengths.tolist(), matches.counts.tolist())
"""


def test_everything_works_without_numba():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    suffixes = Suffixes.of(["the cat sat on the mat", "a cat"])
    matches = suffixes.match("the cat on a mat")
    expected = (suffixes.order, matches.lengths, matches.counts)
    assert done.stdout.strip() == " ".join(str(one.tolist()) for one in expected)


CHECKED = """
import numpy as np
from macaw.language.suffix_sorting import suffix_order
from macaw.language.suffixes import Suffixes
for text in (b"a", b"aaaa", b"banana", b"abaababaabaab", b"mississippi", b"cbabacba", b"tobeornottobe" * 3):
    order = suffix_order(np.frombuffer(text, np.uint8), 256)
    assert order.tolist() == sorted(range(len(text)), key=lambda i: text[i:]), text
    assert Suffixes.of([text]).match(text + b"z" + text).lengths.max() == len(text)
"""


def test_the_loops_never_look_beyond_an_array():
    # As Python they raise IndexError there; as machine code they would read whatever lies behind.
    plain = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", CHECKED], env=plain, check=True)


def test_numba_is_not_imported_before_it_is_needed():
    code = "import sys, macaw.language.suffixes, macaw.language.parrot; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_where_machine_code_cannot_be_kept_it_is_made_anew(monkeypatch: pytest.MonkeyPatch):
    def njit(*, cache: bool = False, nogil: bool) -> Callable[[object], object]:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: ("compiled", function, nogil)

    monkeypatch.setattr(compiled, "njit", njit)
    monkeypatch.setattr(compiled, "FAST", True)
    assert compiled.compiled(len) == ("compiled", len, True)
