"""Region, viewport, flips and the aspect of pixels: by numpy slices, and by a ruler on a physical square."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.rendering import Region, View
from app.pixels import geometry
from app.pixels.render import render
from tests.rendering import picture, shown

IMAGE = np.random.default_rng(7).integers(0, 256, (40, 60)).astype("u1")


@pytest.mark.parametrize(
    ("view", "rows", "columns"),
    [
        ({}, 40, 60),
        ({"columns": 30, "rows": 30}, 20, 30),
        ({"columns": 30}, 20, 30),
        ({"rows": 10}, 10, 15),
        ({"columns": 600, "rows": 80}, 80, 120),
        ({"columns": 600, "rows": 80, "enlarge": False}, 40, 60),
        ({"columns": 1, "rows": 1}, 1, 1),
        ({"region": Region(10, 5, 20, 30)}, 30, 20),
        ({"region": Region(10, 5, 20, 30), "columns": 100, "rows": 300}, 150, 100),
        ({"region": Region(50, 30, 500, 500)}, 10, 10),
        ({"region": Region(0.5, 0.5, 0.25, 0.5), "relative": True}, 20, 15),
    ],
)
def test_t6_the_viewport_keeps_the_aspect_and_is_filled_as_far_as_it_goes(view: dict[str, Any], rows: int, columns: int) -> None:
    assert shown(picture(IMAGE), **view).shape == (rows, columns)


def test_t6_a_region_is_a_slice_of_the_image() -> None:
    assert shown(picture(IMAGE), region=Region(10, 5, 20, 30)).tolist() == IMAGE[5:35, 10:30].tolist()
    assert shown(picture(IMAGE), region=Region(10, 5)).tolist() == IMAGE[5:, 10:].tolist()


def test_t6_flips_mirror_the_region() -> None:
    flipped = shown(picture(IMAGE), region=Region(10, 5, 20, 30, flip_horizontal=True))
    assert flipped.tolist() == IMAGE[5:35, 10:30][:, ::-1].tolist()
    both = shown(picture(IMAGE), region=Region(flip_horizontal=True, flip_vertical=True))
    assert both.tolist() == IMAGE[::-1, ::-1].tolist()


@pytest.mark.parametrize("region", [Region(60, 0), Region(0, 40.0, 5, 5), Region(100, 100, 5, 5)])
def test_a_region_outside_of_the_image_is_refused(region: Region) -> None:
    with pytest.raises(ValueError, match="60 columns and 40 rows"):
        render([picture(IMAGE)], View(region=region))


def test_a_picture_beyond_the_limit_is_refused_before_it_is_made() -> None:
    with pytest.raises(ValueError, match="at most"):
        render([picture(IMAGE)], View(columns=60000, rows=60000))


def test_made_smaller_each_pixel_is_a_mean_of_what_it_covers() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    made = shown(picture(checks.astype("u1")), columns=16, rows=16)
    assert made.shape == (16, 16)
    assert np.abs(made.astype(int) - 127).max() <= 2


def test_a_fraction_of_a_pixel_is_part_of_a_region() -> None:
    values = np.repeat(np.arange(0, 250, 10, dtype="u1")[np.newaxis], 4, axis=0)
    made = shown(picture(values), region=Region(0.5, 0, 20, 4)).astype(int)
    assert np.abs(made[1, 1:-1] - (values[1, 1:19].astype(int) + 5)).max() <= 1


@pytest.mark.parametrize(("aspect", "rows", "columns"), [((2.0, 1.0), 80, 60), ((1.0, 2.0), 40, 120), ((0.7, 0.7), 40, 60)])
def test_a_picture_of_its_own_size_grows_where_pixels_are_longer(aspect: tuple[float, float], rows: int, columns: int) -> None:
    assert shown(picture(IMAGE, aspect=aspect)).shape == (rows, columns)


@pytest.mark.parametrize(("vertical", "horizontal"), [(0.5, 0.5), (0.9, 0.3), (0.2, 0.8), (3, 4)])
@pytest.mark.parametrize("view", [{}, {"columns": 300, "rows": 300}, {"columns": 90}])
def test_a_physical_square_is_square_on_pixels_that_are_not(vertical: float, horizontal: float, view: dict[str, Any]) -> None:
    """A bright square of 24 x 24 mm on pixels of the given size in mm, measured where the picture is half bright."""
    rows, columns = round(60 / vertical), round(60 / horizontal)
    image = np.zeros((rows, columns), "u1")
    image[round(18 / vertical) : round(42 / vertical), round(18 / horizontal) : round(42 / horizontal)] = 255
    made = shown(picture(image, aspect=(vertical, horizontal)), **view) > 127
    height, width = made.any(axis=1).sum(), made.any(axis=0).sum()
    assert height / width == pytest.approx(1, abs=0.06)
    assert width / made.shape[1] == pytest.approx(24 / 60, abs=0.05)


SIDES, BOXES = st.integers(1, 500), st.none() | st.integers(1, 900)


@given(SIDES, SIDES, BOXES, BOXES, st.floats(0.1, 10), st.booleans())
def test_t6_whatever_is_asked_the_picture_fits_into_its_viewport(
    rows: int, columns: int, box_rows: int | None, box_columns: int | None, aspect: float, enlarge: bool
) -> None:
    view = View(rows=box_rows, columns=box_columns, enlarge=enlarge)
    try:
        made = geometry.frame(view, rows, columns, (aspect, 1.0))
    except ValueError:
        # A narrow picture, enlarged to a box that bounds one of its sides only, may come out longer than any file can be.
        assert enlarge
        assert (box_rows is None) != (box_columns is None)
        return
    assert box_rows is None or made.rows <= box_rows
    assert box_columns is None or made.columns <= box_columns
    if not enlarge:
        assert made.rows <= max(rows, round(rows * aspect))
        assert made.columns <= max(columns, round(columns / aspect))
