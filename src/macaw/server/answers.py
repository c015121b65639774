"""What the server answers, as types: each kind of Result, the state of the server, and the error."""

from __future__ import annotations

from pydantic import BaseModel, Field

from macaw.results.labels import Labels


class Guess(BaseModel):
    """One class and its probability."""

    name: str
    prob: float = Field(ge=0, le=1)


class LabelsAnswer(BaseModel):
    """What a picture shows: `Labels` as `macaw run --json` prints it, by which model and in what time."""

    source: str = Field(description="The file's name as the form gives it, or nothing.")
    multi: bool = Field(description="Whether each class is a yes or no of its own, so that probs sum to any.")
    labels: list[Guess] = Field(description="The most probable classes, best first.")
    model: str
    milliseconds: float = Field(description="From the request's head to this answer.")

    @classmethod
    def of(cls, answer: Labels, top: int, *, model: str, milliseconds: float) -> LabelsAnswer:
        """An answer with its `top` guesses; probabilities are rounded as `to_dict` rounds them."""
        guesses = [Guess(name=name, prob=round(prob, 6)) for name, prob in answer.top(top)]
        said = {**answer.to_dict(), "labels": guesses}
        return cls(**said, model=model, milliseconds=milliseconds)


# What a row of the table `gives` -> its type here.
ANSWERS: dict[str, type[LabelsAnswer]] = {"Labels": LabelsAnswer}


class Served(BaseModel):
    """One model that is served."""

    name: str = Field(description="What the query parameter `model` chooses it by.")
    card: str = Field(description="What its card calls it.")
    classes: int


class TaskAnswer(BaseModel):
    """One application: a row of the table, with the models that serve it, the first by default."""

    name: str
    alias: str
    does: str
    takes: str
    gives: str
    models: list[Served]


class Health(BaseModel):
    """How the server is."""

    live: bool
    ready: bool = Field(description="False, with status 503, once it was told to stop.")
    waiting: int = Field(description="Requests accepted and not answered yet.")
    queue: int = Field(description="How many of those there may be.")
    pictures: int = Field(description="Computed since the start.")
    batches: int = Field(description="In which they were computed.")
    models: list[str]
    uptime: float = Field(description="Seconds.")


class Problem(BaseModel):
    """Why there is no answer: a code for programs, what was found, and what to do."""

    code: str
    message: str
    hint: str


class ErrorAnswer(BaseModel):
    """The body of every status from 400 on."""

    error: Problem
