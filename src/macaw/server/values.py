"""Values: what a request says, as a typed object, or a refusal that names the parameter at fault."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from email.message import Message
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from macaw.data.find import shown
from macaw.errors import did_you_mean
from macaw.server.limits import Refusal

JSON, TEXT, FIELDS = "application/json", "text/plain", "application/x-www-form-urlencoded"
_SHOWN = 60  # characters of what was found wrong
Wish = TypeVar("Wish", bound=BaseModel)


def checked(kind: type[Wish], values: Mapping[str, Any], *, strict: bool = False) -> Wish:
    """The values as `kind`; `strict` takes a number for a number only, and not for its text.

    Raises Refusal for a parameter there is not, and for one that cannot be.
    """
    try:
        return kind.model_validate(values, strict=strict)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = list(kind.model_fields)
            name = shown(name[:_SHOWN])
            words = f"there is no parameter '{name}'.{did_you_mean(name, known)}".removesuffix(".")
            hint = f"there are: {', '.join(known)}"
            raise Refusal(422, "unknown_parameter", words, hint, param=name) from None
        words = f"the parameter '{name}' is '{shown(str(first.get('input'))[:_SHOWN])}'"
        raise Refusal(422, "bad_parameter", words, _lower(first["msg"]), param=name) from None


def object_of(body: bytes) -> dict[str, Any]:
    """The object that a body holds as JSON. Raises Refusal."""
    hint = 'send an object, such as {"prompt": "Once upon a time"}'
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as problem:
        words = f"the body is no JSON: {' '.join(str(problem).split())}"
        raise Refusal(400, "bad_json", _lower(words), hint) from None
    if not isinstance(values, dict):
        raise Refusal(400, "bad_json", f"the body is a {type(values).__name__} in JSON, not an object", hint)
    return values


def said(body: bytes, content: str) -> tuple[dict[str, Any], bool]:
    """What the body of a request for text says: JSON, the prompt as plain text, or the fields of a form.

    And whether its values have types, as in JSON, or are text all of them. curl calls JSON a form unless told
    otherwise, so what begins like JSON is read as that. Raises Refusal.
    """
    head = Message()
    head["Content-Type"] = content
    kind = head.get_content_type() if content else FIELDS
    if kind == JSON or (kind == FIELDS and body.lstrip().startswith(b"{")):
        return object_of(body), True
    if kind not in {TEXT, FIELDS}:
        hint = f"send {JSON}, or the prompt as {TEXT}"
        raise Refusal(415, "wrong_content", f"the Content-Type is '{shown(kind)}'", hint)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        words = f"the body is no UTF-8 from byte {problem.start + 1:,} on"
        raise Refusal(422, "bad_text", words, "send the text as UTF-8") from None
    if kind == TEXT:
        return several([("prompt", text)]), False
    return several(parse_qsl(text.strip("\r\n"))), False


def several(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields by their names, without the empty ones; what comes more than once is a list.

    Browsers end lines as Windows does; models do not.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        value = value.replace("\r\n", "\n")
        if name in found:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[name] = value
    return found


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
