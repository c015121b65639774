"""Refusals over HTTP: every error, whoever raises it, becomes the same small JSON object."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from macaw.data.find import shown
from macaw.errors import MacawError, did_you_mean
from macaw.server.answers import ErrorAnswer, Problem
from macaw.server.limits import Refusal, refusal_of

# What a route of an application may answer in place of 200, and when.
STATUSES = {
    400: "The form or the JSON cannot be read.",
    404: "No model of that name is served here.",
    408: "The request took too long to arrive.",
    413: "It has more bytes, pixels, files or words than this server takes.",
    415: "The Content-Type is none that is taken here, or the bytes are no picture.",
    422: "The picture is damaged, or a parameter unknown or out of range.",
    429: "The queue is full; Retry-After says for how many seconds.",
    500: "The model is damaged, or macaw has a bug.",
    504: "It took too long to compute.",
}
COMPATIBLE = "/v1/"  # routes whose errors are those of OpenAI's API
_HEADERS = {
    429: {"Retry-After": "1"},
    408: {"Connection": "close"},  # the rest of that body may still come, and nobody waits for it
}


def answer_errors(api: FastAPI) -> None:
    """Let `api` answer errors of ours, of FastAPI and of nobody's in one form."""

    @api.exception_handler(MacawError)
    async def ours(request: Request, problem: MacawError) -> JSONResponse:
        return _response(request, refusal_of(problem))

    @api.exception_handler(RequestValidationError)
    async def parameters(request: Request, problem: RequestValidationError) -> JSONResponse:
        first = problem.errors()[0]
        name, found = first["loc"][-1], shown(str(first.get("input")))
        words, hint = f"the parameter '{name}' is '{found}'", first["msg"][:1].lower() + first["msg"][1:]
        return _response(request, Refusal(422, "bad_parameter", words, hint, param=str(name)))

    @api.exception_handler(HTTPException)
    async def routes(request: Request, problem: HTTPException) -> JSONResponse:
        response = _response(request, _no_route(api, request, problem))
        response.headers.update(problem.headers or {})
        return response

    @api.exception_handler(Exception)
    async def bug(request: Request, problem: Exception) -> JSONResponse:
        return _response(request, refusal_of(problem))


def error_of(refusal: Refusal) -> ErrorAnswer:
    """The body of a refusal."""
    return ErrorAnswer(error=Problem(code=refusal.code, message=refusal.message, hint=refusal.hint))


def _no_route(api: FastAPI, request: Request, problem: HTTPException) -> Refusal:
    """A path that is not there, or another method than it takes; anything else in the words it came with."""
    path, paths = request.url.path, [route.path for route in api.routes if isinstance(route, Route)]
    if problem.status_code == 404:
        words = f"no route '{shown(path)}' here.{did_you_mean(path, paths)}"
        return Refusal(
            404, "no_route", words.removesuffix("."), f"there are: {', '.join(sorted(set(paths)))}"
        )
    if problem.status_code == 405:
        allowed = (problem.headers or {}).get("Allow", "another method")
        return Refusal(405, "wrong_method", f"'{shown(path)}' takes no {request.method}", f"use {allowed}")
    return Refusal(problem.status_code, "refused", problem.detail, "")


def _response(request: Request, refusal: Refusal) -> JSONResponse:
    status, error = refusal.status, error_of(refusal).model_dump()
    if request.url.path.startswith(COMPATIBLE):
        status, error = as_openai(refusal)
    return JSONResponse(error, status, headers=_HEADERS.get(refusal.status))


def as_openai(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    """A refusal as OpenAI's API has it: its status, and the body; beside its fields our hint."""
    status = 400 if refusal.status == 422 else refusal.status
    kind = {404: "not_found_error", 429: "rate_limit_error"}.get(status)
    error = {
        "message": str(refusal),
        "type": kind or ("invalid_request_error" if status < 500 else "server_error"),
        "param": refusal.param or None,
        "code": refusal.code,
        "hint": refusal.hint,
    }
    return status, {"error": error}
