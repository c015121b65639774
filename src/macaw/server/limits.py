"""Limits of the server, and the refusal of a request: a status, what was found, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, fields

from macaw.errors import InputError, MacawError


@dataclass(frozen=True)
class Limits:
    """What one server takes on at once, and how long it works on it.

    Raises InputError for a limit that would let nothing through.
    """

    max_bytes: int = 16 << 20  # of a request's body: the largest JPEG of a phone fits in
    max_pixels: int = 64_000_000  # of one picture, 192 MB decoded: the 50 megapixels of a phone fit in
    max_files: int = 32  # pictures in one form
    timeout: float = 30.0  # seconds for reading a request and answering it
    queue: int = 64  # requests accepted and not answered yet; the next one is told to come back
    batch: int = 16  # pictures computed together, of those that wait at the same time

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not value > 0:  # false for NaN too
                raise InputError(f"the limit {one.name} is {value}; it must be above 0")


class Refusal(MacawError):
    """A request that is not answered. `code` is for programs, `message` and `hint` are a line each."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.status, self.code, self.message, self.hint = status, code, message, hint


def refusal_of(problem: MacawError) -> Refusal:
    """Any of macaw's errors as a refusal. They say what was found and, after a semicolon, what to do."""
    if isinstance(problem, Refusal):
        return problem
    before, found, after = str(problem).rpartition("; ")
    message, hint = (before, after) if found else (after, "")
    if isinstance(problem, InputError):
        return Refusal(422, "bad_picture", message, hint)
    return Refusal(500, "broken_model", message, hint)
