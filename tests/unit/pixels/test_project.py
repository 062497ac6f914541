"""app.pixels.project: projections against numpy's own maximum, minimum and mean; volume rendering by what has to be seen."""

from __future__ import annotations

from math import cos, sin
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.dicom.geometry import Grid, Vector, dot, minus
from app.dicomweb.query import decode
from app.dicomweb.volume import Method, Reformatting, parse
from app.dicomweb.volume_views import Shot, views
from app.pixels import project as projection
from app.pixels.project import Ramp, project, render

EVEN = Grid(40, 30, 20, (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
FLAT = Grid(60, 60, 24, (-20.65, -20.65, -28.75), (0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5))
LEANING = Grid(60, 60, 24, (-20.65, -20.65, -28.75), (0.7, 0, 0), (0, 0.7 * cos(0.3), -0.7 * sin(0.3)), (0, 0, 2.5))
WHITE = Ramp(400, 600, (1, 1, 1), (1, 1, 1))
METHODS = [(Method.MAXIMUM_IP, np.max), (Method.MINIMUM_IP, np.min), (Method.AVERAGE_IP, np.mean)]
OBLIQUE = [
    "viewpointposition=50,30,-10&viewpointlookat=0,0,0",
    "viewpointposition=-5,40,60&viewpointlookat=0,0,0&viewpointup=0,-1,0",
    "viewpointposition=-30,-40,10&viewpointlookat=0,0,0&viewpointup=1,0.2,0.3",
]

Volume = NDArray[Any]


@pytest.fixture(scope="module")
def noise() -> Volume:
    return np.random.default_rng(2).integers(-1000, 3000, (20, 30, 40)).astype(np.int16)


def shot(text: str, grid: Grid) -> Shot:
    return views(parse(decode(text), Reformatting.THREE_D), grid, pixels=10**9).shots[0]


def ball(grid: Grid, centre: Vector, radius: float, value: float = 1000) -> Volume:
    """A ball with a soft edge of two millimetres."""
    k, j, i = np.indices((grid.slices, grid.rows, grid.columns), dtype=np.float64)
    place = np.array(grid.origin) + np.stack([k, j, i], axis=-1) @ np.array([grid.through, grid.down, grid.across])
    distance = np.linalg.norm(place - np.array(centre), axis=-1)
    return np.asarray(np.clip((radius + 1 - distance) / 2, 0, 1) * value, np.float32)


def pixel_of(seen: Shot, point: Vector) -> tuple[float, float]:
    """Row and column at which a point of the patient is seen."""
    away = minus(point, seen.first)
    return dot(away, seen.down) / seen.spacing, dot(away, seen.right) / seen.spacing


@pytest.mark.parametrize(("method", "combine"), METHODS)
def test_rays_along_the_axes_meet_the_voxels_themselves(noise: Volume, method: Method, combine: Any) -> None:
    numbers = noise.astype(float)
    expected = {
        "f": combine(numbers, axis=0),
        "h": combine(numbers, axis=0)[:, ::-1],
        "a": combine(numbers, axis=1)[::-1],
        "p": combine(numbers, axis=1)[::-1, ::-1],
        "l": combine(numbers, axis=2)[::-1],
        "r": combine(numbers, axis=2)[::-1, ::-1],
    }
    for letter, wanted in expected.items():
        made = project(noise, EVEN, shot(f"orientation={letter}", EVEN), method)
        assert made.shape == wanted.shape
        assert np.abs(made - wanted).max() < 1e-3, letter


@pytest.mark.parametrize("grid", [FLAT, LEANING], ids=["flat", "leaning"])
@pytest.mark.parametrize("text", [*OBLIQUE, "orientation=a", "orientation=h", "orientation=l"])
def test_what_lies_somewhere_is_seen_there_from_every_side(grid: Grid, text: str) -> None:
    centre = grid.at(35, 22, 14)
    seen = shot(text, grid)
    made = np.nan_to_num(project(ball(grid, centre, 5), grid, seen, Method.MAXIMUM_IP), nan=0)
    rows, columns = np.nonzero(made > 500)
    row, column = pixel_of(seen, centre)
    assert rows.mean() == pytest.approx(row, abs=1.2)
    assert columns.mean() == pytest.approx(column, abs=1.2)
    # A ball is round from everywhere, and as large as it is.
    assert len(rows) * seen.spacing**2 == pytest.approx(np.pi * 25, rel=0.12)


@pytest.mark.parametrize("text", OBLIQUE)
def test_the_mean_along_rays_through_a_constant_is_that_constant(text: str) -> None:
    volume = np.full((24, 60, 60), 77, np.int16)
    made = project(volume, FLAT, shot(text, FLAT), Method.AVERAGE_IP)
    assert np.nanmax(np.abs(made - 77)) < 1e-3
    assert np.isnan(made).any()


def test_no_projection_leaves_the_range_of_the_values(noise: Volume) -> None:
    for text in OBLIQUE:
        for method in (Method.MAXIMUM_IP, Method.MINIMUM_IP, Method.AVERAGE_IP):
            made = project(noise, EVEN, shot(text.replace("0,0,0", "20,15,10"), EVEN), method)
            assert np.nanmin(made) >= noise.min()
            assert np.nanmax(made) <= noise.max()


def test_what_is_below_the_ramp_is_not_seen() -> None:
    made = render(ball(FLAT, (0, 0, 0), 10, value=399), FLAT, shot("orientation=a", FLAT), WHITE)
    assert made.max() == 0


@pytest.mark.parametrize("text", [*OBLIQUE, "orientation=a", "orientation=h", "orientation=l"])
def test_a_ball_is_lit_from_the_viewer(text: str) -> None:
    seen = shot(text, FLAT)
    made = render(ball(FLAT, (0, 0, 0), 10), FLAT, seen, WHITE)[..., 0]
    row, column = (round(each) for each in pixel_of(seen, (0, 0, 0)))
    edge = round(8 / seen.spacing)
    middle, beside = made[row, column], made[row, column + edge]
    assert middle > 0.6
    assert 0.05 < beside < middle
    assert made[0, 0] == 0


def test_what_is_in_front_hides_what_is_behind() -> None:
    volume = ball(FLAT, (0, -12, 0), 7) + ball(FLAT, (0, 12, 0), 7, value=450)
    tinted = Ramp(400, 900, (1, 0, 0), (0, 0, 1))
    front, back = (render(volume, FLAT, shot(f"orientation={letter}", FLAT), tinted) for letter in "ap")
    middle = front.shape[0] // 2, front.shape[1] // 2
    assert front[middle][2] > 4 * front[middle][0]
    assert back[middle][0] > front[middle][0]


def test_opacity_does_not_depend_on_the_distance_of_samples() -> None:
    fine = Grid(40, 40, 40, (0, 0, 0), (0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))
    coarse = Grid(20, 20, 20, (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    seen = [render(np.full((g.slices, g.rows, g.columns), 500, np.int16), g, shot("orientation=a", g), WHITE) for g in (fine, coarse)]
    assert seen[0][20, 20, 0] == pytest.approx(seen[1][10, 10, 0], abs=0.02)


def test_of_a_large_volume_some_voxels_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    volume = ball(FLAT, (0, 0, 0), 12)
    seen = shot("orientation=a", FLAT)
    whole = render(volume, FLAT, seen, WHITE)
    monkeypatch.setattr(projection, "LIGHT", 40_000)
    half = render(volume, FLAT, seen, WHITE)
    assert half.shape == whole.shape
    assert np.abs(half - whole).mean() < 0.05
    assert (half > 0).sum() == pytest.approx((whole > 0).sum(), rel=0.15)


def test_a_small_picture_leaves_out_what_is_finer_than_its_pixels() -> None:
    volume = ball(FLAT, (0, 0, 0), 12)
    small = render(volume, FLAT, shot("orientation=a&viewport=30,30", FLAT), WHITE)
    whole = render(volume, FLAT, shot("orientation=a", FLAT), WHITE)
    assert small.shape[0] == 30
    assert (small > 0).mean() == pytest.approx((whole > 0).mean(), rel=0.15)


def test_a_picture_in_strips_is_the_picture(noise: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (OBLIQUE[0], "orientation=a&viewport=10,10"):
        seen = shot(text.replace("0,0,0", "20,15,10"), EVEN)
        whole = project(noise, EVEN, seen, Method.MAXIMUM_IP)
        monkeypatch.setattr(projection, "BAND", 200)
        assert np.array_equal(project(noise, EVEN, seen, Method.MAXIMUM_IP), whole, equal_nan=True)
        monkeypatch.undo()


def test_equal_requests_give_equal_values(noise: Volume) -> None:
    seen = shot(OBLIQUE[0], EVEN)
    assert render(noise, EVEN, seen, WHITE).tobytes() == render(noise, EVEN, seen, WHITE).tobytes()
    assert project(noise, EVEN, seen, Method.MAXIMUM_IP).tobytes() == project(noise, EVEN, seen, Method.MAXIMUM_IP).tobytes()
