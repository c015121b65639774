"""Causal models of the Hub: the probabilities of transformers, wherever a text branches and however long."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import macaw
from macaw.errors import InputError, MacawError, MissingExtra, ModelError
from macaw.language import hub, hub_card
from macaw.language.decoding import sample, sample_many
from macaw.language.explorer import branch, explore
from macaw.language.hub import adopt_causal, is_causal
from macaw.language.hub_core import Cached, Rereading
from macaw.language.protocol import LanguageModel, score_by_steps
from macaw.language.settings import Settings

TEXT = "The cat sat on the mat, and the dog sat by the door. They did not look up; it was warm there."
PLAIN = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 96}
GATED = {**PLAIN, "intermediate_size": 32, "num_key_value_heads": 2}
GPT2 = {"n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 64}
STATES = {"hidden_size": 24, "num_hidden_layers": 2, "state_size": 4, "expand": 2}

# What a config needs to be tiny; everything else is the family's own. Windows are shorter than the text.
TINY: dict[str, dict[str, Any]] = {
    "bloom": {"hidden_size": 24, "n_layer": 2, "n_head": 4},
    "gemma": {**GATED, "head_dim": 6},
    "gemma2": {**GATED, "head_dim": 6, "sliding_window": 8, "query_pre_attn_scalar": 6},
    "gemma3_text": {**GATED, "head_dim": 6, "sliding_window": 8, "query_pre_attn_scalar": 6},
    "gpt2": GPT2,
    "gpt_neo": {
        "hidden_size": 24, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 64, "window_size": 8,
        "attention_types": [[["global", "local"], 1]],
    },
    "gpt_neox": {**PLAIN, "intermediate_size": 32},
    "lfm2": {**GATED, "layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "llama": GATED,
    "mamba": STATES,
    "mistral": {**GATED, "sliding_window": 8},
    "mpt": {"d_model": 24, "n_layers": 2, "n_heads": 4, "max_seq_len": 64},
    "openai-gpt": GPT2,
    "opt": {**PLAIN, "ffn_dim": 32, "word_embed_proj_dim": 24},
    "phi": {**PLAIN, "hidden_size": 32, "intermediate_size": 32},
    "phi3": {**GATED, "pad_token_id": 0},
    "qwen2_moe": {
        **GATED, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
    "qwen3": {**GATED, "head_dim": 8},
}  # fmt: skip
FIRST = ("gemma3_text", "gpt2", "gpt_neox", "llama", "mamba", "mistral", "openai-gpt", "opt", "phi", "qwen3")
SENTENCEPIECE = {"gemma", "gemma2", "gemma3_text", "llama", "mistral"}

Make = Callable[..., Path]


def byte_pieces(folder: Path) -> int:
    """A tokenizer as GPT-2's: pieces of bytes, and one role, which begins and ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=290, initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = {"bos_token": "<|endoftext|>", "eos_token": {"content": "<|endoftext|>", "lstrip": False}}
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))
    return int(tokenizer.get_vocab_size())


def marked_pieces(folder: Path) -> int:
    """A tokenizer as Llama's: `▁` for a blank, bytes for what it lacks, and `<s>` in front of every text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdehiklmnoprstuwyT"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("a", "t"), ("▁", "s"), ("▁s", "at"), ("c", "at")]
    vocab = {piece: i for i, piece in enumerate([*pieces, *("".join(pair) for pair in merges)])}
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    return len(vocab)


def lively(net: Any) -> Any:
    """Weights under which no two tokens are alike, nor any part of a network switched off."""
    import torch

    torch.manual_seed(7)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.endswith(("A_log", ".D", "dt_proj.bias")):  # of states, which would run away
                continue
            if value.ndim == 1:
                value.add_(0.2 * torch.randn_like(value))
            else:
                value.copy_(torch.randn_like(value) * 1.2 / value[0].numel() ** 0.5)
    return net.eval()


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`make("gpt2")` is the folder of a checkpoint of that family, with random weights; made once.

    `rows` are those beyond the tokenizer's tokens, `dtype` and `shard` are how it is saved; other words
    change the config.
    """
    made: dict[str, Path] = {}

    def checkpoint(kind: str, *, rows: int = 0, dtype: str = "", shard: str = "1GB", **changes: Any) -> Path:
        key = json.dumps([kind, rows, dtype, shard, changes], sort_keys=True)
        if key not in made:
            import torch
            from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

            folder = made[key] = tmp_path_factory.mktemp("causal") / kind
            folder.mkdir()
            size = (marked_pieces if kind in SENTENCEPIECE else byte_pieces)(folder)
            roles = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
            config = CONFIG_MAPPING[kind](**{**roles, "vocab_size": size + rows, **TINY[kind], **changes})
            net = lively(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config))
            net.to(getattr(torch, dtype) if dtype else torch.float32)
            net.save_pretrained(folder, max_shard_size=shard)
        return made[key]

    return checkpoint


def theirs(folder: Path, ids: np.ndarray) -> np.ndarray:
    """(T, R) log-probabilities after each of the ids, by transformers alone, all at once."""
    import torch
    from transformers import AutoModelForCausalLM

    net = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = net(torch.from_numpy(ids.astype(np.int64))[None]).logits[0]
    return np.asarray(logits.log_softmax(-1))


def opened(folder: Path) -> Any:
    return adopt_causal(f"hf:{folder}").model


def fed(model: Any, text: str = TEXT) -> np.ndarray:
    """The ids of a text behind what begins it."""
    return np.concatenate(([model.vocabulary.start], model.vocabulary.encode(text))).astype(np.int32)


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=() if one in FIRST else pytest.mark.slow) for one in TINY]
)
def test_every_token_has_the_probability_that_transformers_gives_it(kind: str, make: Make):
    model = opened(make(kind))
    ids = fed(model)
    wanted = theirs(make(kind), ids)
    assert wanted.std(axis=0).max() > 0.1 and wanted.std(axis=1).min() > 0.1  # answers differ
    assert isinstance(model, LanguageModel)
    assert len(ids) <= (model.context or 1000)
    assert np.abs(model.score(ids[1:]) - wanted[np.arange(len(ids) - 1), ids[1:]]).max() < 1e-4
    logp, state = model.next(ids[1:1])
    for t in range(len(ids)):
        assert logp.shape == (len(model.vocabulary),) and logp.dtype == np.float32
        assert np.abs(logp - wanted[t]).max() < 1e-4, t
        assert abs(np.exp(logp.astype(np.float64)).sum() - 1) < 1e-5
        if t + 1 < len(ids):
            logp, state = model.next(ids[t + 1 : t + 2], state)
    assert np.abs(model.next(ids[1:])[0] - wanted[-1]).max() < 1e-4


@pytest.mark.parametrize("kind", ["gpt2", "mamba", "mistral", "openai-gpt"])
def test_a_text_can_branch_at_any_token(kind: str, make: Make):
    model = opened(make(kind))
    ids = model.vocabulary.encode(TEXT)
    _, state = model.next(ids[:20])
    first, after = model.next(ids[20:21], state)
    other, _ = model.next(ids[25:30], state)  # feeds of another length, from the same state
    deeper, _ = model.next(ids[21:24], after)
    for tail, found in ((ids[20:21], first), (ids[25:30], other), (ids[20:24], deeper)):
        whole, _ = model.next(np.concatenate((ids[:20], tail)))
        assert np.abs(found - whole).max() < 1e-4
    assert np.array_equal(model.next(ids[20:21], state)[0], first)


def test_families_without_a_cache_are_read_anew(make: Make):
    assert isinstance(opened(make("openai-gpt")).core, Rereading)
    found = {kind: opened(make(kind)).core for kind in ("mamba", "mistral")}
    assert all(isinstance(core, Cached) for core in found.values())
    assert found["mamba"].each and not found["mistral"].each  # its state takes a block at the beginning only


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_beyond_the_context_the_window_slides_by_halves(kind: str, make: Make):
    size = {"gpt2": "n_positions", "llama": "max_position_embeddings"}[kind]
    folder = make(kind, **{size: 16})
    model = opened(folder)
    ids = model.vocabulary.encode(TEXT)
    assert model.context == 16 and len(ids) > 32
    scores = model.score(ids)
    assert np.abs(scores - score_by_steps(model, ids)).max() < 1e-4
    begin = model.vocabulary.begin
    window, wanted = [model.vocabulary.start], []
    for token in ids.tolist():
        wanted.append(theirs_of(folder, window)[token])
        if len(window) == 16:
            window = [begin, *window[-8:]]
        window.append(token)
    assert np.abs(scores - wanted).max() < 1e-4


_NETS: dict[Path, Any] = {}


def theirs_of(folder: Path, window: list[int]) -> np.ndarray:
    """(R,) log-probabilities after a window, by a network of transformers that is kept for the next call."""
    import torch
    from transformers import AutoModelForCausalLM

    if folder not in _NETS:
        _NETS[folder] = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        return np.asarray(_NETS[folder](torch.tensor([window])).logits[0, -1].log_softmax(-1))


@pytest.mark.parametrize(
    ("how", "files"),
    [({"dtype": "float16"}, 1), ({"dtype": "bfloat16"}, 1), ({"shard": "20KB"}, 4)],
    ids=["float16", "bfloat16", "shards"],
)
def test_however_the_weights_are_stored(how: dict[str, str], files: int, make: Make):
    folder = make("llama", **how)
    assert len(list(folder.glob("*.safetensors"))) >= files
    model = opened(folder)
    ids = fed(model)
    wanted = theirs(folder, ids)
    assert np.abs(model.score(ids[1:]) - wanted[np.arange(len(ids) - 1), ids[1:]]).max() < 1e-4


def test_rows_beyond_the_tokenizer_keep_their_share(make: Make):
    folder = make("qwen3", rows=21)
    model = opened(folder)
    ids = fed(model)
    wanted = theirs(folder, ids)
    size = len(model.vocabulary)
    assert wanted.shape[1] == size + 21
    logp, _ = model.next(ids[1:])
    assert np.abs(logp - wanted[-1, :size]).max() < 1e-4
    lost = np.exp(wanted[-1, size:]).sum()
    assert lost > 0.01 and abs(np.exp(logp).sum() - (1 - lost)) < 1e-4
    steps = list(sample(model, ids[1:5], limit=20))
    assert all(step.token < size for step in steps)


def test_tokens_that_the_network_has_no_row_for_never_come(make: Make):
    model = opened(make("llama", rows=-3))
    logp, _ = model.next(np.array([5, 6], np.int32))
    assert np.isneginf(logp[-3:]).all() and np.isfinite(logp[:-3]).all()
    with pytest.raises(InputError, match=r"the network knows \d+ tokens; leave that token out"):
        model.next(np.array([len(model.vocabulary) - 1], np.int32))
    with pytest.raises(ModelError, match=r"begins texts with token 290, and its network knows 288 tokens"):
        opened(make("qwen3", rows=-3))


def test_what_begins_and_ends_a_text(make: Make):
    like_gpt2, like_llama = opened(make("gpt2")).vocabulary, opened(make("llama")).vocabulary
    last = len(like_gpt2) - 1
    assert (like_gpt2.begin, like_gpt2.end, like_gpt2.start) == (last, last, last)
    assert (like_llama.begin, like_llama.end, like_llama.start) == (1, 2, 1)
    assert like_llama.encode("the <s> sat")[0] != 1  # what looks like a role is text


@pytest.mark.parametrize(
    ("said", "begin", "end"),
    [
        ({"eos_token": "</s>"}, 1, 2),  # what it puts in front, named or not
        ({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": False}, None, 2),
        ({"bos_token": "</s>", "eos_token": "</s>", "add_bos_token": False}, 2, 2),
        ({"bos_token": "<unk>", "eos_token": "</s>", "add_bos_token": True}, 0, 2),
        ({}, 1, 7),  # the network's config has the numbers
    ],
)
def test_roles_are_found_where_checkpoints_have_them(
    said: dict[str, Any], begin: int | None, end: int, tmp_path: Path
):
    stub(tmp_path, "LlamaForCausalLM", eos_token_id=[7, 8])
    marked_pieces(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    vocabulary = hub.vocabulary_of(hub.find(f"hf:{tmp_path}"))
    assert (vocabulary.begin, vocabulary.end) == (begin, end)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_text_comes_back_as_it_was(kind: str, make: Make):
    vocabulary = opened(make(kind)).vocabulary
    for text in (TEXT, "é ñ Ærø 漢字 😀", "two  blanks\n\n\tand lines\n", "the 😀 sat"):
        assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.lossless
    from macaw.language.spelling import Spelling

    for text in ("a 漢字 😀😀 b", "😀"):  # piece by piece, and never half a character
        ids = vocabulary.encode(text)
        spelling = Spelling(vocabulary, ids[:0])
        pieces = [spelling.add(int(token)) for token in ids]
        assert "".join(pieces) + spelling.rest() == text
        assert not any("\ufffd" in piece for piece in pieces)


def test_a_tokenizer_that_folds_capitals_is_not_lossless(tmp_path: Path):
    from tokenizers import Tokenizer, normalizers

    stub(tmp_path, "LlamaForCausalLM")
    marked_pieces(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), tokenizer.normalizer])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert not hub.vocabulary_of(hub.find(f"hf:{tmp_path}")).lossless


def test_ids_that_a_tokenizer_passes_over(tmp_path: Path):
    stub(tmp_path, "LlamaForCausalLM")
    marked_pieces(tmp_path)
    values = json.loads((tmp_path / "tokenizer.json").read_text())
    values["model"]["vocab"]["cat"] += 10
    (tmp_path / "tokenizer.json").write_text(json.dumps(values))
    vocabulary = hub.vocabulary_of(hub.find(f"hf:{tmp_path}"))
    ids = vocabulary.encode("cat")
    assert ids.max() == len(vocabulary) - 1 and vocabulary.decode(ids) == "cat"
    assert len(vocabulary.names) == len(vocabulary.lengths) == len(vocabulary)


def test_a_writer_of_it_does_what_writers_do(make: Make):
    writer = adopt_causal(f"hf:{make('llama')}")
    assert (writer.task, writer.engine, writer.folder) == ("complete", "torch", make("llama"))
    one = writer.run("The cat", limit=12, seed=3)
    assert one.text == writer.run("The cat", limit=12, seed=3).text
    assert len(writer.run(["The cat", "A dog"], limit=4)) == 2
    ids = writer.model.vocabulary.encode(TEXT)
    scored = writer.scored(TEXT)
    assert np.abs(scored.logp - writer.model.score(ids)).max() < 1e-9
    assert scored.bits_per_byte == pytest.approx(-scored.logp.sum() / np.log(2) / len(TEXT))


@pytest.mark.parametrize("kind", ["gpt2", "mamba"])
def test_the_verbs_take_it_as_they_take_one_of_ours(kind: str, make: Make, tmp_path: Path):
    name, data = f"hf:{make(kind)}", tmp_path / "texts"
    data.mkdir()
    for number in range(9):
        split = ("train", "val", "test")[number % 3]
        (data / split).mkdir(exist_ok=True)
        (data / split / f"{number}.txt").write_text(f"{TEXT} {number}", encoding="utf-8")
    model = macaw.load(name)
    scores = macaw.evaluate(model, data, board=None)
    held, inner = [f"{TEXT} {n}" for n in (2, 5, 8)], model.model
    ends = [inner.vocabulary.end]  # foretold too
    nats = [-inner.score(np.concatenate((inner.vocabulary.encode(one), ends))).sum() for one in held]
    expected = sum(nats) / np.log(2) / sum(map(len, held))
    assert scores.metrics["bits per byte"].value == pytest.approx(expected)
    why = macaw.explain(name, "The cat", limit=3, data=data, by="turns")
    assert why.text == model.run("The cat", limit=3).text and len(why.turns[-1].opinions) == 1
    parrot = macaw.explain(model, "The cat", by="parrot", data=data, count=2, limit=20)
    assert parrot.figures[0].value is not None and parrot.figures[0].held is not None
    with pytest.raises(MacawError) as told:
        macaw.export(model, tmp_path / "one.onnx")
    assert "\n" not in str(told.value) and not (tmp_path / "one.onnx").exists()


def test_decoding_and_exploring_go_on_as_with_any_model(make: Make):
    model = opened(make("gpt2"))
    ids = model.vocabulary.encode("The cat")
    settings = Settings(temperature=0.7, top_p=0.9, repetition=1.2)
    alone = [step.token for step in sample(model, ids, settings=settings, seed=5, limit=9)]
    both = sample_many(model, [ids, ids[:1]], settings=settings, seed=5, limit=9)
    assert [step.token for item, step in both if not item] == alone
    made = explore(model, "The cat", settings=settings, seed=5, limit=9)
    assert made.ids[len(ids) :].tolist() == alone
    turned = branch(model, made, len(made.turns), int(ids[0]))
    assert turned.ids[-1] == ids[0] and turned.ids[:-1].tolist() == made.ids[:-1].tolist()


def test_the_card_says_what_it_is_and_how_its_makers_draw(make: Make, tmp_path: Path):
    card = adopt_causal(f"hf:{make('gpt2')}").card
    assert (card.task, card.builder, card.head["name"]) == ("complete", "hub", "hub")
    assert card.decode == {"temperature": 0.8, "top_p": 0.95, "limit": 128}
    assert card.frontend == {"name": "pieces", "config": {"tokens": 290 + 1}}
    said = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1}
    assert hub_card._drawing(said) == {
        "temperature": 0.6, "top_p": 0.9, "top_k": 40, "repetition": 1.1, "limit": 128
    }  # fmt: skip
    assert hub_card._drawing({"do_sample": True, "temperature": -1.0}) == card.decode


@pytest.mark.parametrize(
    ("config", "causal"),
    [
        ({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}, True),
        ({"architectures": ["OpenAIGPTLMHeadModel"]}, True),
        ({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}, True),
        ({"model_type": "gpt_neox"}, True),
        ({"model_type": "bert"}, False),
        ({"architectures": ["BertForMaskedLM"], "model_type": "bert"}, False),
        ({"architectures": ["T5WithLMHeadModel"], "model_type": "t5"}, False),
        ({"architectures": ["T5ForConditionalGeneration"], "model_type": "t5"}, False),
        ({"architectures": ["ViTForImageClassification"], "model_type": "vit"}, False),
        ({"architectures": ["GPT2Model"], "model_type": "gpt2"}, False),
    ],
)
def test_which_checkpoints_are_causal(config: dict[str, Any], causal: bool, tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert is_causal(f"hf:{tmp_path}") is causal  # without weights, without a tokenizer


def test_what_is_not_here_is_not_causal_and_a_broken_config_is_told(tmp_path: Path):
    assert not is_causal("hf:owner/name")
    assert not is_causal(f"hf:{tmp_path}/nothing")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json is damaged"):
        is_causal(f"hf:{tmp_path}")


def test_asking_whether_it_is_causal_imports_nothing_heavy(tmp_path: Path):
    stub(tmp_path, "GPT2LMHeadModel")
    code = (
        f"import sys; from macaw.language.hub import is_causal; print(is_causal('hf:{tmp_path}'));"
        "print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "set()"]


def stub(folder: Path, architecture: str, **config: Any) -> Path:
    """A checkpoint whose network nobody builds."""
    values = {"architectures": [architecture], "model_type": "llama", **config}
    (folder / "config.json").write_text(json.dumps(values))
    save_file({"weight": np.zeros((2, 3), np.float32)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("architecture", ["BertModel", "T5ForConditionalGeneration"])
def test_what_does_not_go_on_with_a_text_is_refused(architecture: str, tmp_path: Path):
    with pytest.raises(InputError, match=f"is a {architecture}, which does not go on with a text; give"):
        adopt_causal(f"hf:{stub(tmp_path, architecture)}")


def test_a_network_that_looks_ahead_is_refused_whatever_it_is_called(tmp_path: Path):
    from transformers import BertConfig, BertLMHeadModel

    size = byte_pieces(tmp_path)
    config = BertConfig(
        vocab_size=size, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        is_decoder=False,
    )  # fmt: skip
    lively(BertLMHeadModel(config)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="looks at the tokens that follow"):
        adopt_causal(f"hf:{tmp_path}")


def test_what_cannot_be_opened_is_told_in_one_line(tmp_path: Path):
    folder, name = stub(tmp_path, "LlamaForCausalLM"), f"hf:{tmp_path}"
    with pytest.raises(ModelError, match=r"has no tokenizer\.json; fetch it again"):
        adopt_causal(name)
    (folder / "tokenizer.model").write_bytes(b"pieces")
    with pytest.raises(InputError, match=r"as tokenizer\.model, which is not read; load it with .* save it"):
        adopt_causal(name)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged: it cannot be read as a tokenizer"):
        adopt_causal(name)
    stub(folder, "LlamaForCausalLM", quantization_config={"quant_method": "gptq"})
    with pytest.raises(InputError, match=r"has quantised weights \(gptq\)"):
        adopt_causal(name)
    stub(folder, "XyzForCausalLM", model_type="xyz", auto_map={"AutoModelForCausalLM": "modeling.Xyz"})
    byte_pieces(folder)
    with pytest.raises(InputError, match="the installed transformers knows no 'xyz'"):
        adopt_causal(name)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"as a pickle \(pytorch_model\.bin\), which can run code"):
        adopt_causal(name)


def test_weights_that_are_not_those_of_the_config_are_refused(make: Make, tmp_path: Path):
    for path in make("gpt2").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, "n_layer": 3}))
    with pytest.raises(ModelError, match=r"lacks \d+ weights of its network, transformer\.h\.2"):
        adopt_causal(f"hf:{tmp_path}")


def test_without_transformers_the_command_is_told(make: Make, monkeypatch: pytest.MonkeyPatch):
    folder = make("gpt2")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"opening 'hf:.*' needs 'transformers'.*'macaw\[hub\]'"):
        adopt_causal(f"hf:{folder}")


def test_how_far_it_looks_back():
    from transformers import BloomConfig, GPT2Config, MptConfig, Phi3Config

    assert hub._context(GPT2Config(n_positions=48)) == 48
    assert hub._context(MptConfig(max_seq_len=40)) == 40
    assert hub._context(BloomConfig()) is None
    # Of positions that are measured otherwise beyond the original length, what is cached would be void
    stretched = {
        "rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 32,
        "short_factor": [1.0] * 4, "long_factor": [2.0] * 4,
    }  # fmt: skip
    config = Phi3Config(
        hidden_size=32, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=128,
        original_max_position_embeddings=32, rope_parameters=stretched,
    )  # fmt: skip
    assert hub._context(config) == 32


def test_notes_on_memory_come_only_where_it_matters(make: Make, monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    adopt_causal(f"hf:{make('gpt2')}", note=told.append)
    assert told == []
    monkeypatch.setattr(hub, "available_memory", lambda: 1000)
    adopt_causal(f"hf:{make('gpt2')}", note=told.append)
    assert len(told) == 1 and "in single precision" in told[0]
