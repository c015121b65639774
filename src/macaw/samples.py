"""Samples: inputs that come inside the wheels of dependencies, so that the tour needs no download.

They are found where they lie; the packages that bring them are not imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from macaw.data.pictures import read_picture
from macaw.errors import InputError, MissingExtra


@dataclass(frozen=True)
class Package:
    """A dependency that brings samples."""

    name: str  # what pip calls it
    module: str  # what Python calls it
    folder: str  # where its samples lie, inside the module
    extra: str  # the extra of macaw that asks for it, or nothing when it is always there

    def path(self, file: str) -> Path:
        """Where a file of this package lies.

        Raises MissingExtra without the package, InputError when the package lacks the file.
        """
        spec = find_spec(self.module)
        if spec is None and self.extra:
            raise MissingExtra(f"the sample '{file}'", self.name, self.extra)
        roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
        for root in roots:
            path = Path(root, self.folder, file)
            if path.is_file():
                return path
        raise InputError(
            f"the sample '{file}' is not in the installed {self.name}; install {self.name} again"
        )


@dataclass(frozen=True)
class Sample:
    """One input of the tour, with what a reader wants to know about it."""

    name: str
    kind: str  # as in the `takes` of a row: "picture" or "text"
    package: Package | None  # None of a text, which is here
    file: str  # its name in the package; of a text the text itself
    title: str  # what it shows, in some words
    alt: str  # the same for who cannot see it, in a sentence; nothing of a text
    author: str
    terms: str  # the licence, as the package states it
    shows: tuple[str, ...] = ()  # classes, any of which would be a right answer; none where no table has one
    part: tuple[int, int, int, int] | None = None  # left, top, right, bottom: all that is shown

    @property
    def path(self) -> Path:
        """Where it lies on this machine; raises as `Package.path`, and InputError for a text."""
        if self.package is None:
            raise InputError(f"the sample '{self.name}' is a text, not a file")
        return self.package.path(self.file)

    @property
    def input(self) -> Path | np.ndarray | str:
        """What a model is given: text, the file, or the part of it, (H, W, 3) uint8, that is meant."""
        if self.package is None:
            return self.file
        if self.part is None:
            return self.path
        left, top, right, bottom = self.part
        return read_picture(self.path)[top:bottom, left:right]


SCIKIT_IMAGE = Package("scikit-image", "skimage", "data", extra="tour")
MATPLOTLIB = Package("matplotlib", "matplotlib", "mpl-data/sample_data", extra="")

# Author and terms: the docstrings of skimage.data; matplotlib states none for its portrait.
SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            name="coffee",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="coffee.png",
            title="A cup of espresso",
            alt="An espresso in a red cup on a red saucer, with a spoon, on a wooden table",
            author="Rachel Michetti",
            terms="CC0",
            shows=("espresso", "cup"),
        ),
        Sample(
            name="chelsea",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="chelsea.png",
            title="Chelsea the cat",
            alt="The face of a ginger tabby cat with green eyes, close up",
            author="Stéfan van der Walt",
            terms="CC0",
            shows=("tabby", "Egyptian cat", "cat"),
        ),
        Sample(
            name="grace_hopper",
            kind="picture",
            package=MATPLOTLIB,
            file="grace_hopper.jpg",
            title="Grace Hopper, Commodore of the US Navy",
            alt="Portrait of Grace Hopper in dark naval uniform and cap before the flag of the United States",
            author="US Navy",
            terms="public domain by its origin, a portrait by the US Navy",
            shows=("military uniform", "person"),
        ),
        Sample(
            name="rocket",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="rocket.jpg",
            title="A Falcon 9 on its launch pad",
            alt="A white rocket between four lattice towers at dusk, lit from below",
            author="SpaceX",
            terms="released into the public domain",
            shows=("projectile",),  # ImageNet's pictures of this class are rockets and missiles
        ),
        Sample(
            name="astronaut",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="astronaut.png",
            title="Eileen Collins, astronaut",
            alt="Eileen Collins, smiling, in an orange space suit beside a model of the space shuttle",
            author="NASA",
            terms="released into the public domain",
            shows=("person",),
        ),
        Sample(
            name="camera",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="camera.png",
            title="A man with a camera",
            alt="A photographer in a long coat on a lawn, buildings and a bright sky behind; without colour",
            author="Lav Varshney",
            terms="CC0",
            shows=("Building", "Sky"),
        ),
        Sample(
            name="hopper_face",
            kind="picture",
            package=MATPLOTLIB,
            file="grace_hopper.jpg",
            title="The face of Grace Hopper",
            alt="The face of Grace Hopper, with glasses, turned a little to her right",
            author="US Navy",
            terms="public domain by its origin, a portrait by the US Navy",
            part=(150, 128, 356, 334),
        ),
        Sample(
            name="astronaut_face",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="astronaut.png",
            title="The face of Eileen Collins",
            alt="The smiling face of Eileen Collins",
            author="NASA",
            terms="released into the public domain",
            part=(158, 68, 288, 198),
        ),
        Sample(
            name="hubble_deep_field",
            kind="picture",
            package=SCIKIT_IMAGE,
            file="hubble_deep_field.jpg",
            title="Hubble eXtreme Deep Field",
            alt="Hundreds of small galaxies of all colours on black sky",
            author="NASA",
            terms="public domain",
        ),
        *(
            Sample(name, "text", None, text, title, alt="", author="The macaw authors", terms="CC0")
            for name, title, text in (
                ("evening", "The beginning of a chapter", "It was late in the evening when the carriage"),
                ("dialogue", "Somebody speaks", '"I cannot believe it," said the old man, "'),
                ("sea", "A ship", "The captain looked out over the sea, and"),
                ("fox", "A title with an animal", "The Fox and the Well"),
                ("moon", "A title with a wish", "The Girl Who Wanted the Moon"),
            )
        ),
    )
}


def at_hand(names: Iterable[str], *, most: int | None = None) -> tuple[list[Sample], list[str]]:
    """Those of the named samples that are on this machine, `most` at most, and a line for each why not.

    Looking ends with the last one wanted, so that what would not be shown is not reported missing.
    """
    found: list[Sample] = []
    problems: list[str] = []
    absent: dict[Package, list[str]] = {}
    for sample in (SAMPLES[name] for name in names):
        try:
            if sample.package:
                sample.path.stat()
        except MissingExtra:
            absent.setdefault(sample.package, []).append(sample.name)  # type: ignore[arg-type]  # it has one
        except InputError as problem:
            problems.append(str(problem))
        else:
            found.append(sample)
        if len(found) == most:
            return found, []
    problems += [
        f"{package.name} is not installed, so these are left out: {', '.join(some)}. "
        f"Install it with: pip install 'macaw[{package.extra}]'"
        for package, some in absent.items()
    ]
    return found, problems
