"""Trains the embedded detector: the 80 classes of COCO, from 294 of its pictures and sheets of small objects.

    python -m recipes.detect --minutes 40

The pack of COCO has few pictures, so sheets are added: tiles of Tiny-ImageNet, whose pictures have one box
each, of those classes that COCO knows under another name. One COCO picture in ten chooses the best weights;
the 310 pictures of the official val are scored once, at the end, and nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from macaw import tasks, verbs, zoo
from macaw.card import Card
from macaw.data.annotated import read_annotated
from macaw.data.objects import Annotated, AnnotatedPictures, Objects
from macaw.files import Stage
from macaw.machine import cpu_count, processor
from macaw.recognition import fit_boxes
from macaw.training.progress import Bar
from recipes.finishing import rows, usual_boxes

# COCO's name -> what Tiny-ImageNet calls its kinds
MATCH = {
    "backpack": ("backpack",),
    "banana": ("banana",),
    "bear": ("brown bear",),
    "bird": ("goose", "black stork", "king penguin", "albatross"),
    "boat": ("gondola", "lifeboat"),
    "bottle": ("beer bottle", "pop bottle", "pill bottle"),
    "bus": ("school bus", "trolleybus"),
    "car": ("beach wagon", "convertible", "limousine", "sports car"),
    "cat": ("tabby", "Persian cat", "Egyptian cat"),
    "chair": ("rocking chair",),
    "cow": ("ox",),
    "cup": ("espresso",),
    "dining table": ("dining table",),
    "dog": (
        "Chihuahua", "Yorkshire terrier", "golden retriever", "Labrador retriever", "German shepherd",
        "standard poodle",
    ),
    "elephant": ("African elephant",),
    "keyboard": ("computer keyboard",),
    "orange": ("orange",),
    "parking meter": ("parking meter",),
    "pizza": ("pizza",),
    "refrigerator": ("refrigerator",),
    "remote": ("remote control",),
    "sheep": ("bighorn",),
    "spoon": ("wooden spoon",),
    "sports ball": ("basketball", "rugby ball", "volleyball"),
    "teddy bear": ("teddy",),
    "tie": ("bow tie",),
    "train": ("bullet train", "freight car"),
    "truck": ("moving van",),
    "umbrella": ("umbrella",),
}  # fmt: skip
SIDE = 320  # pixels of a sheet, and of what is trained at
GRIDS = (1, 2, 2, 2, 3, 3)  # tiles along the side of a sheet, one of these at random
REPEATED = 6  # times that each COCO picture is among the training pictures
SHEETS = 2400

LIMITS = (
    "Trained on 294 photographs of COCO and sheets of 64-pixel pictures, for less than an hour on two "
    "processor cores: it finds large and common things, people above all, and misses most others. For real "
    "work reach for a checkpoint trained on all of COCO, such as ustc-community/dfine-nano-coco on the "
    "Hugging Face Hub (42.8 AP)."
)
TERMS = {
    "code": "Apache-2.0",
    "weights": "trained on pictures whose terms follow: research and education only",
    "data": "COCO 2017 (annotations CC BY 4.0, pictures under their Flickr licences), Tiny-ImageNet-200 "
    "(from ImageNet: non-commercial research and education)",
}


def small_objects(pack: Path, names: tuple[str, ...]) -> list[tuple[Image.Image, np.ndarray, int]]:
    """Every picture of Tiny-ImageNet that shows a class of `names`: it, its box, and the class."""
    lines = (pack / "classes.txt").read_text(encoding="utf-8").splitlines()
    called = {line.split("\t")[2].split(",")[0]: int(line.split("\t")[0]) for line in lines}
    wanted = {called[kind]: names.index(name) for name, kinds in MATCH.items() for kind in kinds}
    found = []
    for split in ("train", "train_more"):
        arrays = np.load(pack / f"{split}.npz")
        blob, off = arrays["blob"], arrays["off"]
        for i in np.flatnonzero(np.isin(arrays["label"], list(wanted))):
            picture = Image.open(io.BytesIO(blob[off[i] : off[i + 1]].tobytes())).convert("RGB")
            found.append((picture, arrays["box"][i].astype(np.float64), wanted[int(arrays["label"][i])]))
    return found


def sheets(
    objects: list[tuple[Image.Image, np.ndarray, int]], count: int
) -> Iterator[tuple[Image.Image, Objects]]:
    """So many sheets of tiles, each class as often as any other."""
    noise = np.random.default_rng(0)
    by_class: dict[int, list[int]] = {}
    for i, (_, _, label) in enumerate(objects):
        by_class.setdefault(label, []).append(i)
    for _ in range(count):
        grid = int(noise.choice(GRIDS))
        edges = np.linspace(0, SIDE, grid + 1).round().astype(int)
        sheet, boxes, labels = Image.new("RGB", (SIDE, SIDE)), [], []
        for row in range(grid):
            for column in range(grid):
                picture, box, label = objects[int(noise.choice(by_class[int(noise.choice(list(by_class)))]))]
                left, top, right, bottom = edges[column], edges[row], edges[column + 1], edges[row + 1]
                size = (int(right - left), int(bottom - top))
                sheet.paste(picture.resize(size, Image.Resampling.BICUBIC), (int(left), int(top)))
                scale = np.tile(np.array(size) / picture.size, 2)
                # A box of this pack holds its last row and column, so ours ends one further
                boxes.append((box + np.array([0, 0, 1, 1])) * scale + np.tile([left, top], 2))
                labels.append(label)
        yield sheet, Objects.of(np.clip(boxes, 0, SIDE), labels)


def pictures(coco: Path, tiny: Path) -> AnnotatedPictures:
    """COCO's train but for a tenth, some times over, and the sheets; that tenth as val."""
    whole = read_annotated(coco, val_share=0.0)
    train = whole.splits["train"]
    choosing = np.zeros(len(train), bool)
    choosing[np.random.default_rng(0).permutation(len(train))[: len(train) // 10]] = True
    photos, val = train.subset(~choosing), train.subset(choosing)
    drawn = list(sheets(small_objects(tiny, whole.names), SHEETS))
    mixed = Annotated(
        [*photos.sources] * REPEATED + [sheet for sheet, _ in drawn],
        [*photos.objects] * REPEATED + [objects for _, objects in drawn],
        np.concatenate([photos.sizes] * REPEATED + [np.full((len(drawn), 2), SIDE)]),
    )
    return replace(whole, splits={"train": mixed, "val": val})


def finish(out: Path, coco: Path, minutes: float) -> None:
    """Score on the official val and complete the card."""
    scores = verbs.evaluate(out, coco, split="val", board=None)
    print(scores)
    card, cores = Card.load(out), cpu_count()
    baseline = usual_boxes(read_annotated(coco, val_share=0.0), "val")
    card.replace(
        name="coco-80-small",
        scores={
            "coco mini val (official pictures, 310 of them)": rows(scores.metrics),
            "baseline: a hundred boxes of train in every picture": rows(baseline.metrics),
        },
        training={
            **card.training,
            "data": "294 pictures of COCO, 2,400 sheets of Tiny-ImageNet",
            "start": tasks.find("classify").embedded,
            "command": f"python -m recipes.detect --minutes {minutes:g}",
            "machine": f"{processor()}, {cores} core{'s' if cores > 1 else ''}, shared with other work",
        },
        terms=TERMS,
        limits=LIMITS,
    ).save(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coco", type=Path, default=Path("../shared/data/det_coco"))
    parser.add_argument("--tiny", type=Path, default=Path("../shared/data/tiny_imagenet"))
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--out", type=Path, default=zoo.FOLDER / tasks.find("detect").embedded)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args()
    began = time.monotonic()
    stage = Stage(chosen.out, resume=chosen.resume)
    stage.check()
    with Bar() as bar:
        data = pictures(chosen.coco, chosen.tiny)
        bar.started(data.notes)
        start = str(zoo.folder(tasks.find("classify").embedded))
        options = fit_boxes.Options.of(minutes=chosen.minutes, start=start, size=SIDE)
        fit_boxes.fit(tasks.find("detect"), data, stage, options=options, watcher=bar, began=began)
    finish(chosen.out, chosen.coco, chosen.minutes)


if __name__ == "__main__":
    main()
