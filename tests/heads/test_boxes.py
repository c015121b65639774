"""The box head: assignment and losses against loops written out, its laws, its graph, and that it learns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.errors import InputError
from macaw.frontends.base import Features
from macaw.frontends.image import ImageFrontend
from macaw.heads.box_assign import assign, choose, grid_of, pair_up, truth_of
from macaw.heads.box_losses import edge_bins, giou, mask_cross, overlaps, quality_focal
from macaw.heads.boxes import PRIOR, BoxHead, Branch, bin_values
from macaw.heads.extents import Extents
from macaw.heads.scene import Scene, empty_scene
from macaw.layers.conv import ConvNorm
from macaw.layers.pyramid import Pyramid
from macaw.layers.separable import SharedConv

STRIDES = (4, 8, 16, 32)
WIDTHS = (8, 16, 24, 32)


def noise(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(count: int = 2, side: int = 64, seed: int = 0) -> Features:
    draw = noise(seed)
    return Features(
        tuple(
            torch.randn(count, width, math.ceil(side / stride), math.ceil(side / stride), generator=draw)
            for width, stride in zip(WIDTHS, STRIDES, strict=True)
        )
    )


def head(**options: object) -> BoxHead:
    torch.manual_seed(0)
    return BoxHead(WIDTHS, **({"labels": 3, "strides": STRIDES, "width": 16} | options))


def scene(xyxy: object, labels: object = None, **more: object) -> Scene:
    boxes = torch.tensor(xyxy, dtype=torch.float32).reshape(-1, 4)
    names = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    return Scene(boxes, names, **more)


def some_boxes(count: int, side: float, seed: int) -> torch.Tensor:
    """Boxes in a picture, from a fraction of a pixel to all of it."""
    draw = np.random.default_rng(seed)
    sides = np.minimum(np.exp(draw.uniform(np.log(0.3), np.log(side), (count, 2))), side)
    low = draw.uniform(0, 1, (count, 2)) * (side - sides)
    return torch.tensor(np.hstack([low, low + sides]), dtype=torch.float32)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (sum(areas) - both)


# Where cells are, and which may answer


def test_cells_go_by_rows_from_the_finest_level():
    grid = grid_of([torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 1, 2)], (8, 16))
    assert grid.centres.tolist() == [
        [4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12], [8, 8], [24, 8]
    ]  # fmt: skip
    assert grid.strides.tolist() == [8] * 6 + [16] * 2


GRID = grid_of([torch.zeros(1, 1, side, side) for side in (8, 4, 2)], (8, 16, 32))


@given(count=st.integers(0, 12), seed=st.integers(0, 999))
def test_pairs_are_the_cells_in_a_box_and_never_none(count: int, seed: int):
    boxes = some_boxes(count, 64, seed)
    pairs = pair_up(boxes, GRID)
    expected = []
    for g, (left, top, right, bottom) in enumerate(boxes.tolist()):
        for a, ((x, y), stride) in enumerate(zip(GRID.centres.tolist(), GRID.strides.tolist(), strict=True)):
            least = 8 * 0.501 if stride == 8 else 0
            wide, high = max((right - left) / 2, least), max((bottom - top) / 2, least)
            if abs(x - (left + right) / 2) <= wide and abs(y - (top + bottom) / 2) <= high:
                expected.append((g, a))
    # A box edge that falls on a centre to the last digit may go either way
    found = set(zip(pairs.objects.tolist(), pairs.cells.tolist(), strict=True))
    assert len(found ^ set(expected)) <= 1
    assert set(pairs.objects.tolist()) == set(range(count))
    assert (pairs.objects.diff() >= 0).all()


@given(
    count=st.integers(1, 8), cells=st.integers(1, 12), top=st.integers(1, 4), seed=st.integers(0, 999),
    filled=st.floats(0.2, 1.0),
)  # fmt: skip
def test_choice_is_that_of_loops(count: int, cells: int, top: int, seed: int, filled: float):
    draw = np.random.default_rng(seed)
    objects, places = np.nonzero(draw.random((count, cells)) < filled)
    fit = draw.permutation(len(objects)) + 1.0  # all different

    def settle(left: list[int], most: int) -> list[int]:
        named = []
        for g in range(count):
            named += sorted((i for i in left if objects[i] == g), key=lambda i: -fit[i])[:most]
        return [i for i in named if all(fit[i] >= fit[j] for j in named if places[j] == places[i])]

    expected = settle(list(range(len(objects))), top)
    for _ in range(5):
        left = [
            i for i in range(len(objects))
            if objects[i] not in objects[expected] and places[i] not in places[expected]
        ]  # fmt: skip
        expected += settle(left, 1)
    chosen = choose(*(torch.from_numpy(x) for x in (objects, places, fit)), top=top).tolist()
    assert sorted(chosen) == sorted(expected)
    assert len(set(places[chosen])) == len(chosen)
    assert all((objects[chosen] == g).sum() <= top for g in range(count))


def assigned(boxes: torch.Tensor, scores: torch.Tensor, scenes: list[Scene], top: int):
    truth = truth_of(scenes)
    return assign(scores, boxes, truth, pair_up(truth.xyxy, GRID), top=top)


@given(seed=st.integers(0, 200), top=st.sampled_from((1, 4)))
@settings(max_examples=20)
def test_the_measure_and_the_quality_are_those_of_the_paper(seed: int, top: int):
    # One object a picture: no conflicts, so the best cells are those of the sorted measure
    draw = noise(seed)
    truth = [scene(some_boxes(1, 64, seed + i).tolist(), [i]) for i in range(2)]
    scores = torch.randn(2, 84, 3, generator=draw)
    wide = torch.rand(2, 84, 2, generator=draw) * 40 + 2
    boxes = torch.cat((GRID.centres - wide, GRID.centres + wide.flip(1)), -1)
    found = assigned(boxes, scores, truth, top)
    for i in range(2):
        cells = pair_up(truth[i].xyxy, GRID).cells.tolist()
        real = truth[i].xyxy[0].double().numpy()
        lies = np.array([iou(boxes[i, a].double().numpy(), real) for a in cells])
        fit = np.array([1 / (1 + math.exp(-float(scores[i, a, i]))) for a in cells]) ** 0.5 * lies**6
        best = np.argsort(-fit)[:top]
        if fit[best].min() < 1e-6:
            continue  # where nothing overlaps, closeness decides
        mine = found.pictures == i
        assert set(found.cells[mine].tolist()) == {cells[j] for j in best}
        quality = {cells[j]: fit[j] / fit[best].max() * max(lies[best].max(), 0.1) for j in best}
        for cell, value in zip(found.cells[mine].tolist(), found.quality[mine].tolist(), strict=True):
            assert value == pytest.approx(quality[cell], rel=1e-3)


def test_where_no_box_overlaps_the_nearest_cell_learns():
    boxes = torch.zeros(1, 84, 4)
    found = assigned(boxes, torch.zeros(1, 84, 1), [scene([[10.2, 4.1, 10.7, 4.6]])], 1)
    assert found.cells.tolist() == [1]  # its centre is at 12, 4
    assert found.quality.tolist() == pytest.approx([0.1])


def test_objects_on_top_of_each_other_share_out_the_cells():
    same = [[8.0, 8.0, 40.0, 40.0]] * 6
    boxes = torch.tensor(same[:1]).expand(1, 84, 4).clone()
    found = assigned(boxes, torch.zeros(1, 84, 1), [scene(same)], 10)
    assert set(found.objects.tolist()) == set(range(6))
    assert len(set(found.cells.tolist())) == len(found.cells)


@pytest.mark.parametrize("top", [1, 10])
def test_objects_are_answered_for_in_their_own_picture(top: int):
    scenes = [scene([[0, 0, 30, 30]]), empty_scene(), scene([[20, 30, 60, 64], [1, 1, 9, 9]], [1, 2])]
    boxes = torch.cat((GRID.centres - 10, GRID.centres + 10), 1).expand(3, 84, 4)
    found = assigned(boxes, torch.zeros(3, 84, 3), scenes, top)
    truth = truth_of(scenes)
    assert truth.pictures.tolist() == [0, 2, 2]
    assert truth.places.tolist() == [0, 0, 1]
    assert torch.equal(found.pictures, truth.pictures[found.objects])
    assert set(found.objects.tolist()) == {0, 1, 2}


# Losses


@given(seed=st.integers(0, 999))
def test_overlap_of_boxes_is_the_formula(seed: int):
    one, other = some_boxes(5, 30, seed), some_boxes(5, 30, seed + 1)
    for a, b, got, wide in zip(
        one.numpy(), other.numpy(), overlaps(one, other), giou(one, other), strict=True
    ):
        a, b = a.astype(np.float64), b.astype(np.float64)
        assert float(got) == pytest.approx(iou(a, b), abs=1e-5)
        hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
        areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
        union = areas / (1 + iou(a, b))
        assert float(wide) == pytest.approx(iou(a, b) - (hull - union) / hull, abs=1e-4)


def test_overlaps_that_are_known():
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 2, 2], [3, 3, 1, 1]])
    others = torch.tensor([[2.0, 0, 3, 1], [0, 0, 2, 2], [0, 0, 4, 4]])
    assert overlaps(boxes, others).tolist() == [0, 1, 0]  # the last is inside out
    assert giou(boxes, others)[:2].tolist() == pytest.approx([-1 / 3, 1])


@given(seed=st.integers(0, 999), some=st.booleans())
def test_quality_focal_is_the_formula_and_so_is_its_gradient(seed: int, some: bool):
    draw = noise(seed)
    logits = (torch.randn(2, 6, 3, generator=draw) * 3).double().requires_grad_()
    where = (torch.tensor([0, 1, 1]), torch.tensor([5, 0, 3]), torch.tensor([2, 2, 0]))
    quality = torch.rand(3, generator=draw).double()
    counts = torch.rand(2, 6, generator=draw) < 0.5 if some else None
    if counts is not None:
        counts[where[:2]] = True
    wanted = torch.zeros(2, 6, 3).double()
    wanted[where] = quality
    score = logits.sigmoid()
    cross = -((1 - wanted) * (1 - score).log() + wanted * score.log())
    each = (wanted - score).abs() ** 2 * cross
    expected = (each if counts is None else each[counts]).sum()
    loss = quality_focal(logits, where, quality, counts=counts)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    mine, theirs = (torch.autograd.grad(x, logits, retain_graph=True)[0] for x in (loss, expected))
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("bins", [2, 8, 16])
def test_bins_share_a_distance_so_that_their_mean_is_the_distance(bins: int):
    values = torch.tensor(bin_values(bins)).double()
    assert (values[0], values[-1]) == pytest.approx((-0.5, 11.5))
    assert (values.diff() > 0).all()
    logits = torch.randn(5, 4, bins, generator=noise(0)).double()
    wanted = torch.rand(5, 4, generator=noise(1)).double() * 11 - 0.4
    wanted[0] = torch.tensor([-3.0, -0.5, 11.5, 40.0])
    expected = torch.zeros(5)
    for m in range(5):
        for e in range(4):
            d = min(max(wanted[m, e].item(), -0.5), 11.5)
            i = max(j for j in range(bins - 1) if values[j] <= d + 1e-12)
            share = (d - values[i]) / (values[i + 1] - values[i])
            assert (1 - share) * values[i] + share * values[i + 1] == pytest.approx(d)
            log = logits[m, e].log_softmax(0)
            expected[m] -= ((1 - share) * log[i] + share * log[i + 1]).item() / 4
    assert edge_bins(logits, wanted, values).numpy() == pytest.approx(expected.numpy(), rel=1e-5)


def test_outlines_are_compared_in_their_box_and_by_its_area():
    logits = torch.zeros(2, 8, 8)
    logits[0, :3, :3] = 20.0
    logits[0, 6:, 6:] = 20.0  # far from the box: cut off, so not wrong
    masks = torch.zeros(2, 8, 8)
    masks[0, :3, :3] = 1.0
    loss = mask_cross(logits, masks, torch.tensor([[0.0, 0, 3, 3], [2, 2, 4, 4]]))
    outside = 4 * 4 - 9  # the cells of 0 that the margin adds
    assert loss.tolist() == pytest.approx([outside * math.log(2) / 16, math.log(2)], rel=1e-4)


# The head


def test_forward_and_decoded_tell_the_same():
    net, seen = head(protos=5).eval(), features()
    with torch.no_grad():
        for branch in ("many", "one"):
            raw, prototypes = net.decoded(seen, branch=branch)
            whole = net(seen)
            spread = getattr(whole, branch)
            assert raw.shape == (2, 84, 4 + 3 + 5)
            assert prototypes.shape == (2, 5, 16, 16)  # of the level before the last three
            torch.testing.assert_close(raw[..., 4:7], spread.scores.sigmoid())
            torch.testing.assert_close(raw[..., 7:], spread.mix.tanh())
            edges = spread.edges.unflatten(-1, (4, 8)).softmax(-1)
            away = (edges * torch.tensor(bin_values(8))).sum(-1) * GRID.strides[:, None]
            low, high = GRID.centres - away[..., :2], GRID.centres + away[..., 2:]
            torch.testing.assert_close(raw[..., :4], torch.cat((low, high), -1))
    assert len(head().decoded(seen)) == 1
    assert torch.equal(
        head(branch="one").eval().decoded(seen)[0], head().eval().decoded(seen, branch="one")[0]
    )


@pytest.mark.parametrize("bins", [0, 8])
def test_the_first_answers_are_modest(bins: int):
    raw = head(bins=bins).eval().decoded(features())[0]
    assert raw[..., 4:].detach().numpy() == pytest.approx(PRIOR, rel=0.5)
    sides = (raw[..., 2:4] - raw[..., :2]) / GRID.strides[:, None]
    assert 2 < sides.min() <= sides.max() < 6  # strides


def test_boxes_are_never_inside_out():
    net = head()
    for part in (net.many, net.one):
        torch.nn.init.normal_(part.edge.bias, std=50.0)
    raw = net.eval().decoded(features())[0]
    assert (raw[..., 2:4] >= raw[..., :2]).all()


def test_a_batch_is_its_pictures_one_by_one():
    net, seen = head(protos=4).eval(), features(3)
    whole = net.decoded(seen)
    for i in range(3):
        alone = net.decoded(Features(tuple(level[i : i + 1] for level in seen.levels)))
        for part, one in zip(whole, alone, strict=True):
            torch.testing.assert_close(part[i : i + 1], one, rtol=1e-4, atol=1e-4)


def test_saved_and_loaded_it_is_the_same():
    net = head(protos=4, bins=6, branch="one")
    config = json.loads(json.dumps(net.config))
    assert config == net.config
    other = BoxHead(WIDTHS, **config)
    other.load_state_dict(net.state_dict())
    assert torch.equal(net.eval().decoded(features())[0], other.eval().decoded(features())[0])


@pytest.mark.parametrize("count", [1, 2])
def test_a_front_end_of_few_levels_will_do(count: int):
    net = BoxHead(WIDTHS[-count:], labels=2, strides=STRIDES[-count:], width=16).eval()
    raw = net.decoded(Features(features().levels[-count:]))[0]
    assert raw.shape == (2, sum((64 // stride) ** 2 for stride in STRIDES[-count:]), 6)


CASES = {
    "nothing": [empty_scene(), empty_scene()],
    "tiny": [scene([[10.2, 20.1, 10.7, 20.6], [63.5, 63.5, 64, 64], [0, 0, 0.5, 0.5]]), empty_scene()],
    "ten thousand": [scene(some_boxes(10_000, 64, 0).tolist()), scene([[3, 3, 50, 40]])],
    "without extent": [scene([[5, 5, 5, 9], [7, 7, 7, 7], [2, 2, 30, 30]]), empty_scene()],
    "all of it": [scene([[0, 0, 64, 64]]), scene([[-20, -20, 90, 90]])],
}


@pytest.mark.parametrize("bins", [0, 8])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_finite(case: str, bins: int):
    net, seen = head(bins=bins, protos=4), features()
    scenes = [
        Scene(s.xyxy, s.labels, masks=Extents.of(torch.ones(len(s), 64, 64))) if len(s) < 100 else s
        for s in CASES[case]
    ]
    loss = net.loss(net(seen), scenes, seen)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(value.isfinite() for value in net.terms.values())
    assert set(net.terms) == {
        f"{branch} {term}" for branch in ("many", "one")
        for term in ("class", "box", "mask", *(("bins",) if bins else ()))
    }  # fmt: skip


def test_the_loss_is_a_mean_whatever_the_order():
    net, seen = head().eval(), features(3)
    scenes = [scene([[2, 2, 30, 30]]), empty_scene(), scene([[9, 9, 60, 50], [1, 40, 8, 60]], [1, 2])]
    once = net.loss(net(seen), scenes, seen)
    doubled = Features(tuple(torch.cat((level, level)) for level in seen.levels))
    torch.testing.assert_close(net.loss(net(doubled), scenes * 2, doubled), once)
    turned = Features(tuple(level.flip(0) for level in seen.levels))
    torch.testing.assert_close(net.loss(net(turned), scenes[::-1], turned), once)


def test_what_one_answer_wants_does_not_reach_the_pyramid():
    net, seen = head(), features()
    whole = net(seen)
    (whole.one.scores.sum() + whole.one.edges.sum()).backward()
    assert all(parameter.grad is None for parameter in net.pyramid.parameters())
    assert all(parameter.grad is not None for parameter in net.one.parameters())


def test_cells_in_a_crowd_are_neither_right_nor_wrong():
    net, seen = head(), features(1)
    crowd = torch.tensor([False, True])
    raw = net(seen)
    raw.many.scores.retain_grad()
    net.loss(raw, [scene([[0, 0, 16, 16], [32, 32, 64, 64]], crowd=crowd)], seen).backward()
    slope = raw.many.scores.grad[0].abs().sum(-1)
    inside = (GRID.centres > 32).all(1)
    assert (slope[inside] == 0).all()
    assert (slope[~inside] > 0).all()


def test_an_object_in_a_crowd_is_still_learned():
    net, seen = head(), features(1)
    raw = net(seen)
    raw.one.scores.retain_grad()
    both = scene([[33, 33, 50, 50], [32, 32, 64, 64]], crowd=torch.tensor([False, True]))
    net.loss(raw, [both], seen).backward()
    inside = (GRID.centres > 32).all(1)
    assert (raw.one.scores.grad[0, inside].abs().sum(-1) > 0).sum() == 1


def test_levels_share_filters_and_norm_apart():
    torch.manual_seed(0)
    look = SharedConv(4, 6, levels=2, kernel=3)
    look(torch.randn(8, 4, 5, 5) * 9 + 5, 0)
    assert (look.norms[0].running_var > 1.1).all()
    assert (look.norms[1].running_var == 1).all()
    assert len(list(look.conv.parameters())) == 1
    branch = Branch(16, levels=3, labels=2, edges=32, mix=0)
    one = sum(p.numel() for p in Branch(16, levels=1, labels=2, edges=32, mix=0).parameters())
    norms = sum(2 * m.num_features for m in branch.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert sum(p.numel() for p in branch.parameters()) == one + norms * 2 // 3


@pytest.mark.parametrize("level", [0, 1, 2])
def test_each_level_of_a_pyramid_has_seen_all_others(level: int):
    torch.manual_seed(0)
    net = Pyramid(WIDTHS[1:], width=16).eval()
    levels = [one.requires_grad_() for one in features(1).levels[1:]]
    maps = net(levels)
    assert [tuple(one.shape) for one in maps] == [(1, 16, 8, 8), (1, 16, 4, 4), (1, 16, 2, 2)]
    for slope in torch.autograd.grad(maps[level].square().sum(), levels):
        assert slope.abs().sum() > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bins": 1}, "bins=1: 2 or more, or 0"),
        ({"branch": "best"}, "branch='best': 'many' .* or 'one'"),
        ({"strides": (8, 16)}, "2 strides for 4 levels"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], words: str):
    with pytest.raises(InputError, match=words):
        head(**options)


def test_scenes_that_do_not_fit_together():
    with pytest.raises(InputError, match=r"xyxy has shape \(2, 4\) for 1 labels"):
        Scene(torch.zeros(2, 4), torch.zeros(1))
    with pytest.raises(InputError, match="points has 3 entries for 1 labels"):
        Scene(torch.zeros(1, 4), torch.zeros(1), points=torch.zeros(3, 2, 3))


# A graph, and learning


class Small(torch.nn.Module):
    """A head on two levels that a convolution each makes: few nodes, so that the exporter is quick."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fine, self.coarse = ConvNorm(3, 8, kernel=9, stride=8), ConvNorm(8, 8, stride=2)
        self.head = BoxHead((8, 8), labels=2, strides=(8, 16), width=8, protos=4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        fine = self.fine(x)
        return self.head.decoded(Features((fine, self.coarse(fine))))


def test_its_graph_takes_any_number_and_size_of_pictures(tmp_path: Path):
    import onnxruntime

    from macaw.runtime.exporter import _quiet

    net = Small().eval()
    dynamic = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    with _quiet(), torch.no_grad():
        torch.onnx.export(
            net, (torch.zeros(2, 3, 64, 96),), tmp_path / "a.onnx", dynamo=True, verbose=False,
            optimize=False, input_names=["pictures"], output_names=["raw", "prototypes"],
            dynamic_shapes=(dynamic,),
        )  # fmt: skip
    graph = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    for shape in ((2, 3, 64, 96), (1, 3, 128, 64), (3, 3, 45, 70)):
        x = torch.rand(shape, generator=noise(0))
        with torch.no_grad():
            ours = net(x)
        for mine, theirs in zip(ours, graph.run(None, {"pictures": x.numpy()}), strict=True):
            assert theirs == pytest.approx(mine.numpy(), rel=1e-4, abs=1e-4)


def painted(count: int) -> tuple[torch.Tensor, list[Scene]]:
    """Pictures of 64 pixels with coloured rectangles (0) and discs (1), three on each."""
    draw = np.random.default_rng(0)
    row, column = np.mgrid[:64, :64] + 0.5
    pictures, scenes = [], []
    for _ in range(count):
        picture = draw.uniform(0.0, 0.3, (64, 64, 3))
        boxes, labels, masks = [], [], []
        while len(boxes) < 3:
            wide, high = draw.integers(10, 30, 2)
            label = int(draw.integers(2))
            high = wide if label else high
            x, y = draw.integers(0, 64 - wide), draw.integers(0, 64 - high)
            box = np.array([x, y, x + wide, y + high], np.float64)
            if any(iou(box, other) > 0.1 for other in boxes):
                continue
            inside = (column > x) & (column < x + wide) & (row > y) & (row < y + high)
            if label:
                inside &= (column - x - wide / 2) ** 2 + (row - y - wide / 2) ** 2 <= (wide / 2) ** 2
            masks = [mask & ~inside for mask in masks]
            picture[inside] = draw.uniform(0.5, 1.0, 3)
            boxes, labels, masks = [*boxes, box], [*labels, label], [*masks, inside]
        pictures.append(torch.tensor(picture, dtype=torch.float32).permute(2, 0, 1))
        scenes.append(scene(np.array(boxes).tolist(), labels, masks=Extents.of(np.array(masks))))
    return torch.stack(pictures), scenes


def thinned(raw: np.ndarray) -> list[tuple[float, int, np.ndarray, np.ndarray]]:
    """Score, label, box and mixture of the answers of one picture, without the lesser of two that overlap."""
    kept: list[tuple[float, int, np.ndarray, np.ndarray]] = []
    for a in np.argsort(-raw[:, 4:6].max(1)):
        label = int(raw[a, 4:6].argmax())
        if all(label != other or iou(raw[a, :4], box) < 0.6 for _, other, box, _ in kept):
            kept.append((float(raw[a, 4 + label]), label, raw[a, :4], raw[a, 6:]))
        if len(kept) == 20:
            break
    return kept


def average_precision(
    answers: list[list[tuple[float, int, np.ndarray, np.ndarray]]], scenes: list[Scene]
) -> float:
    """AP at an IoU of 0.5, the area under the curve, mean over the two classes."""
    areas = []
    for label in range(2):
        ranked = sorted(
            (
                (score, i, box)
                for i, some in enumerate(answers)
                for score, which, box, _ in some
                if which == label
            ),
            key=lambda answer: -answer[0],
        )
        left = {(i, j) for i, s in enumerate(scenes) for j in range(len(s)) if int(s.labels[j]) == label}
        total, area, right = len(left), 0.0, 0
        for rank, (_, i, box) in enumerate(ranked, start=1):
            fits = [j for k, j in left if k == i and iou(box, scenes[i].xyxy[j].numpy()) > 0.5]
            if fits:
                left.discard((i, fits[0]))
                right += 1
                area += right / rank / total
        areas.append(area)
    return float(np.mean(areas))


def test_it_learns_a_few_pictures_by_heart():
    pictures, scenes = painted(8)
    torch.manual_seed(0)
    frontend = ImageFrontend(dial=0.25, reduction=2)
    net = BoxHead(frontend.widths, strides=frontend.strides, labels=2, width=24, protos=8)
    optimizer = torch.optim.AdamW([*frontend.parameters(), *net.parameters()], 4e-3)
    steps = 100
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1.0, (step + 1) / 10, 2 * (1 - step / steps))
        seen = frontend(pictures)
        loss = net.loss(net(seen), scenes, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        seen = frontend.eval()(pictures)
        many, prototypes = (part.numpy() for part in net.decoded(seen))
        one = net.decoded(seen, branch="one")[0].numpy()
    assert average_precision([thinned(raw) for raw in many], scenes) > 0.9
    # The other branch does not repeat itself: every answer counts
    best = [np.argsort(-raw[:, 4:6].max(1))[:20] for raw in one]
    straight = [
        [(float(raw[a, 4:6].max()), int(raw[a, 4:6].argmax()), raw[a, :4], raw[a, 6:]) for a in order]
        for raw, order in zip(one, best, strict=True)
    ]
    assert average_precision(straight, scenes) > 0.9
    # Outlines: mixed, enlarged, cut off at their box
    row, column = np.mgrid[:64, :64] + 0.5
    shares = []
    for i, raw in enumerate(many):
        for _, _, (left, top, right, bottom), mix in thinned(raw)[:3]:
            drawn = torch.from_numpy(np.einsum("k,khw->hw", mix, prototypes[i]))[None, None]
            drawn = torch.nn.functional.interpolate(drawn, size=(64, 64), mode="bilinear")[0, 0].numpy() > 0
            drawn &= (column > left) & (column < right) & (row > top) & (row < bottom)
            masks = scenes[i].masks.whole((64, 64)).numpy()
            shares.append(max((drawn & mask).sum() / (drawn | mask).sum() for mask in masks))
    assert np.mean(shares) > 0.8
