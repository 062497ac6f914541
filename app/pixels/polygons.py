"""Which pixels lie within a polygon, by the even-odd rule. Must not know: what it is for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Point = tuple[float, float]

_NEAR = 1e-9


def inside(vertices: Sequence[Point], rows: int, columns: int, *, closed: bool = False) -> Bits:
    """(rows, columns): whether the middle of a pixel, which is at x + 0.5, y + 0.5, lies within; `vertices` are x, y.

    Of middles on the very edge those at the top and left count, so that neighbours share no pixel; with `closed` all of them do.
    """
    # A row changes sides wherever an edge crosses it: marks at the first pixel not before each crossing, summed up from the left.
    crossings = np.zeros((rows, columns + 1), np.int32)
    for (x, y), (to_x, to_y) in _edges(vertices):
        crossed = np.arange(max(math.ceil(y - 0.5), 0), min(math.ceil(to_y - 0.5), rows))
        if len(crossed):
            at = x + (crossed + 0.5 - y) * ((to_x - x) / (to_y - y))
            crossings[crossed, np.clip(np.ceil(at - 0.5), 0, columns).astype(np.intp)] += 1
    found = (np.cumsum(crossings[:, :columns], axis=1) & 1).astype(np.bool_)
    if closed:
        for start, end in _edges(vertices):
            _mark(found, start, end)
    return found


def _edges(vertices: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    """Each edge from its upper end to its lower one."""
    for edge in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        upper, lower = sorted(edge, key=lambda point: point[1])
        yield upper, lower


def _mark(found: Bits, start: Point, end: Point) -> None:
    """The pixels whose middles the edge passes through."""
    rows, columns = found.shape
    crossed = np.arange(max(math.ceil(start[1] - 0.5), 0), min(math.floor(end[1] - 0.5) + 1, rows))
    if not len(crossed):
        return
    if start[1] == end[1]:
        left, right = sorted((start[0], end[0]))
        found[crossed[0], max(math.ceil(left - 0.5), 0) : max(math.floor(right - 0.5) + 1, 0)] = True
        return
    at = start[0] + (crossed + 0.5 - start[1]) * ((end[0] - start[0]) / (end[1] - start[1])) - 0.5
    nearest = np.rint(at)
    through = (np.abs(at - nearest) < _NEAR) & (nearest >= 0) & (nearest < columns)
    found[crossed[through], nearest[through].astype(np.intp)] = True
