"""Exports of language models: what other programs make of them, beside numpy, torch and transformers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from macaw.card import Card
from macaw.errors import InputError, MissingExtra, ModelError, StorageError, UnknownName
from macaw.language.arpa import read_arpa
from macaw.language.exporting import export_text
from macaw.language.exporting_checkpoint import drawing_of
from macaw.language.matrices import matrix
from macaw.language.modules import build
from macaw.language.networks import Network, open_core
from macaw.language.onnx_file import described, graph_of, open_onnx
from macaw.language.onnx_graph import Graph, rounded
from macaw.language.onnx_recurrent import recurrent_graph
from macaw.language.onnx_step import OnnxStep
from macaw.language.onnx_transformer import transformer_graph
from macaw.language.protocol import score_by_steps
from macaw.language.shapes import RecurrentShape, TransformerShape, head_of
from macaw.language.vocabulary import Vocabulary
from macaw.language.writer import Writer
from macaw.runtime.wire import read_metadata

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

WORDS = Vocabulary.learn(["one two three four five six seven", "two two"], "words")
SMALL = {"width": 24, "depth": 2, "heads": 4, "context": 12, "inner": 20}
SHAPES = {
    "plain": TransformerShape(len(WORDS), **SMALL, never=1),
    "grouped": TransformerShape(len(WORDS), **SMALL, groups=2),
    "squares, no norms, capped": TransformerShape(
        len(WORDS), **SMALL, groups=1, activation="relu2", qk_norm="no", softcap=8.0, theta=500.0
    ),
    "lstm": RecurrentShape(len(WORDS), width=16, depth=2, embedding=10, never=1),
    "tied lstm": RecurrentShape(len(WORDS), width=16, embedding=10, tied="yes"),
    "gru": RecurrentShape(len(WORDS), width=16, depth=2, embedding=10, cell="gru"),
}

HEAD = head_of(SHAPES["lstm"])


def shaken(shape):
    """A network with no weight at zero, as training leaves it."""
    torch.manual_seed(5)
    module = build(shape).eval()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return module


def weights_of(module) -> dict[str, np.ndarray]:
    return {name: held.numpy().copy() for name, held in module.state_dict().items()}


def graph(shape, weights, precision: str = "float32") -> bytes:
    make = transformer_graph if isinstance(shape, TransformerShape) else recurrent_graph
    return make(shape, weights, precision=precision)


def some_ids(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, len(WORDS), count).astype(np.int32)


@pytest.mark.parametrize("name", SHAPES)
def test_a_graph_says_what_numpy_and_torch_say_also_beyond_the_context(name: str):
    shape, module = SHAPES[name], shaken(SHAPES[name])
    step = OnnxStep(graph(shape, weights_of(module)), shape)
    theirs = Network(step, WORDS)
    mine = Network(open_core(shape, weights_of(module)), WORDS)
    ids = some_ids(40)
    np.testing.assert_allclose(theirs.score(ids), mine.score(ids), atol=1e-4)
    np.testing.assert_allclose(score_by_steps(theirs, ids), mine.score(ids), atol=1e-4)
    with torch.no_grad():
        said = module(torch.from_numpy(ids[None, :9].astype(np.int64)))[0][0].numpy()
    np.testing.assert_allclose(step.feed(ids[:9])[0], said, atol=1e-4)


@pytest.mark.parametrize("name", SHAPES)
def test_a_graph_reads_many_texts_at_once_in_pieces_of_any_length(name: str):
    ort = pytest.importorskip("onnxruntime")
    shape, module = SHAPES[name], shaken(SHAPES[name])
    session = ort.InferenceSession(graph(shape, weights_of(module)), providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(1).integers(0, len(WORDS), (3, 11))
    one = isinstance(shape, TransformerShape)
    none = np.zeros((3, shape.pairs, 0, shape.head) if one else (3, shape.width), np.float32)
    state = {node.name: none for node in session.get_inputs() if node.name != "ids"}
    outputs, said = [node.name for node in session.get_outputs()], []
    for piece in np.split(ids, (5, 6, 9), axis=1):
        logits, *after = session.run(None, {"ids": piece, **state})
        state = {
            name.replace("present", "past"): value for name, value in zip(outputs[1:], after, strict=True)
        }
        said.append(logits)
    with torch.no_grad():
        expected = module(torch.from_numpy(ids))[0].numpy()
    np.testing.assert_allclose(np.concatenate(said, axis=1), expected, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", SHAPES)
def test_the_checker_of_onnx_is_content_and_finds_operators_of_onnx_alone(name: str, precision: str):
    whole = graph(SHAPES[name], weights_of(shaken(SHAPES[name])), precision)
    onnx.checker.check_model(whole, full_check=True)
    model = onnx.load_from_string(whole)
    assert {node.domain for node in model.graph.node} == {""}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]


@pytest.mark.parametrize("name", SHAPES)
def test_int8_is_near_and_its_weights_are_those_of_our_own_int8(name: str):
    pytest.importorskip("numba")
    shape, weights = SHAPES[name], weights_of(shaken(SHAPES[name]))
    small = Network(OnnxStep(graph(shape, weights, "int8"), shape), WORDS)
    ids = some_ids(40)
    ours = Network(open_core(shape, weights, precision="int8"), WORDS)
    assert abs(small.score(ids).mean() - ours.score(ids).mean()) < 0.02
    first = matrix(weights["embedding.weight"], "int8")
    values, scales = rounded(weights["embedding.weight"])
    assert (values == first.weights).all() and (scales == first.scales).all()


def test_onnx_runtime_multiplies_every_matrix_of_a_transformer_by_eight_bits(tmp_path: Path):
    ort = pytest.importorskip("onnxruntime")
    shape, options = SHAPES["grouped"], ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "seen.onnx")
    options.log_severity_level = 3
    whole = graph(shape, weights_of(shaken(shape)), "int8")
    ort.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
    seen = [node.op_type for node in onnx.load(tmp_path / "seen.onnx").graph.node]
    assert seen.count("MatMulNBits") == 4 * shape.depth + 1 and "DequantizeLinear" not in seen


def test_a_state_is_a_value_that_can_be_gone_on_from_twice():
    shape = SHAPES["grouped"]
    model = Network(OnnxStep(graph(shape, weights_of(shaken(shape))), shape), WORDS)
    ids = some_ids(9)
    _, state = model.next(ids)
    first, _ = model.next(some_ids(1, 1), state)
    model.next(some_ids(2, 2), state)
    np.testing.assert_array_equal(model.next(some_ids(1, 1), state)[0], first)
    alike, _ = model.next_many([ids, some_ids(4, 3)], [None, None])
    np.testing.assert_allclose(alike[1], model.next(some_ids(4, 3))[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "recurrent"])
def test_an_export_is_proved_and_opens_again_with_its_vocabulary(kind: str, written, tmp_path: Path):
    writer = Writer(written(kind))
    found = export_text(writer, tmp_path / "mine.onnx")
    assert found.size == found.path.stat().st_size and found.precision == "float32"
    assert found.parity.largest < 1e-4 and found.parity.same == len(found.parity.agreed) == 4
    assert "4 of 4 the same" in str(found)
    opened = open_onnx(found.path)
    assert opened.vocabulary == writer.model.vocabulary
    assert opened.card.exported["engine"] == "onnxruntime" and opened.card.name == writer.card.name
    ids = opened.vocabulary.encode("Once there was a fox.")
    np.testing.assert_allclose(opened.score(ids), writer.model.score(ids), atol=1e-4)
    told = Writer.around(opened, writer.card, folder=found.path)
    asked = {"seed": 3, "limit": 20}
    assert told.run("Once there", **asked).text == writer.run("Once there", **asked).text


def test_int8_is_smaller_and_says_what_it_costs(written, tmp_path: Path):
    writer = Writer(written("transformer"))
    whole, small = (
        export_text(writer, tmp_path / f"{precision}.onnx", precision=precision)
        for precision in ("float32", "int8")
    )
    assert small.size < 0.75 * whole.size  # of so small a network half is vocabulary and graph
    before, after = small.parity.bits
    assert before == whole.parity.bits[0] and after != before and abs(small.parity.lost) < 0.02
    assert small.parity.between == ("numpy, float32", "onnxruntime, int8")
    assert "bits per byte" in str(small)


def test_the_proof_is_measured_on_the_held_out_texts_of_the_data(written, tiny_texts, tmp_path: Path):
    data = tmp_path / "data"
    data.mkdir()
    splits = ["train", "test"] * 9
    lines = [json.dumps({"text": tiny_texts[i], "split": split}) for i, split in enumerate(splits)]
    (data / "all.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    writer = Writer(written("recurrent"))
    found = export_text(writer, tmp_path / "mine.onnx", data=data)
    held = tiny_texts[1::2]
    ids = [writer.model.vocabulary.encode(text) for text in held]
    nats = -sum(writer.model.score(one).sum() for one in ids)
    assert len(found.parity.apart) == sum(map(len, ids))
    assert found.parity.bits[0] == pytest.approx(nats / np.log(2) / sum(len(text.encode()) for text in held))
    assert found.parity.texts == "test of data"


def test_a_story_is_proved_with_its_title_in_front(written, tmp_path: Path):
    text = "\n".join(json.dumps({"title": "A Fox", "text": "Once there was a fox."}) for _ in range(2)) + "\n"
    (tmp_path / "test.jsonl").write_text(text, encoding="utf-8")
    writer = Writer(written("recurrent", "story"))
    found = export_text(writer, tmp_path / "mine.onnx", data=tmp_path / "test.jsonl")
    whole = writer.model.vocabulary.encode("A Fox\n\nOnce there was a fox.")
    assert len(found.parity.apart) == 2 * len(whole)


def test_the_metadata_is_enough_for_whoever_has_no_macaw(written, tmp_path: Path):
    ort, tokenizers = pytest.importorskip("onnxruntime"), pytest.importorskip("tokenizers")
    writer = Writer(written("transformer"))
    path = export_text(writer, tmp_path / "mine.onnx").path
    texts = read_metadata(path.read_bytes())
    assert "'past.I.keys'" in texts["macaw.prepare"] and "'logits'" in texts["macaw.decode"]
    tokenizer = tokenizers.Tokenizer.from_str(texts["tokenizer.json"])
    ids = [int(texts["start"]), *tokenizer.encode("Once there was", add_special_tokens=False).ids]
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    past = {
        node.name: np.zeros((1, node.shape[1], 0, node.shape[3]), np.float32)
        for node in session.get_inputs()
        if node.name != "ids"
    }
    logits = session.run(["logits"], {"ids": np.array([ids]), **past})[0][0, -1]
    expected, _ = writer.model.next(writer.model.vocabulary.encode("Once there was"))
    assert int(logits.argmax()) == int(expected.argmax())
    assert int(texts["context"]) == writer.model.context and int(texts["end"]) == writer.model.vocabulary.end


@pytest.mark.parametrize("vocabulary", ["bytes", "characters", "words"])
def test_a_vocabulary_of_any_kind_comes_back_from_the_file(vocabulary: str, tmp_path: Path):
    known = Vocabulary.learn(["a fox — and\nan owl"], vocabulary)
    shape = RecurrentShape(len(known), width=4, embedding=3)
    card = Card("complete", "tiny", "network", {"name": vocabulary, "config": {}}, head_of(shape), (), {}, {})
    path = tmp_path / "tiny.onnx"
    path.write_bytes(described(graph(shape, weights_of(shaken(shape))), card, known))
    assert open_onnx(path).vocabulary == known
    assert read_metadata(path.read_bytes())["macaw.prepare"].startswith("The ids of a text are")


@pytest.mark.parametrize("name", ["mine.arpa", "mine.arpa.gz"])
def test_an_arpa_file_has_the_same_probabilities(name: str, written, tmp_path: Path):
    writer = Writer(written("ngram"))
    found = export_text(writer, tmp_path / name)
    assert found.parity.largest < 1e-5 and found.parity.same == 4
    read = read_arpa(found.path)
    assert (read.order, len(read.vocabulary)) == (writer.model.order, len(writer.model.vocabulary) + 2)


@pytest.mark.parametrize("qk_norm", ["yes", "no"])
def test_a_checkpoint_is_what_transformers_makes_of_the_folder_alone(
    qk_norm: str, tiny_vocabulary: Vocabulary, tmp_path: Path
):
    transformers = pytest.importorskip("transformers")
    shape = TransformerShape(
        len(tiny_vocabulary), width=24, depth=2, heads=4, groups=2, context=64, inner=20, qk_norm=qk_norm
    )
    writer = saved(shape, tiny_vocabulary, tmp_path / "mine")
    found = export_text(writer, tmp_path / "mine.hf")
    assert found.parity.largest < 1e-4 and found.parity.same == 4
    assert found.size == sum(part.stat().st_size for part in found.path.iterdir())
    assert "bits per byte" in (found.path / "README.md").read_text(encoding="utf-8")
    tokenizer = transformers.AutoTokenizer.from_pretrained(found.path)
    network = transformers.AutoModelForCausalLM.from_pretrained(found.path).eval()
    assert type(network).__name__ == ("Qwen3ForCausalLM" if qk_norm == "yes" else "LlamaForCausalLM")
    text = "Once there was a fox — and so it went home."
    given = tokenizer(text, return_tensors="pt")
    ids = tiny_vocabulary.encode(text)
    assert given["input_ids"][0].tolist() == [tiny_vocabulary.start, *ids]
    with torch.no_grad():
        logp = network(**given).logits[0].log_softmax(-1).numpy()
    np.testing.assert_allclose(logp[np.arange(len(ids)), ids], writer.model.score(ids), atol=1e-4)
    told = network.generate(**given, do_sample=False, max_new_tokens=12)[0, 1 + len(ids) :]
    mine = writer.run(text, temperature=0, limit=12)
    assert tokenizer.decode(told, skip_special_tokens=True) == mine.text
    assert network.generation_config.top_k == 0 and network.generation_config.temperature == 0.8


def saved(shape: TransformerShape, vocabulary: Vocabulary, folder: Path) -> Writer:
    """A model's folder with random weights."""
    from macaw.language.fit_tokens import save_network

    card = Card(
        "complete", "mine", "network", {"name": vocabulary.kind, "config": {"tokens": len(vocabulary)}},
        head_of(shape), (), {}, {"temperature": 0.8, "limit": 16}, terms={"code": "Apache-2.0"},
    )  # fmt: skip
    save_network(folder, shaken(shape), card=card, vocabulary=vocabulary, rows=[])
    return Writer(folder)


def test_a_checkpoint_is_told_how_to_draw():
    card = Card("complete", "x", "network", {}, {}, (), {}, {"temperature": 0.7, "top_p": 0.9, "min_p": 0.1})
    values = drawing_of(card, start=9, end=9)
    assert values["do_sample"] and (values["temperature"], values["top_p"], values["min_p"]) == (
        0.7,
        0.9,
        0.1,
    )
    assert values["top_k"] == 0  # which there means: all
    greedy = drawing_of(card.replace(decode={"temperature": 0}), start=9, end=None)
    assert not greedy["do_sample"] and "temperature" not in greedy and "eos_token_id" not in greedy


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"activation": "relu2"}, "squared ReLU"),
        ({"softcap": 30.0}, "capped at 30"),
        ({"never": 3}, "token 3"),
    ],
)
def test_a_network_that_no_family_is_becomes_no_checkpoint(
    numbers: dict, words: str, tiny_vocabulary: Vocabulary, tmp_path: Path
):
    shape = TransformerShape(len(tiny_vocabulary), width=16, depth=1, heads=2, context=16, **numbers)
    writer = saved(shape, tiny_vocabulary, tmp_path / "mine")
    with pytest.raises(InputError, match=f"{words}.*export it to .onnx"):
        export_text(writer, tmp_path / "mine.hf")
    assert not (tmp_path / "mine.hf").exists()


def test_what_does_not_go_is_one_line(written, tmp_path: Path):
    network, ngram, mixture = (Writer(written(kind)) for kind in ("recurrent", "ngram", "mixture"))
    with pytest.raises(InputError, match=r"'tiny-mixture' is a mixture.*tiny-mixture/1, .*tiny-mixture/2"):
        export_text(mixture, tmp_path / "x.onnx")
    with pytest.raises(InputError, match=r"an n-gram to .*x.onnx.*one of .arpa, .arpa.gz"):
        export_text(ngram, tmp_path / "x.onnx")
    with pytest.raises(InputError, match=r"a network to .*x.onx.*Did you mean '.onnx'"):
        export_text(network, tmp_path / "x.onx")
    with pytest.raises(InputError, match="recurrent network, of which the format has no family"):
        export_text(network, tmp_path / "x.hf")
    with pytest.raises(InputError, match=r"int8 is for .onnx"):
        export_text(ngram, tmp_path / "x.arpa", precision="int8")
    with pytest.raises(UnknownName, match="Did you mean 'int8'"):
        export_text(network, tmp_path / "x.onnx", precision="int88")
    (tmp_path / "x.onnx").mkdir()
    with pytest.raises(StorageError, match="a folder has that name"):
        export_text(network, tmp_path / "x.onnx")
    (tmp_path / "x.hf").mkdir()
    (tmp_path / "x.hf" / "novel.txt").touch()
    with pytest.raises(StorageError, match=r"other files, such as novel.txt"):
        export_text(Writer(saved_folder(tmp_path)), tmp_path / "x.hf")


def saved_folder(folder: Path) -> Path:
    vocabulary = Vocabulary.learn(["a fox and an owl"], "pieces", size=260)
    shape = TransformerShape(len(vocabulary), width=16, depth=1, heads=2, context=16)
    return saved(shape, vocabulary, folder / "own").folder


def test_an_export_is_not_exported_again(written, tmp_path: Path):
    writer = Writer(written("recurrent"))
    path = export_text(writer, tmp_path / "mine.onnx").path
    again = Writer.around(open_onnx(path), writer.card, folder=path)
    with pytest.raises(InputError, match="is an export already"):
        export_text(again, tmp_path / "twice.onnx")


def test_a_file_that_is_no_language_model_is_refused(written, tmp_path: Path):
    folder, bare = written("recurrent"), tmp_path / "bare.onnx"
    whole = graph_of(folder, Writer(folder).card)
    other = Graph()
    other.output(other.input("pictures", ("B",)), "raw", ("B",))
    with pytest.raises(ModelError, match="no output 'logits'"):
        OnnxStep(other.to_bytes("other"), SHAPES["lstm"])
    with pytest.raises(ModelError, match="the graph is damaged"):
        OnnxStep(whole[:2000], SHAPES["lstm"])
    bare.write_bytes(whole)
    with pytest.raises(ModelError, match="has no card in its metadata"):
        open_onnx(bare)
    bare.write_bytes(described(whole, Writer(written("ngram")).card.replace(head=HEAD), WORDS))
    with pytest.raises(ModelError, match="is no language model that was exported"):
        open_onnx(bare)


def test_without_onnx_it_says_what_to_install(written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"macaw\[train\]"):
        export_text(Writer(written("recurrent")), tmp_path / "mine.onnx")
    assert not (tmp_path / "mine.onnx").exists()
