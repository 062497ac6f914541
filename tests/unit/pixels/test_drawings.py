"""Drawings as pixels: marks lie where the drawing says, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.dicom.drawing import PER_MM, Anchor, Box, Drawing, Grid, Line, Words
from app.pixels import drawings
from app.pixels.drawings import rastered


def levels(*marks: Box | Grid | Line | Words, per_mm: float = PER_MM, size: tuple[float, float] = (40.0, 20.0)) -> NDArray[np.uint8]:
    return np.asarray(rastered(Drawing(*size, marks), per_mm))


def dark(made: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns = np.nonzero(made.max(axis=2) < 128)
    return rows, columns


@pytest.mark.parametrize("per_mm", [1, 4, 7.5, 16])
def test_a_sheet_has_so_many_pixels_a_millimetre(per_mm: float) -> None:
    made = levels(per_mm=per_mm)
    assert made.shape == (20 * per_mm, 40 * per_mm, 3)
    assert (made == 255).all()


@pytest.mark.parametrize("per_mm", [2, 4, 10])
def test_a_box_covers_its_place(per_mm: int) -> None:
    rows, columns = dark(levels(Box(10.0, 5.0, 8.0, 3.0, "#000000"), per_mm=per_mm))
    assert (rows.min(), rows.max() + 1) == (5 * per_mm, 8 * per_mm)
    assert (columns.min(), columns.max() + 1) == (10 * per_mm, 18 * per_mm)


def test_a_line_goes_through_its_points() -> None:
    rows, columns = dark(levels(Line(((5.0, 15.0), (25.0, 5.0)), "#000000", 0.5)))
    slope, start = np.polyfit(columns / PER_MM, rows / PER_MM, 1)
    assert slope == pytest.approx(-0.5, abs=0.02)
    assert slope * 5 + start == pytest.approx(15.0, abs=0.2)
    assert (columns.min() / PER_MM, columns.max() / PER_MM) == (pytest.approx(5.0, abs=0.5), pytest.approx(25.0, abs=0.5))


def test_a_grid_has_its_lines_and_none_where_they_would_be_too_close() -> None:
    made = levels(Grid(5.0, 5.0, 20.0, 10.0, 5.0, "#000000", 0.5))
    along = made[7 * PER_MM, :, 0] < 128
    assert [round(at / PER_MM) for at in np.flatnonzero(along & ~np.roll(along, 1))] == [5, 10, 15, 20, 25]
    assert (levels(Grid(5.0, 5.0, 20.0, 10.0, 5.0, "#000000", 0.5), per_mm=0.5) == 255).all()


@pytest.mark.parametrize(("anchor", "side"), [(Anchor.START, (20.0, 30.0)), (Anchor.END, (10.0, 20.0)), (Anchor.MIDDLE, (14.0, 26.0))])
def test_words_stand_on_their_line_at_their_anchor(anchor: Anchor, side: tuple[float, float]) -> None:
    rows, columns = dark(levels(Words(20.0, 12.0, "HEH", 4.0, "#000000", anchor), per_mm=8))
    assert 8.0 < rows.min() / 8 < rows.max() / 8 <= 12.2
    assert side[0] - 0.5 <= columns.min() / 8 <= columns.max() / 8 <= side[1] + 0.5


def test_words_too_small_to_be_read_are_left_out() -> None:
    assert (levels(Words(20.0, 12.0, "HEH", 4.0), per_mm=1) == 255).all()


def test_a_sheet_is_bounded() -> None:
    assert rastered(Drawing(4000.0, 4000.0, ()), 16).size == (4000, 4000)
    assert drawings.LARGEST >= 4000 * 4000
