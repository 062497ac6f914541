"""Overlay planes over a picture (PS3.3 C.9.2), by numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.dicom.picture import Overlay, Window
from tests.rendering import picture, shown

GREY = np.full((8, 10), 100, "u1")
BITS = np.random.default_rng(2).integers(0, 2, (8, 10)).astype(bool)


def packed(bits: np.ndarray) -> bytes:
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def test_a_plane_is_white_where_its_bits_are_set() -> None:
    made = shown(picture(GREY, overlays=(Overlay(8, 10, data=packed(BITS)),)))
    assert made.tolist() == np.where(BITS, 255, 100).tolist()


def test_a_plane_over_colours_is_white() -> None:
    made = shown(picture(np.full((8, 10, 3), 50, "u1"), overlays=(Overlay(8, 10, data=packed(BITS)),)))
    assert made.tolist() == np.where(BITS[..., np.newaxis], 255, np.full((8, 10, 3), 50)).tolist()


def test_the_origin_of_a_plane_may_lie_outside_of_the_image() -> None:
    for top, left in ((3, 4), (-2, -1), (8, 10), (-7, 1), (9, 1), (1, 11), (-100, 1)):
        expected = GREY.copy()
        for row, column in zip(*np.nonzero(BITS), strict=True):
            if 0 <= row + top - 1 < 8 and 0 <= column + left - 1 < 10:
                expected[row + top - 1, column + left - 1] = 255
        assert shown(picture(GREY, overlays=(Overlay(8, 10, top, left, packed(BITS)),))).tolist() == expected.tolist()


def test_t10_a_plane_in_the_high_bits_is_drawn_and_is_no_part_of_the_values() -> None:
    values = np.full((8, 10), 1000, "<u2")
    plain = picture(values, bits=12, window=Window(2048, 4096))
    made = replace(plain, frame=(values | BITS.astype("<u2") << 13).tobytes(), overlays=(Overlay(8, 10, position=13),))
    assert shown(made).tolist() == np.where(BITS, 255, shown(plain)).tolist()


def test_of_a_region_of_interest_the_border_is_drawn() -> None:
    region = np.zeros((8, 10), bool)
    region[2:7, 3:8] = True
    border = region.copy()
    border[3:6, 4:7] = False
    made = shown(picture(GREY, overlays=(Overlay(8, 10, data=packed(region), roi=True),)))
    assert made.tolist() == np.where(border, 255, 100).tolist()


def test_several_planes_are_drawn_one_over_the_other() -> None:
    other = ~BITS
    made = shown(picture(GREY, overlays=(Overlay(8, 10, data=packed(BITS)), Overlay(8, 10, data=packed(other)))))
    assert (made == 255).all()
