"""Which part of a picture is shown, and in how many pixels (PS3.18 8.3.5.1.3). Must not know: what is shown.

A picture of its own size keeps every pixel: where these are not square, it grows in the direction in which they are longer. In a viewport
it is as large as fits, its aspect kept, also larger than it is by itself, unless the view says otherwise (thumbnails). Made smaller, each
pixel is a mean over what it covers; made larger, it is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.dicomweb.rendering import Region, View

MOST_PIXELS = 128 * 1024 * 1024
"""Pixels that a picture may have here, whatever was allowed before."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the source (left, top, right, bottom, in its pixels) and the size (columns, rows) in which it is shown."""

    box: tuple[float, float, float, float]
    columns: int
    rows: int

    @property
    def shrink(self) -> float:
        """By how much it becomes smaller, in the direction in which that is less."""
        left, top, right, bottom = self.box
        return min((right - left) / self.columns, (bottom - top) / self.rows)

    def halved(self, times: int, shift: float, shape: tuple[int, ...]) -> Frame:
        """The same of a source that was halved so many times, has that shape now, and lies so far to the right and below."""
        left, top, right, bottom = (edge / 2**times + shift for edge in self.box)
        return Frame((left, top, min(right, float(shape[1])), min(bottom, float(shape[0]))), self.columns, self.rows)


def frame(view: View, rows: int, columns: int, aspect: tuple[float, float]) -> Frame:
    """For a source of so many rows and columns with pixels of this (vertical, horizontal) size. ValueError for an empty or huge one."""
    box = _box(view, rows, columns)
    width, height = box[2] - box[0], box[3] - box[1]
    vertical, horizontal = aspect
    if vertical >= horizontal:
        height *= vertical / horizontal
    else:
        width *= horizontal / vertical
    scales = [limit / own for limit, own in ((view.columns, width), (view.rows, height)) if limit is not None]
    scale = min(scales, default=1.0)
    if not view.enlarge:
        scale = min(scale, 1.0)
    shown = Frame(box, max(1, round(width * scale)), max(1, round(height * scale)))
    ensure_few(shown)
    return shown


def ensure_few(shown: Frame) -> None:
    """ValueError if it has more pixels than are made."""
    if shown.rows * shown.columns > MOST_PIXELS or max(shown.rows, shown.columns) > 65535:
        raise ValueError(f"the picture would have {shown.columns} x {shown.rows} pixels; at most {MOST_PIXELS} are made")


def apply(canvas: NDArray[np.uint8], view: View, shown: Frame) -> NDArray[np.uint8]:
    """The part, flipped as the region says, in its size."""
    rows, columns = canvas.shape[:2]
    left, top, right, bottom = shown.box
    if shown.box == (0, 0, columns, rows) or all(edge.is_integer() for edge in shown.box):
        canvas = canvas[int(top) : int(bottom), int(left) : int(right)]
        left, top, right, bottom = 0.0, 0.0, float(canvas.shape[1]), float(canvas.shape[0])
    if canvas.shape[:2] != (shown.rows, shown.columns) or (left, top) != (0, 0):
        smaller = shown.columns < right - left or shown.rows < bottom - top
        how = Image.Resampling.HAMMING if smaller else Image.Resampling.BICUBIC
        source = Image.fromarray(np.ascontiguousarray(canvas))
        canvas = np.asarray(source.resize((shown.columns, shown.rows), how, box=(left, top, right, bottom), reducing_gap=3.0))
    region = view.region
    if region is not None and region.flip_horizontal:
        canvas = canvas[:, ::-1].copy()
    if region is not None and region.flip_vertical:
        canvas = canvas[::-1].copy()
    return canvas


def _box(view: View, rows: int, columns: int) -> tuple[float, float, float, float]:
    region = view.region or Region()
    across, down = (columns, rows) if view.relative else (1, 1)
    left, top = region.left * across, region.top * down
    right = columns if region.width is None else min(left + region.width * across, columns)
    bottom = rows if region.height is None else min(top + region.height * down, rows)
    if right <= left or bottom <= top:
        raise ValueError(f"the region lies outside of the image, which has {columns} columns and {rows} rows")
    return float(left), float(top), float(right), float(bottom)
