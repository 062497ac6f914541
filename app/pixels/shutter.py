"""The display shutter: what it hides shows one colour instead (PS3.3 C.7.6.11, C.7.6.15; PS3.4 N.2.3.1). Must not know: codecs, views.

Pixels on an edge are visible. The radius of a circle counts columns; where pixels are not square it is round all the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.dicom.softcopy import Shutter
from app.pixels import planes
from app.pixels.polygons import Bits, inside

Levels = NDArray[np.uint8]


def shut(made: Levels, shutter: Shutter, aspect: tuple[float, float]) -> Levels:
    """The picture of the whole image, with what the shutter hides in its colour."""
    hidden = ~visible(shutter, made.shape[0], made.shape[1], aspect)
    made = made.copy()
    made[hidden] = shutter.colour[0] if made.ndim == 2 else shutter.colour
    return made


def visible(shutter: Shutter, rows: int, columns: int, aspect: tuple[float, float]) -> Bits:
    """(rows, columns): what every shape leaves; rows and columns of the shapes begin at 1."""
    row, column = np.arange(1, rows + 1)[:, None], np.arange(1, columns + 1)[None, :]
    found = np.ones((rows, columns), np.bool_)
    if shutter.rectangle is not None:
        left, right, upper, lower = shutter.rectangle
        found &= (row >= upper) & (row <= lower) & (column >= left) & (column <= right)
    if shutter.circle is not None:
        middle_row, middle_column, radius = shutter.circle
        found &= ((row - middle_row) * (aspect[0] / aspect[1])) ** 2 + (column - middle_column) ** 2 <= radius**2
    if shutter.polygon:
        found &= inside([(x - 0.5, y - 0.5) for y, x in shutter.polygon], rows, columns, closed=True)
    if shutter.bitmap is not None:
        found &= ~planes.spread(shutter.bitmap, np.zeros((0, 0), np.uint8), rows, columns)
    return found
