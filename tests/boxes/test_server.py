"""A detector over HTTP: boxes in pixels of the picture, their types, a threshold, and company that waits."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import macaw
from macaw.model import Model
from macaw.results.boxes import Boxes
from macaw.results.mask import Mask
from macaw.results.points import Points
from macaw.results.silhouette import Silhouette
from macaw.results.skeleton import Bones

pytest.importorskip("fastapi")

from macaw.server import Limits, answers
from macaw.server.application import build
from macaw.server.hosting import House, open_house

Paint = Callable[..., np.ndarray]
Ask = Callable[..., tuple[int, Any]]


def png(picture: np.ndarray, **more: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", **more)
    return data.getvalue()


@pytest.fixture(scope="module")
def house(finder: Path) -> Iterator[House]:
    opened = open_house([finder], Limits(), "onnxruntime")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ask(house: House) -> Ask:
    """`ask(body, "/detect?score=0.5")`: status and answer, of the application as servers call it."""
    api = build(house)

    async def asked(method: str, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
        place, _, query = path.partition("?")
        headers = [(b"content-type", kind.encode()), (b"host", b"127.0.0.1")]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
            "method": method, "path": place, "raw_path": place.encode(),
            "query_string": query.encode(), "headers": headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await api(scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent)

    def call(body: bytes = b"", path: str = "/detect", kind: str = "image/png", method: str = "POST") -> Any:
        status, said = asyncio.run(asked(method, path, body, kind))
        return status, json.loads(said) if said[:1] in b"[{" else said.decode()

    return call


def form(*pictures: bytes) -> dict[str, Any]:
    head = '--b\r\nContent-Disposition: form-data; name="file"; filename="{}.png"\r\n\r\n'
    parts = [head.format(number).encode() + one + b"\r\n" for number, one in enumerate(pictures)]
    return {"body": b"".join(parts) + b"--b--\r\n", "kind": "multipart/form-data; boundary=b"}


def test_a_picture_is_answered_as_run_answers_it(ask: Ask, finder: Path, painted: Paint):
    picture = painted(("red", 0, 16), ("blue", 32, 0), ("blue", 48, 16))
    status, said = ask(png(picture))
    answer = macaw.load(finder).run(picture)
    assert status == 200
    assert {**said, "milliseconds": 0} == {
        **answer.to_dict(), "counts": {"blue": 2, "red": 1}, "model": "finder", "milliseconds": 0,
    }  # fmt: skip
    assert said["size"] == [64, 32]
    red = next(box for box in said["boxes"] if box["name"] == "red")
    assert [red[side] for side in ("x0", "y0", "x1", "y1")] == [0, 16, 16, 32]


def test_the_answer_is_a_boxes_again(ask: Ask, finder: Path, painted: Paint):
    picture = painted(("green", 16, 16), ("red", 0, 0))
    again = Boxes.from_dict(ask(png(picture))[1], Model(finder).card.names)
    answer = Model(finder).run(picture)
    assert [one.name for one in again] == [one.name for one in answer] == ["red", "green"]
    assert np.array_equal(again.xyxy, answer.xyxy) and again.scores == pytest.approx(answer.scores, abs=1e-6)


def test_places_are_those_of_the_whole_picture_however_it_was_read(ask: Ask):
    """A large JPEG is decoded at a fraction of its size, and this one lies on its side in its file."""
    picture = np.zeros((1600, 3200, 3), np.uint8)
    picture[800:, :800, 0] = 255
    data, exif = io.BytesIO(), Image.Exif()
    exif[274] = 6  # shown turned by a quarter, clockwise
    Image.fromarray(np.rot90(picture)).save(data, "JPEG", quality=95, exif=exif)
    status, said = ask(data.getvalue(), kind="image/jpeg")
    assert (status, said["size"]) == (200, [3200, 1600])
    (box,) = said["boxes"]
    assert box["name"] == "red" and [box[side] for side in ("x0", "y0", "x1", "y1")] == [0, 800, 800, 1600]


def test_pictures_of_several_sizes_are_computed_together_and_answered_as_alone(
    ask: Ask, house: House, painted: Paint
):
    shapes = [(64, 32), (32, 64), (48, 48), (64, 64), (64, 32)]
    pictures = [png(painted(("red", 0, 0), ("green", 16, 0), size=size)) for size in shapes]
    before = house.hosted[0].batches.batches
    status, said = ask(**form(*pictures))
    assert status == 200 and [one["source"] for one in said] == [f"{n}.png" for n in range(5)]
    assert [tuple(one["size"]) for one in said] == shapes
    assert [one["boxes"] for one in said] == [ask(one)[1]["boxes"] for one in pictures]
    assert house.hosted[0].batches.batches - before <= 10
    assert all(one["boxes"] for one in said)


def test_a_score_leaves_out_what_is_less_sure(ask: Ask, painted: Paint):
    picture = painted(("red", 0, 16), ("blue", 32, 0))
    picture[16:, :16, 0] = 150  # a dim red: its score is lower
    boxes = ask(png(picture))[1]["boxes"]
    high, low = boxes[0]["score"], boxes[1]["score"]
    assert [box["name"] for box in boxes] == ["blue", "red"] and 0.25 < low < high
    status, said = ask(png(picture), f"/detect?score={(low + high) / 2}")
    assert (status, said["boxes"], said["counts"]) == (200, boxes[:1], {"blue": 1})
    assert ask(png(picture), "/detect?score=0")[1]["boxes"] == boxes  # the model's own threshold stays
    assert ask(png(picture), "/detect?score=1")[1]["boxes"] == []


@pytest.mark.parametrize("score", ["-0.1", "1.5", "high", "nan"])
def test_a_score_out_of_range_is_named(ask: Ask, painted: Paint, score: str):
    status, said = ask(png(painted()), f"/detect?score={score}")
    assert (status, said["error"]["code"]) == (422, "bad_parameter")
    assert said["error"]["message"] == f"the parameter 'score' is '{score}'"


def test_a_picture_with_nothing_in_it_is_an_answer(ask: Ask, painted: Paint):
    status, said = ask(png(painted()))
    assert (status, said["boxes"], said["counts"], said["size"]) == (200, [], {}, [64, 32])
    assert "skeleton" not in said


def test_what_is_no_picture_is_refused_as_everywhere(ask: Ask, painted: Paint):
    assert ask(png(painted())[:60])[1]["error"]["code"] == "bad_picture"
    assert ask(b"hello")[1]["error"]["code"] == "not_a_picture"


def test_the_schema_has_the_types_and_the_parameters_of_boxes(ask: Ask):
    _, schema = ask(method="GET", path="/openapi.json")
    route, types = schema["paths"]["/detect"]["post"], schema["components"]["schemas"]
    parameters = {one["name"]: one for one in route["parameters"]}
    assert set(parameters) == {"score", "model"} and not any(one["required"] for one in parameters.values())
    assert (parameters["score"]["schema"]["minimum"], parameters["score"]["schema"]["maximum"]) == (0, 1)
    one, several = route["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert one["$ref"].endswith("/BoxesAnswer") and several["items"] == one
    assert {"source", "size", "boxes", "counts", "model", "milliseconds"} <= set(
        types["BoxesAnswer"]["properties"]
    )
    assert {"name", "score", "x0", "y0", "x1", "y1"} <= set(types["Found"]["properties"])


def test_the_page_says_how_to_ask_for_boxes(ask: Ask):
    status, text = ask(method="GET", path="/")
    assert status == 200
    for words in ("Finds objects", "/detect?score=0.5", "&quot;x0&quot;"):
        assert words in text
    assert "<script" not in text and "top=3" not in text
    links = re.findall(r'(?:href|src|action)="([^"]*)', text)
    assert all(link.startswith(("/", "#", "data:")) for link in links)


# Each kind of answer as its type


def told(kind: str, answer: Any, **asked: Any) -> dict[str, Any]:
    made = answers.ANSWERS[kind]
    return made.of(answer, made.asks(**asked), model="m", milliseconds=1.0).model_dump(
        mode="json", exclude_none=True
    )


def test_regions_and_key_points_have_their_types():
    mask = np.zeros((8, 10), bool)
    mask[2:5, 3:7] = True
    points = np.array([[[3.5, 2.5, 0.9], [6.5, 4.5, 0.2]]])
    answer = Boxes(
        ("cat",), np.array([[3, 2, 7, 5]]), [0], [0.5], (10, 8), "a.png",
        regions=(Silhouette.of_mask(mask),), points=points, skeleton=Bones(("nose", "tail"), ((0, 1),)),
    )  # fmt: skip
    said = told("Boxes", answer)
    assert said == {
        **json.loads(json.dumps(answer.to_dict())),
        "counts": {"cat": 1},
        "model": "m",
        "milliseconds": 1,
    }
    assert (Boxes.from_dict(said).regions[0].mask() == mask).all()


def test_masks_tell_their_shares():
    labels = np.array([[0, 0, 1], [0, 255, 1]], np.uint8)
    answer = Mask(("road", "sky"), labels, np.full((2, 3), 0.75), "b.png")
    said = told("Mask", answer)
    assert said == {**answer.to_dict(), "model": "m", "milliseconds": 1.0}
    assert said["classes"][0] == {"name": "road", "share": 0.5, "prob": 0.75}
    assert told("Mask", Mask(("road", "sky"), labels))["classes"][1] == {"name": "sky", "share": 0.333333}


def test_points_tell_their_places():
    answer = Points(
        ("eye", "nose"), np.array([[1.5, 2], [3, 4]]), np.array([0.9, 0.1]), ((0, 1),), size=(8, 9)
    )
    assert told("Points", answer) == {**answer.to_dict(), "model": "m", "milliseconds": 1.0}
