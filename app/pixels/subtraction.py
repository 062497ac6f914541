"""Mask subtraction: the mean of mask frames taken from a frame, in values of the modality step (PS3.3 C.7.6.10, PS3.4 N.2.1.2).

Must not know: which frames are the mask, nor how they were compressed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def difference(frame: Numbers, masks: Sequence[Numbers], shift: tuple[float, float]) -> Numbers:
    """(rows, columns): positive where the frame has more than the mask, which is moved down and to the right by `shift` (rows, columns)."""
    mean = np.mean(masks, axis=0)
    return np.asarray(frame - moved(mean, *shift))


def moved(values: Numbers, down: float, right: float) -> Numbers:
    """Between pixels in straight proportion; beyond the edge goes on what is at the edge."""
    return _along(_along(values, down, 0), right, 1)


def _along(values: Numbers, by: float, axis: int) -> Numbers:
    if by == 0:
        return values
    whole = math.floor(by)
    share = by - whole
    at = np.arange(values.shape[axis]) - whole
    near = values.take(np.clip(at, 0, values.shape[axis] - 1), axis)
    return near if share == 0 else near * (1 - share) + values.take(np.clip(at - 1, 0, values.shape[axis] - 1), axis) * share
