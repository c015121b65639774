"""THE TABLE: one row per application. The command line, the tour and the documentation are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from macaw.errors import UnknownName, did_you_mean


@dataclass(frozen=True)
class Task:
    """One application. Everything a door needs to know about it."""

    name: str  # what a person says
    alias: str  # the Hugging Face task name
    family: str  # see, imagine, read, write, link, speak
    does: str  # one sentence
    takes: str  # kind of input: "picture" or "text"
    gives: str  # the Result
    builder: str  # who makes a model of its folder: an entry of registry.BUILDERS, or of language.opening
    frontend: str  # an entry of registry.FRONTENDS; of a language model the kind of its tokens
    head: str  # an entry of registry.HEADS; of a language model the kind of network
    layouts: tuple[str, ...]  # data it trains on
    metric: str  # the number on the board
    embedded: str  # its folder in the zoo; rows may share one
    samples: tuple[str, ...]  # inputs of the tour, by their names in macaw.samples
    others: tuple[str, ...] = ()  # more embedded models of the same row, each loaded by its own name
    evaluation: str = ""  # which of the evaluations on the card speaks for the row; the first, if not said


TASKS: dict[str, Task] = {
    row.name: row
    for row in (
        Task(
            name="classify",
            alias="image-classification",
            family="see",
            does="Says what a picture shows: ranked guesses with confidences.",
            takes="picture",
            gives="Labels",
            builder="recognizer",
            frontend="image",
            head="label",
            layouts=("folder per class", "CSV, TSV or JSON lines", "packed arrays"),
            metric="top-1 error",
            embedded="classify",
            samples=("coffee", "chelsea", "grace_hopper", "rocket", "astronaut", "hubble_deep_field"),
        ),
        Task(
            name="detect",
            alias="object-detection",
            family="see",
            does="Finds objects: what each is, how sure that is, and its box.",
            takes="picture",
            gives="Boxes",
            builder="recognizer",
            frontend="image",
            head="box",
            layouts=("COCO", "YOLO", "Pascal VOC", "CSV, TSV or JSON lines", "instance maps"),
            metric="AP",
            embedded="detect",
            samples=("chelsea", "coffee", "astronaut", "grace_hopper"),
            others=("blood-cells",),
        ),
        Task(
            name="segment",
            alias="image-segmentation",
            family="see",
            does="Says of every pixel what it belongs to.",
            takes="picture",
            gives="Mask",
            builder="recognizer",
            frontend="image",
            head="mask",
            layouts=("pictures beside masks of class numbers or colours",),
            metric="mIoU",
            embedded="segment",
            samples=("camera", "rocket", "grace_hopper"),
        ),
        Task(
            name="keypoints",
            alias="keypoint-detection",
            family="see",
            does="Finds named points of an object, such as the corners of the eyes of a face.",
            takes="picture",
            gives="Points",
            builder="recognizer",
            frontend="image",
            head="point",
            layouts=("CSV or TSV of points", ".pts files", "COCO", "YOLO", "packed arrays"),
            metric="NME, box side",
            embedded="keypoints",
            samples=("hopper_face", "astronaut_face"),
        ),
        Task(
            name="complete",
            alias="text-generation",
            family="write",
            does="Goes on with a text, one token at a time, and says how likely a text is.",
            takes="text",
            gives="Completion",
            builder="network",
            frontend="pieces",
            head="transformer",
            layouts=(".txt or .jsonl files, or folders of them, packed (.xz, .gz, .bz2) or not",),
            metric="bits per byte",
            embedded="complete",
            samples=("evening", "dialogue", "sea"),
            others=("complete-lstm", "complete-ngram"),
        ),
        Task(
            name="story",
            alias="story-generation",
            family="write",
            does="Tells a short story of a title.",
            takes="text",
            gives="Story",
            builder="network",
            frontend="pieces",
            head="transformer",
            layouts=(".jsonl files with title and text", ".txt files whose documents begin with a title"),
            metric="bits per byte",
            embedded="complete",  # which read stories with their titles; stories alone made it no better
            samples=("fox", "moon"),
            evaluation="stories_children test (57 stories)",
        ),
    )
}


def find(name: str) -> Task:
    """The row called `name`, by its name or its Hugging Face alias.

    Raises UnknownName, which lists the rows.
    """
    for task in TASKS.values():
        if name in {task.name, task.alias}:
            return task
    known = [*TASKS, *(task.alias for task in TASKS.values())]
    raise UnknownName(f"no application '{name}'.{did_you_mean(name, known)} There are: {', '.join(TASKS)}")
