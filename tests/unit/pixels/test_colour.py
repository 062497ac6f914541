"""Colours against the formulas of PS3.3 C.7.6.3.1.2 and against pydicom."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from pydicom.pixels.processing import convert_color_space

from app.dicom.picture import ImageAttributes, Lut, Picture
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.rendering import View
from app.pixels.render import render
from tests.builders import corpus
from tests.rendering import picture, shown
from tests.shown import shown as examined

COLOURS = np.random.default_rng(5).integers(0, 256, (16, 16, 3)).astype("u1")


def native(frame: bytes, photometric: str, rows: int, columns: int, planar: int = 0) -> Picture:
    return Picture(frame, EXPLICIT_LE, ImageAttributes(rows, columns, 3, photometric, 8, 8, 7, planar=planar))


def test_t8_rgb_is_shown_as_it_is_by_pixel_and_by_plane() -> None:
    assert shown(picture(COLOURS)).tolist() == COLOURS.tolist()
    planes = np.ascontiguousarray(np.moveaxis(COLOURS, -1, 0)).tobytes()
    assert shown(native(planes, "RGB", 16, 16, planar=1)).tolist() == COLOURS.tolist()


def test_t8_ybr_full_is_what_pydicom_makes_of_it() -> None:
    made = shown(picture(COLOURS, "YBR_FULL")).astype(int)
    assert np.abs(made - convert_color_space(COLOURS, "YBR_FULL", "RGB")).max() <= 1


def test_t8_ybr_full_422_gives_two_pixels_the_colours_of_both() -> None:
    luminance = COLOURS[..., 0]
    blue, red = COLOURS[:, ::2, 1], COLOURS[:, ::2, 2]
    frame = np.stack([luminance[:, ::2], luminance[:, 1::2], blue, red], axis=-1).tobytes()
    full = np.stack([luminance, blue.repeat(2, 1), red.repeat(2, 1)], axis=-1)
    made = shown(native(frame, "YBR_FULL_422", 16, 16)).astype(int)
    assert np.abs(made - convert_color_space(full, "YBR_FULL", "RGB")).max() <= 1


CORNERS = [((16, 128, 128), (0, 0, 0)), ((235, 128, 128), (255, 255, 255)), ((81, 90, 240), (255, 0, 0)), ((41, 240, 110), (0, 0, 255))]


@pytest.mark.parametrize(("ybr", "expected"), CORNERS)
def test_t8_ybr_partial_runs_from_16_to_235(ybr: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """The corners are those of ITU-R BT.601: black, white, red and blue."""
    frame = bytes([ybr[0], ybr[0], ybr[1], ybr[2]]) * 4
    made = shown(native(frame, "YBR_PARTIAL_422", 4, 2)).astype(int)
    assert np.abs(made - expected).max() <= 2


def of_corpus(name: str) -> Picture:
    return examined(next(path for path in corpus() if path.name == name).read_bytes()).picture()


@pytest.mark.parametrize(("name", "uncompressed", "tolerance"), [("US1_J2KR.dcm", "US1_UNCR.dcm", 0), ("US1_J2KI.dcm", "US1_UNCI.dcm", 1)])
def test_t8_ybr_rct_and_ict_of_jpeg_2000_are_the_colours_of_the_uncompressed_sibling(name: str, uncompressed: str, tolerance: int) -> None:
    made = of_corpus(name)
    assert made.image.photometric in ("YBR_RCT", "YBR_ICT")
    assert np.abs(shown(made).astype(int) - shown(of_corpus(uncompressed))).max() <= tolerance


def test_t8_red_green_and_blue_text_is_red_green_and_blue() -> None:
    made = shown(of_corpus("GDCMJ2K_TextGBR.dcm")).astype(int)
    thirds = [made[start : start + 133].reshape(-1, 3) for start in (0, 133, 266)]
    for channel, third in enumerate(thirds):
        strongest = third[np.argmax(third[:, channel] - third.sum(axis=1) / 3)]
        assert strongest[channel] > 200
        assert strongest.sum() - strongest[channel] < 120


def word_lut(values: list[int], first: int = 0, bits: int = 16) -> Lut:
    return Lut(len(values), first, bits, struct.pack(f"<{len(values)}H", *values))


@pytest.mark.parametrize("scale", [256, 257])
def test_t8_palettes_of_16_bits_give_the_8_bits_they_were_made_of(scale: int) -> None:
    tables = [[value * scale for value in values] for values in ([0, 17, 255], [255, 128, 3], [1, 2, 254])]
    index = np.array([[0, 1, 2, 9]], "u1")
    made = picture(index, "PALETTE COLOR", palette=tuple(word_lut(values) for values in tables))
    assert shown(made)[0].tolist() == [[0, 255, 1], [17, 128, 2], [255, 3, 254], [255, 3, 254]]


def test_t8_palettes_of_8_bits_and_with_a_first_value_are_looked_up() -> None:
    index = np.array([[-3, -2, -1, 0]], "<i2")
    made = picture(index, "PALETTE COLOR", palette=(Lut(2, -2, 8, b"\x0a\x14"), Lut(2, -2, 8, b"\x1e\x28"), Lut(2, -2, 8, b"\x32\x3c")))
    assert shown(made)[0].tolist() == [[10, 30, 50], [10, 30, 50], [20, 40, 60], [20, 40, 60]]
    assert shown(picture(np.array([[0, 1]], "u1"), "PALETTE COLOR", palette=(word_lut([0, 200]),) * 3))[0].tolist() == [[0] * 3, [200] * 3]


def test_t8_segmented_palettes_are_expanded() -> None:
    segments = struct.pack("<8H", 0, 1, 0, 1, 255, 255 * 256, 0, 0)
    made = picture(np.arange(256, dtype="u1")[np.newaxis], "PALETTE COLOR", palette=(Lut(256, 0, 16, segments, True),) * 3)
    assert np.abs(shown(made)[0, :, 0].astype(int) - np.arange(256)).max() == 0


def test_a_palette_that_is_missing_is_told() -> None:
    with pytest.raises(ValueError, match="its palette is missing"):
        render([picture(COLOURS[..., 0], "PALETTE COLOR")], View())


@pytest.mark.parametrize("kind", ["<u2", "<u4"])
def test_t18_rgb_of_more_than_8_bits_is_scaled_to_8(kind: str) -> None:
    most = np.iinfo(kind).max
    deep = (COLOURS.astype(np.float64) / 255 * most).round().astype(kind)
    assert shown(picture(deep)).tolist() == COLOURS.tolist()
    ten_bits = COLOURS.astype("<u2") << 2
    assert shown(picture(ten_bits, bits=10)).tolist() == (ten_bits.astype(int) * 255 / 1023 + 0.5).astype(int).tolist()


def test_t18_the_corpus_in_8_16_and_32_bits_is_one_picture() -> None:
    eight = shown(of_corpus("SC_rgb.dcm"))
    assert len(np.unique(eight.reshape(-1, 3), axis=0)) > 5
    for name in ("SC_rgb_16bit.dcm", "SC_rgb_32bit.dcm", "SC_rgb_expb_16bit.dcm", "SC_rgb_rle_32bit.dcm"):
        assert shown(of_corpus(name)).tolist() == eight.tolist()


def test_colours_that_are_not_known_are_told() -> None:
    with pytest.raises(ValueError, match="photometric"):
        render([picture(COLOURS, "HSV")], View())
    four = picture(np.zeros((2, 2, 4), "u1"), "CMYK")
    with pytest.raises(ValueError, match="4 samples"):
        render([four], View())


def test_a_window_means_nothing_for_colours() -> None:
    from app.dicom.picture import Window

    made = picture(COLOURS)
    assert shown(replace(made, window=Window(1, 2)), window=Window(3, 4)).tolist() == COLOURS.tolist()
