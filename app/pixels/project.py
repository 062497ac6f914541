"""Projection of a whole volume along parallel rays: maximum, minimum, mean, or volume rendering (PS3.18 8.3.5.3.3; PS3.3 C.11.30, C.11.31).

By shear and warp (Lacroute and Levoy 1994): the slices of the axis that the rays follow most closely are moved against one another, so that
every ray runs straight through them, are combined one after another from front to back, and the result is brought into the picture's plane
once. So the samples of a ray are those of the slices it crosses, interpolated within each slice; rays along an axis meet voxels themselves.

Volume rendering: opacity rises from the lower end of the window to the upper; light comes from the viewer and is reflected where values
change. Work is bounded by the number of voxels, of which volume rendering leaves some out: those finer than the picture, and beyond LIGHT.

Arrays are (slices, rows, columns). Must not know: files, what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.geometry import Grid, Vector, dot, length, minus, times
from app.dicomweb.volume import Method
from app.dicomweb.volume_views import Shot
from app.pixels.reconstruct import SMOOTH, Values

LIGHT = 96 * 1024 * 1024
"""Voxels that are rendered one by one."""

BLOCK = 16
"""Slices that are taken out of the array at once, since those across its memory are slow one by one."""

BAND = 1024 * 1024
"""Pixels that are warped at one time."""

DENSITY = 0.2
"""Opacity of a millimetre of what is fully opaque: how deep one sees into it."""

_FAINT = 1e-3
_AMBIENT, _DIFFUSE, _SPECULAR, _SHININESS = 0.3, 0.75, 0.25, 24


@dataclass(frozen=True, slots=True)
class Ramp:
    """Values between which opacity rises from none to full, in values as stored, and the colours at both ends, 0 to 1."""

    low: float
    high: float
    faint: Vector
    dense: Vector


@dataclass(frozen=True, slots=True)
class _Shear:
    """How rays run through the array: along `axis`, and for each of its slices by how much aside on the two other axes.

    `direction` is a millimetre of the ray in voxels, as (slices, rows, columns); `order` are the slices from front to back.
    """

    axis: int
    others: tuple[int, int]
    direction: Vector
    offsets: tuple[NDArray[np.float64], NDArray[np.float64]]
    starts: tuple[float, float]
    shape: tuple[int, int]

    @property
    def order(self) -> Sequence[int]:
        count = len(self.offsets[0])
        return range(count) if self.direction[self.axis] > 0 else range(count - 1, -1, -1)


def project(voxels: NDArray[Any], grid: Grid, shot: Shot, method: Method) -> Values:
    """The largest, smallest or mean value along each ray; NaN where a ray misses the volume."""
    shear = _shear(grid, shot.forward, voxels.shape)
    start = {Method.MAXIMUM_IP: -np.inf, Method.MINIMUM_IP: np.inf}.get(method, 0.0)
    made = np.full(shear.shape, start, np.float32 if method is not Method.AVERAGE_IP else np.float64)
    seen = np.zeros(shear.shape, np.int32)
    combine = {Method.MAXIMUM_IP: np.maximum, Method.MINIMUM_IP: np.minimum}.get(method, np.add)
    for at, values in _slices(voxels, shear):
        moved, place = _moved(values.astype(np.float32), shear, at)
        combine(made[place], moved, out=made[place])
        seen[place] += 1
    if method is Method.AVERAGE_IP:
        made /= np.maximum(seen, 1)
    return _warped(np.where(seen > 0, made, np.nan).astype(np.float32), grid, shot, shear)


def render(voxels: NDArray[Any], grid: Grid, shot: Shot, ramp: Ramp) -> Values:
    """(rows, columns, 3) of red, green and blue from 0 to 1, over black."""
    steps = _steps(grid, shot.spacing)
    voxels, grid = voxels[:: steps[0], :: steps[1], :: steps[2]], _coarser(grid, steps)
    shear = _shear(grid, shot.forward, voxels.shape)
    metric = _metric(grid)
    step = 1 / abs(shear.direction[shear.axis])
    faint, dense, covered = (np.zeros(shear.shape, np.float32) for _ in range(3))
    for at, values in _slices(voxels, shear, beside=1):
        box = _box(values[1], ramp.low)
        if box is None:
            continue
        lit, share, opacity = _shaded(values, box, shear, metric, ramp, step)
        moved, place = _moved(opacity, shear, at, box)
        free = (1 - covered[place]) * (moved > 0)
        weight = lit * opacity
        faint[place] += free * _moved(weight * (1 - share), shear, at, box)[0]
        dense[place] += free * _moved(weight * share, shear, at, box)[0]
        covered[place] += free * moved
    colours = [faint * ramp.faint[each] + dense * ramp.dense[each] for each in range(3)]
    warped = [np.nan_to_num(_warped(each, grid, shot, shear), nan=0.0) for each in colours]
    return np.clip(np.stack(warped, axis=-1), 0, 1)


def _shear(grid: Grid, forward: Vector, shape: tuple[int, ...]) -> _Shear:
    columns, rows, slices = (dot(row, forward) for row in grid.inverse())
    direction = (slices, rows, columns)
    sizes = [abs(each) for each in direction]
    axis = sizes.index(max(sizes))
    first, second = (each for each in range(3) if each != axis)
    offsets, starts, extents = [], [], []
    for other in (first, second):
        aside = np.arange(shape[axis], dtype=np.float64) * -(direction[other] / direction[axis])
        starts.append(float(aside.min()))
        offsets.append(np.round(aside - aside.min(), 4))
        extents.append(shape[other] + ceil(float(offsets[-1].max())) + 1)
    return _Shear(axis, (first, second), direction, (offsets[0], offsets[1]), (starts[0], starts[1]), (extents[0], extents[1]))


def _slices(voxels: NDArray[Any], shear: _Shear, beside: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
    """Each slice with its number, from front to back; with `beside`, it and so many on both sides of it, the outermost ones repeated."""
    order = shear.order
    for begin in range(0, len(order), BLOCK):
        block = order[begin : begin + BLOCK]
        low, high = min(block) - beside, max(block) + beside
        inner = slice(max(low, 0), min(high, voxels.shape[shear.axis] - 1) + 1)
        # Two steps: whole runs of memory are read first, and turned where they are near.
        near = np.ascontiguousarray(voxels[(slice(None),) * shear.axis + (inner,)])
        taken = np.ascontiguousarray(np.moveaxis(near, shear.axis, 0))
        if beside:
            ends = (max(0, -low), max(0, high - voxels.shape[shear.axis] + 1))
            taken = np.pad(taken, (ends, (0, 0), (0, 0)), mode="edge")
        for at in block:
            own = at - low
            yield at, taken[own - beside : own + beside + 1] if beside else taken[at - inner.start]


def _moved(values: Values, shear: _Shear, at: int, box: tuple[slice, slice] | None = None) -> tuple[Values, tuple[slice, slice]]:
    """The slice, or its part in `box`, where the rays meet it: between its values by the fraction of its offset; and where that is."""
    corner = (0, 0) if box is None else (box[0].start, box[1].start)
    place = []
    for axis in (0, 1):
        offset = float(shear.offsets[axis][at])
        whole = floor(offset)
        if offset > whole:
            values = _between(values, axis, np.float32(offset - whole), edge=box is None)
        place.append(slice(whole + corner[axis], whole + corner[axis] + values.shape[axis]))
    return values, (place[0], place[1])


def _between(values: Values, axis: int, part: np.float32, *, edge: bool) -> Values:
    """One longer: each place `part` of a voxel before the next value. Beyond its ends is the last value, or nothing."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (1, 1)
    wide = np.pad(values, padding, mode="edge") if edge else np.pad(values, padding)
    before, after = (
        ((slice(0, -1), slice(None)), (slice(1, None), slice(None))) if axis == 0 else ((..., slice(0, -1)), (..., slice(1, None)))
    )
    made: Values = wide[after] + (wide[before] - wide[after]) * part
    return made


def _warped(flat: Values, grid: Grid, shot: Shot, shear: _Shear) -> Values:
    """From the sheared slices' plane into the picture's, between the values of four neighbours; coarser pixels are means."""
    finer = min(max(1, ceil(shot.spacing / grid.finest_across(shot.forward) - 0.5)), SMOOTH)
    columns, rows, spacing = shot.columns * finer, shot.rows * finer, shot.spacing / finer
    first = minus(minus(shot.centre, times(shot.right, spacing * (columns - 1) / 2)), times(shot.down, spacing * (rows - 1) / 2))
    inverse = tuple(reversed(grid.inverse()))
    made = np.empty((shot.rows, shot.columns), np.float32)
    strip = max(1, BAND // (columns * finer))
    for top in range(0, shot.rows, strip):
        count = min(strip, shot.rows - top)
        places = []
        for other, start in zip(shear.others, shear.starts, strict=True):
            towards = minus(inverse[other], times(inverse[shear.axis], shear.direction[other] / shear.direction[shear.axis]))
            place = dot(towards, minus(first, grid.origin)) - start
            across, down = dot(towards, shot.right) * spacing, dot(towards, shot.down) * spacing
            along = np.arange(top * finer, (top + count) * finer, dtype=np.float64) * down
            places.append(np.round(place + np.arange(columns, dtype=np.float64) * across + along[:, None], 4))
        values = _bilinear(flat, places[0], places[1])
        made[top : top + count] = values if finer == 1 else values.reshape(count, finer, shot.columns, finer).mean(axis=(1, 3))
    return made


def _bilinear(flat: Values, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Values:
    """NaN where less than half of what a pixel takes is there."""
    total = np.zeros(rows.shape, np.float32)
    weights = np.zeros(rows.shape, np.float32)
    top, left = np.floor(rows).astype(np.intp), np.floor(columns).astype(np.intp)
    down, across = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    for row, vertical in ((top, 1 - down), (top + 1, down)):
        for column, horizontal in ((left, 1 - across), (left + 1, across)):
            inside = (row >= 0) & (row < flat.shape[0]) & (column >= 0) & (column < flat.shape[1])
            values = flat[np.clip(row, 0, flat.shape[0] - 1), np.clip(column, 0, flat.shape[1] - 1)]
            weight = np.where(inside & ~np.isnan(values), vertical * horizontal, np.float32(0))
            total += weight * np.nan_to_num(values, nan=0.0)
            weights += weight
    with np.errstate(invalid="ignore"):
        return np.where(weights >= 0.5 - 1e-3, total / np.maximum(weights, 1e-6), np.float32(np.nan)).astype(np.float32)


def _steps(grid: Grid, spacing: float) -> tuple[int, int, int]:
    """Every which slice, row and column is rendered: no finer than the picture, and no more than LIGHT voxels in all."""
    sizes = [length(each) for each in (grid.through, grid.down, grid.across)]
    counts = (grid.slices, grid.rows, grid.columns)
    steps = [max(1, floor(spacing / size + 1e-6)) for size in sizes]
    while prod(ceil(count / step) for count, step in zip(counts, steps, strict=True)) > LIGHT:
        finest = min(range(3), key=lambda axis: steps[axis] * sizes[axis])
        steps[finest] += 1
    return steps[0], steps[1], steps[2]


def _coarser(grid: Grid, steps: tuple[int, int, int]) -> Grid:
    slices, rows, columns = (ceil(count / step) for count, step in zip((grid.slices, grid.rows, grid.columns), steps, strict=True))
    through, down, across = (times(axis, step) for axis, step in zip((grid.through, grid.down, grid.across), steps, strict=True))
    return Grid(columns, rows, slices, grid.origin, across, down, through)


def _metric(grid: Grid) -> NDArray[np.float32]:
    """What makes lengths of gradients in voxels lengths in millimetres: products of the inverse's rows, as (slices, rows, columns)."""
    rows = list(reversed(grid.inverse()))
    return np.array([[dot(a, b) for b in rows] for a in rows], np.float32)


def _box(values: NDArray[Any], low: float) -> tuple[slice, slice] | None:
    """The part of a slice that is not transparent."""
    seen = values > low
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else None


def _shaded(
    values: NDArray[Any], box: tuple[slice, slice], shear: _Shear, metric: NDArray[np.float32], ramp: Ramp, step: float
) -> tuple[Values, Values, Values]:
    """Of a slice with those before and behind it: how light each voxel is, how dense (0 to 1), and its opacity over `step` millimetres."""
    before, own, behind = (each[box].astype(np.float32) for each in values)
    share = np.clip((own - np.float32(ramp.low)) / np.float32(max(ramp.high - ramp.low, 1e-6)), 0, 1)
    share = share * share * (3 - 2 * share)
    opacity = 1 - (1 - np.float32(DENSITY) * share) ** np.float32(step)
    gradient: list[Values] = [share] * 3
    gradient[shear.axis] = (behind - before) / 2
    for axis, other in enumerate(shear.others):
        gradient[other] = _slope(values[1], box, axis)
    towards = sum(g * np.float32(d) for g, d in zip(gradient, shear.direction, strict=True))
    squared = np.zeros_like(own)
    for a in range(3):
        squared += gradient[a] * gradient[a] * metric[a, a]
        for b in range(a + 1, 3):
            if abs(metric[a, b]) > _FAINT * metric[a, a]:
                squared += 2 * gradient[a] * gradient[b] * metric[a, b]
    size = np.sqrt(np.maximum(squared, 0))
    # Where nothing changes there is no surface to be lit: there the light is that of one which faces the viewer half.
    edge = np.float32(max(ramp.high - ramp.low, 1e-6) * 0.02)
    facing = (np.abs(towards) + edge * np.float32(0.5)) / (size + edge)
    lit = _AMBIENT + _DIFFUSE * facing + _SPECULAR * facing**_SHININESS
    return lit.astype(np.float32), share, opacity.astype(np.float32)


def _slope(values: NDArray[Any], box: tuple[slice, slice], axis: int) -> Values:
    """Half the difference of the neighbours on both sides, within the slice; at its ends of one."""
    places = np.arange(box[axis].start, box[axis].stop)
    before, after = np.maximum(places - 1, 0), np.minimum(places + 1, values.shape[axis] - 1)
    other = box[1 - axis]
    ends = (values[after, other], values[before, other]) if axis == 0 else (values[other][:, after], values[other][:, before])
    return np.asarray((ends[0].astype(np.float32) - ends[1]) / 2, np.float32)
