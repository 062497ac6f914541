"""A colour laid over a picture as far as it is covered. Must not know: what is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.dicom.softcopy import Colour

Levels = NDArray[np.uint8]
Coverage = NDArray[np.float32]


def paint(made: Levels, coverage: Coverage, colour: Colour, opacity: float = 1.0, at: tuple[int, int] = (0, 0)) -> None:
    """`made`, (rows, columns) or with red, green, blue, is changed; the coverage, whose corner is at a row and column, may reach beyond."""
    rows, columns = made.shape[:2]
    top, left = max(at[0], 0), max(at[1], 0)
    bottom, right = min(at[0] + coverage.shape[0], rows), min(at[1] + coverage.shape[1], columns)
    if top >= bottom or left >= right:
        return
    share = coverage[top - at[0] : bottom - at[0], left - at[1] : right - at[1]]
    # A line covers few of the pixels around it: only these are touched.
    covered = np.nonzero(share)
    weights = share[covered] * np.float32(opacity)
    part = made[top:bottom, left:right]
    seen = part[covered].astype(np.float32)
    if made.ndim == 2:
        part[covered] = (seen + (np.float32(colour[0]) - seen) * weights + np.float32(0.5)).astype(np.uint8)
    else:
        part[covered] = (seen + (np.array(colour, np.float32) - seen) * weights[:, None] + np.float32(0.5)).astype(np.uint8)


def in_colour(made: Levels) -> Levels:
    """The same in red, green, blue."""
    return np.repeat(made[..., None], 3, axis=2) if made.ndim == 2 else made


def is_grey(colour: Colour) -> bool:
    return colour[0] == colour[1] == colour[2]
