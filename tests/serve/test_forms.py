"""Forms are taken apart as their writers meant them; bad ones, and bodies beyond their limit, are refused."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi")

from macaw.server.forms import check_content, read_body, uploads_in
from macaw.server.limits import Limits, Refusal

HEAD = "multipart/form-data; boundary=b0undary"


def form(*parts: tuple[str, bytes], end: bytes = b"--b0undary--\r\n") -> bytes:
    return (
        b"".join(b"--b0undary\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
        + end
    )


def named(name: str) -> str:
    return f'Content-Disposition: form-data; name="file"; filename="{name}"'


def read(body: bytes, content: str = HEAD, **limits: int) -> list[tuple[str, bytes]]:
    return [tuple(one) for one in uploads_in(body, content, Limits(**limits))]


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5))
def test_files_come_out_byte_for_byte_in_their_order(files):
    if any(b"--b0undary" in b"\r\n" + data for data in files):
        return
    body = form(*((named(f"{n}.png"), data) for n, data in enumerate(files)))
    assert read(body) == [(f"{n}.png", data) for n, data in enumerate(files)]


def test_line_ends_and_dashes_in_a_picture_are_its_own():
    data = b"\r\n--\r\n\r\n--b0\r\n--b0undar\r\n\r\n"
    assert read(form((named("a.png"), data))) == [("a.png", data)]


def test_a_preamble_an_epilogue_and_padding_are_passed_over():
    body = (
        b"preamble\r\n--b0undary  \r\n" + named("a.png").encode() + b"\r\n\r\nAB\r\n--b0undary--\r\nepilogue"
    )
    assert read(body) == [("a.png", b"AB")]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (named("photo.jpg"), "photo.jpg"),
        (named("日本 ü.jpg"), "日本 ü.jpg"),  # UTF-8, as browsers and curl send it
        (named("C:\\\\pictures\\\\cat.jpg"), "cat.jpg"),
        (named("../../etc/passwd"), "passwd"),
        (named("semi; colon.jpg"), "semi; colon.jpg"),
        (named(""), ""),
        ("content-disposition:form-data;name=file;filename=bare.jpg", "bare.jpg"),
        (
            "Content-Type: image/png\r\nContent-Disposition: form-data; name=file",
            "",
        ),  # a picture without a name
    ],
)
def test_names_are_the_last_part_of_what_the_client_says(head: str, name: str):
    assert read(form((head, b"x"))) == [(name, b"x")]


def test_fields_that_are_no_file_are_passed_over():
    body = form(('Content-Disposition: form-data; name="top"', b"3"), (named("a.png"), b"x"))
    assert read(body) == [("a.png", b"x")]


def test_a_quoted_boundary_is_the_same_boundary():
    assert read(form((named("a"), b"x")), 'multipart/form-data; charset=utf-8; boundary="b0undary"') == [
        ("a", b"x")
    ]


def test_a_body_that_is_no_form_is_one_file():
    assert read(b"--b0undary", "image/png") == [("", b"--b0undary")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (form((named("a"), b"x"), end=b""), "cut short"),
        (form((named("a"), b"x"))[:-5], "cut short"),
        (b"nothing of a form", "cut short"),
        (form((named("a"), b"x")).replace(b"b0undary", b"another"), "cut short"),
        (b"--b0undary\r\nno end of the head\r\n--b0undary--", "no content"),
        (form(), "no file"),
        (form(("Content-Disposition: form-data; name=top", b"3")), "no file"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(body: bytes, words: str):
    with pytest.raises(Refusal, match=words) as refused:
        read(body)
    assert (refused.value.status, refused.value.code) == (400, "bad_form")


def test_more_files_than_allowed_are_refused():
    with pytest.raises(Refusal, match="the form has 3 files, more than the 2"):
        read(form(*[(named("a"), b"x")] * 3), max_files=2)


@pytest.mark.parametrize("content", ["image/jpeg", "IMAGE/PNG", "application/octet-stream", HEAD])
def test_pictures_and_forms_are_taken(content: str):
    check_content(content)


@pytest.mark.parametrize(
    "content", ["text/html", "application/json", "image", "video/mp4", "", "multipart/mixed"]
)
def test_other_contents_are_refused(content: str):
    with pytest.raises(Refusal, match="Content-Type") as refused:
        check_content(content)
    assert refused.value.status == 415


def received(chunks: list[bytes], declared: str = "", max_bytes: int = 10) -> tuple[bytes | Refusal, int]:
    """What `read_body` gives, and how many chunks it took."""
    taken = 0

    async def stream():
        nonlocal taken
        for chunk in chunks:
            taken += 1
            yield chunk

    try:
        return asyncio.run(read_body(stream(), declared, Limits(max_bytes=max_bytes))), taken
    except Refusal as refusal:
        return refusal, taken


def test_a_body_is_read_up_to_its_limit_and_no_further():
    assert received([b"12345", b"67890"]) == (b"1234567890", 2)
    refusal, taken = received([b"12345", b"678901", b"and more"])
    assert (refusal.status, taken) == (413, 2)
    refusal, taken = received([b"12345"], "11")
    assert (refusal.status, taken) == (413, 0)  # its Content-Length is enough
    assert received([b"1"], "a few") == (b"1", 1)


def test_an_empty_body_is_refused():
    with pytest.raises(Refusal, match="the request has no body; send the bytes of a picture"):
        read(b"")
