"""Polygons, lines, masks and paint as arrays: small ones, written out."""

from __future__ import annotations

import numpy as np
import pytest

from app.pixels import strokes
from app.pixels.painting import paint
from app.pixels.polygons import inside
from app.pixels.subtraction import difference, moved


def drawn(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def test_a_polygon_holds_the_pixels_whose_middles_lie_within() -> None:
    square = [(1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0)]
    assert np.array_equal(inside(square, 4, 5), drawn(".....", ".###.", ".###.", "....."))


def test_a_closed_polygon_holds_the_middles_on_its_edges() -> None:
    square = [(1.5, 0.5), (3.5, 0.5), (3.5, 2.5), (1.5, 2.5)]
    assert np.array_equal(inside(square, 4, 5, closed=True), drawn(".###.", ".###.", ".###.", "....."))
    assert np.array_equal(inside(square, 4, 5), drawn(".##..", ".##..", ".....", "....."))


def test_a_polygon_that_reaches_beyond_the_picture_is_cut() -> None:
    assert np.array_equal(inside([(-9, -9), (2, -9), (2, 99), (-9, 99)], 2, 4), drawn("##..", "##.."))


def test_a_polygon_agrees_with_a_test_of_each_point() -> None:
    generator = np.random.default_rng(7)
    for _ in range(20):
        vertices = [tuple(pair) for pair in generator.uniform(-5, 35, (9, 2)).tolist()]
        found = inside(vertices, 30, 31)
        assert all(found[y, x] == crosses(vertices, x + 0.5, y + 0.5) for y in range(30) for x in range(31))


def crosses(vertices: list[tuple[float, ...]], x: float, y: float) -> bool:
    """W. R. Franklin's test: a ray to the right crosses the polygon an odd number of times."""
    odd = False
    for (x1, y1), (x2, y2) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


def traced(points: list[tuple[float, float]], thickness: float = 1.0, dashes: tuple[float, ...] = ()) -> np.ndarray:
    covered = np.zeros((5, 8), np.float32)
    strokes.trace(covered, points, thickness, dashes)
    return covered


def test_a_line_through_the_middles_of_pixels_covers_just_these() -> None:
    assert np.array_equal(traced([(1.5, 2.5), (5.5, 2.5)]), drawn("........", "........", ".#####..", "........", "........"))
    assert np.array_equal(traced([(3.5, 0.5), (3.5, 4.5)]), drawn(*["...#...."] * 5))


def test_a_line_between_two_rows_covers_half_of_each() -> None:
    covered = traced([(0.5, 2.0), (7.5, 2.0)])
    assert np.allclose(covered[1:3], 0.5)
    assert not covered[[0, 3, 4]].any()


def test_a_thick_line_covers_more_rows() -> None:
    covered = traced([(-5.0, 2.5), (15.0, 2.5)], 3.0)
    assert np.array_equal(covered, drawn("........", "########", "########", "########", "........"))


def test_a_line_far_away_covers_nothing() -> None:
    assert not traced([(-100.0, -50.0), (100.0, -50.0)]).any()
    assert not traced([(1e5, 0.0), (1e6, 1e6)]).any()


def test_a_line_that_comes_from_far_away_is_cut() -> None:
    assert np.array_equal(traced([(-1e5, 1.5), (1e5, 1.5)]), drawn("........", "########", "........", "........", "........"))


def test_a_slanted_line_in_pieces_is_the_line_in_one() -> None:
    covered = np.zeros((300, 300), np.float32)
    strokes.trace(covered, [(10.0, 20.0), (280.0, 250.0)], 2.0)
    y, x = np.mgrid[0:300, 0:300] + 0.5
    along = np.clip(((x - 10) * 270 + (y - 20) * 230) / (270**2 + 230**2), 0, 1)
    distance = np.hypot(x - 10 - along * 270, y - 20 - along * 230)
    assert np.allclose(covered, np.clip(1.5 - distance, 0, 1), atol=1e-3)


def test_dashes_are_drawn_by_turns_also_round_a_corner() -> None:
    covered = traced([(0.5, 1.5), (4.5, 1.5), (4.5, 4.5)], 1.0, (5.0, 9.0))
    assert np.array_equal(covered, drawn("........", "#####...", "....#...", "........", "........"))
    dashed = traced([(0.5, 1.5), (7.5, 1.5)], 1.0, (2.0, 3.0))
    assert np.array_equal(dashed, drawn("........", "###..###", "........", "........", "........"))


def test_a_dot_is_round() -> None:
    covered = np.zeros((5, 5), np.float32)
    strokes.dot(covered, (2.5, 2.5), 1.5)
    assert np.array_equal(covered > 0.5, drawn(".....", ".###.", ".###.", ".###.", "....."))
    assert covered[2, 2] == covered[1, 2] == covered[2, 1] == 1
    assert covered[1, 1] == pytest.approx(2 - 2**0.5)


def test_paint_covers_by_its_share_and_may_reach_beyond_the_picture() -> None:
    made = np.full((2, 3), 100, np.uint8)
    paint(made, np.array([[1.0, 0.5], [0.0, 1.0]], np.float32), (200, 200, 200), 1.0, at=(1, 2))
    assert made.tolist() == [[100, 100, 100], [100, 100, 200]]
    paint(made, np.ones((9, 9), np.float32), (0, 0, 0), 0.5, at=(-8, -8))
    assert made.tolist() == [[50, 100, 100], [100, 100, 200]]
    paint(made, np.ones((1, 1), np.float32), (0, 0, 0), 1.0, at=(5, 5))
    coloured = np.zeros((1, 2, 3), np.uint8)
    paint(coloured, np.array([[0.5, 1.0]], np.float32), (255, 0, 10))
    assert coloured.tolist() == [[[128, 0, 5], [255, 0, 10]]]


def test_a_mask_is_subtracted_and_moved() -> None:
    frame = np.array([[5.0, 7.0], [9.0, 1.0]])
    masks = [np.array([[1.0, 1.0], [3.0, 3.0]]), np.array([[3.0, 3.0], [5.0, 5.0]])]
    assert difference(frame, masks, (0.0, 0.0)).tolist() == [[3, 5], [5, -3]]
    ramp = np.array([[0.0, 10.0, 20.0, 30.0]])
    assert moved(ramp, 0.0, 1.0).tolist() == [[0, 0, 10, 20]]
    assert moved(ramp, 0.0, -1.0).tolist() == [[10, 20, 30, 30]]
    assert moved(ramp, 0.0, 0.25).tolist() == [[0, 7.5, 17.5, 27.5]]
    assert moved(ramp, 0.0, -0.25).tolist() == [[2.5, 12.5, 22.5, 30]]
    assert moved(ramp.T, 1.5, 0.0).ravel().tolist() == [0, 0, 5, 15]
