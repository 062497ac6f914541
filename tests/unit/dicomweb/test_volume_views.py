"""app.dicomweb.volume_views: where the pictures of a volume lie, by the camera of PS3.18 8.3.5.3.4 to .7; numbers written out."""

from __future__ import annotations

from math import cos, radians, sin, sqrt

import numpy as np
import pytest

from app.dicom.geometry import Grid, Vector, length, minus
from app.dicomweb.query import decode
from app.dicomweb.volume import Reformatting, parse
from app.dicomweb.volume_views import Sequel, Shot, views
from app.errors import InvalidQuery, TooLarge

MPR, THREE_D = Reformatting
GRID = Grid(512, 512, 200, (-180, -200, -900), (0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5))
X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def sequel(text: str = "", reformatting: Reformatting = MPR, grid: Grid = GRID, pixels: int = 10**9) -> Sequel:
    return views(parse(decode(text), reformatting), grid, pixels=pixels)


def shot(text: str = "", reformatting: Reformatting = MPR, grid: Grid = GRID) -> Shot:
    (only,) = sequel(text, reformatting, grid).shots
    return only


def near(a: Vector, b: Vector) -> bool:
    return length(minus(a, b)) < 1e-6


def opposite(a: Vector) -> Vector:
    return -a[0], -a[1], -a[2]


@pytest.mark.parametrize(
    ("letter", "forward", "right", "down"),
    [
        ("a", Y, X, opposite(Z)),
        ("p", opposite(Y), opposite(X), opposite(Z)),
        ("r", X, opposite(Y), opposite(Z)),
        ("l", opposite(X), Y, opposite(Z)),
        ("h", opposite(Z), opposite(X), Y),
        ("f", Z, X, Y),
    ],
)
def test_the_six_orientations_see_the_patient_as_the_standard_says(letter: str, forward: Vector, right: Vector, down: Vector) -> None:
    seen = shot(f"orientation={letter}")
    assert near(seen.forward, forward)
    assert near(seen.right, right)
    assert near(seen.down, down)


def test_pixels_are_square_and_the_picture_holds_the_whole_volume() -> None:
    front = shot("orientation=a")
    assert front.spacing == pytest.approx(0.7)
    assert (front.columns, front.rows) == (512, 715)  # 500 mm / 0.7
    assert shot("orientation=r").columns == 512
    below = shot("orientation=f")
    assert (below.columns, below.rows) == (512, 512)
    assert near(below.first, (-180, -200, GRID.origin[2] + 99 * 2.5))


def test_a_reconstruction_along_stored_planes_shows_the_middle_one_exactly() -> None:
    assert GRID.index(shot("orientation=f").centre)[2] == pytest.approx(99, abs=1e-6)
    assert GRID.index(shot("orientation=a").centre)[1] == pytest.approx(255, abs=1e-6)
    assert GRID.index(shot("orientation=r").centre)[0] == pytest.approx(255, abs=1e-6)


def test_without_any_parameter_the_patient_is_seen_from_the_front() -> None:
    assert shot() == shot("orientation=a")


def test_the_look_at_point_is_the_middle_of_the_picture() -> None:
    seen = shot("viewpointlookat=0,-10,-700&viewpointposition=0,-11,-700&viewpointup=0,0,1")
    assert near(seen.centre, (0, -10, -700))
    assert near(seen.forward, Y)
    # It reaches from there to the farther edge of the volume on both sides: 298.75 mm up, 180.35 mm to the right of the patient.
    assert (seen.columns, seen.rows) == (516, 854)


def test_a_view_from_the_side_keeps_its_up() -> None:
    seen = shot("viewpointposition=100,100,-650&viewpointlookat=0,0,-650&viewpointup=0,0.2,5")
    assert near(seen.forward, (-1 / sqrt(2), -1 / sqrt(2), 0))
    assert np.allclose([np.dot(seen.right, seen.down), np.dot(seen.right, seen.forward), np.dot(seen.down, seen.forward)], 0, atol=1e-9)
    assert seen.down[2] < -0.99


def test_the_parameters_that_are_told_give_the_same_picture_again() -> None:
    first = sequel("orientation=r")
    camera = first.camera
    position, look_at, up = (",".join(map(str, each)) for each in (camera.position, camera.look_at, camera.up))
    again = shot(f"viewpointposition={position}&viewpointlookat={look_at}&viewpointup={up}")
    assert near(again.first, first.shots[0].first)
    assert (again.columns, again.rows) == (first.shots[0].columns, first.shots[0].rows)


def test_a_viewport_sets_the_size_and_keeps_the_aspect() -> None:
    seen = shot("orientation=a&viewport=256,256")
    assert (seen.columns, seen.rows) == (183, 256)
    assert seen.spacing == pytest.approx(0.7 * 715 / 256)
    assert near(seen.centre, shot("orientation=a").centre)


def test_a_viewport_cuts_zooms_and_flips() -> None:
    whole = shot("orientation=f")
    part = shot("orientation=f&viewport=200,100,10,20,100,50")
    assert (part.columns, part.rows) == (200, 100)
    assert part.spacing == pytest.approx(0.35)
    # Its left upper edge is that of pixel (10, 20) of the whole.
    edge = np.array(part.first) - (0.175, 0.175, 0)
    assert np.allclose(edge - np.array(whole.first), (9.5 * 0.7, 19.5 * 0.7, 0))
    flipped = shot("orientation=f&viewport=512,512,,,-512,")
    assert near(flipped.right, (-1, 0, 0))
    assert near(flipped.forward, whole.forward)
    with pytest.raises(InvalidQuery, match="outside"):
        shot("orientation=f&viewport=200,100,600,20,100,50")


def test_a_plane_beside_the_volume_is_refused() -> None:
    with pytest.raises(InvalidQuery, match="does not meet"):
        shot("viewpointposition=0,-301,-650&viewpointlookat=0,-300,-650")
    assert shot("viewpointposition=0,-301,-650&viewpointlookat=0,-300,-650", THREE_D)
    with pytest.raises(InvalidQuery, match="far outside"):
        shot("viewpointlookat=90000,0,0", THREE_D)


def test_a_swivel_is_one_swing_in_range_by_step_pictures() -> None:
    made = sequel("orientation=a&swivelrange=80&animationstepsize=10&animationrate=5", THREE_D)
    angles = [0, 20, 40, 20, 0, -20, -40, -20]
    assert len(made.shots) == 8
    assert all(near(each.forward, (-sin(radians(a)), cos(radians(a)), 0)) for each, a in zip(made.shots, angles, strict=True))
    assert (made.step, made.rate) == (10, 5)
    assert len({(each.columns, each.rows) for each in made.shots}) == 1


def test_a_swivel_of_360_degrees_is_a_turn() -> None:
    made = sequel("orientation=a&swivelrange=360&animationstepsize=90", THREE_D)
    assert [np.round(each.forward, 6).tolist() for each in made.shots] == [[0, 1, 0], [-1, 0, 0], [0, -1, 0], [1, 0, 0]]


def test_steps_and_rate_have_defaults() -> None:
    made = sequel("swivelrange=180", THREE_D)
    assert (made.step, made.rate, len(made.shots)) == (5, 10, 36)
    with pytest.raises(TooLarge):
        sequel("swivelrange=360&animationstepsize=0.5", THREE_D)


def test_a_curve_moves_the_view_without_turning_it() -> None:
    made = sequel(
        "orientation=f&volumetriccurvepoint=0,0,-900&volumetriccurvepoint=0,0,-890&volumetriccurvepoint=10,0,-890&animationstepsize=5"
    )
    assert [tuple(np.round(each.centre, 6)) for each in made.shots] == [
        (0, 0, -900), (0, 0, -895), (0, 0, -890), (5, 0, -890), (10, 0, -890)
    ]  # fmt: skip
    assert {each.forward for each in made.shots} == {Z}
    assert len({(each.columns, each.rows) for each in made.shots}) == 1


def test_a_curve_of_one_point_begins_where_the_camera_looks() -> None:
    made = sequel("viewpointlookat=0,0,-900&viewpointposition=0,0,-901&volumetriccurvepoint=0,0,-890&animationstepsize=10")
    assert [each.centre[2] for each in made.shots] == [-900, -890]


def test_too_many_pixels_in_all_are_refused() -> None:
    with pytest.raises(TooLarge):
        sequel("orientation=f", pixels=512 * 512 - 1)
    with pytest.raises(TooLarge):
        sequel("swivelrange=360&animationstepsize=90", THREE_D, pixels=512 * 512 * 3)


def test_a_leaning_grid_is_seen_upright() -> None:
    leaning = Grid(100, 100, 50, (0, 0, 0), (1, 0, 0), (0, cos(0.3), -sin(0.3)), (0, 0, 2))
    seen = shot("orientation=f", grid=leaning)
    assert near(seen.forward, Z)
    assert seen.columns == 100
