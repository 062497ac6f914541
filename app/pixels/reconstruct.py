"""Multi-planar reconstruction: a plane, or a slab of planes, through an array of voxels (PS3.3 C.11.26; PS3.4 FF.2).

Values between voxels are interpolated linearly in all three directions; where a plane runs through voxels there is nothing to interpolate,
and their own values come out. Arrays are (slices, rows, columns); what lies outside of the volume is NaN. Bounded: as many samples as the
picture has pixels, times the planes of the slab, times SMOOTH squared. Must not know: files, windows, what is asked.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.geometry import Grid, dot, minus, plus
from app.dicomweb.volume import Method
from app.dicomweb.volume_views import Shot

Values = NDArray[np.float32]
Coordinates = NDArray[np.float64]

SMOOTH = 4
"""Pixels that are coarser than voxels are the mean of up to so many samples a side, so that nothing falls between them."""

PLANES = 512
"""Of a slab, at most."""

_NOWHERE = 1e-9
_DIGITS = 4
"""Decimals of a voxel to which coordinates are rounded, so that a plane through voxels meets them in spite of floating point."""

_EDGE = 0.5 + 10.0**-_DIGITS


def reconstruct(voxels: NDArray[Any], grid: Grid, shot: Shot, *, slab: float | None = None, method: Method = Method.AVERAGE_IP) -> Values:
    """The picture's values, NaN outside; of a slab (millimetres) the largest, the smallest or the mean of what lies behind each pixel."""
    depths = _depths(slab, grid.finest)
    if len(depths) == 1:
        return _plane(voxels, grid, shot, depths[0])
    made: Values | None = None
    seen = np.zeros((shot.rows, shot.columns), np.int32)
    for depth in depths:
        values = _plane(voxels, grid, shot, depth)
        if method is Method.AVERAGE_IP:
            inside = ~np.isnan(values)
            seen += inside
            values = np.where(inside, values, np.float32(0))
            made = values if made is None else np.add(made, values, out=made)
        else:
            combine = np.fmax if method is Method.MAXIMUM_IP else np.fmin
            made = values if made is None else combine(made, values, out=made)
    if made is None:
        raise ValueError("a slab has no planes")
    if method is Method.AVERAGE_IP:
        with np.errstate(invalid="ignore"):
            made = np.where(seen > 0, made / np.maximum(seen, 1), np.float32(np.nan)).astype(np.float32)
    return made


def _depths(slab: float | None, step: float) -> list[float]:
    """Where the planes of a slab lie before and behind the middle one: evenly, none thicker than a voxel."""
    if slab is None:
        return [0.0]
    count = min(max(1, ceil(slab / step - 1e-6)), PLANES)
    return [(at - (count - 1) / 2) * slab / count for at in range(count)]


def _plane(voxels: NDArray[Any], grid: Grid, shot: Shot, depth: float) -> Values:
    finer = min(max(1, ceil(shot.spacing / grid.finest_across(shot.forward) - 0.5)), SMOOTH)
    columns, rows, spacing = shot.columns * finer, shot.rows * finer, shot.spacing / finer
    first = plus(shot.centre, shot.forward, depth)
    first = plus(plus(first, shot.right, -spacing * (columns - 1) / 2), shot.down, -spacing * (rows - 1) / 2)
    made = _sampled(voxels, _coordinates(grid, shot, first, spacing, columns, rows), (rows, columns))
    if finer == 1:
        return made
    blocks = made.reshape(shot.rows, finer, shot.columns, finer)
    inside = ~np.isnan(blocks)
    count = inside.sum(axis=(1, 3))
    total = np.where(inside, blocks, np.float32(0)).sum(axis=(1, 3), dtype=np.float64)
    return np.where(count * 2 >= finer * finer, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _coordinates(grid: Grid, shot: Shot, first: Any, spacing: float, columns: int, rows: int) -> list[Coordinates]:
    """For slices, rows and columns of voxels the place of each pixel; of length 1 along a direction in which it does not change."""
    away = minus(first, grid.origin)
    found = []
    for row in reversed(grid.inverse()):
        across, along = dot(row, shot.right) * spacing, dot(row, shot.down) * spacing
        place = np.full((1, 1), dot(row, away))
        if abs(across) > _NOWHERE:
            place = place + np.arange(columns) * across
        if abs(along) > _NOWHERE:
            place = place + (np.arange(rows) * along)[:, None]
        found.append(np.round(place, _DIGITS))
    return found


def _sampled(voxels: NDArray[Any], places: list[Coordinates], shape: tuple[int, int]) -> Values:
    inside = np.ones((1, 1), np.bool_)
    lower, weights = [], []
    for place, count in zip(places, voxels.shape, strict=True):
        inside = inside & (place >= -_EDGE) & (place <= count - 1 + _EDGE)
        within = np.clip(place, 0, count - 1)
        lower.append(np.minimum(np.floor(within), max(count - 2, 0)).astype(np.intp))
        weights.append((within - lower[-1]).astype(np.float32))
    made = np.broadcast_to(_between(voxels, lower, weights, ()), shape)
    return np.where(inside, made, np.float32(np.nan))


def _between(voxels: NDArray[Any], lower: list[NDArray[np.intp]], weights: list[Values], taken: tuple[NDArray[np.intp], ...]) -> Values:
    """Linear interpolation, one axis after another; an axis on which all pixels meet voxels costs nothing."""
    axis = len(taken)
    if axis == 3:
        found: Values = voxels[taken].astype(np.float32)
        return found
    weight = weights[axis]
    if not weight.any():
        return _between(voxels, lower, weights, (*taken, lower[axis]))
    if (weight == 1).all():
        return _between(voxels, lower, weights, (*taken, lower[axis] + 1))
    below = _between(voxels, lower, weights, (*taken, lower[axis]))
    above = _between(voxels, lower, weights, (*taken, np.minimum(lower[axis] + 1, voxels.shape[axis] - 1)))
    return below + (above - below) * weight
