"""The linter of texts: for each rule a corpus that breaks it, whose twin, unbroken, is silent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data import text_looks
from macaw.data.text_lint import lint_texts
from macaw.data.text_prints import WINDOW, Prints, windows
from macaw.data.text_rules import RULES
from macaw.errors import InputError
from macaw.testing import check_result

WORDS = [
    "".join(word)
    for word in np.random.default_rng(0).choice(list("etaoinshrdlucmfwypvbgk"), (900, 6)).tolist()
]


BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def passage(seed: int, words: int = 120) -> str:
    """Words in an order of their own, in lines of ten."""
    chosen = np.random.default_rng(seed).choice(WORDS, words)
    return "\n".join(" ".join(chosen[i : i + 10]) for i in range(0, words, 10))


class Corpus:
    """A corpus being made: documents, all different, in two files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True)
        self.texts: dict[str, list[str]] = {
            "train": [passage(i) for i in range(30)],
            "val": [passage(1000 + i) for i in range(12)],
        }

    def write(self) -> Path:
        for split, texts in self.texts.items():
            rows = (
                json.dumps({"text": text, "title": f"{split} {i}"}) + "\n" for i, text in enumerate(texts)
            )
            (self.root / f"{split}.jsonl").write_text("".join(rows))
        return self.root

    def into(self, what: str, place: int = 3) -> None:
        """Something put into the middle of a document."""
        text = self.texts["train"][place]
        self.texts["train"][place] = f"{text[:100]} {what} {text[100:]}"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "corpus")


def test_a_sound_corpus_has_no_finding(corpus: Corpus):
    found = lint_texts(corpus.write())
    assert found.findings == () and not found.failed
    assert found.title.startswith(f"{corpus.root}: 42 documents (train 30, val 12)")


def test_findings_are_told_of_documents(corpus: Corpus):
    _copy(corpus, "val")
    found = lint_texts(corpus.write())
    check_result(found)
    page = found.to_html()
    assert (
        "documents in train" in page
        and "pictures" not in page
        and "classes" not in page.partition("</style>")[2]
    )
    assert found.plot().height > lint_texts(corpus.root / "train.jsonl", val_share=0).plot().height


def _copy(corpus: Corpus, home: str = "train") -> None:
    corpus.texts[home].append(corpus.texts["train"][4])


def _changed(corpus: Corpus, home: str) -> None:
    corpus.texts[home].append(
        corpus.texts["train"][4].replace("\n", "  ").upper()[:-60] + "an end of its own"
    )


def _part(corpus: Corpus) -> None:
    corpus.texts["val"].append(passage(2000) + "\n" + corpus.texts["train"][4][:250])


def _ends(corpus: Corpus) -> None:
    corpus.texts["train"][:8] = [
        f"{text}\nTranscribed by the society of friends" for text in corpus.texts["train"][:8]
    ]


def _raw(name: str, content: bytes) -> Callable[[Corpus], None]:
    return lambda corpus: (corpus.root / name).write_bytes(content) and None


def _long(corpus: Corpus) -> None:
    corpus.texts["train"].append(passage(3000, 10_000))


BROKEN: dict[str, Callable[[Corpus], object]] = {
    "file-unreadable": _raw("more.txt", b"na\xefve\n"),
    "row-bad": _raw("more.jsonl", b'{"text": "fine and long enough"}\n{"text": 3}\n'),
    "file-ignored": _raw("books.tsv", b"a\tb\n"),
    "train-missing": lambda corpus: corpus.texts.pop("train"),
    "val-missing": lambda corpus: corpus.texts.pop("val"),
    "documents-few": lambda corpus: corpus.texts.update(val=corpus.texts["val"][:3]),
    "document-large": _long,
    "document-short": lambda corpus: corpus.texts["train"].append("a few words"),
    "duplicate": _copy,
    "duplicate-near": lambda corpus: _changed(corpus, "train"),
    "leak-exact": lambda corpus: _copy(corpus, "val"),
    "leak-near": lambda corpus: _changed(corpus, "val"),
    "leak-part": _part,
    "mojibake": lambda corpus: corpus.into("CafÃ© donâ€™t"),
    "replacement": lambda corpus: corpus.into("caf\ufffd"),
    "control": lambda corpus: corpus.into("\x00"),
    "invisible": lambda corpus: corpus.into("soft\u00adhyphen"),
    "decomposed": lambda corpus: corpus.into("cafe\u0301"),
    "entities": lambda corpus: corpus.into("bread &amp; butter<br>"),
    "role-spelled": lambda corpus: corpus.into("</s>"),
    "notice": lambda corpus: corpus.into("© 1999"),
    "boilerplate": _ends,
    "repetitive": lambda corpus: corpus.texts["train"].append(
        "all work and no play makes jack a dull boy\n" * 50
    ),
    "noise": lambda corpus: corpus.texts["train"].append(
        "".join(map(chr, np.random.default_rng(5).choice(list(BASE64), 3000).tolist()))
    ),
    "script-odd": lambda corpus: corpus.texts["train"].append("не слышны в саду даже шорохи " + "жзийкл" * 3),
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_rule_finds_what_breaks_it(code: str, corpus: Corpus):
    BROKEN[code](corpus)
    found = lint_texts(corpus.write())
    one = found.of(code)
    assert one is not None and one.severity == RULES[code].severity and one.remedy
    assert {other.code for other in found.findings} == {code}
    assert found.failed is (one.severity == "error")


ELSEWHERE = {"refused", "leak-carved"}  # see below


def test_every_rule_is_tried():
    assert {*BROKEN, *ELSEWHERE} == {*RULES}


def test_the_places_say_which_and_where(corpus: Corpus):
    _copy(corpus, "val")
    corpus.texts["train"].append(corpus.texts["train"][5])
    _changed(corpus, "val")
    corpus.into("CafÃ©")
    found = lint_texts(corpus.write())
    assert found.of("leak-exact").where == ("val 12 = train 4",)
    assert "val and train 1" in found.of("leak-exact").words
    assert found.of("duplicate").where == ("train 30",)
    (near,) = found.of("leak-near").where
    assert near.startswith("val 13 = train 4 (") and 60 <= int(near.split("(")[1].split()[0]) < 100
    assert found.of("mojibake").where == ("train 3: Ã©",)


def test_an_exact_leak_is_told_once(corpus: Corpus):
    _copy(corpus, "val")
    _changed(corpus, "train")
    assert [one.code for one in lint_texts(corpus.write()).findings] == ["leak-exact", "duplicate-near"]


def test_empty_lines_are_no_copies(tmp_path: Path):
    (tmp_path / "train.txt").write_text("\n".join(f"{passage(i, 8)}\n" for i in range(40)))
    (tmp_path / "val.txt").write_text("\n".join(f"{passage(100 + i, 8)}\n" for i in range(40)))
    found = lint_texts(tmp_path, between="lines")
    assert found.findings == () and found.splits == {"train": 79, "val": 79}


def test_copies_that_training_would_part_are_told(corpus: Corpus):
    del corpus.texts["val"]
    corpus.texts["train"] = [passage(i) for i in range(20)]
    corpus.texts["train"] += [text[:-40] + f"ending {i}" for i, text in enumerate(corpus.texts["train"])]
    found = lint_texts(corpus.write(), val_share=0.3)
    parted = found.of("leak-carved")
    assert parted is not None and found.of("duplicate-near").count == 20
    from macaw.data.texts import read_texts

    splits = read_texts(corpus.root, val_share=0.3).splits
    heads = {split: {text[:200] for text in some} for split, some in splits.items()}
    assert parted.count == len(heads["train"] & heads["val"])
    assert lint_texts(corpus.root, val_share=0).of("leak-carved") is None


def test_a_refusal_of_the_reader_is_told(tmp_path: Path):
    (tmp_path / "notes.md").write_text("no corpus")
    assert lint_texts(tmp_path).of("refused").words.startswith("no text in")
    (tmp_path / "x.txt").write_text("")
    assert "the texts are empty" in lint_texts(tmp_path).of("refused").words
    with pytest.raises(InputError, match="no such file or folder"):
        lint_texts(tmp_path / "absent")


def test_one_text_is_told_to_be_cut(tmp_path: Path):
    path = tmp_path / "input.txt"
    path.write_text(passage(0, 2000))
    found = lint_texts(path)
    assert "cuts 10 % of the only document off as val" in found.of("val-missing").words
    assert {one.code for one in found.findings} == {"val-missing", "documents-few"}


def test_nothing_is_changed_and_progress_is_told(corpus: Corpus):
    root = corpus.write()
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in root.iterdir()}
    done: list[int] = []
    lint_texts(root, progress=done.append)
    assert done == list(range(1, 43))
    assert before == {path: hashlib.sha256(path.read_bytes()).digest() for path in root.iterdir()}


def test_leaks_of_the_stories_are_found(packs: Path):
    folder = packs / "stories_children"
    if not folder.is_dir():
        pytest.skip("no pack of stories")
    found = lint_texts(folder)
    assert found.of("leak-exact").count == 1 and found.of("leak-near").count == 3
    assert any(place.startswith("King of Birds = King of the birds") for place in found.of("leak-near").where)


def by_hand(window: bytes) -> int:
    """The hash of one window, from its definition."""
    factor, value = 0x9E3779B97F4A7C15, 0
    for place, byte in enumerate(window):
        value += (byte + 1) * pow(factor, place, 1 << 64)
    value %= 1 << 64
    for mix in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ (value >> 33)) * mix % (1 << 64)
    return value ^ (value >> 33)


@given(data=st.binary(min_size=WINDOW, max_size=3 * WINDOW))
def test_a_window_has_the_hash_of_its_bytes_wherever_it_stands(data: bytes):
    found = windows(np.frombuffer(data, np.uint8))
    assert found.tolist() == [by_hand(data[i : i + WINDOW]) for i in range(len(data) - WINDOW + 1)]


def test_prints_of_long_texts_are_thinned_and_still_meet():
    shared = passage(1, 3000)
    prints = Prints(most=400)
    for i in range(10):
        prints.add(passage(100 + i, 3000) + "\n" + shared)
    hashes, owners = prints.table()
    assert prints.every > 16 and len(hashes) <= 400 and (np.diff(hashes.astype(object)) >= 0).all()
    _, times = np.unique(hashes, return_counts=True)
    assert {1, 10} >= set(times.tolist()) and (times == 10).sum() >= 5
    assert set(owners.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("look", "sound"),
    [
        (text_looks.mojibake, "Café “don’t” Ärger à la carte, ÜBER €"),
        (text_looks.control, "tab\there\nand a form feed\x0c"),
        (text_looks.invisible, "plain"),
        (text_looks.decomposed, "café"),
        (text_looks.entities, "a < b & c > d; AT&T <3"),
        (text_looks.role, "<- s> <unknown>"),
        (text_looks.notice, "a right reserved"),
    ],
)
def test_what_is_sound_is_not_taken_for_odd(look: Callable[[str], str], sound: str):
    assert look(sound) == ""


@given(text=st.text(st.sampled_from("éèüñ—’“”…€ßÆ"), min_size=1, max_size=5))
def test_every_text_that_was_read_wrongly_is_noticed(text: str):
    data = text.encode()
    wrong = data.decode("latin-1" if 0x9D in data else "cp1252")  # Windows-1252 has no letter there
    assert text_looks.mojibake(f"so {wrong} it is")


def test_the_script_is_that_of_most_letters():
    assert text_looks.script("plain") == "LATIN" and text_looks.script("123 …") == ""
    assert text_looks.script("Ёлка in the sad") == "LATIN"
    assert text_looks.script("в лесу родилась ёлочка x") == "CYRILLIC"
    assert text_looks.script("水と氷 の話") == "CJK"
