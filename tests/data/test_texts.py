"""Corpora: every layout is read as documents, one at a time; splits are by document; faults are named."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from macaw.data.text_splits import drawn, text_marks
from macaw.data.texts import read_texts
from macaw.errors import DataError, InputError, UnknownName

NOVEL = (
    "<|Emma|>\n\nEmma Woodhouse,\nhandsome, clever\n\n<|endoftext|>\nCall me Ishmael.\n"
    "<| Empty |>\n\n<|Ruth|>\nfin"
)
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".xz": lzma.compress,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
}


def put(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


@pytest.mark.parametrize("suffix", PACKED)
def test_titles_part_the_documents_of_a_file_that_begins_with_one(suffix: str, tmp_path: Path):
    put(tmp_path / f"train.txt{suffix}", PACKED[suffix](NOVEL.encode()))
    train = read_texts(tmp_path, val_share=0).splits["train"]
    assert list(train) == ["Emma Woodhouse,\nhandsome, clever", "Call me Ishmael.", "fin"]
    assert list(train) == list(train)  # read anew
    assert train.labels == ("Emma", f"train.txt{suffix}, line 7", "Ruth") and train.label(2) == "Ruth"
    assert (len(train), train[1], train[-1]) == (3, "Call me Ishmael.", "fin")
    with pytest.raises(IndexError):
        train[3]


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (None, ["a\n\nb\nc\n\n\n"]),
        ("nothing", ["a\n\nb\nc\n\n\n"]),
        ("blanks", ["a", "b\nc"]),
        ("lines", ["a", "", "b", "c", "", ""]),
        ("titles", ["a\n\nb\nc"]),
    ],
)
def test_what_parts_documents_can_be_said(between: str | None, expected: list[str], tmp_path: Path):
    put(tmp_path / "x.txt", "\ufeffa\r\n\r\nb\r\nc\n\n\n")
    assert list(read_texts(tmp_path / "x.txt", between=between, val_share=0).splits["train"]) == expected


def test_a_json_line_is_a_document_and_says_its_split(tmp_path: Path):
    put(
        tmp_path / "stories.jsonl",
        rows(
            {"text": "one\r\ntwo", "split": "train", "title": "First"},
            {"turns": ["hello", "hi"], "split": "validation"},
            {"text": "", "split": "train"},
            {"text": "three", "split": "holdout"},
            {"text": "four"},
        )
        + "\n",
    )
    data = read_texts(tmp_path)
    assert {split: list(some) for split, some in data.splits.items()} == {
        "train": ["one\ntwo", "four"],
        "val": ["hello\nhi"],
        "holdout": ["three"],
    }
    assert data.splits["train"].labels == ("First", "stories.jsonl, line 5")
    assert not data.carved and not data.notes


def test_splits_are_files_or_folders_and_others_are_passed_over(tmp_path: Path):
    put(tmp_path / "README.md", "Licence: public domain\nmore")
    put(tmp_path / "books.tsv", "a\tb")
    put(tmp_path / "train" / "b" / "2.txt", "two")
    put(tmp_path / "train" / "10.txt", "ten")
    put(tmp_path / "train" / "9.txt", "nine")
    put(tmp_path / "dev.TXT", "val")
    put(tmp_path / "test.jsonl", rows({"text": "test"}))
    data = read_texts(tmp_path)
    assert [*data.splits] == ["train", "val", "test"]
    assert list(data.splits["train"]) == ["nine", "ten", "two"]
    assert data.splits["train"].labels == ("train/9.txt", "train/10.txt", "train/b/2.txt")
    assert data.terms == "Licence: public domain"


def test_a_split_opens_only_its_own_files(tmp_path: Path):
    put(tmp_path / "train.txt", "fine\n" + "text " * 100)
    put(tmp_path / "val.txt", "fine")
    data = read_texts(tmp_path)
    (tmp_path / "train.txt").unlink()
    assert list(data.splits["val"]) == ["fine"]


def corpus(folder: Path, number: int, *, copies: int = 0) -> Path:
    texts = [f"document {i} of many" for i in range(number)]
    return put(folder / "all.jsonl", rows(*({"text": text} for text in texts + texts[:1] * copies)))


def test_val_and_test_are_taken_out_of_train_by_content(tmp_path: Path):
    data = read_texts(corpus(tmp_path, 200, copies=30), val_share=0.1, test_share=0.05)
    splits = {split: list(some) for split, some in data.splits.items()}
    assert [*splits] == ["train", "val", "test"] and data.carved
    kinds = {split: set(some) for split, some in splits.items()}
    assert {split: len(some) for split, some in kinds.items()} == {"train": 170, "val": 20, "test": 10}
    assert not kinds["train"] & kinds["val"] and not kinds["test"] & (kinds["train"] | kinds["val"])
    assert sum(map(len, splits.values())) == 230
    assert [len(some) for some in data.splits.values()] == [len(some) for some in splits.values()]
    assert any("of 230 documents of train set aside as val, by content" in note for note in data.notes)
    label, text = next(data.splits["val"].items())
    assert text == splits["val"][0] and label == f"all.jsonl, line {int(text.split()[1]) + 1}"


def test_the_split_survives_renames_and_order_and_follows_the_seed(tmp_path: Path):
    texts = [f"document {i} of many" for i in range(50)]
    for i, text in enumerate(reversed(texts)):
        put(tmp_path / "folder" / f"{i}.txt", text)
    first, again, other = (
        set(read_texts(path, seed=seed).splits["val"])
        for path, seed in ((corpus(tmp_path, 50), 0), (tmp_path / "folder", 0), (tmp_path / "folder", 1))
    )
    assert first == again != other and len(first) == 5


@given(
    marks=st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=60),
    shares=st.tuples(st.floats(0.01, 0.45), st.floats(0.01, 0.45)),
    seed=st.integers(0, 3),
)
def test_sides_cover_all_part_no_copies_and_none_is_empty(marks, shares, seed):
    if len(set(marks)) < 3:
        marks = [1, 2, 3]
    sides = drawn(np.array(marks, np.uint64), dict(zip(("val", "test"), shares, strict=True)), seed=seed)
    table = np.stack([*sides.values()])
    assert (table.sum(axis=0) == 1).all() and table.any(axis=1).all()
    homes = {(mark, int(side)) for mark, side in zip(marks, table.argmax(axis=0), strict=True)}
    assert len(homes) == len(set(marks))


def test_one_text_is_cut_by_characters(tmp_path: Path):
    text = "".join(chr(0x4E00 + i) for i in range(997))
    path = put(tmp_path / "input.txt", text)
    data = read_texts(path)
    assert [next(iter(some)) for some in data.splits.values()] == [text[:897], text[897:]]
    assert data.notes == ("one document: the first 90 % of its characters are train, then comes val",)
    three = read_texts(path, val_share=0.2, test_share=0.1).splits
    assert [*three] == ["train", "val", "test"] and "".join("".join(some) for some in three.values()) == text
    assert [len(next(iter(some))) for some in three.values()] == [697, 200, 100]
    assert list(read_texts(path, val_share=0).splits["train"]) == [text]


def test_tiny_shakespeare_is_split_as_nanogpt_does(packs: Path):
    folder = packs / "lm_tinyshakespeare"
    if not folder.is_dir():
        pytest.skip("no pack of tiny Shakespeare")
    text = lzma.open(folder / "input.txt.xz").read().decode()
    data = read_texts(folder)
    (train,), (val,) = data.splits.values()
    assert (train, val) == (text[: int(len(text) * 0.9)], text[int(len(text) * 0.9) :])
    assert (len(train), len(val)) == (1_003_854, 111_540)  # as its prepare.py prints


# Documents by split, as the packs' own README files say
KNOWN = {
    "stories_children": {"train": 937, "val": 52, "test": 57},
    "lm_tinystories": {"train": 6124, "val": 321},
    "lm_ptb_EVAL_ONLY": {"train": 1, "val": 1, "test": 1},
    "lm_wikitext2": {"train": 1, "val": 1, "test": 1},
    "dlg_selfdialogue": {"train": 21_516, "val": 1185, "test": 1234},
    "lm_novels": {"val": 3, "test": 3},  # of train's 88 books see the slow test
}


@pytest.mark.parametrize("pack", KNOWN)
def test_packs_are_read(pack: str, packs: Path):
    if not (packs / pack).is_dir():
        pytest.skip(f"no pack {pack}")
    data = read_texts(packs / pack)
    small = {split: len(some) for split, some in data.splits.items() if split in KNOWN[pack]}
    assert small == KNOWN[pack]
    assert "icence" in data.terms and all(len(next(iter(some))) > 20 for some in data.splits.values())


@pytest.mark.slow
def test_novels_are_88_books_to_train_on(packs: Path):
    train = read_texts(packs / "lm_novels").splits["train"]
    assert len(train) == 88
    assert sum(len(text.split()) for text in train) == 12_823_959 - 88  # the README counts their titles too


def peak_of_reading(folder: Path, *, number: int, size: int) -> int:
    """Bytes that are held at most while a corpus of so many documents is split and read."""
    folder.mkdir()
    with gzip.open(folder / "train.txt.gz", "wt", compresslevel=1) as file:
        for i in range(number):
            file.write(f"<|{i}|>\n")
            file.writelines(f"{i:4} {'x' * 75}\n" for _ in range(size // 81))
    tracemalloc.start()
    try:
        splits = read_texts(folder, val_share=0.1).splits  # reads all of it once, for the hashes
        total = sum(len(text) for some in splits.values() for text in some)
        assert 0.98 * size * number < total < size * number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_one_document_is_held_at_a_time_however_many_there_are(tmp_path: Path):
    size = 400_000
    peak_of_reading(tmp_path / "warm", number=2, size=40_000)  # what is imported on the way
    few, many = (peak_of_reading(tmp_path / str(number), number=number, size=size) for number in (5, 30))
    assert many < few + 0.1 * size  # 25 documents more cost nothing
    assert many < 6 * size  # the document, as lines and as text, and the one that the reader still has


def test_the_key_is_of_the_texts_in_order(tmp_path: Path):
    keys = []
    for name, texts in (
        ("a", ["one", "two"]),
        ("b", ["one", "two"]),
        ("c", ["two", "one"]),
        ("d", ["onetwo"]),
    ):
        path = put(tmp_path / f"{name}.jsonl", rows(*({"text": text} for text in texts)))
        keys.append(read_texts(path, val_share=0).splits["train"].key)
    assert keys[0] == keys[1] and len(set(keys)) == 3
    assert text_marks(["one"]) == text_marks(["one"])


BAD_ROWS = {
    '{"text": "fine"}\n{"text": \n': r"x\.jsonl, line 2 is no JSON",
    '{"text": "fine"}\n[1]\n': r"x\.jsonl, line 2 is no object",
    '{"text": "fine"}\n{"story": "a", "by": 3}\n': r"line 2: no field 'text' among 'story' and 'by'",
    '{"text": 3}\n': r"line 1: field 'text' is no text",
    '{"text": "a", "split": 3}\n': r"line 1, field 'split' is no text",
    '{"text": "a"}\n{"text": "\\ud800"}\n': r"line 2, field 'text' has half a surrogate pair \(U\+D800\)",
    '{"text": "a"}\n{"text": "b", "split": "val"}\n': r"line 2 has a field 'split', but the first has none",
}


@pytest.mark.parametrize("content", BAD_ROWS)
def test_a_bad_row_is_named(content: str, tmp_path: Path):
    path = put(tmp_path / "x.jsonl", content)
    with pytest.raises(DataError, match=BAD_ROWS[content]) as caught:
        list(read_texts(path, val_share=0).splits["train"])
    assert "\n" not in str(caught.value) and "; " in str(caught.value)


def test_bytes_that_are_not_utf8_are_named_by_file_byte_and_line(tmp_path: Path):
    path = put(tmp_path / "x.txt", "fine\nnaïve\n".encode() + b"na\xefve\n")
    with pytest.raises(
        DataError, match=r"x\.txt, line 3: byte 14 of the file, 0xEF, is not UTF-8; save"
    ) as caught:
        list(read_texts(path, val_share=0).splits["train"])
    assert path.read_bytes()[14] == 0xEF and "\n" not in str(caught.value)
    put(path, "text".encode("utf-16"))
    with pytest.raises(DataError, match="is written in UTF-16; save it as UTF-8"):
        read_texts(path)


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".bz2"])
def test_a_packed_file_that_is_cut_short_is_named(suffix: str, tmp_path: Path):
    whole = PACKED[suffix](np.random.default_rng(0).integers(32, 127, 9000, np.uint8).tobytes())
    for content in (whole[:-2000], b"no such format at all"):
        path = put(tmp_path / f"x.txt{suffix}", content)
        with pytest.raises(DataError, match=r"is damaged.*copy it again") as caught:
            list(read_texts(path, val_share=0).splits["train"])
        assert "\n" not in str(caught.value)


def test_what_has_no_text_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_texts(tmp_path / "absent")
    with pytest.raises(DataError, match="the folder is empty"):
        read_texts(tmp_path)
    picture = put(tmp_path / "a.png", "x")
    with pytest.raises(DataError, match=r"no text in .*\('a\.png'\); looked for: train\.txt"):
        read_texts(tmp_path)
    with pytest.raises(DataError, match="a file of another kind"):
        read_texts(picture)
    for content in ("", "\n \n"):
        put(tmp_path / "x.txt", content)
        with pytest.raises(DataError, match="the texts are empty; there is nothing to read"):
            read_texts(tmp_path)
    put(tmp_path / "val.txt", "text")
    with pytest.raises(DataError, match="the texts of 'train' are empty"):
        read_texts(tmp_path)
    put(tmp_path / "x.txt", "a")
    (tmp_path / "val.txt").unlink()
    with pytest.raises(DataError, match="too short to cut train out of it"):
        read_texts(tmp_path)
    with pytest.raises(DataError, match="train has 1 different document, too few"):
        read_texts(put(tmp_path / "y" / "y.jsonl", rows({"text": "a"}, {"text": "a"})))


def test_options_are_checked(tmp_path: Path):
    path = put(tmp_path / "x.txt", "some text")
    with pytest.raises(UnknownName, match="Did you mean 'blanks'"):
        read_texts(path, between="blank")
    for shares in ((-0.1, 0), (0.5, 0.5)):
        with pytest.raises(InputError, match="give shares, together below 1"):
            read_texts(path, val_share=shares[0], test_share=shares[1])
