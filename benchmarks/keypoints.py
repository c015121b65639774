"""What transfer is worth for the points of a face: `macaw train keypoints` from a front-end and from scratch.

    python -m benchmarks.keypoints --minutes 2
    python -m benchmarks.keypoints --minutes 2 10 --pictures 100 500 --seeds 0 1 2

At several numbers of training pictures, drawn from the pack anew for each seed and the same for all. Ours
begins with the classifier's front-end, or from scratch; beside it stand a ResNet-18 whose last layer gives
the coordinates, trained plainly from scratch on the same augmented pictures (it begins with the mean face;
smooth L1, AdamW, half a cosine), and the mean face itself. Errors are in parts of the box, which is the whole
picture, 1.35 times the box of the points, and of the distance of the outer corners of the eyes, as those of
300-W are; the other numbers are in parts of the latter. Who is charged for what: benchmarks/contest.py.

Shapes: N pictures of one face, K points
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks import peers
from benchmarks.contest import Book, Row, answers, arguments, begin, fit, intervals, ours, report
from macaw import zoo
from macaw.data.objects import Annotated, AnnotatedPictures
from macaw.data.pictures import read_picture
from macaw.data.pointfiles import read_points
from macaw.heads.points import visible
from macaw.heads.scene import Scene, points_of
from macaw.metrics.points import between, box_side, score_points
from macaw.model import Model
from macaw.training.scene_augment import SceneAugmentation, augment_scenes

CALLED = {
    "macaw": "**macaw**, from the classifier's front-end",
    "macaw scratch": "macaw, from scratch",
    "resnet": "ResNet-18, from scratch",
    "mean": "the mean face",
}
RATE = 1e-3  # of the peer, AdamW's usual one
EYES = (36, 45)  # outer corners, of 68 points counted from 0
HOW = SceneAugmentation(zoom=0.25, colour=0.3)  # as ours: mirrored, scaled by 4/5 to 5/4, moved, recoloured


def some_of(pack: Path, count: int, seed: int, folder: Path) -> Path:
    """The pack with so many of its training pictures and the whole test split."""
    with np.load(pack / "train.npz") as arrays:
        blob, off, points = (arrays[name] for name in ("blob", "off", "points"))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(points))[:count])
    blobs = [blob[off[i] : off[i + 1]] for i in chosen]
    ends = np.cumsum([0, *map(len, blobs)])
    np.savez(folder / "train.npz", blob=np.concatenate(blobs), off=ends, points=points[chosen])
    (folder / "test.npz").symlink_to((pack / "test.npz").resolve())
    return folder


def truth_of(some: Annotated) -> np.ndarray:
    """(N, K, 3) x, y, v."""
    return np.concatenate([objects.points for objects in some.objects])


def errors_of(found: np.ndarray, data: AnnotatedPictures) -> Row:
    """The numbers of `found` (N, K, 2) in the test split, by both lengths."""
    some = data.splits["test"]
    truth, names = truth_of(some), data.skeleton.names if data.skeleton else ()
    boxes = np.concatenate([objects.xyxy for objects in some.objects])
    by_box = score_points(found, truth, names, normaliser=box_side(boxes))
    eyes = score_points(found, truth, names, normaliser=between(truth, EYES))
    more = intervals(eyes, ("NME, inter-ocular", "failures above 8 %", "area up to 8 %"))
    return {**intervals(by_box, ("NME, box side",)), **more}


def macaws(data: Path, **options: Any) -> Row:
    """Ours, whole."""

    def judge(model: Model) -> Row:
        read = read_points(data, val_share=0.0)
        found = [answer.xy for answer in model.stream(read.splits["test"].sources, batch=64)]
        return errors_of(np.stack(found), read)

    return ours("keypoints", data, judge, **options)


def mean_face(data: Path) -> Row:
    """The mean of the training faces for every picture."""
    read = read_points(data, val_share=0.0)
    mean = truth_of(read.splits["train"])[..., :2].mean(0)
    return {"metrics": errors_of(np.tile(mean, (len(read.splits["test"]), 1, 1)), read)}


def batches(
    data: AnnotatedPictures, pictures: list[np.ndarray], *, batch: int, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end: (B, 3, side, side) in 0..255 and their points (B, K, 3), augmented together."""
    noise, size, flips = np.random.default_rng(seed), pictures[0].shape[:2], None
    if data.skeleton is not None:
        flips = data.skeleton.flips
    scenes = []
    for objects in data.splits["train"].objects:
        boxes, points = (torch.from_numpy(x.astype(np.float32)) for x in (objects.xyxy, objects.points))
        scenes.append(Scene(boxes, torch.zeros(1, dtype=torch.int64), points=points))
    whole, count = torch.from_numpy(np.stack(pictures)), scenes[0].points.shape[1]
    while True:
        order = noise.permutation(len(pictures))
        for start in range(0, len(order) - batch + 1, batch):
            some, draw = order[start : start + batch], int(noise.integers(2**31))
            known = [scenes[i] for i in some]
            x, moved = augment_scenes(whole[some], known, HOW, size=size, seed=draw, flips=flips)
            yield x, points_of(moved, count)


def resnet(data: Path, *, minutes: float, seed: int, batch: int, rate: float) -> Row:
    """The peer: its loop by the clock, then its points of the test split."""
    torch.manual_seed(seed)
    read = read_points(data, val_share=0.0)
    train = read.splits["train"]
    pictures, truth = [read_picture(source) for source in train.sources], truth_of(train)[..., :2]
    side, points = pictures[0].shape[0], truth.shape[1]
    net = peers.resnet18(2 * points, stem="imagenet")
    mean = torch.from_numpy(truth.mean(0) / side - 0.5).float()
    with torch.no_grad():
        net[-1].bias.copy_(mean.flatten())  # type: ignore[index]

    def loss(raw: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Of the points that are still in the picture, in parts of its side from its middle."""
        each = F.smooth_l1_loss(
            raw.view(-1, points, 2), targets[..., :2] / side - 0.5, beta=0.02, reduction="none"
        )
        return each[visible(targets, side, side)].mean()

    drawn = batches(read, pictures, batch=min(batch, len(pictures)), seed=seed)
    done = fit(net, drawn, loss, rate=rate, seconds=60 * minutes)
    unseen = [read_picture(source) for source in read.splits["test"].sources]
    found = torch.stack(list(answers(net, unseen, batch=64))).view(-1, points, 2).numpy()
    passes = round(done.pop("seen") / len(pictures), 2)
    return {**done, "passes": passes, "metrics": errors_of((found + 0.5) * side, read)}


def main() -> None:
    parser = arguments(__doc__, data="kp_face68", ways=tuple(CALLED), minutes=2.0)
    parser.add_argument("--pictures", type=int, nargs="+", default=[100, 500, 3462], help="to train on")
    parser.add_argument("--batch", type=int, default=64, help="of the peer")
    parser.add_argument("--rate", type=float, default=RATE, help="of the peer")
    chosen = begin(parser)
    starts = {"macaw": str(zoo.folder("classify")), "macaw scratch": "scratch"}
    keys = ("data", "pictures", "minutes", "way", "rate", "batch", "seed")
    book = Book(chosen.out / "keypoints.jsonl", keys)
    wanted = itertools.product(chosen.pictures, chosen.minutes, chosen.seeds, chosen.only)
    for count, minutes, seed, way in wanted:
        with tempfile.TemporaryDirectory() as name:
            data = some_of(chosen.data, count, seed, Path(name))
            asked: Row = {"minutes": minutes, "seed": seed}
            if way in starts:
                measure = partial(macaws, data, start=starts[way], **asked)
            elif way == "resnet":
                asked |= {"rate": chosen.rate, "batch": chosen.batch}
                measure = partial(resnet, data, **asked)
            else:
                measure = partial(mean_face, data)
            book.keep({"data": chosen.data.name, "pictures": count, "way": way, **asked}, measure)
    report(book, chosen.data, called=CALLED, about=("pictures",))


if __name__ == "__main__":
    main()
