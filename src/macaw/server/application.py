"""The HTTP application: one route for each row of the table that is served, its limits, errors and log."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse

from macaw import __version__
from macaw.server.answers import ANSWERS, ErrorAnswer, Health, Served, TaskAnswer
from macaw.server.arrivals import arrived
from macaw.server.forms import FORM, PLAIN, check_content, uploads_in
from macaw.server.hosting import Hosted, House
from macaw.server.limits import Refusal
from macaw.server.openai import add_openai
from macaw.server.page import page
from macaw.server.refusals import STATUSES, answer_errors
from macaw.server.text_answers import TEXTS
from macaw.server.texts import add_texts
from macaw.tasks import Task

Log = Callable[[str], None]
Message = MutableMapping[str, Any]  # of ASGI

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "required": ["file"], "properties": {"file": {"type": "array", "items": _FILE}}}
BODY = {
    "required": True,
    "content": {"image/*": {"schema": _FILE}, PLAIN: {"schema": _FILE}, FORM: {"schema": _FORM}},
}
_AT_ONCE = 1_000_000  # bytes of a form that are taken apart in less time than another thread takes to begin
# Nothing is reported, whatever collects telemetry in this process or is named in its environment.
SILENT: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def build(house: House, log: Log | None = None) -> FastAPI:
    """The application over an open house, which it closes at its end; `log` gets a line for each request."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        house.close()

    api = FastAPI(
        title="macaw",
        version=__version__,
        description="What `macaw run` says, over HTTP. Nothing is stored, and nothing leaves this machine.",
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere; ours is at / and /docs
        redoc_url=None,
        lifespan=lifespan,
        telemetry=SILENT,
    )
    for row in house.rows:
        if row.gives in TEXTS:
            add_texts(api, house, row)
        else:
            _add_task(api, house, row)
    if house.writers:
        add_openai(api, house)
    _add_state(api, house)
    answer_errors(api)
    api.add_middleware(_Door, house=house, log=log)
    return api


def _add_task(api: FastAPI, house: House, row: Task) -> None:
    """POST /<application>: pictures in, answers out."""
    kind: Any = ANSWERS[row.gives]

    async def answer(request: Request, asked: Any) -> Any:
        began = time.monotonic()
        hosted = house.find(row.name, asked.model)
        check_content(request.headers.get("content-type", ""))
        with house.place():
            found = await _answers(request, house, hosted)
        spent = {"model": hosted.name, "milliseconds": round(1000 * (time.monotonic() - began), 2)}

        def told() -> list[Any]:
            return [kind.of(one, asked, **spent) for one in found]

        answers = await asyncio.to_thread(told) if kind.takes_long else told()
        return answers if len(answers) > 1 else answers[0]

    # The query is that of the row's answers, which only now is known: FastAPI reads it here
    answer.__annotations__["asked"] = Annotated[kind.asks, Query()]

    api.add_api_route(
        f"/{row.name}",
        answer,
        methods=["POST"],
        response_model=kind | list[kind],
        response_model_exclude_none=True,  # what a model does not give is not there
        response_description=f"{row.gives} of the {row.takes}; of several in a form a list, in their order.",
        summary=row.does,
        responses={code: {"model": ErrorAnswer, "description": words} for code, words in STATUSES.items()},
        openapi_extra={"requestBody": BODY},
        operation_id=row.name,
    )


async def _answers(request: Request, house: House, hosted: Hosted) -> list[Any]:
    """The answer to each picture of a request, in the time there is for it. Raises Refusal, InputError."""
    limits, kind = house.limits, request.headers.get("content-type", "")
    end = asyncio.get_running_loop().time() + limits.timeout
    body = await arrived(request, limits, end)
    try:
        async with asyncio.timeout_at(end):
            # A large form in a thread: to take it apart copies it, and the loop must not wait for that
            if len(body) > _AT_ONCE:
                uploads = await asyncio.to_thread(uploads_in, body, kind, limits)
            else:
                uploads = uploads_in(body, kind, limits)
            return await house.answers(hosted, uploads)
    except TimeoutError:
        words = f"the answer was not there within {limits.timeout:g} s"
        raise Refusal(
            504, "too_slow", words, "send fewer pictures, or try again when there is less to do"
        ) from None


def _add_state(api: FastAPI, house: House) -> None:
    """GET /, /docs, /tasks and /health."""

    async def index(request: Request) -> HTMLResponse:
        return HTMLResponse(page(house, str(request.base_url).rstrip("/")))

    for path in ("/", "/docs"):
        api.add_api_route(path, index, methods=["GET"], include_in_schema=False)

    @api.get(
        "/tasks",
        summary="The applications and the models that serve them.",
        response_model_exclude_none=True,
        operation_id="tasks",
    )
    async def tasks() -> list[TaskAnswer]:
        return [_task_answer(house, row) for row in house.rows]

    @api.get(
        "/health",
        summary="How the server is; 503 once it was told to stop.",
        responses={503: {"model": Health, "description": "It finishes what it accepted and takes no more."}},
        operation_id="health",
    )
    async def health() -> JSONResponse:
        computed: Counter[str] = Counter()
        for one in house.hosted:
            computed.update(one.computed)
        state = Health(
            live=True,
            ready=not house.stopping,
            waiting=house.accepted,
            queue=house.limits.queue,
            **{what: computed[what] for what in ("pictures", "batches", "texts", "tokens")},
            models=[one.name for one in house.hosted],
            uptime=round(time.monotonic() - house.began, 3),
        )
        return JSONResponse(state.model_dump(), status_code=503 if house.stopping else 200)


def _task_answer(house: House, row: Task) -> TaskAnswer:
    able = [one for one in house.hosted if one.task.name == row.name]
    models = [Served(name=one.name, card=one.card.name, **one.size) for one in able]
    words = {"alias": row.alias, "does": row.does, "takes": row.takes, "gives": row.gives}
    return TaskAnswer(name=row.name, models=models, **words)


class _Door:
    """Logs each request, and lets no connection be kept once the server stops."""

    def __init__(self, app: Any, *, house: House, log: Log | None) -> None:
        self.app, self.house, self.log = app, house, log

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.house.stopping:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            if self.log:
                self.log(_line(scope, status, time.monotonic() - began))


def _line(scope: Message, status: int, seconds: float) -> str:
    """`12:03:04 127.0.0.1 POST /classify 200 14.2 ms`; the path as it came, so that it holds no line end."""
    client = scope["client"][0] if scope.get("client") else "-"
    path = scope.get("raw_path", b"/").decode("ascii", "backslashreplace")
    return f"{time.strftime('%H:%M:%S')} {client} {scope['method']} {path} {status} {1000 * seconds:.1f} ms"
