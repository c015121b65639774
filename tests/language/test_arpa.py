"""ARPA: a hand-made file is read as it says, ours are read back equal, and every fault names its row."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest

from macaw.errors import DataError, InputError
from macaw.language.arpa import read_arpa
from macaw.language.arpa_writing import write_arpa
from macaw.language.ngram import Ngram
from macaw.language.vocabulary import Vocabulary

# Written by hand: rows out of order, blanks for tabs, no backoffs in places, <UNK>, -99.
HAND = r"""made by hand
\data\
ngram 1=5
ngram 2=3
ngram 3=1

\1-grams:
-0.7	kea	-0.2
-99	<s>	-0.4
-0.5 ara -0.3
-0.6	</s>
-1.5	<UNK>

\2-grams:
-0.25	ara kea	-0.1
-0.15	<s> ara
-0.35	kea </s>

\3-grams:
-0.05	<s> ara kea

\end\
"""


def test_a_file_is_read_as_it_says(tmp_path):
    (tmp_path / "hand.arpa").write_text(HAND)
    model = read_arpa(tmp_path / "hand.arpa")
    vocabulary = model.vocabulary
    assert vocabulary.names == ("<unk>", "<s>", "</s>", "kea", "ara") and model.order == 3
    ids = np.append(vocabulary.encode("ara kea kea moa"), vocabulary.end)
    # <s> ara | <s> ara kea | ara kea -> kea: both backoffs | kea -> unknown | unknown -> end
    expected = [-0.15, -0.05, -0.1 - 0.2 - 0.7, -0.2 - 1.5, -0.6]
    np.testing.assert_allclose(model.score(ids) / math.log(10), expected, rtol=1e-6)
    logp, _ = model.next(ids[:0])
    assert logp[vocabulary.begin] == -np.inf
    with pytest.raises(InputError, match="no counts"):
        model.counts(ids)


@pytest.mark.parametrize("kind", ["words", "characters", "bytes"])
@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_what_is_written_is_read_back_equal(tmp_path, kind, name):
    texts = ["the crow sat", "the fox sat\u00a0down", "a crow"]
    vocabulary = Vocabulary.learn(texts, kind)
    model = Ngram.learn([vocabulary.document(text) for text in texts], vocabulary, order=3)
    path = write_arpa(model, tmp_path / name)
    again = read_arpa(path)
    text = (gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()).decode()
    assert text.startswith("\\data\\\nngram 1=") and text.endswith("\\end\\\n")
    for line in texts:
        ids = vocabulary.document(line)[vocabulary.begin is not None :]
        other = np.array([_place(again, vocabulary, i) for i in ids])
        np.testing.assert_array_equal(again.score(other), model.score(ids))
    write_arpa(again, tmp_path / "twice.arpa")
    third = read_arpa(tmp_path / "twice.arpa")
    for ours, theirs in zip(
        third.parts.logp + third.parts.backoff, again.parts.logp + again.parts.backoff, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def _place(model: Ngram, vocabulary: Vocabulary, token: int) -> int:
    """The id in the model that was read back of a token of the vocabulary that was written."""
    if token == vocabulary.end:
        return int(model.vocabulary.end)
    if vocabulary.kind == "words":
        return int(model.vocabulary.encode(vocabulary.decode([token]))[0])
    return model.vocabulary.names.index(vocabulary.names[token])


def test_kenlms_files_are_written_back_as_they_are(packs, tmp_path):
    for name in ("test.arpa", "test_nounk.arpa", "toy0.arpa", "toy1.arpa"):
        path = packs / "ngram_fixtures" / name
        again = write_arpa(read_arpa(path), tmp_path / name)
        ours, theirs = _lines(again.read_text()), _lines(path.read_text())
        missing = {("<unk>",)} if name == "test_nounk.arpa" else set()
        assert ours.keys() - missing == theirs.keys()
        for gram, values in theirs.items():
            assert ours[gram] == pytest.approx(values, rel=1e-6), gram


@pytest.mark.parametrize("name", ["test.arpa", "test_nounk.arpa", "toy0.arpa", "toy1.arpa"])
def test_every_entry_of_kenlms_files_is_what_is_asked_and_scored(packs, name):
    path = packs / "ngram_fixtures" / name
    model, entries = read_arpa(path), _lines(path.read_text())
    place = {word: at for at, word in enumerate(model.vocabulary.names)}
    for gram, (expected, _) in entries.items():
        ids = np.array([place[word] for word in gram])
        if gram[-1] == "<s>":  # given, never asked
            continue
        begins = gram[0] == "<s>"
        logp, _ = model.next(ids[begins:-1], None if begins else model.amid)
        assert logp[ids[-1]] / math.log(10) == pytest.approx(expected, abs=1e-5), gram
        if begins:
            assert model.score(ids[1:])[-1] / math.log(10) == pytest.approx(expected, abs=1e-5), gram


def _lines(text: str) -> dict[tuple[str, ...], tuple[float, float]]:
    """n-gram -> probability, backoff."""
    rows = [line.split("\t") for line in text.split("\n") if "\t" in line]
    return {tuple(row[1].split()): (float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("\\data\\", "data", "no line"),
        ("ngram 2=3", "ngram 3=3", "row 4: the size of order 3 stands where 2 should"),
        ("ngram 2=3", "ngram 2=4", "row 19: order 2 has 3 n-grams, its head says 4"),
        ("\\2-grams:", "\\4-grams:", "stands where .2-grams: should"),
        ("-0.5 ara -0.3", "-0.5 ara -0.3 x", "row 10: 4 fields where order 1 has 2 or 3"),
        ("-0.5 ara -0.3", "low ara -0.3", "row 10: could not convert"),
        ("-0.35\tkea </s>", "-0.35\tkea moa", "row 17: 'moa' is not among the words"),
        ("-0.35\tkea </s>", "-0.35\tara kea", "row 17: 'ara kea' comes twice"),
        ("<s> ara kea", "kea ara kea", "row 20: its context 'kea ara' is not among the n-grams"),
        ("-0.6\t</s>", "-0.6\tara", "row 11: 'ara' stands in row 10 already"),
        ("\\end\\", "", "ends within order 3"),
        ("\n\\3-grams:\n-0.05\t<s> ara kea\n\n\\end\\", "", "ends within order 2"),
    ],
)
def test_every_fault_names_its_row(tmp_path, old, new, says):
    (tmp_path / "bad.arpa").write_text(HAND.replace(old, new))
    with pytest.raises(DataError, match=says):
        read_arpa(tmp_path / "bad.arpa")


def test_files_that_are_not_there_or_cut_off(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_arpa(tmp_path / "none.arpa")
    (tmp_path / "cut.arpa.gz").write_bytes(gzip.compress(HAND.encode())[:60])
    with pytest.raises(DataError, match="cannot read"):
        read_arpa(tmp_path / "cut.arpa.gz")
