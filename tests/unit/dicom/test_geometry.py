"""app.dicom.geometry: planes of frames and grids of voxels, against numpy's linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.geometry import Grid, Plane, plane
from app.dicom.item import Item
from tests.builders import part10
from tests.shown import shown
from tests.volumes import enhanced, images, ramp, series

NUMBERS = st.floats(-100, 100, allow_nan=False)


def item_of(data: bytes) -> Item:
    return Item(shown(data).metadata)


def test_the_plane_of_a_single_image_is_its_image_plane_module() -> None:
    found = plane(item_of(series(ramp(1), spacing=(0.5, 0.25))[0]), 1)
    assert found == Plane((-10, -20, -30), (1, 0, 0), (0, 1, 0), 0.5, 0.25, 5, 4)
    assert found.normal == (0, 0, 1)


def test_the_planes_of_an_enhanced_object_are_in_its_functional_groups() -> None:
    described = item_of(part10(enhanced(ramp(3), spacing=(0.5, 0.25), orientation=(0, 1, 0, 0, 0, -1))))
    found = [plane(described, number) for number in (1, 2, 3)]
    assert [each.position for each in found if each] == [(-10, -20, -30), (-10, -20, -27.5), (-10, -20, -25)]
    assert {(each.row, each.column, each.between_rows, each.between_columns) for each in found if each} == {
        ((0, 1, 0), (0, 0, -1), 0.5, 0.25)
    }


def test_a_multi_frame_object_with_one_position_has_no_planes() -> None:
    made = enhanced(ramp(3), ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1])
    del made.PerFrameFunctionalGroupsSequence
    assert plane(item_of(part10(made)), 2) is None


def test_the_frames_of_a_dose_grid_lie_along_its_offsets() -> None:
    (image,) = images(ramp(1))
    image.NumberOfFrames, image.PixelData = 3, image.PixelData * 3
    image.GridFrameOffsetVector = [0, 3, 7]
    described = item_of(part10(image))
    assert [found and found.position[2] for found in (plane(described, number) for number in (1, 2, 3, 4))] == [-30, -27, -23, None]


@pytest.mark.parametrize(
    "broken",
    [
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": None},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0]},
        {"ImagePositionPatient": [1e9, 0, 0]},
        {"PixelSpacing": None},
        {"PixelSpacing": [0, 1]},
        {"PixelSpacing": [1]},
    ],
)
def test_what_tells_no_place_is_no_plane(broken: dict[str, Any]) -> None:
    (image,) = images(ramp(1))
    for keyword, value in broken.items():
        if value is None:
            delattr(image, keyword)
        else:
            setattr(image, keyword, value)
    assert plane(item_of(part10(image)), 1) is None


def test_cosines_that_a_device_has_rounded_are_set_right() -> None:
    found = plane(item_of(series(ramp(1), orientation=(0.7071, 0.7071, 0, -0.7071, 0.7071, 0.001))[0]), 1)
    assert found is not None
    assert np.allclose([np.dot(found.row, found.row), np.dot(found.column, found.column), np.dot(found.row, found.column)], [1, 1, 0])


@given(st.lists(NUMBERS, min_size=9, max_size=9), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_an_index_leads_back_to_its_point(axes: list[float], place: tuple[float, float, float]) -> None:
    across, down, through = (tuple(axes[at : at + 3]) for at in (0, 3, 6))
    matrix = np.array([across, down, through]).T
    if abs(np.linalg.det(matrix)) < 1e-2 or np.linalg.cond(matrix) > 1e4:
        return
    grid = Grid(4, 5, 6, (1, 2, 3), across, down, through)  # type: ignore[arg-type]
    point = grid.at(*place)
    assert np.allclose(point, matrix @ np.array(place) + (1, 2, 3))
    assert np.allclose(grid.index(point), np.linalg.solve(matrix, np.array(point) - (1, 2, 3)), atol=1e-6)


def test_the_corners_of_a_grid_lie_half_a_voxel_out() -> None:
    corners = Grid(4, 5, 6, (0, 0, 0), (0.5, 0, 0), (0, 1, 0), (0, 0, 2)).corners()
    assert (min(corners), max(corners)) == ((-0.25, -0.5, -1), (1.75, 4.5, 11))


def test_the_finest_distance_across_a_view_leaves_out_the_axis_that_is_looked_along() -> None:
    grid = Grid(4, 5, 6, (0, 0, 0), (2, 0, 0), (0, 2, 0), (0, 0, 1))
    assert (grid.finest, grid.finest_across((0, 0, 1)), grid.finest_across((0, 1, 0))) == (1, 2, 1)
    assert grid.finest_across((0, 0.6, 0.8)) == 1
