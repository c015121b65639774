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
    max_prompt: int = 1 << 16  # bytes of the prompts of one request, or tokens: some twenty pages
    max_tokens: int = 1024  # made for one request, all its texts together: a story has some 600
    timeout: float = 30.0  # seconds for reading a request and answering it
    queue: int = 64  # requests accepted and not answered yet; the next one is told to come back
    batch: int = 16  # pictures computed together, of those that wait at the same time

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not value > 0:  # false for NaN too
                raise InputError(f"the limit {one.name} is {value}; it must be above 0")


class Refusal(MacawError):
    """A request that is not answered. `code` is for programs, `message` and `hint` are a line each.

    `param` is the parameter at fault, where one is.
    """

    def __init__(self, status: int, code: str, message: str, hint: str, *, param: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.status, self.code, self.message, self.hint, self.param = status, code, message, hint, param


def refusal_of(problem: Exception, *, bad: str = "bad_picture") -> Refusal:
    """Any error as a refusal, an input that cannot be used under the code `bad`.

    Those of macaw say what was found and, after a semicolon, what to do; any other is a bug.
    """
    if isinstance(problem, Refusal):
        return problem
    if not isinstance(problem, MacawError):
        words = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        return Refusal(500, "bug", words, "this is a bug of macaw; its server's log shows where")
    before, found, after = str(problem).rpartition("; ")
    message, hint = (before, after) if found else (after, "")
    if isinstance(problem, InputError):
        return Refusal(422, bad, message, hint)
    return Refusal(500, "broken_model", message, hint)
