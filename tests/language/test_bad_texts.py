"""Texts that cannot be used, or hardly: each is one line, or works; none takes the machine's memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from macaw import tasks
from macaw.card import Card
from macaw.errors import DataError, InputError
from macaw.files import Stage
from macaw.language import fit
from macaw.language.mixture import mix
from macaw.language.mixture_files import save_mixture
from macaw.language.networks import Network
from macaw.language.ngram import Ngram
from macaw.language.opening import open_model
from macaw.language.protocol import score_by_steps
from macaw.language.vocabulary import Vocabulary
from macaw.training.progress import Silent

TINY = {"width": 8, "embedding": 8, "epochs": 1.0, "batch": 2, "length": 4, "start": "scratch"}


def trained(data: Path, out: Path, **options) -> Path:
    read = fit.read(data, val_share=0.1)
    chosen, row = fit.Options.of(**options), tasks.find("complete")
    fit.fit(row, read, Stage(out), options=chosen, watcher=Silent(), began=time.monotonic())
    return out


def in_a_line(problem: pytest.ExceptionInfo) -> str:
    words = str(problem.value)
    assert "\n" not in words and "!" not in words
    return words


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ({}, DataError, "the folder is empty"),
        ({"picture.png": b"\x89PNG"}, DataError, "no text in"),
        ({"all.txt": b""}, DataError, "the texts are empty; there is nothing to read"),
        ({"all.txt": b"\xef\xbb\xbf"}, DataError, "the texts are empty"),
        ({"train.txt": b"some text", "valid.txt": b""}, DataError, "the texts of 'val' are empty"),
        ({"all.jsonl": b'{"text": ""}\n'}, DataError, "the texts are empty"),
        ({"all.txt": b"a"}, DataError, "the only text is too short to cut"),
        ({"all.jsonl": b'{"text": "a"}\n{"text": "a"}\n'}, DataError, "1 different document, too few"),
        ({"test.txt": b"all of it is for a test"}, DataError, "has no train split; it has: test"),
        ({"train.txt": b"caf\xe9 au lait"}, DataError, r"line 1: byte 3 of the file, 0xE9, is not UTF-8"),
        ({"all.txt": "text".encode("utf-16")}, DataError, "is written in UTF-16; save it as UTF-8"),
        ({"all.jsonl": b'{"text": "\\ud800"}'}, DataError, "half a surrogate pair"),
    ],
    ids=lambda value: "" if isinstance(value, type | str) else ", ".join(value) or "nothing",
)
def test_no_text_to_train_on_is_one_line(
    tmp_path: Path, files: dict[str, bytes], error: type[Exception], words: str
):
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(error, match=words) as problem:
        trained(folder, tmp_path / "model", network="ngram")
    in_a_line(problem)
    assert not (tmp_path / "model").exists()


def test_a_path_that_is_not_there_is_one_line(tmp_path: Path):
    (tmp_path / "stories").mkdir()
    with pytest.raises(InputError) as problem:
        fit.read(tmp_path / "storeis", val_share=0.1)
    assert "storeis" in in_a_line(problem)


@pytest.mark.parametrize("network", ["ngram", "recurrent", "mixture"])
def test_one_token_is_enough_to_train_on(tmp_path: Path, network: str):
    for name in ("train", "valid"):
        (tmp_path / f"{name}.txt").write_text("a")
    out = trained(tmp_path, tmp_path / "model", network=network, **(TINY if network != "ngram" else {}))
    model = open_model(out)
    logp, _ = model.next(model.vocabulary.encode("a"))
    assert np.isclose(np.exp(logp).sum(), 1, atol=1e-4)
    assert np.isfinite(Card.load(out).training["val_bits_per_byte"])


def test_any_bytes_can_be_learned_as_bytes_and_any_text_scored(tmp_path: Path):
    (tmp_path / "train.txt").write_bytes("Grüße, мир, 世界 🦜\x00\x07".encode() * 30)
    out = trained(tmp_path, tmp_path / "model", network="ngram", vocabulary="bytes", order=3)
    model = open_model(out)
    strange = model.vocabulary.encode("\x00never seen: Ω\U0010ffff")
    assert np.isfinite(model.score(strange)).all()
    assert model.vocabulary.decode(strange) == "\x00never seen: Ω\U0010ffff"


def test_models_of_two_vocabularies_are_not_mixed(written, tmp_path: Path):
    other = Vocabulary.learn(["the fox and the owl"], "characters")
    stranger = Ngram.learn([other.document("the fox and the owl")], other, order=2)
    model = open_model(written("recurrent"))
    with pytest.raises(InputError, match="another vocabulary") as problem:
        mix([model, stranger], [model.vocabulary.document("the fox")])
    in_a_line(problem)
    card = Card.load(written("ngram"))
    stranger.save(tmp_path / "stranger", card=card)
    with pytest.raises(InputError, match="another vocabulary"):
        save_mixture(
            tmp_path / "mixture", [written("recurrent"), tmp_path / "stranger"], np.array([0.5, 0.5])
        )
    assert not (tmp_path / "mixture").exists()
    with pytest.raises(InputError, match="encode the text with the vocabulary of this model"):
        stranger.score(np.array([len(other)]))


def test_a_text_beyond_the_context_is_scored_to_its_end(written):
    network = Network.load(written("transformer"))
    assert network.context is not None
    ids = network.vocabulary.encode("Once there was a fox who lived by the wood. " * 12)
    assert len(ids) > 3 * network.context
    scores = network.score(ids)
    np.testing.assert_allclose(scores, score_by_steps(network, ids), atol=1e-4)
    logp, _ = network.next(ids)
    assert np.isclose(np.exp(logp).sum(), 1, atol=1e-4)


_READ = """
import json, resource, sys
import numpy as np
from pathlib import Path
from macaw.data.texts import read_texts
from macaw.language.vocabulary import Vocabulary
from macaw.language.windows import packed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

packed(["abc"], Vocabulary.of("bytes"), 8)
before = peak()
texts = read_texts(Path(sys.argv[1]), val_share=0.1)
rows = packed(texts.splits["train"], Vocabulary.of("bytes"), 64)
sizes = [len(part) for _, part in zip(range(3), rows.documents(256))]
print(json.dumps({"tokens": len(rows.ids), "more": peak() - before, "sizes": sizes}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="getrusage is Unix's")
def test_a_corpus_larger_than_the_memory_that_is_allowed(tmp_path: Path):
    # 48 MB of text in documents of 8 kB; what it takes must not follow the size of the corpus
    line = json.dumps({"text": "0123456789abcdef" * 512})
    marks = (line.replace("0123", f"{i:04}", 1) for i in range(6000))
    with open(tmp_path / "all.jsonl", "w") as file:
        file.writelines(f"{one}\n" for one in marks)
    command = [sys.executable, "-c", _READ, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["tokens"] == pytest.approx(0.9 * 6000 * 8193, rel=0.02)
    assert found["sizes"] == [8193, 8193, 8193]
    assert found["more"] < 40e6, f"{found['more'] / 1e6:.0f} MB more than before, for 48 MB of text"
