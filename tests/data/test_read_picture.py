"""Every kind of picture file comes out upright, in three channels and whole, or is refused in one line."""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms, ImageFile, ImageOps

from macaw.data.pictures import measured_levels, read_picture
from macaw.errors import InputError

# The letter F: no turn or flip leaves it as it is.
_F = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]], np.uint8)
# What a camera stores for each EXIF orientation, so that the viewer sees F (EXIF 2.32, figure of tag 274).
_STORED = {
    1: _F,
    2: _F[:, ::-1],
    3: _F[::-1, ::-1],
    4: _F[::-1],
    5: _F.T,
    6: np.rot90(_F),
    7: np.rot90(_F, 2).T,
    8: np.rot90(_F, -1),
}


def refusal(source, **options) -> str:
    """The message read_picture refuses with, checked to be one line."""
    with pytest.raises(InputError) as caught:
        read_picture(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def close(a, b, within=1) -> bool:
    return bool((abs(a.astype(int) - b.astype(int)) <= within).all())


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_every_orientation_shows_an_f(self, make, kind, orientation):
        stored = np.kron(_STORED[orientation], np.full((8, 8), 255, np.uint8))  # 8 px cells survive JPEG
        exif = Image.Exif()
        exif[274] = orientation
        data = make.encode(Image.fromarray(stored).convert("RGB"), kind, exif=exif)
        seen = read_picture(data)[4::8, 4::8, 0] > 127
        assert (seen == _F).all()

    @pytest.mark.parametrize("orientation", range(2, 9))
    def test_agrees_with_pillow(self, make, photo, orientation):
        exif = Image.Exif()
        exif[274] = orientation
        data = make.encode(photo, "JPEG", exif=exif)
        assert (read_picture(data) == np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))).all()

    def test_turned_once_only(self, make, photo):
        exif = Image.Exif()
        exif[274] = 6
        opened = Image.open(io.BytesIO(make.encode(photo, "TIFF", exif=exif)))
        first = read_picture(opened)
        assert first.shape == (90, 60, 3)
        assert (read_picture(opened) == first).all()
        assert (read_picture(ImageOps.exif_transpose(opened)) == first).all()

    def test_orientation_in_xmp(self, make, photo):
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="3"/></x:xmpmeta>'
        data = make.encode(photo, "JPEG", xmp=xmp)
        assert (read_picture(data) == read_picture(make.encode(photo, "JPEG"))[::-1, ::-1]).all()

    @pytest.mark.parametrize("body", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
    def test_damaged_exif_does_not_lose_the_picture(self, make, photo, body):
        assert read_picture(make.encode(photo, "JPEG", exif=body)).shape == photo.shape

    def test_nonsense_orientation_is_upright(self, make, photo):
        exif = Image.Exif()
        exif[274] = 77
        assert (read_picture(make.encode(photo, "PNG", exif=exif)) == photo).all()


class TestModes:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
    def test_lossless_formats_keep_every_value(self, make, photo, kind):
        options = {"lossless": True} if kind == "WEBP" else {}
        seen = read_picture(make.encode(photo, kind, **options))
        assert seen.dtype == np.uint8
        assert seen.flags.writeable
        assert (seen == photo).all()

    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "JPEG"])
    def test_grey_becomes_three_equal_channels(self, make, kind):
        grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
        seen = read_picture(make.encode(grey, kind, **({"quality": 100} if kind == "JPEG" else {})))
        assert seen.shape == (8, 8, 3)
        assert (seen == seen[:, :, :1]).all()
        assert close(seen[:, :, 0], grey, within=2 if kind == "JPEG" else 0)

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
    def test_one_bit(self, make, kind):
        bits = np.random.default_rng(0).integers(0, 2, (7, 11)).astype(bool)
        seen = read_picture(make.encode(Image.fromarray(bits), kind))
        assert (seen == bits[:, :, None] * np.array([255, 255, 255])).all()

    def test_transparency_is_shown_on_white(self, make):
        rgba = np.zeros((1, 4, 4), np.uint8)
        rgba[0, :, 0] = 200
        rgba[0, :, 3] = [0, 128, 255, 51]
        seen = read_picture(make.encode(rgba, "PNG"))
        expected = rgba[:, :, :3] * (rgba[:, :, 3:] / 255) + 255 * (1 - rgba[:, :, 3:] / 255)
        assert close(seen, expected.round())

    def test_grey_with_alpha(self, make):
        la = Image.merge("LA", [Image.new("L", (2, 1), 40), Image.fromarray(np.array([[0, 255]], np.uint8))])
        assert read_picture(make.encode(la, "PNG"))[0, :, 0].tolist() == [255, 40]

    @pytest.mark.parametrize("clear", [b"\x00\x80\xff", 1])
    def test_palette_with_alpha(self, make, clear):
        palette = Image.new("P", (3, 1))
        palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
        palette.putdata([0, 1, 2])
        seen = read_picture(make.encode(palette, "PNG", transparency=clear))
        if clear == 1:
            assert seen[0].tolist() == [[10, 20, 30], [255, 255, 255], [70, 80, 90]]
        else:
            half = [round(255 - (255 - value) * 128 / 255) for value in (40, 50, 60)]
            assert close(seen[0], np.array([[255, 255, 255], half, [70, 80, 90]]))

    def test_transparent_grey_and_colour_without_alpha_channel(self, make):
        grey = make.encode(np.array([[5, 9]], np.uint8), "PNG", transparency=9)
        assert read_picture(grey)[0, :, 0].tolist() == [5, 255]
        colour = make.encode(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), "PNG", transparency=(1, 2, 3))
        assert read_picture(colour)[0].tolist() == [[255, 255, 255], [4, 5, 6]]

    @pytest.mark.parametrize(
        "mode", ["La", "RGBa", "YCbCr", "HSV", "LAB", "RGBX", "PA", "CMYK", "1", "P", "L"]
    )
    def test_every_pillow_mode(self, mode):
        seen = read_picture(Image.new(mode, (5, 3)))
        assert seen.shape == (3, 5, 3)
        assert seen.dtype == np.uint8


def cmyk_profile(paper) -> bytes:
    """A least ICC profile (ICC.1:2001-04, lut16Type): Lab of the 16 corners of ink, linear between."""
    corners = [paper(*inks) for inks in itertools.product((0, 1), repeat=4)]
    table = [word for L, a, b in corners for word in (round(L * 652.8), (a + 128) * 256, (b + 128) * 256)]
    lut = b"mft2" + bytes(4) + bytes([4, 3, 2, 0])  # 4 inks in, 3 out, 2 grid points
    lut += struct.pack(">9i", *(65536 * (index % 4 == 0) for index in range(9)))
    lut += struct.pack(">2H", 2, 2) + struct.pack(">8H", *[0, 65535] * 4)
    lut += struct.pack(f">{len(table)}H", *table) + struct.pack(">6H", *[0, 65535] * 3)
    head = struct.pack(">I4sI4s4s4s", 144 + len(lut), b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head = (head + bytes(12) + b"acsp").ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)  # D50
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut


class TestCmyk:
    def test_adobe_inversion(self, make):
        inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
        seen = read_picture(make.encode(inks, "JPEG", quality=95))
        assert close(seen[8, 8], np.array([255, 0, 0]), within=3)

    def test_profile_is_used(self, make):
        def paper(cyan, magenta, yellow, black):  # an odd printer, whose cyan is Lab (50, -60, 0)
            return (0, 0, 0) if black else (50, -60, 0) if cyan else (100, 0, 0)

        data = make.encode(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", icc_profile=cmyk_profile(paper))
        assert close(read_picture(data)[4, 4], np.array([0, 142, 117]), within=4)  # scikit-image's lab2rgb
        data = make.encode(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG", icc_profile=cmyk_profile(paper))
        assert (read_picture(data) == 255).all()

    @pytest.mark.parametrize(
        "profile", [b"not a profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
    )
    def test_unusable_profile_is_ignored(self, make, profile):
        inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
        plain = make.encode(inks, "JPEG", quality=95)
        assert (
            read_picture(make.encode(inks, "JPEG", quality=95, icc_profile=profile)) == read_picture(plain)
        ).all()


class TestDeep:
    """Pictures of more than 8 bits: scaled, never clipped."""

    ramp = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)

    def expected(self, values, low=0, high=65535):
        return np.clip(np.floor((values.astype(float) - low) * 255 / (high - low) + 0.5), 0, 255)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_png_is_exact(self, make, channels):
        samples = np.random.default_rng(1).integers(0, 65536, (11, 7, channels)).astype(np.uint16)
        if channels in {2, 4}:
            samples[:, :, -1] = 65535
        colours = samples[:, :, : 1 if channels < 3 else 3]
        seen = read_picture(make.png16(samples))
        assert (seen == self.expected(colours)).all()
        low, high = 30000, 30200  # detail that the high byte alone could not show
        samples[:, :, : colours.shape[2]] = np.clip(colours, low, high)
        seen = read_picture(make.png16(samples), levels=(low, high))
        assert (seen == self.expected(samples[:, :, : colours.shape[2]], low, high)).all()

    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("deflate", [False, True])
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_tiff_is_exact(self, make, order, deflate, channels):
        samples = np.random.default_rng(2).integers(0, 65536, (5, 9, channels)).astype(np.uint16)
        extra = None
        if channels == 4:
            samples[:, :, 3] = 65535
            extra = 2
        data = make.tiff(samples, order=order, deflate=deflate, extra=extra)
        assert (read_picture(data) == self.expected(samples[:, :, :3])).all()
        assert (read_picture(data, levels=(100, 200)) == self.expected(samples[:, :, :3], 100, 200)).all()

    def test_grey_and_equal_colours_agree(self, make):
        grey = make.png16(self.ramp[:, :, None])
        colour = make.png16(np.repeat(self.ramp[:, :, None], 3, axis=2))
        assert (read_picture(grey) == read_picture(colour)).all()

    def test_alpha_is_never_scaled_by_levels(self, make):
        samples = np.full((1, 2, 4), 1000, np.uint16)
        samples[0, :, 3] = [0, 65535]
        assert read_picture(make.png16(samples), levels=(0, 1000))[0].tolist() == [[255] * 3, [255] * 3]
        assert read_picture(make.png16(samples), levels=(1000, 2000))[0].tolist() == [[255] * 3, [0] * 3]

    def test_transparent_value(self, make):
        grey = make.png16(np.array([[[7], [9]]], np.uint16), extra=(9).to_bytes(2, "big"))
        assert read_picture(grey)[0, :, 0].tolist() == [0, 255]
        colour = make.png16(np.array([[[7, 7, 7], [7, 7, 263]]], np.uint16), extra=b"\0\7\0\7\0\7")
        assert read_picture(colour)[0].tolist() == [[255] * 3, [0, 0, 1]]

    def test_sixteen_bit_grey_of_other_formats(self, make):
        body = self.ramp.astype(">u2").tobytes()
        assert (read_picture(b"P5 6 4 65535\n" + body)[:, :, 0] == self.expected(self.ramp)).all()
        assert (read_picture(make.encode(self.ramp, "TIFF"))[:, :, 0] == self.expected(self.ramp)).all()

    def test_white_is_zero(self, make):
        data = make.tiff(self.ramp[:, :, None], photometric=0)
        assert (read_picture(data)[:, :, 0] == self.expected(65535 - self.ramp)).all()

    def test_separate_planes_are_refused_where_pillow_reads_noise(self, make):
        samples = np.random.default_rng(3).integers(0, 65536, (5, 9, 3)).astype(np.uint16)
        assert "one plane per colour; save it with interleaved" in refusal(make.tiff(samples, planar=2))
        eight = (samples >> 8).astype(np.uint8)
        assert (read_picture(make.tiff(eight, planar=2)) == eight).all()

    def test_float_and_long_pictures_use_their_own_range(self, make):
        values = np.linspace(-3, 5, 24).reshape(4, 6).astype(np.float32)
        assert (read_picture(make.encode(values, "TIFF"))[:, :, 0] == self.expected(values, -3, 5)).all()
        seen = read_picture(make.encode(values, "TIFF"), levels=(0, 10))[:, :, 0]
        assert (seen == self.expected(values, 0, 10)).all()
        longs = np.arange(24, dtype=np.int32).reshape(4, 6) * 1_000_000
        assert (
            read_picture(make.encode(longs, "TIFF"))[:, :, 0] == self.expected(longs, 0, 23_000_000)
        ).all()

    @pytest.mark.parametrize("value", [0.0, 7.5, np.nan, np.inf])
    def test_float_picture_without_contrast(self, make, value):
        seen = read_picture(make.encode(np.full((3, 3), value, np.float32), "TIFF"))
        assert (seen == 0).all()

    def test_measured_levels(self, make, photo, tmp_path):
        files = {
            "grey.png": make.png16(np.array([[[300], [4000]]], np.uint16)),
            "colour.tif": make.tiff(np.array([[[250, 900, 5000]]], np.uint16)),
            "alpha.png": make.png16(np.array([[[400, 500, 600, 65535]]], np.uint16)),
            "plain.jpg": make.encode(photo, "JPEG"),
        }
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        paths = [tmp_path / name for name in files]
        assert measured_levels(paths) == (250, 5000)
        assert measured_levels(paths[3:]) is None
        assert measured_levels([]) is None
        with pytest.raises(InputError, match=r"none\.png"):
            measured_levels([tmp_path / "none.png"])

    @pytest.mark.parametrize("levels", [(5, 5), (9, 1), (0, float("nan")), (0, float("inf"))])
    def test_levels_must_be_a_range(self, make, photo, levels):
        assert "low below high" in refusal(make.encode(photo, "PNG"), levels=levels)


class TestFrames:
    def test_first_frame_of_a_gif_and_a_webp(self, make):
        red, blue = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
        for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
            data = make.encode(red, kind, save_all=True, append_images=[blue], **options)
            assert (read_picture(data) == [255, 0, 0]).all(), kind

    def test_pages_are_refused(self, make, photo):
        page = Image.fromarray(photo)
        data = make.encode(page, "TIFF", save_all=True, append_images=[page, page])
        message = refusal(data, name="scan.tif")
        assert message == "scan.tif has 3 pages, and a picture is one; save each page as a file of its own"

    def test_a_reduced_copy_is_not_a_page(self, make, photo):
        small = Image.fromarray(photo).resize((9, 6))
        small.encoderinfo = {"tiffinfo": {254: 1}}
        data = make.encode(Image.fromarray(photo), "TIFF", save_all=True, append_images=[small])
        assert Image.open(io.BytesIO(data)).n_frames == 2
        assert (read_picture(data) == photo).all()

    def test_two_pictures_in_one_jpeg_as_phones_write(self, make, photo):
        data = make.encode(photo, "MPO", save_all=True, append_images=[Image.fromarray(photo[::-1].copy())])
        assert (read_picture(data) == read_picture(make.encode(photo, "JPEG"))).all()


class TestSources:
    def test_path_bytes_file_picture_and_array_agree(self, make, photo, tmp_path):
        data = make.encode(photo, "PNG")
        path = tmp_path / "a.weird"
        path.write_bytes(data)
        with path.open("rb") as file:
            sources = [
                path,
                str(path),
                data,
                bytearray(data),
                io.BytesIO(data),
                file,
                Image.fromarray(photo),
                photo,
            ]
            for source in sources:
                assert (read_picture(source) == photo).all()

    @pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64])
    def test_arrays(self, shape, kind):
        share = np.random.default_rng(0).random(shape)
        top = {np.uint8: 255, np.uint16: 65535}.get(kind, 1)
        array = (share * top).round().astype(kind) if top > 1 else share.astype(kind)
        if shape[-1] == 4:
            array[:, :, 3] = top
        seen = read_picture(array)
        grey = share.reshape(4, 5, -1)[:, :, :3] * 255
        assert seen.shape == (4, 5, 3)
        assert (abs(seen - grey) <= 1).all()

    def test_bool_and_strided_arrays(self, photo):
        assert (read_picture(photo[::-2, ::3]) == photo[::-2, ::3]).all()
        assert read_picture(np.array([[True, False]]))[0, :, 0].tolist() == [255, 0]

    @pytest.mark.parametrize(
        ("array", "words"),
        [
            (np.zeros((3, 8, 9), np.uint8), r"shape \(3, 8, 9\); allowed .*transpose\(1, 2, 0\)"),
            (np.zeros((8, 9, 2), np.uint8), r"shape \(8, 9, 2\); allowed"),
            (np.zeros((0, 9, 3), np.uint8), r"shape \(0, 9, 3\)"),
            (np.zeros(5, np.uint8), "shape"),
            (np.zeros((4, 4), np.int64), "type int64; allowed are uint8, uint16 and floats"),
            (np.full((4, 4), 2.0), "floats in 2..2; allowed are 0..1"),
            (np.full((4, 4), np.nan), "without NaN"),
        ],
    )
    def test_refused_arrays(self, array, words):
        with pytest.raises(InputError, match=words):
            read_picture(array)

    def test_float_arrays_by_levels(self):
        assert read_picture(np.array([[-10.0, 0.0, 10.0]]), levels=(-10, 10))[0, :, 0].tolist() == [
            0,
            128,
            255,
        ]

    def test_refused_sources(self, tmp_path):
        assert "is a folder" in refusal(tmp_path)
        (tmp_path / "photo.jpg").write_bytes(b"")
        assert "Did you mean" in refusal(tmp_path / "foto.jpg")
        assert "text mode" in refusal(io.StringIO("x"))
        assert "cannot read a picture from int" in refusal(5)
        assert "cannot read" in refusal("zero\0byte.jpg")


_STARTS = [
    *(b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"P6 3 3 255 "),
    *(b"RIFF\x10\0\0\0WEBPVP8 ", b"\0\0\0\x1cftypavif", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
]


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "is empty (0 bytes); fetch or copy it again"),
            (bytes(5000), "holds only zero bytes (5,000 of them)"),
            (b"<!DOCTYPE html><html><body>404</body></html>", "is text (HTML), not a picture"),
            (b"\n\n <HTML>gone</HTML>", "is text (HTML), not a picture"),
            ("<html>naïve</html>".encode(), "is text (HTML)"),
            (b'{"error": "not found"}', "is text (JSON), not a picture"),
            (b"just words", "is text, not a picture"),
            ("Wörter".encode("utf-16"), "is text, not a picture"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d", "git lfs pull"),
            (b"%PDF-1.7 ...", "is a PDF document"),
            (b"PK\x03\x04....", "is a zip archive, not a picture; unpack it first"),
            (b"\0\0\0\x18ftypheic\0\0", "HEIC"),
            (b"\0\0\0\x18ftypisom\0\0", "is a video"),
            (b"\x93NUMPY\x01\0", "is a NumPy array"),
            (b'<?xml version="1.0"?><svg xmlns="x"/>', "is an SVG drawing"),
            (b"%!PS-Adobe-3.0 EPSF", "is a PostScript document"),
            (b"\x01\x02\x03\x04\xff\xfe", "is not in a format that macaw reads"),
        ],
    )
    def test_impostors_are_named(self, tmp_path, data, words):
        path = tmp_path / "photo.jpg"
        path.write_bytes(data)
        message = refusal(path)
        assert message.startswith(f"{path} ")
        assert words in message
        assert ";" in message  # and says what to do

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "JPEG2000"])
    def test_a_cut_file_never_shows_half_a_picture(self, make, kind):
        noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
        data = make.encode(noise, kind)
        whole = read_picture(data)
        for share in (0.01, 0.2, 0.5, 0.8, 0.95):
            with pytest.raises(InputError) as caught:
                read_picture(data[: int(len(data) * share)], name="photo")
            message = str(caught.value)
            assert message.startswith("photo is ")
            assert "\n" not in message
        for left in (1, 2, 3, 9):  # the last bytes may be padding; what is shown must then be all of it
            try:
                assert (read_picture(data[:-left]) == whole).all()
            except InputError:
                pass

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
    def test_cut_files_are_called_so(self, make, kind):
        noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
        data = make.encode(noise, kind)
        message = refusal(data[: len(data) // 2], name="a.jpg")
        assert "cut short" in message
        if kind in {"BMP", "WEBP"}:
            assert f"after {len(data) // 2:,} of {len(data):,} bytes" in message

    def test_no_global_switch_is_touched(self, make, photo):
        assert not ImageFile.LOAD_TRUNCATED_IMAGES
        refusal(make.encode(photo, "JPEG")[:-200])
        assert not ImageFile.LOAD_TRUNCATED_IMAGES

    def test_bomb(self, make):
        data = make.encode(Image.new("1", (16000, 12000)), "PNG")
        message = refusal(data, name="huge.png")
        assert message.startswith("huge.png has 192 megapixels, more than the 179 allowed; scale it down")

    def test_a_large_picture_below_the_limit_gives_no_warning(self, make):
        data = make.encode(Image.new("1", (10000, 9500)), "PNG")  # Pillow warns from 89 megapixels on
        assert read_picture(data, at_least=100).shape[0] < 200

    def test_damage_in_the_middle_is_called_damage(self, make, photo):
        data = bytearray(make.encode(photo, "PNG"))
        data[60:80] = bytes(20)
        assert "is a damaged or rare PNG file" in refusal(bytes(data))

    def test_memory_error_becomes_a_line(self, make, photo, monkeypatch):
        def fail(self):
            raise MemoryError

        monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
        assert "too large for the memory" in refusal(make.encode(photo, "BMP"))

    @given(st.binary(max_size=300), st.sampled_from(_STARTS))
    def test_any_bytes_give_a_picture_or_one_line(self, data, start):
        try:
            seen = read_picture(start + data)
        except InputError as problem:
            assert "\n" not in str(problem)
        else:
            assert seen.dtype == np.uint8
            assert seen.shape[2] == 3

    @given(
        place=st.integers(0, 10_000),
        value=st.integers(0, 255),
        kind=st.sampled_from(["JPEG", "PNG", "TIFF", "GIF"]),
    )
    def test_one_flipped_byte_gives_a_picture_or_one_line(self, place, value, kind):
        buffer = io.BytesIO()
        Image.effect_noise((24, 24), 90).convert("RGB").save(buffer, kind)
        data = bytearray(buffer.getvalue())
        data[place % len(data)] = value
        try:
            assert read_picture(bytes(data)).ndim == 3
        except InputError as problem:
            assert "\n" not in str(problem)


class TestWarnings:
    def test_none_gets_out_and_the_filters_come_back(self, make, photo):
        palette = Image.fromarray(photo).quantize(8)
        data = make.encode(palette, "PNG", transparency=b"\x00\x80")  # Pillow warns about such palettes
        before = list(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            assert len(list(pool.map(lambda _: read_picture(data), range(40)))) == 40
        assert warnings.filters == before

    def test_no_log_reaches_the_terminal(self, make, tmp_path):
        path = tmp_path / "odd.tif"
        path.write_bytes(make.tiff(np.zeros((3, 3, 7), np.uint8)))
        code = (
            "import sys; from macaw.data.pictures import read_picture\n"
            "try: read_picture(sys.argv[1])\n"
            "except ValueError: print('refused')"
        )
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("refused\n", "")


class TestAtLeast:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
    @pytest.mark.parametrize("at_least", [8, 30, 64, 100, 600])
    def test_shorter_side_is_at_least_so_much_and_the_picture_the_same(self, make, photo, kind, at_least):
        large = Image.fromarray(photo).resize((900, 600), Image.Resampling.BICUBIC)
        seen = read_picture(make.encode(large, kind), at_least=at_least)
        assert at_least <= min(seen.shape[:2]) < 2 * max(at_least, 2)
        assert abs(seen.shape[1] / seen.shape[0] - 1.5) < 1 / min(seen.shape[:2]) + 0.01
        expected = np.asarray(large.resize(seen.shape[1::-1], Image.Resampling.BOX))
        assert abs(seen.astype(int) - expected).mean() < 6  # a turn or a shift of some pixels gives 30

    def test_a_small_picture_stays(self, make, photo):
        assert (read_picture(make.encode(photo, "PNG"), at_least=31) == photo).all()

    def test_orientation_survives_draft_mode(self, make, photo):
        exif = Image.Exif()
        exif[274] = 6
        large = Image.fromarray(photo).resize((900, 600))
        assert read_picture(make.encode(large, "JPEG", exif=exif), at_least=100).shape == (225, 150, 3)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 4]))))
def test_png_round_trip_of_any_array(array):
    buffer = io.BytesIO()
    Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(buffer, "PNG")
    assert (read_picture(buffer.getvalue()) == read_picture(array)).all()
    if array.shape[2] == 3:
        assert (read_picture(array) == array).all()
