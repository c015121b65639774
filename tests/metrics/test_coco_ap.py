"""COCO's numbers against its own evaluation code on hostile sets, by hand, and what is ours by properties."""

from __future__ import annotations

import contextlib
import io
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macaw.data.objects import Objects, Skeleton
from macaw.data.regions import Region
from macaw.errors import InputError, UnknownName
from macaw.metrics import coco_ap
from macaw.metrics.box_tables import gather
from macaw.metrics.coco_ap import COLUMNS, POINT_COLUMNS, class_curves, score_boxes, summary
from macaw.metrics.coco_match import match
from macaw.metrics.overlap import COCO_SIGMAS, box_iou, sigmas_of
from macaw.testing import check_result

SIZE = (60, 80)  # rows and columns of the pictures that have regions
PEOPLE = Skeleton(tuple(f"point {i}" for i in range(17)), sigmas=COCO_SIGMAS)


def grid(random, count, high=80.0):
    """Boxes on quarters of a pixel, so that widths and sums are exact; some without area."""
    corner = random.integers(0, int(4 * high), (count, 2)) / 4
    side = random.integers(0, int(3 * high), (count, 2)) / 4
    return np.hstack([corner, corner + side])


def boxes_scene(seed, pictures=6, classes=4, most=6, extra=8):
    """Answers near objects, duplicates, wrong classes, crowds, ties, areas of their own, empty pictures."""
    random = np.random.default_rng(seed)
    found, objects = [], []
    for _ in range(pictures):
        count = int(random.integers(0, most + 1))
        boxes, labels = (
            grid(random, count, high=float(random.choice([12, 80, 300]))),
            random.integers(0, classes, count),
        )
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * random.choice([0.4, 1.0], count)
        crowd = random.random(count) < random.choice([0.0, 0.3, 1.0], p=[0.5, 0.4, 0.1])
        objects.append(Objects.of(boxes, labels, crowd=crowd, area=area))
        copies = random.integers(0, max(1, count), int(random.integers(0, 2 * count + 1))) if count else []
        moved = boxes[copies] + random.integers(-8, 9, (len(copies), 4)) / 4
        others = grid(random, int(random.integers(0, extra + 1)))
        mine = np.concatenate([np.sort(moved.reshape(-1, 2, 2), axis=1).reshape(-1, 4), others])
        guesses = np.concatenate([labels[copies], random.integers(0, classes, len(others))]).astype(np.int64)
        wrong = random.random(len(guesses)) < 0.15
        guesses[wrong] = random.integers(0, classes, int(wrong.sum()))
        scores = random.random(len(mine)).round(int(random.choice([1, 6])))
        found.append((mine, guesses, scores))
    return found, objects, tuple(f"class {i}" for i in range(classes))


def regions_scene(seed):
    """The same with regions: each the box and a hole or a bite in it."""
    random = np.random.default_rng(seed)
    found, objects, names = boxes_scene(seed, pictures=4, classes=3, extra=4)

    def drawn(box):
        mask = np.zeros(SIZE, bool)
        left, top, right, bottom = np.clip(box, 0, [SIZE[1], SIZE[0]] * 2).astype(int)
        mask[top:bottom, left:right] = True
        mask[(top + bottom) // 2 :: int(random.integers(2, 9)), left : (left + right) // 2] = False
        return mask

    def region(boxes):
        return tuple(Region.of_mask(drawn(box)) for box in boxes)

    objects = [Objects.of(one.xyxy, one.labels, crowd=one.crowd, regions=region(one.xyxy)) for one in objects]
    return [(boxes, *rest, region(boxes)) for boxes, *rest in found], objects, names


def points_scene(seed, points=17):
    """People of key points, hidden and not labelled ones among them, some without any."""
    random = np.random.default_rng(seed)
    found, objects, names = boxes_scene(seed, classes=2)
    answers, people = [], []
    for (boxes, labels, scores), one in zip(found, objects, strict=True):
        xy = (
            one.xyxy[:, None, :2]
            + random.random((len(one), points, 2)) * (one.xyxy[:, 2:] - one.xyxy[:, :2])[:, None]
        )
        seen = random.choice([0, 1, 2], (len(one), points, 1)) * (random.random((len(one), 1, 1)) < 0.8)
        people.append(
            Objects.of(
                one.xyxy,
                one.labels,
                crowd=one.crowd,
                area=one.area,
                points=np.concatenate([xy, seen], axis=2),
            )
        )
        mine = (
            boxes[:, None, :2]
            + random.random((len(boxes), points, 2)) * (boxes[:, 2:] - boxes[:, :2])[:, None]
        )
        near = random.random(len(boxes)) < 0.7
        if len(one):
            copied = xy[random.integers(0, len(one), len(boxes))]
            mine = np.where(
                near[:, None, None],
                copied + random.normal(size=copied.shape) * random.choice([0, 1, 4]),
                mine,
            )
        answers.append(
            (boxes, labels, scores, np.concatenate([mine, np.ones((len(mine), points, 1))], axis=2))
        )
    return answers, people, names


def coco_box(box):
    left, top, right, bottom = map(float, box)
    return [left, top, right - left, bottom - top]


def rle(mask):
    coding = pytest.importorskip("pycocotools.mask")
    return coding.encode(np.asfortranarray(mask, np.uint8))


def annotation(one, i, kind, **more):
    value = {"bbox": coco_box(one.xyxy[i]), "area": float(one.area[i]), "iscrowd": int(one.crowd[i]), **more}
    if kind == "regions":
        value["segmentation"] = rle(one.regions[i].mask())
    if kind == "points":
        value["keypoints"] = one.points[i].ravel().tolist()
        value["num_keypoints"] = int((one.points[i, :, 2] > 0).sum())
    return value


def answer(one, i, kind, **more):
    boxes, _, scores, *rest = one
    value = {"score": float(scores[i]), **more}
    if kind == "boxes":
        value["bbox"] = coco_box(boxes[i])
    elif kind == "regions":
        value["segmentation"] = rle(rest[0][i].mask())
    else:
        value["keypoints"] = rest[0][i].ravel().tolist()
    return value


def oracle(found, objects, names, kind="boxes"):
    """COCOeval's summary, and the average precision of each class (-1 where it has no object)."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    truth, answers = coco.COCO(), coco.COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1, "height": SIZE[0], "width": SIZE[1]} for i in range(len(objects))],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
        "annotations": [
            annotation(one, i, kind, image_id=picture + 1, category_id=int(one.labels[i]) + 1)
            for picture, one in enumerate(objects)
            for i in range(len(one))
        ],
    }
    for number, one in enumerate(truth.dataset["annotations"]):
        one["id"] = number + 1
    given = [
        answer(one, i, kind, image_id=picture + 1, category_id=int(one[1][i]) + 1)
        for picture, one in enumerate(found)
        for i in range(len(one[2]))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        if given:
            answers = truth.loadRes(given)
        else:
            answers.dataset = {**truth.dataset, "annotations": []}
            answers.createIndex()
        kinds = {"boxes": "bbox", "regions": "segm", "points": "keypoints"}
        judge = cocoeval.COCOeval(truth, answers, kinds[kind])
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # (T, R, C)
    return judge.stats, precision.mean(axis=(0, 1)), precision


def ours(found, objects, names, kind="boxes"):
    """The same numbers from the parts of score_boxes, -1 for absent."""
    answers, truth = gather(found, objects, names, kind=kind)
    sigmas = np.array(COCO_SIGMAS) if kind == "points" else None
    matches = match(answers, truth, kind=kind, sigmas=sigmas)
    columns = POINT_COLUMNS if kind == "points" else COLUMNS
    values = summary(matches, columns, np.ones((1, truth.pictures)))[0]
    curves = class_curves(matches)
    return tuple(np.nan_to_num(x, nan=-1.0) for x in (values, curves.mean(axis=(1, 2)), curves))


def agree(scene, kind):
    values, averages, curves = ours(*scene, kind)
    expected, theirs, precision = oracle(*scene, kind)
    np.testing.assert_allclose(values, expected, atol=1e-9)
    np.testing.assert_allclose(averages, theirs, atol=1e-9)
    np.testing.assert_allclose(curves, precision.transpose(2, 0, 1), atol=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 2**31))
def test_boxes_agree_with_cocoeval_on_hostile_sets(seed):
    agree(boxes_scene(seed), "boxes")


@settings(max_examples=12)
@given(st.integers(0, 2**31))
def test_regions_agree_with_cocoeval(seed):
    agree(regions_scene(seed), "regions")


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_key_points_agree_with_cocoeval(seed):
    agree(points_scene(seed), "points")


def test_more_answers_than_count_and_any_real_box_agree_with_cocoeval():
    random = np.random.default_rng(5)
    objects = [
        Objects.of(np.sort(random.random((20, 2, 2)) * 200, axis=1).reshape(-1, 4), [0] * 20)
        for _ in range(3)
    ]
    found = []
    for one in objects:
        boxes = np.repeat(one.xyxy, 15, axis=0) + random.normal(size=(300, 4))
        found.append(
            (np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4), np.zeros(300, int), random.random(300))
        )
    agree((found, objects, ("thing",)), "boxes")


@pytest.mark.parametrize("scene", ["no answers", "no objects", "only crowds", "nothing"])
def test_bare_sets_agree_with_cocoeval(scene):
    found, objects, names = boxes_scene(3)
    if scene in {"no answers", "nothing"}:
        found = [(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)) for _ in found]
    if scene in {"no objects", "nothing"}:
        objects = [Objects.empty() for _ in objects]
    if scene == "only crowds":
        objects = [Objects.of(one.xyxy, one.labels, crowd=np.ones(len(one), bool)) for one in objects]
    agree((found, objects, names), "boxes")


BOX, OTHER, NOWHERE = [0, 0, 10, 10], [40, 40, 60, 60], [90, 0, 99, 9]


def test_precision_by_hand():
    """Right, wrong, right, with two objects: precision 1 up to a recall of a half, 2 / 3 beyond."""
    objects = [Objects.of([BOX, OTHER], [0, 0])]
    found = [(np.array([BOX, NOWHERE, OTHER], float), np.zeros(3, int), np.array([0.9, 0.8, 0.7]))]
    scores = score_boxes(found, objects, ("thing",))
    expected = (51 + 50 * 2 / 3) / 101
    assert [scores.metrics[name].value for name in ("AP", "AP50", "AP75", "AP small")] == pytest.approx(
        [expected] * 4
    )
    assert [scores.metrics[name].value for name in ("AR1", "AR10", "AR100")] == pytest.approx([0.5, 1, 1])
    assert scores.missing == ("AP medium", "AP large", "AR medium", "AR large")
    assert (scores.threshold, scores.per_class[0].right, scores.per_class[0].wrong) == (0.7, 2, 1)
    assert "at a score of 0.7 or more (best F1): 2 of 2 found (100 %), 1 answer is wrong" in str(scores)


def test_what_is_taken_for_what_by_hand():
    """A cat found, a dog taken for one, a dog missed, a cat where nothing is; the crowd asks for nothing."""
    crowd = [200, 200, 260, 260]
    objects = [Objects.of([BOX, OTHER, NOWHERE, crowd], [0, 1, 1, 1], crowd=np.array([0, 0, 0, 1], bool))]
    boxes = np.array([BOX, OTHER, [300, 0, 310, 10], [210, 210, 220, 220]], float)
    found = [(boxes, np.array([0, 0, 0, 1]), np.array([0.6, 0.9, 0.8, 0.7]))]
    scores = score_boxes(found, objects, ("cat", "dog"))
    assert scores.confusion.tolist() == [[1, 0, 0], [1, 0, 1], [1, 0, 0]]
    assert [(one.truth, one.answer, one.count, one.share) for one in scores.worst()] == [
        ("dog", "cat", 1, 0.5)
    ]
    cat, dog = scores.per_class
    assert (cat.count, cat.right, cat.wrong, cat.missed) == (1, 1, 2, 0)
    assert (dog.count, dog.right, dog.wrong, dog.missed, dog.precision, dog.recall) == (2, 0, 0, 2, None, 0.0)


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_no_other_threshold_has_a_better_f1(seed):
    found, objects, names = boxes_scene(seed)
    scores = score_boxes(found, objects, names)
    total = scores.objects
    right = sum(one.right for one in scores.per_class)
    if scores.threshold is None:
        assert right == 0
        return

    def f1(threshold):
        kept = [(b[s >= threshold], n[s >= threshold], s[s >= threshold]) for b, n, s in found]
        one = match(*gather(kept, objects, names))
        mates = one.mates[:, 0, 0]
        hits = int(one.counted[mates[mates >= 0], 0].sum())
        neither = int((mates >= 0).sum()) - hits + int((~one.within[:, 0]).sum())
        return 2 * hits / (len(one.answers) - neither + total), hits

    every = np.unique(np.concatenate([scores_ for _, _, scores_ in found]))
    values = {float(one): f1(one)[0] for one in every}
    assert values[scores.threshold] == pytest.approx(max(values.values()))
    assert f1(scores.threshold)[1] == right
    assert scores.confusion[:-1].sum(axis=1).tolist() == [one.count for one in scores.per_class]
    assert scores.confusion[:, :-1].sum(axis=0).tolist() == [
        one.right + one.wrong for one in scores.per_class
    ]


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_a_resample_weighs_pictures_as_if_they_were_there_twice(seed):
    found, objects, names = boxes_scene(seed, pictures=5)
    random = np.random.default_rng(seed)
    found = [(b, n, random.random(len(s))) for b, n, s in found]  # no ties: copies of two pictures would mix
    picks = random.integers(0, 5, 5)
    whole = match(*gather(found, objects, names))
    weights = np.bincount(picks, minlength=5)[None].astype(np.float32)
    copied = match(*gather([found[i] for i in picks], [objects[i] for i in picks], names))
    np.testing.assert_allclose(
        summary(whole, COLUMNS, weights), summary(copied, COLUMNS, np.ones((1, 5))), atol=1e-9
    )


def detector(pictures, seed=0, classes=3, per_picture=20):
    """Objects, most of them found, and answers that are nothing."""
    random = np.random.default_rng(seed)
    found, objects = [], []
    for _ in range(pictures):
        count = int(random.integers(1, 8))
        corner = random.random((count, 2)) * 400
        boxes = np.hstack([corner, corner + 10 + random.random((count, 2)) * 150])
        labels = random.integers(0, classes, count)
        objects.append(Objects.of(boxes, labels))
        near = boxes + random.normal(size=boxes.shape) * 4
        corner = random.random((per_picture - count, 2)) * 400
        mine = np.concatenate([near, np.hstack([corner, corner + 5 + random.random(corner.shape) * 90])])
        guesses = np.concatenate([labels, random.integers(0, classes, len(corner))])
        scores = np.concatenate([random.random(count) ** 0.5, random.random(len(corner)) ** 2])
        found.append((np.sort(mine.reshape(-1, 2, 2), axis=1).reshape(-1, 4), guesses, scores))
    return found, objects, tuple(f"class {i}" for i in range(classes))


def test_intervals_hold_their_value_narrow_with_pictures_and_follow_the_seed(monkeypatch):
    monkeypatch.setattr(coco_ap, "RESAMPLES", (200, 200))
    few, many = (score_boxes(*detector(count)).metrics for count in (30, 480))
    for metrics in (few, many):
        assert all(0 <= one.low <= one.value <= one.high <= 1 for one in metrics.values())
    narrower = (few["AP"].high - few["AP"].low) / (many["AP"].high - many["AP"].low)
    assert 2.4 < narrower < 6.5  # 16 times the pictures: about 4
    again, other = (score_boxes(*detector(30), seed=seed).metrics for seed in (0, 1))
    assert again == few
    assert other["AP"].value == few["AP"].value and other["AP"].low != few["AP"].low


def test_intervals_cover_what_other_pictures_of_the_same_kind_give(monkeypatch):
    monkeypatch.setattr(coco_ap, "RESAMPLES", (200, 200))
    truth = score_boxes(*detector(600, seed=999)).metrics["AP"].value
    held = 0
    for trial in range(24):
        one = score_boxes(*detector(75, seed=trial)).metrics["AP"]
        held += one.low <= truth <= one.high
    assert held >= 20  # 95 % of 24, with room for chance


def test_five_hundred_pictures_take_no_time():
    scene = detector(500, classes=80, per_picture=100)
    start = time.process_time()
    scores = score_boxes(*scene, seconds=50.0)
    assert time.process_time() - start < 8  # about 1.5 s; the rest is for a busy machine
    assert scores.title.endswith("in 500 pictures, by their boxes, 10.0 pictures a second")


def test_absent_figures_are_absent_everywhere():
    names = tuple(f"class {i}" for i in range(80))
    scores = score_boxes([(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))], [Objects.empty()], names)
    assert scores.metrics == {} and scores.missing == tuple(one.name for one in COLUMNS)
    assert {(one.ap, one.ap50, one.precision, one.recall) for one in scores.per_class} == {(None,) * 4}
    assert "NaN" not in json.dumps(scores.to_dict(), allow_nan=False)
    assert scores.headline == "AP n/a" and "n/a" in scores.to_html()
    assert scores.to_csv().splitlines()[1] == "class 0,0,,,0,0,0,,"
    check_result(scores)
    partly = score_boxes(*detector(4)[:2], names)
    assert "half of the classes have 4 objects or fewer" in partly.notes[-1]
    assert [one.ap is None for one in partly.per_class] == [False] * 3 + [True] * 77
    assert partly.metrics["AP"].value == pytest.approx(np.mean([one.ap for one in partly.per_class[:3]]))
    check_result(partly)


def test_text_page_and_picture(tmp_path):
    scores = score_boxes(*detector(60, classes=5))
    check_result(scores)
    page = scores.save(tmp_path / "scores.html").read_text()
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert str(scores.metrics["AP50"].text) in page
    assert scores.save(tmp_path / "scores.csv").read_text().count("\n") == 6
    with pytest.raises(InputError, match=r"use \.json, \.csv, \.html"):
        scores.save(tmp_path / "scores.exe")


def test_a_result_of_boxes_serves_as_answers():
    found, objects, names = detector(5)
    things = [SimpleNamespace(xyxy=b, labels=n, scores=s, regions=(), points=None) for b, n, s in found]
    assert score_boxes(things, objects, names).metrics == score_boxes(found, objects, names).metrics


def test_sigmas_are_the_skeletons_or_said_to_be_usual():
    assert sigmas_of(PEOPLE, 17)[0].tolist() == list(COCO_SIGMAS)
    assert sigmas_of(None, 17)[0].tolist() == list(COCO_SIGMAS)
    found, objects, names = points_scene(1, points=5)
    scores = score_boxes(found, objects, names, kind="points")
    assert scores.notes[0] == "OKS with one sigma of 0.067 for all 5 points, since the skeleton gives none"
    assert len({*scores.metrics, *scores.missing}) == 10
    loose = Skeleton(tuple("abcde"), sigmas=(0.5,) * 5)
    with_sigmas = score_boxes(found, objects, names, kind="points", skeleton=loose)
    assert with_sigmas.notes[0] == "OKS with the skeleton's own sigmas"
    assert with_sigmas.metrics["AP"].value > scores.metrics["AP"].value


def test_iou_by_hand():
    boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2], [1, 1, 1, 1], [0, 0, 1, 1]], float)
    others = np.array([[1, 1, 3, 3], [0, 0, 2, 2], [2, 0, 4, 2], [1, 1, 1, 1], [0, 0, 9, 9]], float)
    crowd = np.array([False, False, False, False, True])
    assert box_iou(boxes, others, crowd).tolist() == pytest.approx([1 / 7, 1, 0, 0, 1])


GOOD = (np.array([BOX], float), np.array([0]), np.array([0.5]))
TRUTH = Objects.of([BOX], [0])


@pytest.mark.parametrize(
    ("found", "objects", "words"),
    [
        ([GOOD], [], "1 pictures and objects of 0"),
        ([], [], "no picture to score"),
        ([GOOD[:2]], [TRUTH], "have 2 parts"),
        ([(np.zeros((1, 3)), *GOOD[1:])], [TRUTH], r"picture 0: xyxy has shape \(1, 3\)"),
        ([(GOOD[0], np.array([0, 1]), GOOD[2])], [TRUTH], r"labels has shape \(2,\)"),
        ([(GOOD[0], np.array([0.0]), GOOD[2])], [TRUTH], "must be integers"),
        ([GOOD, (GOOD[0] * np.nan, *GOOD[1:])], [TRUTH] * 2, "answer 0 of picture 1 .*four numbers"),
        ([(np.array([[9.0, 0, 3, 4]]), *GOOD[1:])], [TRUTH], "in this order"),
        ([(*GOOD[:2], np.array([np.nan]))], [TRUTH], "score must be a number"),
        ([(GOOD[0], np.array([2]), GOOD[2])], [TRUTH], r"lie in 0\.\.1"),
        ([GOOD], [Objects.of([BOX], [7])], "object 0 of picture 0 has 7"),
    ],
)
def test_wrong_answers_are_named(found, objects, words):
    with pytest.raises(InputError, match=words) as problem:
        score_boxes(found, objects, ("a", "b"))
    assert "\n" not in str(problem.value)


def test_what_a_kind_needs_must_be_there():
    with pytest.raises(UnknownName, match="Did you mean 'regions'"):
        score_boxes([GOOD], [TRUTH], ("a",), kind="region")
    with pytest.raises(InputError, match="has no region"):
        score_boxes([(*GOOD, (None,))], [TRUTH], ("a",), kind="regions")
    with pytest.raises(InputError, match="have no key points"):
        score_boxes([(*GOOD, np.zeros((1, 3, 2)))], [TRUTH], ("a",), kind="points")
    people = Objects.of([BOX], [0], points=np.ones((1, 4, 3)))
    with pytest.raises(InputError, match="3 key points for objects of 4"):
        score_boxes([(*GOOD, np.zeros((1, 3, 2)))], [people], ("a",), kind="points")
    with pytest.raises(InputError, match="not numbers"):
        score_boxes([(*GOOD, np.full((1, 4, 2), np.nan))], [people], ("a",), kind="points")
    with pytest.raises(InputError, match="2 names, 1 of them different"):
        score_boxes([GOOD], [TRUTH], ("a", "a"))
