"""What is asked of a model that writes, and what it answers, as types."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from macaw.server.answers import MILLISECONDS


class TextAsked(BaseModel):
    """A request for text; what it leaves out is as the model's card has it."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | list[str] = Field("", description="What to go on with, a story's title; or several.")
    model: str | None = Field(None, description="Which model, of those that /tasks lists.")
    temperature: float | None = Field(None, description="0 always takes the likeliest token.")
    top_k: int | None = Field(None, description="Draw from that many of the likeliest; 0 cuts nothing.")
    top_p: float | None = Field(None, description="Draw from the fewest that have this probability together.")
    min_p: float | None = Field(
        None, description="Draw from those at least so likely, against the likeliest."
    )
    typical: float | None = Field(None, description="Draw from those of about the expected surprise.")
    repetition: float | None = Field(None, description="Above 1 discourages what was there before.")
    presence: float | None = Field(None, description="Nats less for a token that was there before.")
    frequency: float | None = Field(None, description="Nats less for each time it was there before.")
    no_repeat: int | None = Field(None, description="So many tokens in a row do not come twice.")
    seed: int | None = Field(None, description="The same seed gives the same text again; 0 unless told.")
    limit: int | None = Field(None, description="Tokens of each text at the most.")
    stop: str | list[str] | None = Field(None, description="A text ends before the first of these.")
    count: int | None = Field(None, description="How many texts for each prompt.")
    stream: bool = Field(False, description="Send each token as soon as it is there, as events.")

    @property
    def prompts(self) -> list[str]:
        """All of them."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    @property
    def wishes(self) -> dict[str, Any]:
        """What `macaw.language.asked.Asked.of` takes."""
        return self.model_dump(exclude={"prompt", "model", "stream"}, exclude_none=True)


class TokenMade(BaseModel):
    """One token of a text."""

    token: str = Field(description="As people read it; a document's end has a name too.")
    text: str = Field(description="What it adds to the text; nothing where a character is not complete yet.")
    logp: float | None = Field(description="Natural-log probability by the model itself; null for none.")


class CompletionAnswer(BaseModel):
    """A text that was written: what `macaw run --json` prints, by which model and in what time."""

    source: str = Field(description="Nothing: the prompt came with the request.")
    model: str
    milliseconds: float = Field(description=MILLISECONDS)
    prompt: str = Field(description="As the model was given it.")
    text: str = Field(description="What was added to it.")
    ends: str = Field(description="Why nothing follows: end (of the document), limit or stop.")
    settings: dict[str, float] = Field(description="What differs from drawing from the model as it is.")
    seed: int
    item: int = Field(description="Which of several texts for one prompt, from 0.")
    limit: int
    stop: list[str]
    bits: float = Field(description="How much the added tokens surprised the model, altogether.")
    tokens: list[TokenMade]

    @classmethod
    def of(cls, answer: Any, **spent: Any) -> CompletionAnswer:
        """The answer as it is sent; `spent` are the model's name here and the milliseconds."""
        return cls(**{**answer.to_dict(), **spent})


class StoryAnswer(CompletionAnswer):
    """A story that was told."""

    title: str
    paragraphs: list[str]


class Said(BaseModel):
    """One event of a stream: what a token adds to a text."""

    item: int | None = Field(None, description="Which text, where the request is for several.")
    text: str
    token: str
    logp: float


# What a row of the table `gives` -> its type here.
TEXTS: dict[str, type[CompletionAnswer]] = {"Completion": CompletionAnswer, "Story": StoryAnswer}
