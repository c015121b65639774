"""Wire: as much of ONNX's file format (protobuf) as a one-file model takes, without the onnx package.

A message is a row of fields. A field is a tag, number * 8 + kind, and its value: a varint (kind 0), 8 or 4
bytes (1 and 5), or a length and so many bytes (2), such as text or another message. All that is not asked for
goes through byte for byte. So the small environment, without onnx, writes one-file models and reads cards.

Specification: protobuf.dev/programming-guides/encoding; the numbers of fields: onnx.proto of ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

# ModelProto
PRODUCER, PRODUCER_VERSION, DOC, GRAPH, METADATA = 2, 3, 6, 7, 14
# StringStringEntryProto, GraphProto, TensorProto
KEY, VALUE = 1, 2
INITIALIZER = 5
DIMS, TENSOR_NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 8, 9, 13, 14
EXTERNAL = 1  # a value of DATA_LOCATION

VARINT, SIZED = 0, 2  # kinds
_WIDTHS = {1: 8, 5: 4}  # bytes of the others


class Field(NamedTuple):
    """One field of a message: its number, its value, and the bytes of both as they stand there."""

    number: int
    value: int | memoryview  # of a varint the number, of anything else its bytes
    whole: memoryview


def read_metadata(model: bytes) -> dict[str, str]:
    """The texts a model carries beside its graph, by key.

    Raises EOFError or UnicodeDecodeError for bytes that are no model, or not all of one.
    """
    entries = (_by_number(_bytes(one)) for one in fields(memoryview(model)) if one.number == METADATA)
    return {_text(entry.get(KEY)): _text(entry.get(VALUE)) for entry in entries}


def describe(model: bytes, entries: Mapping[str, str], *, producer: str, version: str, words: str) -> bytes:
    """The model with these texts in place of what it carried, its producer and a line of documentation.

    Raises what `read_metadata` raises.
    """
    replaced = {PRODUCER, PRODUCER_VERSION, DOC, METADATA}
    kept = [one.whole for one in fields(memoryview(model)) if one.number not in replaced]
    said = [sized(PRODUCER, producer.encode()), sized(PRODUCER_VERSION, version.encode())]
    pairs = [sized(KEY, key.encode()) + sized(VALUE, value.encode()) for key, value in entries.items()]
    return b"".join([*kept, *said, sized(DOC, words.encode()), *(sized(METADATA, pair) for pair in pairs)])


def embed(model: bytes, tensors: Mapping[str, np.ndarray]) -> bytes:
    """The model with the weights that it only names put inside, as float32.

    Raises KeyError with the name of one that is missing or of another shape, and what `read_metadata` raises.
    """
    if not any(one.number == GRAPH for one in fields(memoryview(model))):
        raise EOFError("it holds no graph")
    fill = _filled(tensors)
    return _with_each(memoryview(model), GRAPH, lambda graph: _with_each(graph, INITIALIZER, fill))


def weight_names(model: bytes) -> set[str]:
    """The weights that a model holds or names. Raises EOFError for bytes that are no model."""
    graphs = [_bytes(one) for one in fields(memoryview(model)) if one.number == GRAPH]
    tensors = [_bytes(one) for graph in graphs for one in fields(graph) if one.number == INITIALIZER]
    return {_text(_by_number(tensor).get(TENSOR_NAME)) for tensor in tensors}


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in their order; raises EOFError when it breaks off in one, or is no message."""
    place = 0
    while place < len(message):
        tag, start = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, end = _varint(message, start)
            yield Field(number, value, message[place:end])
        else:
            size, start = _varint(message, start) if kind == SIZED else (_WIDTHS.get(kind), start)
            end = start + (size or 0)
            if number == 0 or size is None or end > len(message):
                raise EOFError(f"field {number} of kind {kind} at byte {place} ends beyond its message")
            yield Field(number, message[start:end], message[place:end])
        place = end


def sized(number: int, value: bytes) -> bytes:
    """A field of text or of a message."""
    return _packed(number << 3 | SIZED) + _packed(len(value)) + value


def _with_each(message: memoryview, number: int, change: Callable[[memoryview], bytes | None]) -> bytes:
    """The message, with what `change` makes of each field of this number in its place; None leaves it."""
    parts: list[bytes | memoryview] = []
    for one in fields(message):
        new = change(_bytes(one)) if one.number == number else None
        parts.append(one.whole if new is None else sized(number, new))
    return b"".join(parts)


def _filled(tensors: Mapping[str, np.ndarray]) -> Callable[[memoryview], bytes | None]:
    """What puts the data of a tensor into it, when it lies elsewhere."""

    def fill(tensor: memoryview) -> bytes | None:
        parts = list(fields(tensor))
        known = {one.number: one.value for one in parts}
        if known.get(DATA_LOCATION) != EXTERNAL:
            return None
        name = _text(known.get(TENSOR_NAME))
        shape = tuple(size for one in parts if one.number == DIMS for size in _sizes(one.value))
        if name not in tensors or tensors[name].shape != shape:
            raise KeyError(f"{name} of shape {shape}")
        kept = [one.whole for one in parts if one.number not in {EXTERNAL_DATA, DATA_LOCATION}]
        return b"".join([*kept, sized(RAW_DATA, np.ascontiguousarray(tensors[name], "<f4").tobytes())])

    return fill


def _sizes(dims: int | memoryview) -> list[int]:
    """One size, or several in a row ("packed"); both may occur in one tensor."""
    if isinstance(dims, int):
        return [dims]
    sizes, place = [], 0
    while place < len(dims):
        size, place = _varint(dims, place)
        sizes.append(size)
    return sizes


def _by_number(message: memoryview) -> dict[int, int | memoryview]:
    return {one.number: one.value for one in fields(message)}


def _bytes(field: Field) -> memoryview:
    if isinstance(field.value, int):
        raise EOFError(f"field {field.number} is a number where a message should be")
    return field.value


def _text(value: int | memoryview | None) -> str:
    return str(value, "utf-8") if isinstance(value, memoryview) else ""


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at `place`, seven bits a byte from the lowest on, and where it ends."""
    number = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
    raise EOFError(f"a number at byte {place} does not end")


def _packed(number: int) -> bytes:
    """The number as a varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
