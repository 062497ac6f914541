"""Lines as coverage: for each pixel how much of it a line of some thickness covers, smooth at its sides. Must not know: colours, marks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Coverage = NDArray[np.float32]
Point = tuple[float, float]

_PIECE = 64.0
"""Pixels of a line that are drawn in one step, so that a long slanted one does not touch all pixels of its bounding box."""


def trace(coverage: Coverage, points: Sequence[Point], thickness: float, dashes: Sequence[float] = ()) -> None:
    """Add a line through these points (x, y; the middle of the first pixel is 0.5, 0.5) to the coverage, which is (rows, columns).

    A line of thickness 1 through the middles of pixels covers just these. `dashes` are lengths, by turns drawn and left out.
    """
    rows, columns = coverage.shape
    for run in _runs(points, dashes) if dashes else (points,):
        for start, end in pairwise(run):
            clipped = _within(start, end, columns, rows, thickness / 2 + 1)
            if clipped is not None:
                for one, other in _pieces(*clipped):
                    _segment(coverage, one, other, thickness)


def dot(coverage: Coverage, middle: Point, radius: float) -> None:
    """Add a round dot."""
    _segment(coverage, middle, middle, 2 * radius)


def _segment(coverage: Coverage, start: Point, end: Point, thickness: float) -> None:
    """By the distance of each pixel's middle: covered up to half the thickness, and half a pixel further less and less."""
    rows, columns = coverage.shape
    reach = thickness / 2 + 0.5
    left, right = _bounds(start[0], end[0], reach, columns)
    top, bottom = _bounds(start[1], end[1], reach, rows)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - start[1])
    across, down = end[0] - start[0], end[1] - start[1]
    length = across * across + down * down
    along = np.clip((x * across + y * down) / length, 0, 1) if length else np.zeros((1, 1), np.float32)
    distance = np.hypot(x - along * across, y - along * down)
    part = coverage[top:bottom, left:right]
    np.maximum(part, np.clip(reach - distance, 0, 1), out=part)


def _bounds(one: float, other: float, reach: float, limit: int) -> tuple[int, int]:
    return max(math.floor(min(one, other) - reach), 0), min(math.ceil(max(one, other) + reach), limit)


def _within(start: Point, end: Point, columns: int, rows: int, margin: float) -> tuple[Point, Point] | None:
    """The part of the line that comes near the picture (Liang and Barsky); None if none does."""
    across, down = end[0] - start[0], end[1] - start[1]
    enter, leave = 0.0, 1.0
    for step, from_low, from_high in (
        (across, start[0] + margin, columns + margin - start[0]),
        (down, start[1] + margin, rows + margin - start[1]),
    ):
        if step == 0:
            if from_low < 0 or from_high < 0:
                return None
            continue
        low, high = -from_low / step, from_high / step
        enter, leave = max(enter, min(low, high)), min(leave, max(low, high))
    if enter > leave:
        return None
    return (start[0] + across * enter, start[1] + down * enter), (start[0] + across * leave, start[1] + down * leave)


def _pieces(start: Point, end: Point) -> Iterator[tuple[Point, Point]]:
    count = max(1, math.ceil(math.dist(start, end) / _PIECE))
    steps = [(start[0] + (end[0] - start[0]) * at / count, start[1] + (end[1] - start[1]) * at / count) for at in range(count + 1)]
    return pairwise(steps)


_MOST_RUNS = 10_000


def _runs(points: Sequence[Point], dashes: Sequence[float]) -> Iterator[list[Point]]:
    """The drawn runs of a dashed line; so many of them at most."""
    drawn, at, left = True, 0, dashes[0]
    run = [points[0]]
    count = 0
    for start, end in pairwise(points):
        length = math.dist(start, end)
        done = 0.0
        while length - done > left:
            done += left
            share = done / length
            point = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            if drawn:
                yield [*run, point]
                count += 1
                if count > _MOST_RUNS:
                    return
            drawn, at = not drawn, (at + 1) % len(dashes)
            left, run = dashes[at], [point]
        left -= length - done
        run.append(end)
    if drawn:
        yield run
