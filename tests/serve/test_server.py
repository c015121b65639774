"""What the server answers: typed results, one by one and together; and each limit, with its line."""

from __future__ import annotations

import http.client
import io
import re
import shutil
import socket
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import macaw
from macaw import zoo
from macaw.card import Card
from macaw.commands import app
from macaw.model import Model
from macaw.results.labels import Labels
from macaw.server import Limits, hosting

pytest.importorskip("fastapi")


def probs_of(answer) -> dict[str, float]:
    return {guess["name"]: guess["prob"] for guess in answer["labels"]}


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with nothing behind it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = [head, b"IDAT" + zlib.compress(b""), b"IEND"]
    parts = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in rest]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_picture_is_answered_as_run_answers_it(client, png):
    reply = client.post(png(3))
    said = macaw.load("classify").run(png(3))
    assert reply.status == 200
    assert {**reply.json, "milliseconds": 0} == {**said.to_dict(), "model": "classify", "milliseconds": 0}
    assert 0 < reply.json["milliseconds"] < 20_000


def test_the_answer_is_a_labels_again(client, png):
    answer = client.post(png(3), "/classify?top=1000").json
    names, probs = zip(*probs_of(answer).items(), strict=True)
    again = Labels(names, np.array(probs), answer["source"], multi=answer["multi"])
    assert set(names) == set(macaw.load("classify").card.names)
    assert again.best.name == macaw.load("classify").run(png(3)).best.name


def test_top_says_how_many_guesses(client, png):
    assert [len(client.post(png(), f"/classify?top={n}").json["labels"]) for n in (1, 3)] == [1, 3]
    assert len(client.post(png()).json["labels"]) == 5


def test_a_form_of_one_file_is_answered_like_the_file_and_named_by_it(client, png):
    answer = client.form([("cat.png", png(1))]).json
    assert answer["source"] == "cat.png"
    assert answer["labels"] == client.post(png(1)).json["labels"]


def test_a_form_of_several_gives_a_list_in_its_order(client, png):
    answers = client.form([(f"{n}.png", png(n)) for n in range(5)]).json
    assert [one["source"] for one in answers] == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    assert [one["labels"] for one in answers] == [client.post(png(n)).json["labels"] for n in range(5)]


def test_any_type_of_picture_and_plain_bytes_will_do(client):
    data = io.BytesIO()
    Image.new("L", (1, 1), 77).save(data, "WEBP")
    for kind in ("image/webp", "image/png; charset=x", "application/octet-stream", "IMAGE/JPEG"):
        assert client.post(data.getvalue(), kind=kind).status == 200, kind


def test_pictures_that_wait_together_are_computed_together_and_answered_as_alone(start, gated, png, until):
    client = start([gated], batch=8)
    batches = client.house.hosted[0].batches
    gated.sizes.clear()
    gated.gate.clear()
    pictures = [png(seed, 20 + seed, 90 - seed) for seed in range(12)]
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(client.post, one, "/classify?top=200") for one in pictures]
        until(lambda: gated.sizes and gated.sizes[0] + len(batches) == 12)
        gated.gate.set()
        answers = [one.result().json for one in asked]
    assert sum(gated.sizes) == 12 and max(gated.sizes) in range(2, 9)
    alone = macaw.load("classify")
    for data, answer in zip(pictures, answers, strict=True):
        got = probs_of(answer)
        assert max(abs(got[name] - prob) for name, prob in alone.run(data)) < 5e-6
    health = client.health()
    assert (health["pictures"], health["batches"]) == (12, len(gated.sizes))


def test_several_models_are_chosen_by_name(start, tmp_path: Path, png):
    shutil.copytree(zoo.folder("classify"), tmp_path / "mine")
    card = Card.load(tmp_path / "mine")
    card.replace(names=tuple(f"n{i}" for i in range(len(card.names)))).save(tmp_path / "mine")
    client = start(["classify", tmp_path / "mine"])
    first, mine = (client.post(png(), f"/classify{query}").json for query in ("", "?model=mine"))
    assert (first["model"], mine["model"]) == ("classify", "mine")
    assert mine["labels"][0]["name"].startswith("n")
    (row,) = client.get("/tasks").json
    assert [one["name"] for one in row["models"]] == ["classify", "mine"]
    reply = client.post(png(), "/classify?model=mime")
    assert (reply.status, reply.error["code"]) == (404, "unknown_model")
    assert "no model 'mime' for classify is served here. Did you mean 'mine'?" in reply.error["message"]
    assert reply.error["hint"] == "there are: classify, mine"


def test_two_models_of_one_name_are_refused():
    with pytest.raises(macaw.MacawError, match="two models would be served as 'classify'; rename"):
        hosting.open_house(["classify", zoo.folder("classify")], Limits(), "onnxruntime")


def test_a_checkpoint_is_fetched_only_when_that_was_asked_for(monkeypatch):
    asked, real = [], hosting.verbs.load

    def load(name, **how):
        asked.append((name, how["download"]))
        return real("classify")

    monkeypatch.setattr(hosting.verbs, "load", load)
    for download in (False, True):
        house = hosting.open_house(["hf:owner/name"], Limits(), "onnxruntime", download=download)
        assert [one.name for one in house.hosted] == ["hf:owner/name"]
        house.close()
    assert asked == [("hf:owner/name", False), ("hf:owner/name", True)]


def test_the_command_line_hands_the_wish_to_fetch_on(monkeypatch):
    told = {}
    monkeypatch.setattr("macaw.server.serve", lambda models, **how: told.update(how, models=models))
    for words in ([], ["--download"]):
        assert CliRunner().invoke(app, ["serve", "hf:owner/name", *words]).exit_code == 0
        assert (told["models"], told["download"]) == (["hf:owner/name"], bool(words))


def test_the_table_and_the_state_are_told(client, png):
    (row,) = client.get("/tasks").json
    assert (row["name"], row["gives"], row["models"][0]["classes"]) == ("classify", "Labels", 200)
    before = client.health()
    client.post(png())
    after = client.health()
    assert after["live"] and after["ready"] and after["models"] == ["classify"]
    assert (after["waiting"], after["queue"]) == (0, 64)
    assert after["pictures"] == before["pictures"] + 1
    assert after["uptime"] > before["uptime"] > 0


def test_the_schema_has_every_route_with_types_and_errors(client, png):
    schema = client.get("/openapi.json").json
    assert set(schema["paths"]) == {"/classify", "/tasks", "/health"}
    route = schema["paths"]["/classify"]["post"]
    assert set(route["requestBody"]["content"]) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
    }
    assert {"200", "408", "413", "415", "422", "429", "504"} <= set(route["responses"])
    one, several = route["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert one["$ref"].endswith("/LabelsAnswer") and several["type"] == "array"
    fields = set(schema["components"]["schemas"]["LabelsAnswer"]["properties"])
    assert fields == {*macaw.load("classify").run(png()).to_dict(), "model", "milliseconds"}


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_says_what_is_here_and_loads_nothing_from_elsewhere(client, path: str):
    reply = client.get(path)
    assert reply.headers["content-type"].startswith("text/html")
    text = reply.body.decode()
    for words in ("Says what a picture shows", "curl -F file=@photo.jpg", "64,000,000", "/openapi.json"):
        assert words in text
    assert "<script" not in text and "@import" not in text and "url(" not in text
    assert all(
        link.startswith(("/", "#", "data:")) for link in re.findall(r'(?:href|src|action)="([^"]*)', text)
    )


# What is refused, each with its status, its code and a line


def test_too_many_bytes_are_refused_before_they_are_read(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as link:
        link.sendall(
            b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
            b"Content-Length: 99999999\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        reply = b"".join(iter(lambda: link.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"the body has 99,999,999 bytes or more, and this server takes 16,777,216" in reply


def test_too_many_bytes_of_unknown_number_are_refused(start, png):
    client = start(max_bytes=100_000)
    reply = client.ask("POST", "/classify", iter([bytes(60_000)] * 2), content_type="image/png")
    assert (reply.status, reply.error["code"]) == (413, "too_many_bytes")
    assert client.post(png()).status == 200


def test_too_many_pixels_are_refused_before_they_are_decoded(client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hosting, "read_picture", None)  # a call of it would be a bug, and 500
    for width, height, words in (
        (12_000, 9_000, "bomb.png has 12,000 x 9,000 pixels, and this server takes 64,000,000 in all"),
        (60_000, 60_000, "bomb.png has 3,600 megapixels, more than the 179 allowed"),  # Pillow's own limit
    ):
        reply = client.form([("bomb.png", claimed(width, height))])
        assert (reply.status, reply.error["code"]) == (413, "too_many_pixels")
        assert (reply.error["message"], reply.error["hint"]) == (words, "scale it down or cut it into tiles")


def test_a_picture_within_the_limit_of_pixels_is_answered(start, png):
    client = start(max_pixels=1200)
    assert client.post(png(0, 40, 30)).status == 200
    assert client.post(png(0, 40, 31)).status == 413


def test_too_many_files_are_refused(start, png):
    client = start(max_files=2)
    assert client.form([("1.png", png()), ("2.png", png())]).status == 200
    reply = client.form([(f"{n}.png", png()) for n in range(3)])
    assert (reply.status, reply.error["code"]) == (413, "too_many_files")


@pytest.mark.parametrize(
    ("spoil", "kind", "status", "code", "words"),
    [
        (lambda _: b"hello", "text/plain", 415, "wrong_content", "the Content-Type is 'text/plain'"),
        (
            lambda good: good,
            "application/x-www-form-urlencoded",
            415,
            "wrong_content",
            "x-www-form-urlencoded",
        ),
        (
            lambda _: b"<!doctype html>",
            "image/png",
            415,
            "not_a_picture",
            "the picture is text (HTML), not a picture",
        ),
        (
            lambda _: b"%PDF-1.7",
            "image/png",
            415,
            "not_a_picture",
            "the picture is a PDF document, not a picture",
        ),
        (lambda good: good[:400], "image/png", 422, "bad_picture", "the picture is cut short"),
        (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(60), "image/png", 422, "bad_picture", "the picture is "),
        (lambda _: b"", "image/png", 422, "bad_picture", "the request has no body"),
        (lambda good: good, "multipart/form-data", 400, "bad_form", "names no boundary"),
        (lambda good: good, "multipart/form-data; boundary=x", 400, "bad_form", "cut short"),
        (lambda _: b"--x--\r\n", "multipart/form-data; boundary=x", 400, "bad_form", "holds no file"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_what_is_no_picture_is_refused(client, png, spoil, kind, status, code, words):
    reply = client.post(spoil(png()), kind=kind)
    assert (reply.status, reply.error["code"]) == (status, code)
    assert words in reply.error["message"]
    assert reply.error["hint"]


def test_without_a_content_type_one_is_asked_for(client, png):
    reply = client.ask("POST", "/classify", png())
    assert (reply.status, reply.error["message"]) == (415, "the request has no Content-Type")
    assert "image/jpeg" in reply.error["hint"]


def test_the_bad_one_of_several_is_named(client, png):
    reply = client.form([("good.png", png()), ("bad.png", png()[:200])])
    assert reply.status == 422
    assert reply.error["message"].startswith("bad.png is cut short")


@pytest.mark.parametrize("top", ["0", "-1", "many", "1.5"])
def test_a_parameter_out_of_range_is_named(client, top: str, png):
    reply = client.post(png(), f"/classify?top={top}")
    assert (reply.status, reply.error["code"]) == (422, "bad_parameter")
    assert reply.error["message"] == f"the parameter 'top' is '{top}'"


def test_routes_and_methods_that_are_not_there_are_told(client, png):
    reply = client.post(png(), "/clasify")
    assert (reply.status, reply.error["code"]) == (404, "no_route")
    assert reply.error["message"] == "no route '/clasify' here. Did you mean '/classify'?"
    assert "/health" in reply.error["hint"]
    reply = client.get("/classify")
    assert (reply.status, reply.error["code"], reply.headers["allow"]) == (405, "wrong_method", "POST")
    assert reply.error["hint"] == "use POST"


def test_a_full_queue_asks_to_come_back(start, gated, png, until):
    client = start([gated], queue=2)
    gated.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client.post, png(n)) for n in range(2)]
        until(lambda: client.health()["waiting"] == 2)
        reply = client.post(png())
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (429, "busy", "1")
        gated.gate.set()
        assert [one.result().status for one in asked] == [200, 200]
    assert client.post(png()).status == 200


def test_what_takes_too_long_is_given_up_and_the_next_is_answered(start, gated, png):
    client = start([gated], timeout=0.3, batch=1)
    gated.sizes.clear()
    gated.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(client.post, [png(1), png(2)]))
    assert [(one.status, one.error["code"]) for one in replies] == [(504, "too_slow")] * 2
    assert client.health()["waiting"] == 0
    gated.gate.set()
    assert client.post(png()).status == 200
    assert len(gated.sizes) == 2  # the second had given up before its turn came: it was never computed


def test_a_body_that_does_not_arrive_is_given_up(start):
    client = start(timeout=0.3)
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as link:
        link.sendall(
            b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n12"
        )
        got = http.client.HTTPResponse(link)
        got.begin()
        assert (got.status, got.getheader("connection")) == (408, "close")
        assert b"the body did not arrive within 0.3 s" in got.read()
    assert client.health()["waiting"] == 0


def test_a_client_that_leaves_gives_its_place_back(client, until):
    with socket.create_connection(("127.0.0.1", client.port), timeout=5) as link:
        link.sendall(
            b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n12"
        )
        until(lambda: client.health()["waiting"] == 1)
    until(lambda: client.health()["waiting"] == 0)


def test_a_model_that_fails_is_told_and_the_server_goes_on(start, gated, monkeypatch, png):
    client = start([gated])
    monkeypatch.setattr(gated, "decode", lambda raw, **told: Model.decode(gated, raw[0] * np.nan, **told))
    reply = client.post(png())
    assert (reply.status, reply.error["code"]) == (500, "broken_model")
    assert reply.error["message"] == "the model's output for input 0 is not finite"
    monkeypatch.undo()
    assert client.post(png()).status == 200


def test_each_request_is_a_line_of_the_log(start, png, until):
    lines: list[str] = []
    client = start(log=lines.append)
    client.post(png())
    client.get("/no%0Asuch")
    until(lambda: len(lines) == 2)
    assert re.fullmatch(r"\d\d:\d\d:\d\d 127\.0\.0\.1 POST /classify 200 [\d.]+ ms", lines[0])
    assert re.fullmatch(r"\d\d:\d\d:\d\d 127\.0\.0\.1 GET /no%0Asuch 404 [\d.]+ ms", lines[1])


@pytest.mark.parametrize(("name", "value"), [("queue", 0), ("timeout", -1.0), ("timeout", float("nan"))])
def test_limits_that_let_nothing_through_are_refused(name: str, value: float):
    with pytest.raises(macaw.MacawError, match=f"the limit {name} is {value}; it must be above 0"):
        Limits(**{name: value})
