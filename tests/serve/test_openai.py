"""A part of OpenAI's API: its fields, defaults and ranges, and what evaluation harnesses read from it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from macaw.language.decoding import greedy, sample
from macaw.language.settings import Settings
from macaw.language.writer import Writer

pytest.importorskip("fastapi")

TEXT = "The fox said, “Où vas-tu?” and the sea was calm… 🦊!"
PATH = "/v1/completions"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, tale) -> Path:
    """The folder of a Transformer whose weights are chance, with a context of 16 tokens."""
    import torch

    from macaw.card import Card
    from macaw.language.fit_tokens import save_network
    from macaw.language.modules import build
    from macaw.language.shapes import TransformerShape, head_of
    from macaw.language.vocabulary import Vocabulary

    torch.manual_seed(0)
    vocabulary = Vocabulary.load(tale())
    shape = TransformerShape(len(vocabulary), width=32, depth=2, heads=4, context=16)
    module = build(shape).eval()
    with torch.no_grad():
        for one in module.parameters():
            one.mul_(3)  # so that its mind is made up
    card = Card.load(tale()).replace(builder="network", head=head_of(shape), name="chance")
    out = tmp_path_factory.mktemp("networks") / "network"
    save_network(out, module, card=card, vocabulary=vocabulary, rows=[])
    return out


@pytest.fixture(scope="module")
def writers(tale, network) -> dict[str, Writer]:
    """By the names they are served by."""
    made = [Writer(tale()), Writer(tale("story")), Writer(network)]
    return {one.folder.name: one for one in made}


@pytest.fixture(scope="module")
def client(start, writers):
    return start([*writers.values()])


def asked(client, **values) -> dict:
    """The whole answer, whose form is checked on the way."""
    reply = client.say(values, PATH)
    assert reply.status == 200, reply.body
    answer = reply.json
    fields = {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert set(answer) == fields and answer["object"] == "text_completion"
    assert answer["id"].startswith("cmpl-") and isinstance(answer["created"], int)
    usage = answer["usage"]
    assert set(usage) == {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    for place, choice in enumerate(answer["choices"]):
        assert set(choice) == {"text", "index", "logprobs", "finish_reason"} and choice["index"] == place
        assert choice["finish_reason"] in {"stop", "length"}
        if told := choice["logprobs"]:
            lists = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
            assert set(told) == set(lists) and len({len(told[name]) for name in lists}) == 1
    return answer


def told(client, **values) -> dict:
    """The log-probabilities of the only choice."""
    (choice,) = asked(client, **values)["choices"]
    return choice["logprobs"]


# How likely a text is


@pytest.mark.parametrize("model", ["my-complete", "my-story", "network"])
@pytest.mark.parametrize("logprobs", [0, 1, 5])
def test_echo_gives_the_values_of_scored_to_the_last_bit(client, writers, model: str, logprobs: int):
    found = told(client, model=model, prompt=TEXT, max_tokens=0, echo=True, logprobs=logprobs)
    scored = writers[model].scored(TEXT)
    assert len(scored.logp) > 20  # more than the network's context
    assert found["token_logprobs"] == [None, *scored.logp[1:].tolist()]
    assert found["top_logprobs"][0] is None
    rows = zip(found["tokens"], found["token_logprobs"], found["top_logprobs"], strict=True)
    assert all(top[token] == value for token, value, top in list(rows)[1:])


@pytest.mark.parametrize("model", ["my-complete", "network"])
def test_behind_the_start_as_an_id_no_token_is_left_out(client, writers, model: str):
    vocabulary = writers[model].model.vocabulary
    ids = [vocabulary.start, *vocabulary.encode(TEXT).tolist()]
    found = told(client, model=model, prompt=ids, max_tokens=0, echo=True, logprobs=1)
    assert found["token_logprobs"] == [None, *writers[model].scored(TEXT).logp.tolist()]
    assert found["tokens"][0] == vocabulary.names[vocabulary.start]
    assert asked(client, prompt=ids, max_tokens=0)["usage"]["prompt_tokens"] == len(ids)


def test_a_prompt_of_ids_is_as_its_text(client, writers):
    ids = writers["my-complete"].model.vocabulary.encode(TEXT).tolist()
    wishes = {"seed": 2, "max_tokens": 8, "echo": True, "logprobs": 2}
    assert asked(client, prompt=ids, **wishes)["choices"] == asked(client, prompt=TEXT, **wishes)["choices"]


def harness(answer: dict, contexts: list[int]) -> list[tuple[float, bool]]:
    """How lm-evaluation-harness reads it: `LocalCompletionsAPI.parse_logprobs`, in other words.

    The entries from the end of the context to the last but one, which is the token that was made; greedy is
    what has the highest value in each place.
    """
    found = []
    for choice, context in zip(answer["choices"], contexts, strict=True):
        values = choice["logprobs"]["token_logprobs"][context:-1]
        tops = choice["logprobs"]["top_logprobs"][context:-1]
        best = all(value == max(top.values()) for value, top in zip(values, tops, strict=True))
        found.append((sum(values), best))
    return found


@pytest.mark.parametrize("model", ["my-complete", "network"])
def test_a_harness_reads_the_likelihood_of_each_continuation(client, writers, model: str):
    language = writers[model].model
    encode = language.vocabulary.encode
    context = encode("The fox").tolist()
    steps = sample(language, np.array(context), settings=Settings(temperature=0), limit=6)
    greedy = [step.token for step in steps if not step.ends]
    rows = [greedy, encode(" went home").tolist(), encode("…").tolist()]
    request = {"temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}
    answer = asked(client, model=model, prompt=[context + row for row in rows], **request)
    found = harness(answer, [len(context)] * len(rows))
    for row, (value, best) in zip(rows, found, strict=True):
        scores = language.score(np.array(context + row))[len(context) :]
        assert value == pytest.approx(scores.sum(), abs=1e-9)
        logp = [language.next(np.array(context + row[:n]))[0] for n in range(len(row))]
        assert best == all(int(np.argmax(some)) == token for some, token in zip(logp, row, strict=True))
    assert found[0][1] and not found[2][1]
    for choice, row in zip(answer["choices"], rows, strict=True):
        assert len(choice["logprobs"]["tokens"]) == len(context) + len(row) + 1


def test_rolling_likelihoods_begin_with_the_end_of_a_document(client, writers):
    # What the harness does for perplexity: the first window's context is the end-of-text token alone
    language = writers["network"].model
    ids = language.vocabulary.encode(TEXT).tolist()
    request = {"temperature": 0, "max_tokens": 1, "logprobs": 1, "echo": True}
    answer = asked(client, model="network", prompt=[[language.vocabulary.end, *ids]], **request)
    ((value, _),) = harness(answer, [1])
    assert value == pytest.approx(writers["network"].scored(TEXT).logp.sum(), abs=1e-9)


def test_alternatives_are_the_likeliest_and_the_token_itself(client, writers):
    language = writers["network"].model
    ids = language.vocabulary.encode(TEXT)
    found = told(client, model="network", prompt=TEXT, max_tokens=0, echo=True, logprobs=3)
    for place, (token, value, top) in enumerate(
        zip(found["tokens"], found["token_logprobs"], found["top_logprobs"], strict=True)
    ):
        if place == 0:
            continue
        logp, _ = language.next(ids[:place])
        assert top[token] == value == max(value, min(top.values()))
        assert list(top.values()) == sorted(top.values(), reverse=True)
        assert sorted(top.values())[-3:] == pytest.approx(np.sort(logp)[-3:].tolist(), abs=1e-4)
        assert len(top) == (3 if logp[ids[place]] >= np.sort(logp)[-3] else 4)


def test_the_values_of_made_tokens_are_the_models_own(client, writers):
    language = writers["my-complete"].model
    settings = Settings(temperature=0.5, top_p=0.8)
    steps = list(sample(language, language.vocabulary.encode("The"), settings=settings, seed=9, limit=30))
    found = told(client, prompt="The", temperature=0.5, top_p=0.8, seed=9, max_tokens=30, logprobs=0)
    assert found["token_logprobs"] == [step.score for step in steps]
    assert [list(top.values()) for top in found["top_logprobs"]] == [[step.score] for step in steps]


def test_the_end_of_a_document_has_an_entry(client, writers):
    prompt = "the fox went home"
    (choice,) = asked(client, prompt=prompt, temperature=0, max_tokens=200, logprobs=1)["choices"]
    vocabulary = writers["my-complete"].model.vocabulary
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"]["tokens"][-1] == vocabulary.names[vocabulary.end]
    assert choice["logprobs"]["text_offset"][-1] == len(prompt) + len(choice["text"])


@pytest.mark.parametrize("echo", [True, False])
def test_offsets_are_where_tokens_stand_from_the_beginning_of_the_prompt(client, echo: bool):
    prompt = "“Où vas-tu?” said 🦊"
    wishes = {"temperature": 2, "seed": 4, "max_tokens": 60, "logprobs": 0, "echo": echo}
    (choice,) = asked(client, prompt=prompt, **wishes)["choices"]
    text = choice["text"] if echo else prompt + choice["text"]
    found = choice["logprobs"]
    assert found["text_offset"][0] == (0 if echo else len(prompt))
    torn = 0
    for token, offset in zip(found["tokens"], found["text_offset"], strict=True):
        if token.startswith("bytes:"):
            torn += 1
        elif token != "</s>":
            assert text[offset : offset + len(token)] == token
    assert not echo or torn >= 4  # the fox is four bytes that no piece holds together
    assert echo or choice["text"].startswith(text[len(prompt) :])


def test_a_part_of_a_character_is_told_by_its_bytes(client):
    tokens = told(client, prompt="🦊", max_tokens=0, echo=True, logprobs=0)["tokens"]
    assert tokens == ["bytes:\\xf0", "bytes:\\x9f", "bytes:\\xa6", "bytes:\\x8a"]


def test_what_can_never_come_has_a_number_that_json_has(start, tale):
    writer = Writer(tale(kind="words"))
    client = start([writer])
    vocabulary = writer.model.vocabulary
    ids = [*vocabulary.encode("The fox").tolist(), vocabulary.begin, *vocabulary.encode("said").tolist()]
    assert not np.isfinite(writer.model.score(np.array(ids))).all()
    found = told(client, prompt=ids, max_tokens=0, echo=True, logprobs=2)
    assert found["token_logprobs"][2] == -9999.0 and found["tokens"][2] == "<s>"
    assert found["top_logprobs"][2]["<s>"] == -9999.0


# Texts


def test_the_defaults_are_those_of_the_api(client, writers):
    answer = asked(client, model="network", prompt="The fox", seed=6)
    language = writers["network"].model
    steps = list(sample(language, language.vocabulary.encode("The fox"), seed=6, limit=16))
    assert answer["usage"]["completion_tokens"] == len(steps)
    assert answer["choices"][0]["text"] == language.vocabulary.decode([step.token for step in steps])
    assert answer["choices"][0]["logprobs"] is None
    assert answer["model"] == "network"


def test_null_is_the_same_as_nothing(client):
    names = "temperature top_p n stop max_tokens presence_penalty frequency_penalty logprobs echo stream"
    others = "stream_options suffix best_of logit_bias user model"
    nothing = dict.fromkeys(f"{names} {others}".split())
    plain, nulls = (asked(client, prompt="The", seed=1, **more)["choices"] for more in ({}, nothing))
    assert plain == nulls


def test_a_seed_gives_the_same_again_and_none_another(client):
    wishes = {"model": "network", "prompt": "The", "max_tokens": 30, "temperature": 2}
    texts = [asked(client, **wishes, seed=-5)["choices"][0]["text"] for _ in range(2)]
    assert texts[0] == texts[1]
    assert len({asked(client, **wishes)["choices"][0]["text"] for _ in range(3)}) > 1


def test_choices_are_counted_through_all_prompts(client, writers):
    wishes = {"prompt": ["The fox", "The owl"], "n": 3, "max_tokens": 4, "seed": 2, "logprobs": 0}
    answer = asked(client, **wishes)
    language = writers["my-complete"].model
    ids = [language.vocabulary.encode(one) for one in wishes["prompt"]]
    for choice in answer["choices"]:
        prompt, item = divmod(choice["index"], 3)
        steps = islice(sample(language, ids[prompt], seed=2, item=item, limit=4), 4)
        assert choice["logprobs"]["token_logprobs"] == [step.score for step in steps]
    assert len(answer["choices"]) == 6
    assert answer["usage"]["prompt_tokens"] == sum(map(len, ids))


def test_rows_of_ids_are_prompts_of_their_own(client, writers):
    encode = writers["my-complete"].model.vocabulary.encode
    rows = [encode(one).tolist() for one in ("The fox", "The owl said")]
    answer = asked(client, prompt=rows, max_tokens=0, echo=True)
    assert [choice["text"] for choice in answer["choices"]] == ["The fox", "The owl said"]


@pytest.mark.parametrize("stop", ["said", ["owls", "said", "z", "y", "x"]])
def test_a_stop_string_is_not_part_of_the_text(client, stop):
    wishes = {"prompt": "The ", "temperature": 0, "max_tokens": 60}
    (whole,) = asked(client, **wishes)["choices"]
    (cut,) = asked(client, **wishes, stop=stop, logprobs=0)["choices"]
    assert "said" in whole["text"] and cut["text"] == whole["text"].partition("said")[0]
    assert cut["finish_reason"] == "stop"


def test_penalties_and_our_own_settings_are_heard(client, writers):
    language = writers["network"].model
    ids = language.vocabulary.encode("The fox")
    settings = Settings(presence=1.5, frequency=0.5, top_k=7, repetition=1.2)
    steps = sample(language, ids, settings=settings, seed=3, limit=12)
    found = told(
        client, model="network", prompt="The fox", seed=3, max_tokens=12, logprobs=0,
        presence_penalty=1.5, frequency_penalty=0.5, top_k=7, repetition=1.2,
    )  # fmt: skip
    assert found["token_logprobs"] == [step.score for step in steps]


def test_without_tokens_to_make_nothing_is_made(client):
    answer = asked(client, prompt="The fox", max_tokens=0)
    assert answer["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert answer["usage"]["completion_tokens"] == 0


def test_without_a_prompt_a_document_starts(client, writers):
    answer = asked(client, max_tokens=5, temperature=0, echo=True)
    assert answer["usage"]["prompt_tokens"] == 0
    language = writers["my-complete"].model
    made = greedy(language, np.empty(0, np.int32), limit=5)
    assert answer["choices"][0]["text"] == language.vocabulary.decode(made)
    assert told(client, prompt="", max_tokens=0, echo=True, logprobs=1)["tokens"] == []


@pytest.mark.parametrize("wishes", [
    {"prompt": "The fox", "max_tokens": 25, "seed": 3},
    {"prompt": ["The fox", "“Où 🦊"], "max_tokens": 25, "n": 2, "seed": 3, "temperature": 2, "logprobs": 2},
    {"prompt": TEXT, "max_tokens": 3, "seed": 3, "logprobs": 1, "echo": True, "stop": "e"},
    {"prompt": TEXT, "max_tokens": 0, "logprobs": 1, "echo": True},
])  # fmt: skip
def test_a_stream_is_the_same_in_chunks(client, wishes: dict):
    whole = asked(client, **wishes)
    *chunks, last, (_, done) = client.events({**wishes, "stream_options": {"include_usage": True}}, PATH)
    assert done == "[DONE]"
    assert last[1]["choices"] == [] and last[1]["usage"] == whole["usage"]
    assert all(name == "" and chunk["usage"] is None for name, chunk in chunks)
    assert len({chunk["id"] for _, chunk in [*chunks, last]}) == 1
    for choice in whole["choices"]:
        some = [one for _, chunk in chunks for one in chunk["choices"] if one["index"] == choice["index"]]
        assert "".join(one["text"] for one in some) == choice["text"]
        assert [one["finish_reason"] for one in some] == [None] * (len(some) - 1) + [choice["finish_reason"]]
        for name, values in (choice["logprobs"] or {}).items():
            assert [value for one in some for value in one["logprobs"][name]] == values


def test_without_the_wish_a_stream_says_nothing_of_usage(client):
    *chunks, done = client.events({"prompt": "The fox", "max_tokens": 3}, PATH)
    assert done == ("", "[DONE]") and all("usage" not in chunk for _, chunk in chunks)


def test_models_are_listed_and_found(client, writers):
    answer = client.get("/v1/models").json
    assert set(answer) == {"object", "data"} and answer["object"] == "list"
    assert [one["id"] for one in answer["data"]] == [*writers]
    for one in answer["data"]:
        assert set(one) == {"id", "object", "created", "owned_by"} and one["object"] == "model"
        assert client.get(f"/v1/models/{one['id']}").json == one
    assert client.get("/v1/models/nobody").status == 404


# What is refused: OpenAI's four fields, and our hint


@pytest.mark.parametrize(
    ("values", "status", "code", "param", "words"),
    [
        ({"suffix": "end"}, 400, "not_supported", "suffix", "'suffix' is not supported here"),
        ({"logit_bias": {"5": 1}}, 400, "not_supported", "logit_bias", "'logit_bias' is not supported here"),
        ({"best_of": 4}, 400, "not_supported", "best_of", "leave it out, and choose among n"),
        ({"logprobs": 6}, 400, "bad_parameter", "logprobs", "less than or equal to 5"),
        ({"temperature": 2.1}, 400, "bad_parameter", "temperature", "the parameter 'temperature' is '2.1'"),
        ({"temperature": "1"}, 400, "bad_parameter", "temperature", "the parameter 'temperature' is '1'"),
        ({"top_p": 0}, 400, "bad_parameter", "top_p", "top_p is 0"),
        ({"presence_penalty": 3}, 400, "bad_parameter", "presence_penalty", "is '3'"),
        ({"repetition": 0}, 400, "bad_parameter", "repetition", "repetition is 0"),
        ({"n": 0}, 400, "bad_parameter", "n", "the parameter 'n' is '0'"),
        ({"max_tokens": 2000}, 400, "too_many_tokens", "max_tokens", "for 2,000 tokens"),
        ({"prompt": []}, 400, "bad_parameter", "prompt", "is an empty list"),
        ({"prompt": [99_999]}, 400, "bad_parameter", "prompt", "id 99999 is not in the vocabulary"),
        ({"prompt": [1.5]}, 400, "bad_parameter", "prompt", "the parameter 'prompt' is"),
        ({"prompt": "\ud800"}, 400, "bad_parameter", "prompt", "half a surrogate pair"),
        ({"prompt": "x" * 70_000}, 413, "long_prompt", "prompt", "the prompts have 70,000 bytes"),
        ({"stop": [""]}, 400, "bad_parameter", "stop", "stop strings are"),
        ({"max_token": 5}, 400, "unknown_parameter", "max_token", "Did you mean 'max_tokens'?"),
        ({"model": "netwerk"}, 404, "unknown_model", "model", "Did you mean 'network'?"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("stream", [False, True], ids=["at once", "streaming"])
def test_what_cannot_be_is_refused_politely(client, values, status, code, param, words, stream):
    reply = client.say({**values, "stream": stream}, PATH)
    error = reply.json["error"]
    assert (reply.status, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code", "hint"}
    assert error["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert words in error["message"] and error["hint"] and "\n" not in error["message"]


def test_what_is_no_json_is_refused_in_the_same_form(client):
    reply = client.post(b"{", PATH, "application/json")
    assert (reply.status, reply.json["error"]["code"]) == (400, "bad_json")
    reply = client.get(PATH)
    assert (reply.status, reply.json["error"]["type"]) == (405, "invalid_request_error")
    assert json.loads(reply.body)["error"]["param"] is None


def test_what_takes_too_long_is_told_in_the_stream(start, slow):
    client = start([slow(0.02)], timeout=0.3)
    *chunks, (_, error) = client.events({"max_tokens": 900}, PATH)
    assert chunks and error["error"]["code"] == "too_slow" and error["error"]["type"] == "server_error"
    reply = client.say({"max_tokens": 900}, PATH)
    assert (reply.status, reply.json["error"]["code"]) == (504, "too_slow")
