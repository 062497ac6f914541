"""The graphics of a presentation state drawn on a picture in its final size (PS3.3 C.10.5.1.2). Must not know: codecs, views.

Lines keep their thickness whatever the size of the picture. A circle is round on the display, also over pixels that are not square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from app.dicom.softcopy import Colour, Graphic, GraphicType, Point
from app.pixels import strokes
from app.pixels.orientation import Onto
from app.pixels.painting import Levels, paint
from app.pixels.polygons import inside

_DOT = 1.5
"""Radius of a POINT, in thicknesses of a line."""
_SHARE = 1000
"""A line has one pixel of thickness for so many pixels of the picture's longer side, and one at least."""
_STEPS = 16
"""Straight lines from one point of a curve to the next."""
_FLAT = 0.02
"""By how many pixels the straight lines that a circle is made of may lie within it."""


def draw(made: Levels, marks: Sequence[Graphic], onto: Onto) -> None:
    """The picture is changed. Neighbours that are lines of one colour are laid over it together, which is much faster."""
    for paint_of, alike in groupby(marks, key=lambda mark: (mark.stroke.colour, mark.stroke.opacity, mark.fill)):
        colour, opacity, fill = paint_of
        if fill is None and opacity == 1.0:
            _lines(made, list(alike), onto, colour, opacity)
        else:
            for mark in alike:
                _fill(made, mark, onto)
                _lines(made, [mark], onto, colour, opacity)


def line(made: Levels, start: Point, end: Point, colour: Colour) -> None:
    """A thin straight line in pixels of the picture, which is changed."""
    left, top, right, bottom = _around([start, end], made.shape[0], made.shape[1], 2)
    if left < right and top < bottom:
        covered = np.zeros((bottom - top, right - left), np.float32)
        strokes.trace(covered, [(x - left, y - top) for x, y in (start, end)], 1.0)
        paint(made, covered, colour, 1.0, (top, left))


def _lines(made: Levels, marks: Sequence[Graphic], onto: Onto, colour: Colour, opacity: float) -> None:
    rows, columns = made.shape[:2]
    scale = max(1.0, max(rows, columns) / _SHARE)
    outlines = [_outline(mark, onto) for mark in marks]
    margin = _DOT * scale * max(mark.stroke.thickness for mark in marks) + 1
    left, top, right, bottom = _around([point for outline in outlines for point in outline], rows, columns, margin)
    if left >= right or top >= bottom:
        return
    covered = np.zeros((bottom - top, right - left), np.float32)
    for mark, outline in zip(marks, outlines, strict=True):
        here = [(x - left, y - top) for x, y in outline]
        thickness = mark.stroke.thickness * scale
        if mark.kind is GraphicType.POINT:
            strokes.dot(covered, here[0], _DOT * thickness)
        else:
            strokes.trace(covered, here, thickness, [length * scale for length in mark.stroke.dashes])
    paint(made, covered, colour, opacity, (top, left))


def _fill(made: Levels, mark: Graphic, onto: Onto) -> None:
    if mark.fill is None:
        return
    outline = _outline(mark, onto)
    left, top, right, bottom = _around(outline, made.shape[0], made.shape[1], 1)
    if left < right and top < bottom:
        within = inside([(x - left, y - top) for x, y in outline], bottom - top, right - left)
        paint(made, within.astype(np.float32), *mark.fill, (top, left))


def _around(points: Sequence[Point], rows: int, columns: int, margin: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that a line through the points may touch."""
    (left, right), (top, bottom) = (
        (max(math.floor(min(each) - margin), 0), min(math.ceil(max(each) + margin), limit))
        for each, limit in zip(zip(*points, strict=True), (columns, rows), strict=True)
    )
    return left, top, right, bottom


def _outline(mark: Graphic, onto: Onto) -> Sequence[Point]:
    kind, points = mark.kind, [onto.place(point, mark.units) for point in mark.points]
    if kind is GraphicType.CIRCLE:
        radius = math.dist(points[0], points[1])
        return _oval(points[0], (radius, 0.0), (0.0, radius))
    if kind is GraphicType.ELLIPSE:
        (x, y), (to_x, to_y), (left, top), (right, bottom) = points[:4]
        return _oval(((x + to_x) / 2, (y + to_y) / 2), ((to_x - x) / 2, (to_y - y) / 2), ((right - left) / 2, (bottom - top) / 2))
    return _curve(points) if kind is GraphicType.INTERPOLATED and len(points) > 2 else points


def _oval(middle: Point, one: Point, other: Point) -> list[Point]:
    """Closed; `one` and `other` lead from the middle to the ends of the axes."""
    radius = max(math.hypot(*one), math.hypot(*other))
    count = min(max(math.ceil(math.pi * math.sqrt(radius / (2 * _FLAT))), 24), 1000)
    turns = [2 * math.pi * step / count for step in range(count)]
    across, down = ([math.cos(turn) for turn in turns], [math.sin(turn) for turn in turns])
    found = [(middle[0] + one[0] * c + other[0] * s, middle[1] + one[1] * c + other[1] * s) for c, s in zip(across, down, strict=True)]
    return [*found, found[0]]


def _curve(points: Sequence[Point]) -> list[Point]:
    """A smooth line through all points (Catmull and Rom), closed if the last is the first."""
    closed = points[0] == points[-1]
    whole = [points[-2] if closed else points[0], *points, points[1] if closed else points[-1]]
    found = [points[0]]
    for one, two, three, four in zip(whole, whole[1:], whole[2:], whole[3:], strict=False):
        for step in range(1, _STEPS + 1):
            x, y = (_between(*along, step / _STEPS) for along in zip(one, two, three, four, strict=True))
            found.append((x, y))
    return found


def _between(before: float, start: float, end: float, after: float, t: float) -> float:
    bend = (2 * before - 5 * start + 4 * end - after) * t + (3 * start - before - 3 * end + after) * t**2
    return start + ((end - before) + bend) * t / 2
