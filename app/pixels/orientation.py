"""The spatial transformation and the displayed area carried out, and where points come to lie in the picture that is made of them
(PS3.3 C.10.4, C.10.6; PS3.18 9.5.2.3). Must not know: what is shown.

The source region of a view is a part of the displayed area as it is turned. In the mode MAGNIFY the area has its own size, and of that a
viewport shows the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.dicom.placement import Placement
from app.dicom.softcopy import Box, Point, Softcopy, Units
from app.dicomweb.rendering import View
from app.pixels import geometry
from app.pixels.geometry import Frame

Levels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Onto:
    """From points of the image, or of the displayed area, to pixels of the picture."""

    placed: Placement
    frame: Frame
    flip_horizontal: bool = False
    flip_vertical: bool = False

    def place(self, point: Point, units: Units) -> Point:
        x, y = self.placed.place(point, units)
        left, top, right, bottom = self.frame.box
        x, y = (x - left) * self.frame.columns / (right - left), (y - top) * self.frame.rows / (bottom - top)
        return self.frame.columns - x if self.flip_horizontal else x, self.frame.rows - y if self.flip_vertical else y

    def quarter_turns(self, box: Box) -> int:
        """How often the text of a box is turned clockwise: its corners tell. Of a mirrored image only the place counts, for letters are
        never mirrored."""
        (x, y), (to_x, to_y) = (self.place(point, box.units) for point in (box.first, box.last))
        if to_x >= x and to_y >= y:
            return 0
        mirrored = (self.placed.flip if box.units is Units.PIXEL else False) != self.flip_horizontal
        rightward = (to_x >= x) != mirrored
        downward = (to_y >= y) != self.flip_vertical
        return {(True, True): 0, (False, True): 1, (False, False): 2, (True, False): 3}[rightward, downward]


def turned(canvas: Levels, placed: Placement) -> Levels:
    """The displayed area of the canvas of the whole image: black where it reaches beyond, rotated clockwise, then flipped."""
    rows, columns = canvas.shape[:2]
    if (placed.left, placed.top, placed.right, placed.bottom) != (0, 0, columns, rows):
        if placed.columns * placed.rows > geometry.MOST_PIXELS:
            raise ValueError(f"its displayed area has {placed.columns} x {placed.rows} pixels; at most {geometry.MOST_PIXELS} are made")
        area = np.zeros((placed.bottom - placed.top, placed.right - placed.left, *canvas.shape[2:]), canvas.dtype)
        left, top = max(placed.left, 0), max(placed.top, 0)
        seen = canvas[top : max(placed.bottom, 0), left : max(placed.right, 0)]
        area[top - placed.top :, left - placed.left :][: seen.shape[0], : seen.shape[1]] = seen
        canvas = area
    canvas = np.rot90(canvas, -(placed.rotation // 90))
    return canvas[:, ::-1] if placed.flip else canvas


def framed(view: View, placed: Placement, softcopy: Softcopy, aspect: tuple[float, float]) -> Frame:
    """Which part of the turned area is shown, in how many pixels; `aspect` is that of the image. ValueError as `geometry.frame`."""
    across = (aspect[1], aspect[0]) if placed.rotation in (90, 270) else aspect
    ratio = softcopy.area.magnification if softcopy.area is not None else None
    if ratio is None:
        return geometry.frame(view, placed.rows, placed.columns, across)
    return _magnified(view, geometry.frame(View(region=view.region, relative=view.relative), placed.rows, placed.columns, across), ratio)


def _magnified(view: View, whole: Frame, ratio: float) -> Frame:
    columns, rows = whole.columns * ratio, whole.rows * ratio
    left, top, right, bottom = whole.box
    shown_columns, shown_rows = min(view.columns or columns, columns), min(view.rows or rows, rows)
    width, height = (right - left) * shown_columns / columns, (bottom - top) * shown_rows / rows
    left, top = left + (right - left - width) / 2, top + (bottom - top - height) / 2
    frame = Frame((left, top, left + width, top + height), max(1, round(shown_columns)), max(1, round(shown_rows)))
    geometry.ensure_few(frame)
    return frame
