"""Mask: shares and refusals, logits scaled as torch scales them, and what is drawn and saved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.special import softmax

from macaw.data.letterbox import place
from macaw.errors import InputError, ModelError, UnknownName
from macaw.results.mask import Mask
from macaw.results.mask_decode import decode_mask
from macaw.results.palette import colors, rgb
from macaw.testing import check_result

NAMES = ("road", "sky", "tree")
LABELS = np.zeros((40, 60), np.uint8)
LABELS[:10] = 1
LABELS[30:, :15] = 2
LABELS[39] = 255


def made(**change):
    return Mask(**({"names": NAMES, "labels": LABELS} | change))


def test_shares_and_words():
    mask = made()
    assert mask.size == (60, 40)
    assert mask.shares == {"road": pytest.approx(0.66875), "sky": 0.25, "tree": pytest.approx(0.05625)}
    assert mask.unlabelled == pytest.approx(0.025)
    assert mask.headline == "road 67 %, sky 25 %, tree 6 %"
    assert str(mask).splitlines() == [
        "  road       66.9 %",
        "  sky        25.0 %",
        "  tree        5.6 %",
        "  no class    2.5 %",
    ]
    assert mask["sky"].sum() == 600
    assert mask.rank({"tree", "sky"}) == 2
    assert mask.rank({"car"}) is None
    with pytest.raises(UnknownName, match=r"no class 'rod'.*Did you mean 'road'"):
        mask["rod"]
    assert made(labels=np.full((3, 3), 255)).headline == "no class"


def test_many_classes_are_counted_in_the_headline():
    mask = Mask(tuple("abcde"), np.repeat(np.arange(5), 3).reshape(3, 5))
    assert mask.headline == "a 20 %, b 20 %, c 20 %, 2 more"


def test_values():
    values = made(probs=np.full((40, 60), 0.75), source="a.jpg").to_dict()
    assert values["classes"][1] == {"name": "sky", "share": 0.25, "prob": 0.75}
    assert (values["size"], values["source"], values["unlabelled"]) == ([60, 40], "a.jpg", 0.025)


@pytest.mark.parametrize(
    "mask",
    [
        made(),
        made(probs=np.full((40, 60), 0.5), picture=np.full((20, 30, 3), 9, np.uint8)),
        Mask(tuple(f"class {i}" for i in range(40)), np.arange(40, dtype=np.uint8).reshape(5, 8)),
        made(labels=np.full((1, 1), 255)),
    ],
)
def test_the_contract_of_results(mask):
    check_result(mask)
    assert mask.fragment(right=("sky",)).startswith("<img")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ()}, "table of classes is empty"),
        ({"names": ("road", "sky", "sky")}, "'sky' twice"),
        ({"names": ("road", "sky")}, "labels hold 2; the table has 2 classes"),
        ({"names": tuple(map(str, range(256)))}, "256 classes; a mask tells 255 apart"),
        ({"labels": np.zeros((3, 4, 1))}, r"shape \(3, 4, 1\)"),
        ({"labels": np.zeros((0, 4))}, r"shape \(0, 4\)"),
        ({"probs": np.zeros((4, 4))}, r"probs have shape \(4, 4\)"),
        ({"probs": LABELS * 2.0}, "between 0 and 510"),
        ({"probs": LABELS * np.nan}, "0..1"),
        ({"picture": np.zeros((4, 4))}, "picture is float64"),
    ],
)
def test_wrong_parts_are_named(change, words):
    with pytest.raises(InputError, match=words):
        made(**change)


# ---------------------------------------------------------------------------- from raw output


@pytest.mark.parametrize(
    ("cells", "pixels"), [((6, 8), (45, 70)), ((9, 5), (9, 5)), ((12, 16), (7, 30)), ((1, 1), (5, 4))]
)
def test_logits_are_scaled_as_torch_does(cells, pixels):
    torch = pytest.importorskip("torch")
    raw = np.random.default_rng(0).normal(size=(2, 3, *cells)).astype(np.float32) * 3
    scaled = torch.nn.functional.interpolate(torch.tensor(raw), pixels, mode="bilinear", align_corners=False)
    picture = np.zeros((*pixels, 3), np.uint8)
    for logits, mask in zip(scaled.numpy(), decode_mask(raw, NAMES, pictures=[picture] * 2), strict=True):
        probs = softmax(logits.astype(float), axis=0)
        top = np.sort(probs, axis=0)
        clear = top[-1] - top[-2] > 1e-4
        assert (mask.labels == probs.argmax(axis=0))[clear].all()
        np.testing.assert_allclose(mask.probs, top[-1], atol=1e-5)


@pytest.mark.parametrize("size", [(640, 480), (111, 300), (20, 20), (300, 30)])
@pytest.mark.parametrize("stride", [4, 8])
def test_a_letterboxed_picture_finds_back_to_its_own_pixels(size, stride):
    letter, (width, height) = place(*size, 128), size
    at = (np.arange(128 // stride) + 0.5) * stride
    x, y = letter.to_picture(np.stack([at, at], axis=1)).T
    inside = ((y >= -1e-6) & (y <= height + 1e-6))[:, None] & (x >= -1e-6) & (x <= width + 1e-6)
    left = np.where(x < width / 3, 4.0, -4.0) * np.ones(inside.shape)
    raw = np.stack([left, -left, np.where(inside, -9, 9.0)])[None]  # what lies on the bars is a third class
    (mask,) = decode_mask(raw, NAMES, letters=[letter])
    assert mask.size == size
    assert not mask["tree"].any()  # the bars are never read
    truth = np.broadcast_to(np.arange(width) + 0.5 < width / 3, mask.labels.shape)
    slack = stride / letter.scale / width  # half a cell on either side of the border
    assert (mask["road"] == truth).mean() >= 1 - slack


def test_a_picture_thinner_than_a_cell_reads_the_cell_it_lies_in():
    letter = place(300, 3, 128)  # one row of 128 pixels, at 63
    raw = np.zeros((1, 3, 32, 32))
    raw[0, 2, 15], raw[0, 1, 16] = 5, 5
    (mask,) = decode_mask(raw, NAMES, letters=[letter])
    assert mask.size == (300, 3)
    assert mask["tree"].all()


def test_a_batch_is_its_pictures_one_by_one():
    raw = np.random.default_rng(1).normal(size=(3, 3, 16, 16)).astype(np.float32)
    letters = [place(100, 60, 64), place(64, 64, 64), place(5, 200, 64)]
    for number, mask in enumerate(decode_mask(raw, NAMES, letters=letters, sources="abc")):
        alone = decode_mask(raw[number : number + 1], NAMES, letters=letters[number : number + 1])[0]
        assert (alone.labels == mask.labels).all() and (alone.probs == mask.probs).all()
        assert mask.source == "abc"[number]


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_without_a_picture_the_mask_has_the_size_of_the_logits(count, height, width):
    raw = np.random.default_rng(2).normal(size=(count, 3, height, width))
    masks = decode_mask(raw, NAMES)
    assert len(masks) == count
    for mask, one in zip(masks, raw, strict=True):
        assert (mask.labels == one.argmax(axis=0)).all()


def test_huge_logits_and_ties():
    (mask,) = decode_mask(np.array([[[[3e38]], [[3e38]], [[-3e38]]]]), NAMES)
    assert (mask.labels.item(), mask.probs.item()) == (0, 0.5)


@pytest.mark.parametrize(
    ("error", "words", "raw", "options"),
    [
        (ModelError, r"needs \(B, 3, h, w\)", np.zeros((1, 4, 8, 8)), {}),
        (ModelError, r"shape \(3, 8, 8\)", np.zeros((3, 8, 8)), {}),
        (
            ModelError,
            "input 1 is not finite",
            np.array([0, np.inf])[:, None, None, None] + np.zeros((2, 3, 2, 2)),
            {},
        ),
        (ModelError, "7 x 8 cells, which do not", np.zeros((1, 3, 7, 8)), {"letters": [place(32, 20, 32)]}),
        (InputError, "2 letters for 1 outputs", np.zeros((1, 3, 8, 8)), {"letters": [place(32, 32, 32)] * 2}),
    ],
)
def test_decoding_names_what_is_wrong(error, words, raw, options):
    with pytest.raises(error, match=words):
        decode_mask(raw, NAMES, **options)


# ---------------------------------------------------------------------------- drawn and saved


def test_the_saved_mask_is_the_indices_with_colours(tmp_path):
    path = made().save_mask(tmp_path / "mask.png")
    with Image.open(path) as image:
        assert image.mode == "P"
        assert (np.asarray(image) == LABELS).all()
        assert image.convert("RGB").getpixel((0, 0)) == rgb(colors(NAMES)["sky"])
    with pytest.raises(InputError, match=r"'mask\.jpg': its indices need .png"):
        made().save_mask(tmp_path / "mask.jpg")


def test_the_picture_is_tinted_and_the_key_names_the_colours():
    picture = np.full((40, 60, 3), 100, np.uint8)
    pixels = np.asarray(made(picture=picture).plot())
    sky = np.array(rgb(colors(NAMES)["sky"]))
    tinted = np.rint(0.45 * 100 + 0.55 * sky)
    assert (abs(pixels - tinted) <= 1).all(axis=2).mean() > 0.1
    assert (pixels == sky).all(axis=2).sum() >= 22 * 22  # its square in the key
