"""Uploads: the body of a request is a picture itself, or a form that holds some (RFC 7578).

A body is read into memory, which its limit bounds, and a form is taken apart there: nothing is written to a
disk, where a server that is killed could leave it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_string
from email.message import Message
from typing import NamedTuple

from macaw.data.find import shown
from macaw.server.limits import Limits, Refusal

FORM = "multipart/form-data"
PLAIN = "application/octet-stream"
LESS = "send a smaller picture, or fewer in one form"


class Upload(NamedTuple):
    """One file of a request."""

    source: str  # its name as the client says it, or nothing
    data: bytes

    @property
    def name(self) -> str:
        """What messages call it."""
        return shown(self.source) if self.source else "the picture"


def check_content(content: str) -> None:
    """Refuse a Content-Type that is neither a picture nor a form: for that the body need not be read."""
    kind = _head(content).get_content_type() if content else ""
    if kind in {PLAIN, FORM} or kind.startswith("image/"):
        return
    found = f"the Content-Type is '{shown(kind)}'" if kind else "the request has no Content-Type"
    hint = f"send a picture as image/jpeg or its like or as {PLAIN}, or a form with a file as {FORM}"
    raise Refusal(415, "wrong_content", found, hint)


async def read_body(
    chunks: AsyncIterator[bytes], declared: str, limits: Limits, *, less: str = LESS
) -> bytes:
    """The whole body, or a refusal as soon as it is too large; `declared` is its Content-Length, if known.

    `less` is what a refusal advises.
    """
    if declared.isdecimal() and int(declared) > limits.max_bytes:
        raise _too_long(int(declared), limits, less)
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limits.max_bytes:
            raise _too_long(size, limits, less)
        parts.append(chunk)
    return b"".join(parts)


def uploads_in(body: bytes, content: str, limits: Limits) -> list[Upload]:
    """The files of a body, in their order: of a form at least one and at most `limits.max_files`."""
    if not body:
        raise Refusal(422, "bad_picture", "the request has no body", "send the bytes of a picture, or a form")
    head = _head(content)
    if head.get_content_type() != FORM:
        return [Upload("", body)]
    boundary = head.get_boundary()
    if not boundary:
        raise _bad_form("its Content-Type names no boundary")
    found = [upload for part in _parts(body, boundary) if (upload := _upload(part))]
    if not found:
        raise _bad_form("it holds no file")
    if len(found) > limits.max_files:
        words = f"the form has {len(found)} files, more than the {limits.max_files} this server takes at once"
        raise Refusal(413, "too_many_files", words, "send them in several requests")
    return found


def _parts(body: bytes, boundary: str) -> list[bytes]:
    """What lies between the boundaries; the line end before one belongs to it (RFC 2046, section 5.1.1)."""
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(mark)  # the first boundary may open the body
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _bad_form("it is cut short, or its boundary is not the one that its Content-Type names")
    return pieces[1:-1]


def _upload(part: bytes) -> Upload | None:
    """A part that is a file; None for a plain field, which nothing here asks for."""
    head, found, data = part.partition(b"\r\n\r\n")
    if not found:
        raise _bad_form("a part of it has no content")
    fields = message_from_string(head.strip().decode("utf-8", "replace"))
    name = fields.get_filename()
    if name is None and not fields.get_content_type().startswith("image/"):
        return None
    return Upload((name or "").replace("\\", "/").rpartition("/")[2], data)  # some send the whole path


def _head(content: str) -> Message:
    head = Message()
    head["Content-Type"] = content
    return head


def _bad_form(why: str) -> Refusal:
    return Refusal(
        400, "bad_form", f"the form cannot be read: {why}", "send it as curl -F file=@photo.jpg does"
    )


def _too_long(size: int, limits: Limits, less: str) -> Refusal:
    words = f"the body has {size:,} bytes or more, and this server takes {limits.max_bytes:,}"
    return Refusal(413, "too_many_bytes", words, less)
