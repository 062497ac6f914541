"""What workers do with volumes: fill a file of voxels, survey it, make pictures of it. Jobs; their arguments come from our own process.

The file is an array of (slices, rows, columns) from an offset on, little endian; it is mapped into memory and read where it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.geometry import plus
from app.dicom.picture import Picture, WindowShape
from app.dicom.voxels import Piece, Survey, Voxels
from app.dicomweb.rendering import IccProfile, View
from app.dicomweb.volume import Method, Reformatting
from app.dicomweb.volume_look import Look
from app.dicomweb.volume_views import Shot
from app.pixels import image_files, profiles, tables
from app.pixels.decode import decode
from app.pixels.grayscale import windowed
from app.pixels.image_files import Writing
from app.pixels.project import Ramp, project, render
from app.pixels.reconstruct import Values, reconstruct

Facts = dict[str, Any]
Levels = NDArray[np.uint8]

SAMPLE = 2 * 1024 * 1024
"""Voxels that are looked at for a survey, evenly spread."""

BAND = 1024 * 1024
"""Pixels that are reconstructed at one time."""

_BINS = 1024
_TISSUE, _BONE, _GRAY = (0.80, 0.42, 0.32), (1.0, 0.96, 0.88), (1.0, 1.0, 1.0)


def fill(path: str, offset: int, voxels: Voxels, pieces: Sequence[Piece]) -> tuple[Facts, bytes]:
    """Write these slices into the file. ValueError if a frame is not of the volume's size."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for piece in pieces:
            planes = [_plane(picture, voxels) for picture in piece.pictures]
            made = planes[0] if len(planes) == 1 else _blended(planes[0], planes[1], piece.weight)
            written = memoryview(np.ascontiguousarray(made, f"<{voxels.kind}").tobytes())
            place = offset + piece.number * voxels.slice_bytes
            while written:
                count = os.pwrite(file, written, place)
                written, place = written[count:], place + count
    finally:
        os.close(file)
    return {}, b""


def survey(path: str, offset: int, voxels: Voxels) -> tuple[Facts, bytes]:
    """A Survey of the file's voxels."""
    array = _mapped(path, offset, voxels)
    step = max(1, ceil((array.size / SAMPLE) ** (1 / 3)))
    values = array[::step, ::step, ::step].astype(np.float64) * voxels.slope + voxels.intercept
    values = values[np.isfinite(values)]
    if not len(values):
        return asdict(Survey(0, 0, 0, 0, 0)), b""
    least, greatest = float(values.min()), float(values.max())
    low, high = (float(each) for each in np.quantile(values, [0.005, 0.995], method="nearest"))
    return asdict(Survey(least, greatest, low, high, _parting(values, low, high))), b""


def expose(path: str, offset: int, voxels: Voxels, shot: Shot, how: Look, reformatting: Reformatting) -> tuple[Facts, bytes]:
    """One picture as 8-bit levels: rows, columns and samples as facts, and the levels."""
    array = _mapped(path, offset, voxels)
    if how.method is Method.VOLUME_RENDERED:
        colours = render(array, voxels.grid, shot, _ramp(how, voxels))
        levels = np.floor(colours * 255 + 0.5).astype(np.uint8)
        levels = levels if how.bone else levels[..., 0]
    else:
        make = (
            partial(reconstruct, slab=how.slab, method=how.method)
            if reformatting is Reformatting.MPR
            else partial(project, method=how.method)
        )
        bands = _bands(shot) if reformatting is Reformatting.MPR else [shot]
        levels = np.concatenate([_levels(make(array, voxels.grid, band), how, voxels) for band in bands])
    return {"shape": list(levels.shape)}, np.ascontiguousarray(levels).tobytes()


def develop(exposures: Sequence[bytes], shape: Sequence[int], view: View, rate: float) -> tuple[Facts, bytes]:
    """A file of these levels in the view's media type; several are an animation of so many pictures a second."""
    levels = [np.frombuffer(each, np.uint8).reshape(shape) for each in exposures]
    icc = None
    if levels[0].ndim == 3 and view.icc_profile not in (None, IccProfile.NO):
        # Volume rendering invents its colours: they are those of sRGB.
        space = IccProfile.SRGB if view.icc_profile is IccProfile.YES else view.icc_profile
        icc = profiles.profile(space) if view.media_type in image_files.PROFILED else None
        if space is not IccProfile.SRGB:
            if icc is None:
                raise ValueError(f"a file of {view.media_type} cannot hold an ICC profile; choose image/jpeg, image/png or image/webp")
            levels = [profiles.converted(each, profiles.profile(IccProfile.SRGB), space) for each in levels]
    durations = (1000 / rate,) * len(levels)
    return {}, image_files.write(view.media_type, levels, Writing(view.quality or image_files.DEFAULT_QUALITY, icc, durations))


def _mapped(path: str, offset: int, voxels: Voxels) -> NDArray[Any]:
    grid = voxels.grid
    return np.memmap(path, f"<{voxels.kind}", "r", offset, (grid.slices, grid.rows, grid.columns))


def _plane(picture: Picture, voxels: Voxels) -> NDArray[Any]:
    """The frame as the volume keeps it; what is padding takes the least value beside it, so that it is dark and no ray stops at it."""
    stored, _ = decode(picture.frame, picture.image, picture.transfer_syntax)
    if stored.shape != (voxels.grid.rows, voxels.grid.columns):
        raise ValueError("its frames are not of the size that they say")
    padded = None
    if picture.padding is not None:
        padded = (stored >= picture.padding[0]) & (stored <= picture.padding[1])
        if padded.any() and not padded.all():
            stored = np.where(padded, stored[~padded].min(), stored)
    if voxels.kind != "f4":
        return stored
    if picture.modality is not None:
        return tables.look_up(picture.modality, stored.astype(np.float64))[0]
    slope, intercept = picture.rescale or (1.0, 0.0)
    return stored.astype(np.float64) * slope + intercept


def _blended(lower: NDArray[Any], upper: NDArray[Any], weight: float) -> NDArray[Any]:
    made = lower.astype(np.float64) * (1 - weight) + upper.astype(np.float64) * weight
    return made if lower.dtype.kind == "f" else np.floor(made + 0.5)


def _bands(shot: Shot) -> list[Shot]:
    """The picture in strips of rows, so that what stands in memory at one time is bounded however large it is."""
    rows = max(1, BAND // shot.columns)
    found = []
    for top in range(0, shot.rows, rows):
        count = min(rows, shot.rows - top)
        centre = plus(shot.centre, shot.down, shot.spacing * (top + count / 2 - shot.rows / 2))
        found.append(replace(shot, centre=centre, rows=count))
    return found


def _levels(values: Values, how: Look, voxels: Voxels) -> Levels:
    """Through the window (PS3.3 C.11.2.1.2); what lies outside of the volume is black."""
    real = values.astype(np.float64) * voxels.slope + voxels.intercept
    outside = ~np.isfinite(real)
    shown = windowed(np.where(outside, 0.0, real), how.window)
    shown = 1.0 - shown if how.inverse else shown
    made = np.floor(shown * 255.0 + 0.5).astype(np.uint8)
    made[outside] = 0
    return made


def _ramp(how: Look, voxels: Voxels) -> Ramp:
    """Where opacity begins and ends, in stored values; of a sigmoid, where it is nearly none and nearly full."""
    half = how.window.width / 2 if how.window.shape is not WindowShape.SIGMOID else how.window.width
    low, high = ((how.window.center + each - voxels.intercept) / voxels.slope for each in (-half, half))
    return Ramp(low, high, _TISSUE, _BONE) if how.bone else Ramp(low, high, _GRAY, _GRAY)


def _parting(values: NDArray[np.float64], low: float, high: float) -> float:
    """Otsu's threshold: the value that parts the histogram into two classes with the least variance within."""
    if high <= low:
        return low
    counts, edges = np.histogram(values, _BINS, (low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    weight = np.cumsum(counts, dtype=np.float64)
    total = np.cumsum(counts * middles)
    rest = weight[-1] - weight
    sound = (weight > 0) & (rest > 0)
    below = total / np.maximum(weight, 1)
    above = (total[-1] - total) / np.maximum(rest, 1)
    between = np.where(sound, weight * rest * (below - above) ** 2, -1.0)
    return float(edges[int(np.argmax(between)) + 1])
