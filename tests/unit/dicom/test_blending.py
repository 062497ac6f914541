"""Where two images of a blending lie to one another: figures done by hand (PS3.3 C.7.6.2.1.1, C.11.14)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.dicom.blending import across, nearest
from app.dicom.geometry import Plane
from app.dicom.softcopy import IDENTITY

AXIAL = Plane((0, 0, 0), (1, 0, 0), (0, 1, 0), 1, 1, 10, 20)


def at(z: float) -> Plane:
    return replace(AXIAL, position=(0, 0, z))


def mapped(under: Plane, over: Plane, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = across(under, over)
    return a * x + b * y + c, d * x + e * y + f


def test_an_image_leads_to_itself() -> None:
    assert across(AXIAL, AXIAL) == IDENTITY


def test_corners_lie_where_sizes_and_positions_put_them() -> None:
    coarse = replace(AXIAL, position=(1.5, 0.5, 0), between_rows=2, between_columns=2)
    # Its first pixel covers x from 0.5 to 2.5 and y from -0.5 to 1.5: pixels 1 to 3 and 0 to 2 of the other, counted at their edges.
    assert mapped(AXIAL, coarse, 1, 0) == (0, 0)
    assert mapped(AXIAL, coarse, 3, 2) == (1, 1)


def test_an_image_may_be_turned_and_mirrored_in_its_plane() -> None:
    turned = replace(AXIAL, row=(0, 1, 0), column=(1, 0, 0))
    assert mapped(AXIAL, turned, 3, 1) == (1, 3)
    mirrored = replace(AXIAL, position=(19, 0, 0), row=(-1, 0, 0))
    assert mapped(AXIAL, mirrored, 0, 4) == (20, 4)


def test_the_nearest_plane_is_taken_if_it_is_near() -> None:
    planes = [at(z) for z in (0, 5, 10)]
    assert nearest(at(6), planes) == 1
    assert nearest(at(7.6), planes) == 2
    assert nearest(at(12.5), planes) == 2
    assert nearest(at(14), planes) is None
    assert nearest(at(2), [at(0)]) == 0
    assert nearest(at(3), [at(0)]) is None


def test_planes_that_are_not_parallel_do_not_count() -> None:
    coronal = replace(AXIAL, row=(1, 0, 0), column=(0, 0, -1))
    assert nearest(AXIAL, [coronal]) is None
    assert nearest(AXIAL, []) is None
    assert nearest(AXIAL, [replace(AXIAL, column=(0, -1, 0))]) == 0


@pytest.mark.parametrize("z", [-0.4, 0.4])
def test_planes_on_both_sides_are_found(z: float) -> None:
    assert nearest(at(z), [at(-1), at(0), at(1)]) == 1
