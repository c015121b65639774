"""A part of OpenAI's API: GET /v1/models and POST /v1/completions, for the programs that speak it.

The prompt is what the model reads, of a story too, and the defaults are those of that API: nothing of the
card's `decode`. `macaw.server.openai_parts` has what is told of each token.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request

from macaw import __version__
from macaw.errors import InputError
from macaw.language.asked import known_names
from macaw.language.coder import utf8
from macaw.language.settings import Settings
from macaw.language.spelling import Stops
from macaw.server.arrivals import arrived, while_there
from macaw.server.events import EVENTS, Events, event
from macaw.server.hosting import House
from macaw.server.limits import Refusal, refusal_of
from macaw.server.openai_parts import Entry, Part, Plan, parts
from macaw.server.openai_types import (
    Choice,
    CompletionObject,
    CompletionWish,
    Logprobs,
    ModelList,
    ModelObject,
    Usage,
)
from macaw.server.refusals import as_openai
from macaw.server.texts import LESS, refused
from macaw.server.values import JSON, checked, object_of
from macaw.server.writing import HostedWriter

DONE = "[DONE]"
_SETTINGS = {"presence_penalty": "presence", "frequency_penalty": "frequency"}  # by their names -> ours
_OURS = ("temperature", "top_p", "top_k", "min_p", "typical", "repetition", "no_repeat")


@dataclass
class Order:
    """A request that was understood, and how far its answer is."""

    hosted: HostedWriter
    wish: CompletionWish
    plan: Plan
    end: float  # by the loop's clock: when it is given up
    usage: Usage = field(default_factory=Usage)
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    async def parts(self) -> AsyncGenerator[Part, None]:
        """The parts that add something, counted."""
        steps = parts(self.hosted.writer.model, self.plan)
        async with aclosing(self.hosted.turns.walk(steps, end=self.end)) as told:
            async for part in told:
                self.usage.prompt_tokens += part.read
                self.usage.completion_tokens += part.made
                self.usage.total_tokens += part.read + part.made
                self.hosted.tokens += part.made
                self.hosted.texts += bool(part.finish)
                if part.text or part.entries or part.finish:
                    yield part

    def answer(self, choices: list[Choice], usage: Usage | None = None) -> CompletionObject:
        """An answer, or a chunk of one."""
        return CompletionObject(
            id=self.id,
            created=self.created,
            model=self.hosted.name,
            system_fingerprint=f"macaw-{__version__}",
            choices=choices,
            usage=usage,
        )

    def choice(self, some: list[Part]) -> Choice:
        """The choice that parts are together."""
        entries = [entry for part in some for entry in part.entries]
        return Choice(
            index=some[-1].number,
            text="".join(part.text for part in some),
            logprobs=None if self.plan.shown is None else _logprobs(entries),
            finish_reason=some[-1].finish or None,
        )


def add_openai(api: FastAPI, house: House) -> None:
    """The routes under /v1."""
    began = int(time.time())

    async def complete(request: Request) -> Any:
        with ExitStack() as stack:
            stack.enter_context(house.place())
            order = await _order(request, house)
            if not order.wish.stream:
                return await while_there(request, _answer(order))
            events = _events(order)
            return Events(await anext(events), events, stack.pop_all())

    async def models() -> ModelList:
        return ModelList(data=[ModelObject(id=one.name, created=began) for one in house.writers])

    async def model(name: str) -> ModelObject:
        return ModelObject(id=house.find_writer(name).name, created=began)

    stream = {"schema": {"type": "string", "description": "With `stream`: chunks, and then [DONE]."}}
    body = {"required": True, "content": {JSON: {"schema": CompletionWish.model_json_schema()}}}
    api.add_api_route(
        "/v1/completions",
        complete,
        methods=["POST"],
        response_model=CompletionObject,
        summary="OpenAI's 'create completion': goes on with a prompt, or says how likely it is.",
        responses={200: {"content": {EVENTS: stream}}},
        openapi_extra={"requestBody": body},
        operation_id="v1_completions",
    )
    api.add_api_route(
        "/v1/models", models, methods=["GET"], summary="The models that write.", operation_id="v1_models"
    )
    api.add_api_route(
        "/v1/models/{name:path}", model, methods=["GET"], summary="One of them.", operation_id="v1_model"
    )


async def _order(request: Request, house: House) -> Order:
    """What a request asks for. Raises Refusal."""
    end = asyncio.get_running_loop().time() + house.limits.timeout
    body = await arrived(request, house.limits, end, what="text", less=LESS)
    wish = checked(CompletionWish, await asyncio.to_thread(object_of, body), strict=True)
    hosted = house.find_writer(wish.model)
    try:
        plan = _plan(wish, hosted)
    except InputError as problem:
        raise _named(refusal_of(problem, bad="bad_parameter")) from problem
    return Order(hosted, wish, plan, end)


def _plan(wish: CompletionWish, hosted: HostedWriter) -> Plan:
    """What is asked of a model. Raises Refusal for what is not done or beyond a limit, InputError."""
    _refuse_others(wish)
    prompts = _prompts(wish.prompt)
    hosted.check_prompts(sum(len(utf8(one) if isinstance(one, str) else one) for one in prompts))
    count, limit = wish.given("n"), wish.given("max_tokens")
    hosted.check_tokens(len(prompts) * count * limit, param="max_tokens")
    values = {ours: wish.given(theirs) for theirs, ours in _SETTINGS.items()}
    values |= {name: given for name in _OURS if (given := wish.given(name)) is not None}
    stop = (wish.stop,) if isinstance(wish.stop, str) else tuple(wish.stop or ())
    Stops(stop)
    return Plan(
        prompts=prompts,
        settings=Settings.of(values),
        seed=secrets.randbits(32) if wish.seed is None else wish.seed % (1 << 64),
        count=count,
        limit=limit,
        stop=stop,
        shown=wish.logprobs,
        echo=bool(wish.echo),
    )


def _refuse_others(wish: CompletionWish) -> None:
    """Refuse what these models cannot do, rather than pass it over."""
    cannot = {
        "suffix": (bool(wish.suffix), "leave it out: text is only added behind the prompt"),
        "logit_bias": (bool(wish.logit_bias), "leave it out"),
        "best_of": (wish.best_of not in {None, 1, wish.given("n")}, "leave it out, and choose among n"),
    }
    for name, (asked, hint) in cannot.items():
        if asked:
            raise Refusal(422, "not_supported", f"'{name}' is not supported here", hint, param=name)


def _prompts(prompt: Any) -> tuple[str | list[int], ...]:
    """Each prompt: text, or ids. Raises Refusal where there is none."""
    if prompt is None or isinstance(prompt, str):
        return (prompt or "",)
    if not prompt:
        words = "the parameter 'prompt' is an empty list"
        raise Refusal(422, "bad_parameter", words, "give a text, or leave it out", param="prompt")
    return (prompt,) if isinstance(prompt[0], int) else tuple(prompt)


async def _answer(order: Order) -> CompletionObject:
    """The whole answer. Raises Refusal."""
    found: dict[int, list[Part]] = {}
    try:
        async with aclosing(order.parts()) as told:
            async for part in told:
                found.setdefault(part.number, []).append(part)
    except Exception as problem:
        raise _refused(order, problem) from problem
    return order.answer([order.choice(some) for some in found.values()], order.usage)


async def _events(order: Order) -> AsyncGenerator[str, None]:
    """A chunk for each part; what goes wrong before the first raises, so that it gets a status."""
    options = order.wish.stream_options
    counted = options is not None and bool(options.include_usage)
    begun = False

    def chunk(choices: list[Choice], usage: Usage | None = None) -> str:
        answer = order.answer(choices, usage)
        return event(answer.model_dump_json(exclude=None if counted else {"usage"}))

    try:
        async with aclosing(order.parts()) as told:
            async for part in told:
                yield chunk([order.choice([part])])
                begun = True
    except Exception as problem:
        refusal = _refused(order, problem)
        if not begun:
            raise refusal from problem
        yield event(json.dumps(as_openai(refusal)[1], ensure_ascii=False))
    else:
        if counted:
            yield chunk([], order.usage)
        yield event(DONE)


def _refused(order: Order, problem: Exception) -> Refusal:
    return _named(refused(problem, order.hosted.limits, bad="bad_parameter"))


def _named(refusal: Refusal) -> Refusal:
    """With the parameter at fault: a setting's message begins with it, any other is of the prompt."""
    word = refusal.message.partition(" ")[0]
    if refusal.code == "bad_parameter" and not refusal.param:
        theirs = {ours: name for name, ours in _SETTINGS.items()}
        refusal.param = theirs.get(word, word) if word in known_names() else "prompt"
    return refusal


def _logprobs(entries: Iterable[Entry]) -> Logprobs:
    some = list(entries)
    return Logprobs(
        tokens=[one.token for one in some],
        token_logprobs=[one.logprob for one in some],
        top_logprobs=[one.top for one in some],
        text_offset=[one.offset for one in some],
    )
