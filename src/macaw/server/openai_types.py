"""The part of OpenAI's API that is answered here, as types: its names, its ranges, its defaults.

"Create completion" and "List models" of its reference. What a model here can do besides has our names.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SHOWN = 5  # alternatives of a token at the most


class StreamOptions(BaseModel):
    """What a stream has besides."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = Field(None, description="A last chunk says how many tokens there were.")


class CompletionWish(BaseModel):
    """A request; null is the same as nothing."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="One that /v1/models lists; the first unless told.")
    prompt: str | list[str] | list[int] | list[list[int]] | None = Field(
        None, description="Text or ids of tokens, one or several; nothing starts a document."
    )
    max_tokens: int | None = Field(16, ge=0)
    temperature: float | None = Field(1.0, ge=0, le=2)
    top_p: float | None = Field(1.0, ge=0, le=1)
    n: int | None = Field(1, ge=1, le=128, description="Choices for each prompt.")
    stop: str | list[str] | None = None
    seed: int | None = Field(None, description="The same seed gives the same text again; any unless told.")
    presence_penalty: float | None = Field(0.0, ge=-2, le=2)
    frequency_penalty: float | None = Field(0.0, ge=-2, le=2)
    logprobs: int | None = Field(None, ge=0, le=SHOWN, description="How many alternatives of each token.")
    echo: bool | None = Field(False, description="Give the prompt back too, and its log-probabilities.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, description="Not looked at.")
    best_of: int | None = Field(None, description="Refused where it is more than n.")
    suffix: str | None = Field(None, description="Refused: these models only go on.")
    logit_bias: dict[str, float] | None = Field(None, description="Refused.")
    top_k: int | None = Field(None, description="Ours, as the following four.")
    min_p: float | None = None
    typical: float | None = None
    repetition: float | None = None
    no_repeat: int | None = None

    def given(self, name: str) -> Any:
        """A value, or its default where it is null."""
        value = getattr(self, name)
        return type(self).model_fields[name].default if value is None else value


class Logprobs(BaseModel):
    """The tokens of a choice, all four lists of one length."""

    tokens: list[str] = Field(description="Their text; `bytes:\\xe2` is a part of a character.")
    token_logprobs: list[float | None] = Field(description="Null for the first token of a prompt.")
    top_logprobs: list[dict[str, float] | None] = Field(description="The likeliest, and the token itself.")
    text_offset: list[int] = Field(description="Characters from the beginning of the prompt.")


class Choice(BaseModel):
    """One text; of a stream what is new of it."""

    text: str
    index: int
    logprobs: Logprobs | None = None
    finish_reason: str | None = Field(None, description="stop, or length; null while more is to come.")


class Usage(BaseModel):
    """How many tokens there were."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class CompletionObject(BaseModel):
    """The answer; a chunk of a stream has the same form."""

    id: str
    object: str = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: Usage | None = None


class ModelObject(BaseModel):
    """A model."""

    id: str
    object: str = "model"
    created: int = Field(description="When this server began.")
    owned_by: str = "macaw"


class ModelList(BaseModel):
    """All of them."""

    object: str = "list"
    data: list[ModelObject]
