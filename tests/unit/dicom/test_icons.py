"""Icons: a sign for each family, and the name in lines that fit."""

from __future__ import annotations

import pytest

from app.dicom.drawing import Line, Words
from app.dicom.icons import SIDE, icon
from app.dicom.sop_classes import Family


def name_lines(name: str) -> list[str]:
    return [mark.text for mark in icon(Family.REPORT, name).marks if isinstance(mark, Words)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Segmentation", ["Segmentation"]),
        ("Deformable Spatial Registration", ["Deformable Spatial", "Registration"]),
        ("Multiple Volume Rendering Volumetric Presentation State", ["Multiple Volume", "Rendering Volumetric", "Presentation State"]),
        ("a " * 60, ["a a a a a a a a a a a", "a a a a a a a a a a a", "a a a a a a a a a a …"]),
        ("x" * 40, ["x" * 20 + "…"]),
        ("", [""]),
    ],
)
def test_a_name_is_broken_into_lines(name: str, lines: list[str]) -> None:
    assert name_lines(name) == lines


@pytest.mark.parametrize("family", list(Family))
def test_every_sign_lies_on_its_sheet_above_the_name(family: Family) -> None:
    drawing = icon(family, "Multiple Volume Rendering Volumetric Presentation State")
    assert (drawing.width, drawing.height) == (SIDE, SIDE)
    top = min(mark.y - mark.size for mark in drawing.marks[-3:] if isinstance(mark, Words))
    points = [point for mark in drawing.marks if isinstance(mark, Line) for point in mark.points]
    assert points
    assert all(0 <= x <= SIDE and 0 <= y < top for x, y in points)


def test_families_have_signs_of_their_own() -> None:
    signs = {family: icon(family, "").marks[1:-1] for family in Family}
    assert signs[Family.IMAGE] == signs[Family.OTHER]
    assert signs[Family.DOSE] == signs[Family.PLAN]
    assert len(set(signs.values())) == len(Family) - 2
