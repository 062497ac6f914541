"""Where points come to lie under rotation, flip and displayed area: corners followed by hand (PS3.3 C.10.4, C.10.6)."""

from __future__ import annotations

import pytest

from app.dicom.picture import ImageAttributes
from app.dicom.placement import placement
from app.dicom.softcopy import DisplayedArea, Softcopy, Units

IMAGE = ImageAttributes(rows=3, columns=5)

FIRST_PIXEL = (0.5, 0.5)
"""The middle of the pixel in the top left corner."""


@pytest.mark.parametrize(
    ("rotation", "flip", "expected", "size"),
    [
        (0, False, (0.5, 0.5), (5, 3)),
        (90, False, (2.5, 0.5), (3, 5)),  # clockwise: the top left corner becomes the top right one
        (180, False, (4.5, 2.5), (5, 3)),
        (270, False, (0.5, 4.5), (3, 5)),
        (0, True, (4.5, 0.5), (5, 3)),
        (90, True, (0.5, 0.5), (3, 5)),  # turned first, then flipped
        (180, True, (0.5, 2.5), (5, 3)),
        (270, True, (2.5, 4.5), (3, 5)),
    ],
)
def test_the_first_pixel_is_followed(rotation: int, flip: bool, expected: tuple[float, float], size: tuple[int, int]) -> None:
    placed = placement(IMAGE, (1, 1), Softcopy(rotation=rotation, flip=flip))
    assert placed.place(FIRST_PIXEL, Units.PIXEL) == expected
    assert (placed.columns, placed.rows) == (placed.width, placed.height) == size


def test_an_area_is_counted_from_its_own_corner() -> None:
    placed = placement(IMAGE, (1, 1), Softcopy(area=DisplayedArea(2, 2, 7, 3)))
    assert (placed.left, placed.top, placed.right, placed.bottom) == (1, 1, 7, 3)
    assert placed.place((1.0, 1.0), Units.PIXEL) == (0, 0)
    assert placed.place(FIRST_PIXEL, Units.PIXEL) == (-0.5, -0.5)


def test_an_area_is_turned_with_the_image() -> None:
    placed = placement(IMAGE, (1, 1), Softcopy(rotation=90, area=DisplayedArea(1, 1, 2, 3)))
    assert (placed.columns, placed.rows) == (3, 2)
    assert placed.place(FIRST_PIXEL, Units.PIXEL) == (2.5, 0.5)


def test_display_units_are_fractions_of_the_area_as_it_is_displayed() -> None:
    placed = placement(IMAGE, (1, 1), Softcopy(rotation=90, flip=True, area=DisplayedArea(1, 1, 2, 3)))
    assert placed.place((1.0, 0.5), Units.DISPLAY) == (3, 1)


def test_pixels_that_are_not_square_get_more_of_the_coarser_direction() -> None:
    assert (placement(IMAGE, (2, 1), Softcopy()).width, placement(IMAGE, (2, 1), Softcopy()).height) == (5, 6)
    turned = placement(IMAGE, (0.5, 0.25), Softcopy(rotation=90))
    assert (turned.width, turned.height) == (6, 5)


def test_the_mode_magnify_multiplies() -> None:
    placed = placement(IMAGE, (1, 1), Softcopy(area=DisplayedArea(1, 1, 5, 3, magnification=2.5)))
    assert (placed.width, placed.height) == (12.5, 7.5)
