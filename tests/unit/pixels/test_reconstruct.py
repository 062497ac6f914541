"""app.pixels.reconstruct: planes through a volume against numpy's own slicing, and against functions whose value is known everywhere."""

from __future__ import annotations

from math import cos, radians, sin
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.dicom.geometry import Grid
from app.dicomweb.query import decode
from app.dicomweb.volume import Method, Reformatting, parse
from app.dicomweb.volume_views import Shot, views
from app.pixels.reconstruct import Values, reconstruct

EVEN = Grid(40, 30, 20, (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
FLAT = Grid(40, 30, 20, (-10, -20, -30), (0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5))
TILTED = Grid(40, 30, 20, (-10, -20, -30), (0.7, 0, 0), (0, 0.7 * cos(0.3), -0.7 * sin(0.3)), (0, 0, 2.5))

Volume = NDArray[Any]


@pytest.fixture(scope="module")
def noise() -> Volume:
    return np.random.default_rng(1).integers(-1000, 3000, (20, 30, 40)).astype(np.int16)


def shot(text: str, grid: Grid) -> Shot:
    return views(parse(decode(text), Reformatting.MPR), grid, pixels=10**9).shots[0]


def places(seen: Shot) -> NDArray[np.float64]:
    """Where each pixel lies in the patient, (rows, columns, 3)."""
    r, c = np.indices((seen.rows, seen.columns))
    return np.asarray(np.array(seen.first) + seen.spacing * (c[..., None] * np.array(seen.right) + r[..., None] * np.array(seen.down)))


def linear(grid: Grid, gradient: tuple[float, float, float]) -> Volume:
    """Voxels whose value is a linear function of where they lie: what interpolates linearly has to give it back between them as well."""
    k, j, i = np.indices((grid.slices, grid.rows, grid.columns), dtype=np.float64)
    axes = np.array([grid.through, grid.down, grid.across])
    place = np.array(grid.origin) + np.stack([k, j, i], axis=-1) @ axes
    return np.asarray(place @ np.array(gradient), np.float32)


def test_axial_slices_of_even_voxels_are_the_arrays_own(noise: Volume) -> None:
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=f", EVEN)), noise[9])
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=h", EVEN)), noise[9][:, ::-1])
    at_12 = "viewpointposition=19.5,14.5,11&viewpointlookat=19.5,14.5,12&viewpointup=0,-1,0"
    assert np.array_equal(reconstruct(noise, EVEN, shot(at_12, EVEN)), noise[12])


def test_coronal_and_sagittal_slices_of_even_voxels_are_the_arrays_own(noise: Volume) -> None:
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=a", EVEN)), noise[::-1, 14, :])
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=p", EVEN)), noise[::-1, 14, ::-1])
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=l", EVEN)), noise[::-1, :, 19])
    assert np.array_equal(reconstruct(noise, EVEN, shot("orientation=r", EVEN)), noise[::-1, ::-1, 19])


def test_every_slice_of_an_uneven_volume_can_be_had_exactly(noise: Volume) -> None:
    for k in (0, 7, 19):
        x, y, z = FLAT.at(19.5, 14.5, k)
        seen = shot(f"viewpointposition={x},{y},{z - 1}&viewpointlookat={x},{y},{z}&viewpointup=0,-1,0", FLAT)
        assert np.array_equal(reconstruct(noise, FLAT, seen), noise[k])


def test_between_slices_lie_their_means(noise: Volume) -> None:
    x, y, z = FLAT.at(19.5, 14.5, 7.25)
    seen = shot(f"viewpointposition={x},{y},{z - 1}&viewpointlookat={x},{y},{z}&viewpointup=0,-1,0", FLAT)
    expected = noise[7] * 0.75 + noise[8] * 0.25
    assert np.abs(reconstruct(noise, FLAT, seen) - expected).max() < 0.5


def test_a_coronal_picture_of_flat_voxels_is_the_column_interpolated(noise: Volume) -> None:
    seen = shot("orientation=a", FLAT)
    made = reconstruct(noise, FLAT, seen)
    z = places(seen)[:, 0, 2]
    k = np.clip((z - FLAT.origin[2]) / 2.5, 0, 19)
    below = np.minimum(np.floor(k).astype(int), 18)
    weight = (k - below)[:, None]
    expected = noise[below, 14, :] * (1 - weight) + noise[below + 1, 14, :] * weight
    assert np.nanmax(np.abs(made - expected)) < 0.5
    assert np.isnan(made).sum() <= made.shape[1]  # half a pixel beyond the edge at most: 50 mm are no whole number of 0.7 mm


@pytest.mark.parametrize("grid", [EVEN, FLAT, TILTED], ids=["even", "flat", "tilted"])
@pytest.mark.parametrize(
    "text",
    [
        "orientation=a",
        "orientation=l",
        "orientation=f",
        "viewpointposition=50,30,-10&viewpointlookat={0}",
        "viewpointposition=-30,90,40&viewpointlookat={0}&viewpointup=1,0.2,0.3",
        "viewpointposition=50,30,-10&viewpointlookat={0}&viewpoint=64,64",
    ],
)
def test_an_oblique_plane_through_a_linear_function_is_that_function(grid: Grid, text: str) -> None:
    gradient = (3.0, -2.0, 5.0)
    seen = shot(text.format(",".join(str(round(each, 3)) for each in grid.centre)), grid)
    made = reconstruct(linear(grid, gradient), grid, seen)
    expected = places(seen) @ np.array(gradient)
    index = np.array([grid.index(tuple(place)) for place in places(seen).reshape(-1, 3)])
    sizes = np.array([grid.columns, grid.rows, grid.slices]) - 1
    within = ((index >= 0) & (index <= sizes)).all(axis=1).reshape(made.shape)
    beyond = ((index < -0.51) | (index > sizes + 0.51)).any(axis=1).reshape(made.shape)
    assert within.sum() > 200
    assert np.abs(made - expected)[within].max() < 0.01
    assert np.isnan(made[beyond]).all()


def test_a_sphere_is_round_in_every_plane() -> None:
    """A ruler: 20 mm across, whichever way it is cut, on voxels of 0.7 x 0.7 x 2.5 mm."""
    grid = Grid(60, 60, 24, (-20.65, -20.65, -28.75), (0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5))
    distance = np.sqrt(linear(grid, (1, 0, 0)) ** 2 + linear(grid, (0, 1, 0)) ** 2 + linear(grid, (0, 0, 1)) ** 2)
    for text in ("orientation=f", "orientation=a", "orientation=r", "viewpointposition=10,20,30&viewpointlookat=0,0,0"):
        seen = shot(text.replace("orientation=f", "viewpointposition=0,0,-1&viewpointlookat=0,0,0"), grid)
        inside = np.nan_to_num(reconstruct(distance, grid, seen), nan=99) < 10
        columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
        assert (columns[-1] - columns[0] + 1) * seen.spacing == pytest.approx(20, abs=1.5)
        assert (rows[-1] - rows[0] + 1) * seen.spacing == pytest.approx(20, abs=1.5)
        assert inside.sum() * seen.spacing**2 == pytest.approx(np.pi * 100, rel=0.05)


def test_a_square_of_known_size_is_square() -> None:
    """35 x 35 mm in the coronal plane: 50 voxels across, 14 slices high."""
    volume = np.zeros((30, 10, 80), np.int16)
    volume[8:22, :, 15:65] = 1000
    grid = Grid(80, 10, 30, (0, 0, 0), (0.7, 0, 0), (0, 0.7, 0), (0, 0, 2.5))
    for viewport in ("", "&viewport=300,300", "&viewport=60,60"):
        made = reconstruct(volume, grid, shot("orientation=a" + viewport, grid)) > 500
        columns, rows = np.flatnonzero(made.any(axis=0)), np.flatnonzero(made.any(axis=1))
        assert abs((columns[-1] - columns[0]) - (rows[-1] - rows[0])) <= 1


@pytest.mark.parametrize(("method", "combine"), [(Method.MAXIMUM_IP, np.max), (Method.MINIMUM_IP, np.min), (Method.AVERAGE_IP, np.mean)])
def test_a_slab_combines_the_planes_within_it(noise: Volume, method: Method, combine: Any) -> None:
    seen = shot("viewpointposition=19.5,14.5,9&viewpointlookat=19.5,14.5,10&viewpointup=0,-1,0", EVEN)
    made = reconstruct(noise, EVEN, seen, slab=5, method=method)
    assert np.abs(made - combine(noise[8:13].astype(float), axis=0)).max() < 0.01


def test_of_a_slab_that_reaches_out_of_the_volume_the_part_within_counts(noise: Volume) -> None:
    seen = shot("viewpointposition=19.5,14.5,-1&viewpointlookat=19.5,14.5,0&viewpointup=0,-1,0", EVEN)
    made = reconstruct(noise, EVEN, seen, slab=5, method=Method.AVERAGE_IP)
    assert np.abs(made - noise[0:3].astype(float).mean(axis=0)).max() < 0.01


def test_a_small_picture_is_the_mean_of_what_it_covers(noise: Volume) -> None:
    seen = shot("orientation=f&viewport=20,15", EVEN)
    expected = noise[9].astype(float).reshape(15, 2, 20, 2).mean(axis=(1, 3))
    assert np.abs(reconstruct(noise, EVEN, seen) - expected).max() < 0.01


def test_a_flipped_picture_is_flipped(noise: Volume) -> None:
    made = reconstruct(noise, EVEN, shot("orientation=f&viewport=40,30,0,0,-40,-30", EVEN))
    assert np.array_equal(made, noise[9][::-1, ::-1])


def test_a_tilted_gantry_is_set_right() -> None:
    """A rod along the body's axis stays upright in the sagittal picture, though every slice has it in another row."""
    volume = np.zeros((20, 30, 40), np.int16)
    grid = TILTED
    for k in range(20):
        for j in range(30):
            y = grid.at(0, j, k)[1]
            volume[k, j, :] = 1000 if abs(y - (-10)) < 1.2 else 0
    seen = shot("orientation=r", grid)
    made: Values = np.nan_to_num(reconstruct(volume, grid, seen), nan=0)
    centres = [np.flatnonzero(row > 500).mean() for row in made if (row > 500).any()]
    assert len(centres) > 40
    assert max(centres) - min(centres) < 1.5


def test_equal_requests_give_equal_values(noise: Volume) -> None:
    seen = shot("viewpointposition=50,30,-10&viewpointlookat=20,15,10", EVEN)
    assert reconstruct(noise, EVEN, seen).tobytes() == reconstruct(noise, EVEN, seen).tobytes()


def test_a_volume_turned_by_a_known_angle_is_seen_straight(noise: Volume) -> None:
    turn = radians(30)
    across, down = (cos(turn), sin(turn), 0), (-sin(turn), cos(turn), 0)
    turned = Grid(40, 30, 20, (5, 6, 7), across, down, (0, 0, 1))
    x, y, z = turned.at(19.5, 14.5, 10)
    up = f"{-down[0]},{-down[1]},0"
    seen = shot(f"viewpointposition={x},{y},{z - 5}&viewpointlookat={x},{y},{z}&viewpointup={up}", turned)
    assert np.array_equal(reconstruct(noise, turned, seen), noise[10])
