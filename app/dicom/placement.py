"""Where the pixels of an image come to lie under a presentation state: the spatial transformation and the displayed area (PS3.3 C.10.4,
C.10.6; PS3.4 N.2.3.3). Pure arithmetic.

Image coordinates are x, y in pixels from the top left corner of the first pixel; those of the area likewise from its own, after rotation,
then flip. Must not know: arrays, what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.dicom.picture import ImageAttributes
from app.dicom.softcopy import Point, Softcopy, Units


@dataclass(frozen=True, slots=True)
class Placement:
    """The displayed area as columns and rows of the image (from 0, the ends excluded), which is then turned and flipped.

    `columns` and `rows` are those of the area once turned; `width` and `height` its size with pixels that are square, magnified if the
    state says so.
    """

    left: int
    top: int
    right: int
    bottom: int
    rotation: int
    flip: bool
    width: float
    height: float

    @property
    def columns(self) -> int:
        return self.bottom - self.top if self.rotation in (90, 270) else self.right - self.left

    @property
    def rows(self) -> int:
        return self.right - self.left if self.rotation in (90, 270) else self.bottom - self.top

    def place(self, point: Point, units: Units) -> Point:
        """The point in pixels of the area, once turned: from the image's pixels, or from fractions of the area as it is displayed."""
        if units is Units.DISPLAY:
            return point[0] * self.columns, point[1] * self.rows
        x, y = point[0] - self.left, point[1] - self.top
        across, down = self.right - self.left, self.bottom - self.top
        if self.rotation == 90:
            x, y = down - y, x
        elif self.rotation == 180:
            x, y = across - x, down - y
        elif self.rotation == 270:
            x, y = y, across - x
        return (self.columns - x if self.flip else x), y


def placement(image: ImageAttributes, aspect: tuple[float, float], softcopy: Softcopy) -> Placement:
    """Without a displayed area it is the whole image. `aspect` is the (vertical, horizontal) size of a pixel of the image."""
    area = softcopy.area
    left, top, right, bottom = (0, 0, image.columns, image.rows) if area is None else (area.left - 1, area.top - 1, area.right, area.bottom)
    ratio = area.magnification if area is not None and area.magnification is not None else 1.0
    # The finer direction keeps its pixels, the other gets more of them.
    vertical, horizontal = (size / min(aspect) * ratio for size in aspect)
    width, height = (right - left) * horizontal, (bottom - top) * vertical
    if softcopy.rotation in (90, 270):
        width, height = height, width
    return Placement(left, top, right, bottom, softcopy.rotation, softcopy.flip, width, height)
