"""Texts over HTTP: POST /complete and /story, with the answer at once or token by token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from pydantic import TypeAdapter

from macaw.errors import InputError, MacawError
from macaw.language.asked import Asked
from macaw.results.completion import Completion
from macaw.server.answers import ErrorAnswer
from macaw.server.arrivals import arrived, while_there
from macaw.server.events import EVENTS, Events, event, json_of
from macaw.server.hosting import House
from macaw.server.limits import Limits, Refusal, refusal_of
from macaw.server.refusals import STATUSES, error_of
from macaw.server.text_answers import TEXTS, CompletionAnswer, Said, TextAsked
from macaw.server.values import FIELDS, JSON, TEXT, checked, said, several
from macaw.server.writing import HostedWriter
from macaw.tasks import Task

LESS = "send a shorter prompt, or fewer"
_AT_ONCE = 100_000  # bytes of a body that are read in less time than another thread takes to begin


class Order(NamedTuple):
    """A request for texts that was understood."""

    hosted: HostedWriter
    wish: TextAsked
    asked: Asked
    began: float  # by the monotonic clock
    end: float  # by the loop's clock: when it is given up

    @property
    def one(self) -> bool:
        """Whether it is for a single text, and not for a list."""
        return isinstance(self.wish.prompt, str) and self.asked.count == 1

    def steps(self) -> AsyncGenerator[Any, None]:
        """Each token as it is made, and after those of each text its Completion."""
        steps = self.hosted.written(self.wish.prompts, self.asked, self.wish.wishes)
        return self.hosted.turns.walk(steps, end=self.end)

    def told(self, answer: Completion) -> CompletionAnswer:
        """An answer as it is sent, now."""
        spent = round(1000 * (time.monotonic() - self.began), 2)
        return TEXTS[self.hosted.task.gives].of(answer, model=self.hosted.name, milliseconds=spent)


def add_texts(api: FastAPI, house: House, row: Task) -> None:
    """POST /<application>: a prompt in, a text out."""
    kind: Any = TEXTS[row.gives]

    async def answer(request: Request) -> Any:
        with ExitStack() as stack:
            stack.enter_context(house.place())
            order = await _order(request, house, row)
            if not order.wish.stream:
                return await while_there(request, _answer(order))
            events = _events(order)
            return Events(await anext(events), events, stack.pop_all())

    schema = TextAsked.model_json_schema()
    kinds = {JSON: schema, TEXT: {"type": "string"}, FIELDS: schema}
    errors: dict[int | str, Any] = {
        code: {"model": ErrorAnswer, "description": words} for code, words in STATUSES.items()
    }
    stream = {
        "schema": {"type": "string", "description": "With `stream`: an event a token, then the answer."}
    }
    api.add_api_route(
        f"/{row.name}",
        answer,
        methods=["POST"],
        response_model=kind | list[kind],
        response_description=f"A {row.gives}; a list of them for several prompts, and for a count above one.",
        summary=row.does,
        responses={200: {"content": {EVENTS: stream}}, **errors},
        openapi_extra={"requestBody": {"content": {name: {"schema": one} for name, one in kinds.items()}}},
        operation_id=row.name,
    )


async def _order(request: Request, house: House, row: Task) -> Order:
    """What a request asks for. Raises Refusal, and InputError for a prompt that is no text."""
    began, end = time.monotonic(), asyncio.get_running_loop().time() + house.limits.timeout
    body = await arrived(request, house.limits, end, what="text", less=LESS)
    kind = request.headers.get("content-type", "")
    values, typed = await asyncio.to_thread(said, body, kind) if len(body) > _AT_ONCE else said(body, kind)
    query = checked(TextAsked, several(request.query_params.multi_items()))
    wish = checked(TextAsked, {**query.model_dump(exclude_unset=True), **values}, strict=typed)
    hosted = house.find_writer(wish.model, task=row.name)
    try:
        asked = hosted.asked(wish.prompts, wish.wishes)
    except InputError as problem:
        raise refusal_of(problem, bad="bad_parameter") from problem
    return Order(hosted, wish, asked, began, end)


async def _answer(order: Order) -> CompletionAnswer | list[CompletionAnswer]:
    """The whole answer. Raises Refusal where it takes too long."""
    try:
        async with aclosing(order.steps()) as steps:
            found = [one async for one in steps if isinstance(one, Completion)]
    except Exception as problem:
        raise refused(problem, order.hosted.limits) from problem
    answers = [order.told(one) for one in found]
    return answers[0] if order.one else answers


async def _events(order: Order) -> AsyncGenerator[str, None]:
    """An event for each token, then one called `answer`; one called `error` where something goes wrong.

    What goes wrong before the first raises, so that it gets a status.
    """
    answers: list[CompletionAnswer] = []
    begun = False
    try:
        async with aclosing(order.steps()) as steps:
            async for one in steps:
                if isinstance(one, Completion):
                    answers.append(order.told(one))
                    continue
                number = None if order.one else one.number
                yield event(json_of(Said(item=number, text=one.text, token=one.token, logp=one.logp)))
                begun = True
    except Exception as problem:
        refusal = refused(problem, order.hosted.limits)
        if not begun:
            raise refusal from problem
        yield event(json_of(error_of(refusal)), "error")
    else:
        every = TypeAdapter(list[Any]).dump_json(answers).decode()
        yield event(json_of(answers[0], sparse=False) if order.one else every, "answer")


def refused(problem: Exception, limits: Limits, *, bad: str = "bad_text") -> Refusal:
    """What stopped a text as a refusal. A bug is raised as it is, so that the server's log shows where."""
    if isinstance(problem, TimeoutError):
        words = f"the answer was not there within {limits.timeout:g} s"
        hint = "ask for a shorter text, or try again when there is less to do"
        return Refusal(504, "too_slow", words, hint)
    if not isinstance(problem, MacawError):
        raise problem
    return refusal_of(problem, bad=bad)
