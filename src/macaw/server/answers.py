"""What the server answers, as types: each kind of Result, the state of the server, and the error."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from macaw.results.labels import SHOWN

MILLISECONDS = "From the request's head to this answer."


class Asked(BaseModel):
    """The query of a request: what every application takes."""

    model: str | None = Field(None, description="Which model, of those that /tasks lists.")


class Answer(BaseModel):
    """The answer about one picture: what `macaw run --json` prints, by which model and in what time."""

    asks: ClassVar[type[Asked]] = Asked
    takes_long: ClassVar[bool] = False  # whether making it may keep the event loop from others

    source: str = Field(description="The file's name as the form gives it, or nothing.")
    model: str
    milliseconds: float = Field(description=MILLISECONDS)

    @classmethod
    def of(cls, answer: Any, asked: Any, **spent: Any) -> Answer:
        """The answer to a query; `spent` are the model's name and the milliseconds."""
        return cls(**answer.to_dict(), **spent)


class LabelsAsked(Asked):
    """The query of who wants labels."""

    top: int = Field(SHOWN, ge=1, description="How many guesses.")


class Guess(BaseModel):
    """One class and its probability."""

    name: str
    prob: float = Field(ge=0, le=1)


class LabelsAnswer(Answer):
    """What a picture shows: the most probable classes."""

    asks: ClassVar[type[Asked]] = LabelsAsked

    multi: bool = Field(description="Whether each class is a yes or no of its own, so that probs sum to any.")
    labels: list[Guess] = Field(description="The most probable classes, best first.")

    @classmethod
    def of(cls, answer: Any, asked: Any, **spent: Any) -> Answer:
        """With as many guesses as were asked for; probabilities are rounded as `to_dict` rounds them."""
        guesses = [Guess(name=name, prob=round(prob, 6)) for name, prob in answer.top(asked.top)]
        return cls(**{**answer.to_dict(), "labels": guesses}, **spent)


class BoxesAsked(Asked):
    """The query of who wants boxes."""

    score: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The least score of a box; below the model's own threshold it has no effect.",
    )


class RunLengths(BaseModel):
    """The exact extent of an object, as COCO writes it."""

    size: tuple[int, int] = Field(description="Rows and columns of the picture.")
    counts: str = Field(description="Lengths of runs down the columns, in COCO's compressed text.")


class Bones(BaseModel):
    """What key points are called, and which pairs of them are joined."""

    names: list[str]
    edges: list[tuple[int, int]]


class Found(BaseModel):
    """One object: its class, how sure that is, and its box in pixels of the picture."""

    name: str
    score: float = Field(ge=0, le=1)
    x0: float = Field(description="Left.")
    y0: float = Field(description="Top.")
    x1: float = Field(description="Right.")
    y1: float = Field(description="Bottom.")
    region: RunLengths | None = Field(None, description="Its exact extent, of a model that gives it.")
    points: list[tuple[float, float, float]] | None = Field(
        None, description="x, y and score of its key points, of a model that gives them."
    )


class BoxesAnswer(Answer):
    """Which objects a picture shows, and where."""

    asks: ClassVar[type[Asked]] = BoxesAsked
    takes_long: ClassVar[bool] = True  # of a crowd with regions it codes hundreds of those

    size: tuple[int, int] = Field(description="Width and height of the picture, upright, in pixels.")
    counts: dict[str, int] = Field(description="How many of each class, the most frequent first.")
    boxes: list[Found] = Field(description="The objects, the surest first.")
    skeleton: Bones | None = Field(None, description="What the key points are, where there are any.")

    @classmethod
    def of(cls, answer: Any, asked: Any, **spent: Any) -> Answer:
        """With the boxes of the score that was asked for."""
        kept = answer.above(asked.score)
        return cls(**kept.to_dict(), counts=kept.counts, **spent)


class Share(BaseModel):
    """One class and how much of the picture it takes."""

    name: str
    share: float = Field(ge=0, le=1)
    prob: float | None = Field(None, ge=0, le=1, description="The mean of its probability there.")


class MaskAnswer(Answer):
    """What the pixels of a picture show: the share of each class, without the pixels themselves."""

    takes_long: ClassVar[bool] = True  # it counts all pixels of the picture

    size: tuple[int, int] = Field(description="Width and height of the picture, upright, in pixels.")
    classes: list[Share] = Field(description="The classes found, the largest first.")
    unlabelled: float = Field(ge=0, le=1, description="The share of pixels of no class.")


class Spot(BaseModel):
    """One key point, in pixels of the picture."""

    name: str
    x: float
    y: float
    score: float = Field(ge=0, le=1)


class PointsAnswer(Answer):
    """Where the key points of an object lie."""

    size: tuple[int, int] = Field(description="Width and height of the picture, upright, in pixels.")
    edges: list[tuple[int, int]] = Field(description="Pairs of points that belong together, by their places.")
    points: list[Spot]


class JointAnswer(Answer):
    """What each part of a joined model says of a picture."""

    takes_long: ClassVar[bool] = True  # as its parts may

    parts: dict[str, dict[str, Any]] = Field(
        description="What each part says, by its name, as its own route would say it."
    )

    @classmethod
    def of(cls, answer: Any, asked: Any, **spent: Any) -> Answer:
        """With the answer of each part, as if nothing was asked of it in particular."""
        parts = {name: _part(one, spent) for name, one in answer.items()}
        return cls(source=answer.source, parts=parts, **spent)


def _part(answer: Any, spent: dict[str, Any]) -> dict[str, Any]:
    kind: Any = ANSWERS[type(answer).__name__]
    told = kind.of(answer, kind.asks(model=None), **spent)
    values: dict[str, Any] = told.model_dump(mode="json", exclude=set(Answer.model_fields), exclude_none=True)
    return values


# What a row of the table `gives` -> its type here.
ANSWERS: dict[str, type[Answer]] = {
    "Labels": LabelsAnswer,
    "Boxes": BoxesAnswer,
    "Mask": MaskAnswer,
    "Points": PointsAnswer,
    "Joint": JointAnswer,
}


class Served(BaseModel):
    """One model that is served."""

    name: str = Field(description="What the query parameter `model` chooses it by.")
    card: str = Field(description="What its card calls it.")
    classes: int | None = Field(None, description="How many it tells apart, of one that looks at pictures.")
    tokens: int | None = Field(None, description="How many its vocabulary has, of one that writes.")


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
    texts: int = Field(description="Written or scored since the start.")
    tokens: int = Field(description="That were made for them.")
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
