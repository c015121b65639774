"""Text over HTTP: what `run` says, at once or token by token; fair turns, limits, and who leaves is left."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import macaw
from macaw import tasks
from macaw.errors import ModelError
from macaw.language.writer import Writer
from macaw.server import Limits, hosting
from tests.language.test_hub import byte_pieces

pytest.importorskip("fastapi")


@pytest.fixture(scope="module")
def client(start, tale):
    """A server of an n-gram that goes on, and of one that tells stories."""
    return start([Writer(tale()), Writer(tale("story"))])


def said(answer: dict) -> dict:
    """An answer as `run` gives it."""
    return {name: value for name, value in answer.items() if name not in {"model", "milliseconds"}}


def run(folder: Path, prompts, **asked) -> list[dict]:
    """What the model says without a server."""
    found = Writer(folder).run(prompts, **asked)
    return [said(one.to_dict()) for one in (found if isinstance(found, list) else [found])]


def test_a_prompt_is_answered_as_run_answers_it(client, tale):
    wishes = {"temperature": 0.7, "seed": 3, "limit": 12, "stop": ["moon"]}
    reply = client.say({"prompt": "The fox", **wishes})
    assert reply.status == 200
    assert said(reply.json) == run(tale(), "The fox", **wishes)[0]
    assert reply.json["model"] == "my-complete" and 0 < reply.json["milliseconds"] < 20_000


def test_a_story_is_told_of_its_title(client, tale):
    reply = client.say({"prompt": "The Owl", "limit": 40}, "/story")
    assert said(reply.json) == run(tale("story"), "The Owl", limit=40)[0]
    assert reply.json["title"] == "The Owl" and reply.json["prompt"] == "The Owl\n\n"
    assert reply.json["paragraphs"]


def test_what_is_left_out_is_as_the_card_has_it(client, tale):
    answer = client.say({}).json
    assert answer["settings"] == {"temperature": 0.9, "top_p": 0.97} and answer["limit"] == 20
    assert said(answer) == run(tale(), "")[0]


@pytest.mark.parametrize(
    ("body", "kind", "query"),
    [
        ("The fox said, “Où?”", "text/plain; charset=utf-8", "?seed=5&limit=9"),
        ("The fox said, “Où?”", "text/plain", "?seed=5&limit=9&model=my-complete"),
        ("prompt=The+fox+said%2C+%E2%80%9CO%C3%B9%3F%E2%80%9D&seed=5&limit=9&top_k=", "", ""),
        ('{"prompt": "The fox said, “Où?”", "seed": 5, "limit": 9}', "application/json", ""),
        ('{"prompt": "The fox said, “Où?”", "seed": 5}', "application/x-www-form-urlencoded", "?limit=9"),
    ],
    ids=["plain text", "named model", "a form", "JSON", "curl -d"],
)
def test_every_way_to_ask_gives_the_same(client, tale, body: str, kind: str, query: str):
    headers = {"content_type": kind} if kind else {}
    reply = client.ask("POST", f"/complete{query}", body.encode(), **headers)
    assert said(reply.json) == run(tale(), "The fox said, “Où?”", seed=5, limit=9)[0]


def test_a_form_of_a_browser_ends_lines_as_models_do(client):
    body = b"prompt=one%0D%0Atwo&limit=1"
    reply = client.post(body, "/complete", "application/x-www-form-urlencoded")
    assert reply.json["prompt"] == "one\ntwo"


def test_several_prompts_and_several_texts_are_a_list(client, tale):
    wishes = {"count": 3, "limit": 5}
    answers = client.say({"prompt": ["The fox", "The owl"], **wishes}).json
    assert [said(one) for one in answers] == run(tale(), ["The fox", "The owl"], **wishes)
    assert [one["item"] for one in answers] == [0, 1, 2, 0, 1, 2]
    assert isinstance(client.say({"prompt": ["The fox"], "limit": 1}).json, list)


def test_a_stream_has_an_event_for_each_token_and_then_the_whole_answer(client):
    wishes = {"prompt": "The fox", "temperature": 1.5, "top_p": 1, "seed": 8, "limit": 40}
    *pieces, (name, answer) = client.events(wishes)
    whole = client.say(wishes).json
    assert name == "answer" and said(answer) == said(whole)
    assert [name for name, _ in pieces] == [""] * len(whole["tokens"])
    assert "".join(one["text"] for _, one in pieces) == whole["text"]
    assert [(one["token"], one["text"]) for _, one in pieces] == [
        (one["token"], one["text"]) for one in whole["tokens"]
    ]
    assert [one["logp"] for _, one in pieces] == pytest.approx([one["logp"] for one in whole["tokens"]])
    assert set(pieces[0][1]) == {"text", "token", "logp"}


def test_a_stream_of_several_says_which_text_a_token_is_of(client):
    *pieces, (name, answers) = client.events({"prompt": ["The fox", "The owl"], "count": 2, "limit": 3})
    assert name == "answer" and len(answers) == 4
    for number, answer in enumerate(answers):
        assert "".join(one["text"] for _, one in pieces if one["item"] == number) == answer["text"]


def test_tokens_are_sent_as_soon_as_they_are_there(start, slow):
    client = start([slow(0.05)])
    link = http.client.HTTPConnection("127.0.0.1", client.port, timeout=20)
    link.request(
        "POST", "/complete", json.dumps({"limit": 20, "stream": True}), {"Content-Type": "application/json"}
    )
    began = time.monotonic()
    got = link.getresponse()
    assert got.readline().startswith(b"data: ")
    assert time.monotonic() - began < 0.6  # all of them take more than a second
    assert got.read().count(b"data: ") == 20  # the rest of them, and the answer
    assert time.monotonic() - began > 0.9
    link.close()


def test_a_short_text_is_there_while_a_long_one_is_written(start, slow):
    client = start([slow(0.01)], timeout=20)
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        long = pool.submit(client.say, {"limit": 150})
        time.sleep(0.2)
        assert client.say({"limit": 5}).status == 200
        short = time.monotonic() - began
        assert not long.done()
        assert long.result().json["limit"] == 150
        assert short < (time.monotonic() - began) / 2


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "at once"])
def test_a_client_that_leaves_stops_the_computation(start, slow, until, stream: bool):
    writer = slow(0.01)
    client = start([writer], timeout=20)
    body = json.dumps({"limit": 900, "stream": stream}).encode()
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as link:
        head = f"POST /complete HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        link.sendall(head.encode() + body)
        until(lambda: writer.model.count > 10)
    until(lambda: client.health()["waiting"] == 0)
    time.sleep(0.1)
    count = writer.model.count
    time.sleep(0.2)
    assert writer.model.count == count < 900


def test_the_end_of_the_server_waits_for_a_stream(start, slow, until):
    writer = slow(0.01)
    client = start([writer], timeout=20)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.events, {"limit": 60})
        until(lambda: writer.model.count > 10)
        client.server.should_exit = client.house.stopping = True
        *pieces, (name, _) = asked.result()
    assert len(pieces) == 60 and name == "answer"


def test_the_table_and_the_state_are_told(client, tale):
    complete, story = client.get("/tasks").json
    assert (complete["name"], story["name"], story["gives"]) == ("complete", "story", "Story")
    size = len(Writer(tale()).model.vocabulary)
    assert complete["models"] == [{"name": "my-complete", "card": "tales of pieces", "tokens": size}]
    before = client.health()
    made = len(client.say({"limit": 7}).json["tokens"])
    after = client.health()
    assert (after["texts"], after["tokens"]) == (before["texts"] + 1, before["tokens"] + made)
    assert (after["pictures"], after["waiting"]) == (0, 0)


def test_pictures_and_texts_are_served_by_one(start, tale, png):
    client = start(["classify", Writer(tale())])
    assert client.post(png()).status == 200
    assert client.say({"limit": 2}).status == 200
    classify, complete = client.get("/tasks").json
    assert "tokens" not in classify["models"][0] and "classes" not in complete["models"][0]
    text = client.get("/").body.decode()
    assert "curl -F file=@photo.jpg" in text and "/v1/completions" in text


@pytest.mark.parametrize("engine", [None, "openvino", "numpy"])
def test_a_folder_is_known_by_its_card_and_gets_an_engine_of_its_kind(start, tale, engine):
    house = hosting.open_house(["classify", tale(), tale("story")], Limits(), engine)
    classify, complete, story = house.hosted
    assert (complete.task.name, story.task.name, complete.writer.engine) == ("complete", "story", "numpy")
    assert type(classify) is not type(complete)
    house.close()


def test_an_engine_that_the_only_model_lacks_is_refused(tale):
    with pytest.raises(macaw.MacawError, match="engine"):
        hosting.open_house([tale()], Limits(), "openvino")


def test_without_a_writer_there_is_nothing_of_openai(start):
    client = start(["classify"])
    assert client.get("/v1/models").status == 404
    assert "OpenAI" not in client.get("/").body.decode()


def test_models_are_chosen_by_name(start, tale, slow):
    client = start([Writer(tale()), slow(0, "other")])
    assert client.say({"model": "other", "limit": 1}).json["model"] == "other"
    reply = client.say({"model": "othr", "limit": 1})
    assert (reply.status, reply.error["code"]) == (404, "unknown_model")
    assert "Did you mean 'other'?" in reply.error["message"]


def test_two_of_one_name_are_refused(tale):
    with pytest.raises(macaw.MacawError, match="two models would be served as 'my-complete'; rename"):
        hosting.open_house([Writer(tale()), Writer(tale())], Limits(), "onnxruntime")


def test_the_page_shows_how_to_ask_and_loads_nothing(client):
    text = client.get("/").body.decode()
    for words in (
        f"curl -N http://127.0.0.1:{client.port}/complete --json",
        '<textarea name="prompt"',
        'base_url="http://127.0.0.1:',
        tasks.find("story").does,
        "tokens made for a request",
    ):
        assert words in text, words
    assert "<script" not in text and "@import" not in text and "url(" not in text
    links = re.findall(r'(?:href|src|action)="([^"]*)', text)
    assert all(link.startswith(("/", "#", "data:")) for link in links)


def test_the_form_of_the_page_is_answered(client):
    text = client.get("/").body.decode()
    names = set(re.findall(r'name="(\w+)"', text)) - {"viewport"}
    assert names == {"prompt", "temperature", "top_p", "seed", "limit"}
    fields = "&".join(f"{name}={'The+fox' if name == 'prompt' else ''}" for name in names)
    reply = client.post(fields.encode(), "/complete", "application/x-www-form-urlencoded")
    assert reply.json["prompt"] == "The fox"


def test_the_schema_has_the_routes_with_types_and_errors(client):
    schema = client.get("/openapi.json").json
    routes = {
        "/complete",
        "/story",
        "/tasks",
        "/health",
        "/v1/completions",
        "/v1/models",
        "/v1/models/{name}",
    }
    assert set(schema["paths"]) == routes
    route = schema["paths"]["/complete"]["post"]
    kinds = {"application/json", "text/plain", "application/x-www-form-urlencoded"}
    assert set(route["requestBody"]["content"]) == kinds
    assert set(route["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    fields = set(schema["components"]["schemas"]["StoryAnswer"]["properties"])
    assert fields == {*client.say({"limit": 1}, "/story").json}


# What is refused, each with its status, its code and a line


@pytest.mark.parametrize(
    ("values", "status", "code", "words"),
    [
        ({"temprature": 1}, 422, "unknown_parameter", "Did you mean 'temperature'?"),
        ({"temperature": -1}, 422, "bad_parameter", "temperature is -1"),
        ({"temperature": "hot"}, 422, "bad_parameter", "the parameter 'temperature' is 'hot'"),
        ({"top_p": 0}, 422, "bad_parameter", "top_p is 0"),
        ({"top_k": 1.5}, 422, "bad_parameter", "the parameter 'top_k' is '1.5'"),
        ({"seed": -1}, 422, "bad_parameter", "seed is -1"),
        ({"limit": 0}, 422, "bad_parameter", "limit is 0"),
        ({"count": 0}, 422, "bad_parameter", "count is 0"),
        ({"limit": True}, 422, "bad_parameter", "the parameter 'limit' is 'True'"),
        ({"stop": ""}, 422, "bad_parameter", "stop strings are ('',)"),
        ({"prompt": 5}, 422, "bad_parameter", "the parameter 'prompt' is '5'"),
        ({"prompt": []}, 422, "bad_parameter", "the list of prompts is empty"),
        ({"prompt": "\ud800"}, 422, "bad_parameter", "half a surrogate pair"),
        ({"prompt": "x" * 70_000}, 413, "long_prompt", "have 70,000 bytes, and this server takes 65,536"),
        ({"limit": 1025}, 422, "too_many_tokens", "for 1,025 tokens, and this server makes 1,024 for one"),
        ({"limit": 600, "count": 2}, 422, "too_many_tokens", "for 1,200 tokens"),
        ({"count": 2000}, 422, "too_many_tokens", "for 2,000 tokens"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["at once", "streaming"])
def test_wrong_wishes_are_one_line(client, values: dict, status: int, code: str, words: str, stream: bool):
    reply = client.say({**values, "stream": stream})
    assert (reply.status, reply.error["code"]) == (status, code)
    assert words in reply.error["message"] and reply.error["hint"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code", "words"),
    [
        (b'{"prompt": ', "application/json", 400, "bad_json", "the body is no JSON"),
        (b"[1]", "application/json", 400, "bad_json", "the body is a list in JSON, not an object"),
        (b"[" * 100_000, "application/json", 400, "bad_json", "the body is no JSON"),
        (b"\xff\xfe", "text/plain", 422, "bad_text", "the body is no UTF-8 from byte 1 on"),
        (b"x", "image/png", 415, "wrong_content", "the Content-Type is 'image/png'"),
        (b"limit=many", "application/x-www-form-urlencoded", 422, "bad_parameter", "'limit' is 'many'"),
        (bytes(17_000_000), "text/plain", 413, "too_many_bytes", "and this server takes 16,777,216"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_request_is_one_line(client, body: bytes, kind: str, status: int, code: str, words: str):
    reply = client.post(body, "/complete", kind)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert words in reply.error["message"] and reply.error["hint"]


def test_the_limits_are_those_of_the_server(start, tale):
    client = start([Writer(tale())], max_tokens=6, max_prompt=10)
    assert client.say({"prompt": "0123456789"}).json["limit"] == 6  # the card's 20 is shortened
    assert [one["limit"] for one in client.say({"count": 3}).json] == [2, 2, 2]
    assert client.say({"prompt": "0123456789x"}).status == 413
    assert client.say({"limit": 7}).status == 422


def test_a_full_queue_refuses_a_stream_too_and_the_place_comes_back(start, slow, until):
    writer = slow(0.01)
    client = start([writer], queue=1, timeout=20)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.events, {"limit": 40})
        until(lambda: client.health()["waiting"] == 1)
        for stream in (True, False):
            reply = client.say({"limit": 1, "stream": stream})
            assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (429, "busy", "1")
        assert len(asked.result()) == 41
    until(lambda: client.health()["waiting"] == 0)
    assert client.say({"limit": 1}).status == 200


def test_what_takes_too_long_is_given_up_and_the_next_is_answered(start, slow, until):
    writer = slow(0.02)
    client = start([writer], timeout=0.4)
    reply = client.say({"limit": 900})
    assert (reply.status, reply.error["code"]) == (504, "too_slow")
    *pieces, (name, error) = client.events({"limit": 900})
    assert (name, error["error"]["code"]) == ("error", "too_slow") and 2 < len(pieces) < 30
    assert client.say({"limit": 2}).status == 200
    until(lambda: client.health()["waiting"] == 0)
    assert writer.model.count < 90


def test_a_model_that_fails_is_told_and_the_server_goes_on(start, slow, monkeypatch):
    writer = slow(0)
    client = start([writer])
    real = writer.model.next

    def failing(ids, state=None):
        if writer.model.count > 8:
            raise ModelError("the weights are gone; restore the folder")
        return real(ids, state)

    writer.model.count = 0
    monkeypatch.setattr(writer.model, "next", failing)
    *pieces, (name, error) = client.events({"limit": 20})
    assert len(pieces) == 8 or len(pieces) == 9
    assert name == "error" and error["error"] == {
        "code": "broken_model", "message": "the weights are gone", "hint": "restore the folder",
    }  # fmt: skip
    for stream in (True, False):
        reply = client.say({"limit": 20, "stream": stream})
        assert (reply.status, reply.error["code"]) == (500, "broken_model")
    monkeypatch.undo()
    assert client.say({"limit": 20}).status == 200


def test_a_body_that_does_not_arrive_is_given_up(start, tale):
    client = start([Writer(tale())], timeout=0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as link:
        link.sendall(b"POST /complete HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12")
        got = http.client.HTTPResponse(link)
        got.begin()
        assert got.status == 408 and b"send a smaller text" in got.read()
    assert client.health()["waiting"] == 0


def test_many_requests_at_once_are_each_answered_as_alone(client, tale):
    prompts = ["The fox", "The owl", "The sea", "“Où", ""]
    with ThreadPoolExecutor(10) as pool:
        asked = [
            pool.submit(client.say, {"prompt": prompts[seed % 5], "seed": seed, "limit": 15})
            for seed in range(20)
        ]
        answers = [said(one.result().json) for one in asked]
    assert answers == [run(tale(), prompts[seed % 5], seed=seed, limit=15)[0] for seed in range(20)]
    assert "macaw-turns" in {thread.name for thread in threading.enumerate()}


def test_a_causal_model_of_the_hub_is_served_like_one_of_ours(start, tmp_path: Path):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=byte_pieces(tmp_path), n_embd=24, n_layer=2, n_head=4, n_positions=64,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    client = start([f"hf:{tmp_path}"])
    writer = macaw.load(f"hf:{tmp_path}")
    asked = {"limit": 8, "seed": 2}
    assert said(client.say({"prompt": "The cat", **asked}).json) == said(
        writer.run("The cat", **asked).to_dict()
    )
    wanted = {"prompt": "The cat sat", "max_tokens": 0, "echo": True, "logprobs": 1}
    reply = client.say(wanted, "/v1/completions")
    assert reply.status == 200, reply.json
    told = reply.json["choices"][0]["logprobs"]["token_logprobs"]
    scores = writer.model.score(writer.model.vocabulary.encode("The cat sat"))
    assert told[-len(scores) + 1 :] == pytest.approx(scores[1:].tolist(), abs=1e-4)
