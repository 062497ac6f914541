"""From stored values of one sample to 8 bits for a display: modality, VOI and presentation steps of PS3.4 N.2.1, formulas of PS3.3 C.11.

Up to 16 bits every possible stored value is calculated once and looked up for each pixel; larger ones and floating point numbers are
calculated pixel by pixel. Must not know: codecs, colours, what is asked beside a window.

The window, where neither the object nor the asker gives one: samples of up to 8 bits are shown over their whole range, as PS3.4 N.2.1 has
it; deeper ones from the value below which 0.1 % of the pixels lie to the one above which 0.1 % do, padding left out; where these two are
equal, from the smallest to the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.dicom.picture import ImageAttributes, Lut, Picture, Window, WindowShape
from app.pixels import tables
from app.pixels.native import Array

Numbers = NDArray[np.float64]
Levels = NDArray[np.uint8]

_OUTLIERS = 0.001
_TABLE_BITS = 16
_SHALLOW_BITS = 8


@dataclass(frozen=True, slots=True)
class Steps:
    """What a stored value goes through, apart from the window: all that a table of levels depends on beside it."""

    bits: int
    signed: bool
    rescale: tuple[float, float] | None
    modality: Lut | None
    voi: Lut | None
    presentation: Lut | None
    inverse: bool
    padding: tuple[int, int] | None


def levels(samples: Array, image: ImageAttributes, picture: Picture, window: Window | None) -> Levels:
    """(rows, columns) stored values as 8-bit levels, black being 0; `image` tells what they are. Without a window: the rule above."""
    steps = _steps(image, picture, window)
    if (patterns := _patterns(samples, image)) is None:
        numbers = _numbers(samples)
        made = _levels(steps, numbers, window or _window(*_extremes(steps, numbers)))
        made[~np.isfinite(numbers)] = 0
        return made
    return _table(steps, window or spread(samples, image, picture)).take(patterns, mode="clip")


def real(samples: Array, picture: Picture) -> Numbers:
    """Stored values as the modality step makes them."""
    values, _ = _modality(_steps(picture.image, picture, None), _numbers(samples))
    return values


def spread(samples: Array, image: ImageAttributes, picture: Picture) -> Window | None:
    """The window by the rule above, in values that the modality step gives; None where the object says itself what is to be seen."""
    steps = _steps(image, picture, None)
    if steps.voi is not None:
        return None
    if (patterns := _patterns(samples, image)) is None:
        return _window(*_extremes(steps, _numbers(samples)))
    if steps.bits <= _SHALLOW_BITS:
        values, _ = _stored(steps)
        return _whole_range(steps, values)
    counts = np.bincount(patterns.ravel(), minlength=1 << steps.bits)
    return _window(*_quantiles(steps, counts))


def union(windows: list[Window]) -> Window | None:
    """The window over all of these, for frames that are shown one after another; None if there are none."""
    if not windows:
        return None
    low = min(window.center - window.width / 2 for window in windows)
    high = max(window.center + window.width / 2 for window in windows)
    return Window((low + high) / 2, high - low, WindowShape.LINEAR_EXACT)


def windowed(values: Numbers, window: Window) -> Numbers:
    """0.0 to 1.0 for each value (PS3.3 C.11.2.1.2.1, C.11.2.1.3.1, C.11.2.1.3.2)."""
    center, width = window.center, window.width
    if window.shape is WindowShape.SIGMOID:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (values - center) / width)))
    if window.shape is WindowShape.LINEAR_EXACT:
        with np.errstate(all="ignore"):
            return np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if width <= 1:
        return np.where(values > center - 0.5, 1.0, 0.0)
    with np.errstate(all="ignore"):
        return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _numbers(samples: Array) -> Numbers:
    with np.errstate(invalid="ignore"):  # there are numbers that are none, of two kinds
        return samples.astype(np.float64)


def _steps(image: ImageAttributes, picture: Picture, window: Window | None) -> Steps:
    voi = picture.voi if window is None else None
    return Steps(image.stored, image.signed, picture.rescale, picture.modality, voi, picture.presentation, picture.inverse, picture.padding)


def _patterns(samples: Array, image: ImageAttributes) -> Array | None:
    """The stored bits of each sample as a number from 0; None where they are too many for a table."""
    if samples.dtype.kind not in "iub" or image.stored > _TABLE_BITS:
        return None
    if samples.dtype.itemsize > 2:
        samples = samples.astype(np.int64).astype(np.uint16)
    patterns: Array = samples.view(np.uint8 if samples.dtype.itemsize == 1 else np.uint16)
    if image.stored < patterns.dtype.itemsize * 8:
        patterns = patterns & ((1 << image.stored) - 1)
    return patterns


def _stored(steps: Steps) -> tuple[Numbers, NDArray[np.bool_]]:
    """Every stored value in the order of its bits, and which of them are padding."""
    values = np.arange(1 << steps.bits, dtype=np.float64)
    if steps.signed:
        values[1 << steps.bits - 1 :] -= 1 << steps.bits
    return values, _padded(steps, values)


def _padded(steps: Steps, values: Numbers) -> NDArray[np.bool_]:
    if steps.padding is None:
        return np.zeros(values.shape, np.bool_)
    low, high = steps.padding
    return (values >= low) & (values <= high)


@lru_cache(maxsize=64)
def _table(steps: Steps, window: Window | None) -> Levels:
    values, _ = _stored(steps)
    return _levels(steps, values, window)


def _levels(steps: Steps, stored: Numbers, window: Window | None) -> Levels:
    values, bits = _modality(steps, stored)
    if steps.voi is not None:
        table, bits = tables.look_up(steps.voi, values)
        shown = table / ((1 << bits) - 1)
    else:
        shown = windowed(values, window or _whole_range(steps, stored))
    if steps.presentation is not None:
        entries = steps.presentation.entries
        table, bits = tables.look_up(steps.presentation, steps.presentation.first + shown * (entries - 1))
        shown = table / ((1 << bits) - 1)
    if steps.inverse:
        shown = 1.0 - shown
    # What is no number, and what numbers beyond all measure come to, is black.
    made = np.floor(np.nan_to_num(shown, nan=0.0) * 255.0 + 0.5).astype(np.uint8)
    if steps.padding is not None:
        made[_padded(steps, stored)] = 0
    return made


def _modality(steps: Steps, stored: Numbers) -> tuple[Numbers, int]:
    """Values with a meaning (Hounsfield units, optical density, counts), and how many bits they have where a table says so."""
    if steps.modality is not None:
        return tables.look_up(steps.modality, stored)
    if steps.rescale is not None:
        slope, intercept = steps.rescale
        with np.errstate(all="ignore"):
            return stored * slope + intercept, 0
    return stored, 0


def _whole_range(steps: Steps, stored: Numbers) -> Window:
    """From the smallest value that there can be to the largest."""
    values, bits = _modality(steps, np.array([stored.min(), stored.max()]))
    return _window(*((0.0, float((1 << bits) - 1)) if bits else (float(values.min()), float(values.max()))))


def _window(low: float, high: float) -> Window:
    """From black to white between these; a picture of one value is black, or what is black inverted."""
    center, width = ((low + high) / 2, high - low) if high > low else (low + 0.5, 1.0)
    return Window(center, width, WindowShape.LINEAR_EXACT)


def _quantiles(steps: Steps, counts: NDArray[np.intp]) -> tuple[float, float]:
    stored, padded = _stored(steps)
    used = np.flatnonzero((counts > 0) & ~padded)
    if not len(used):
        return 0.0, 0.0
    values, _ = _modality(steps, stored[used])
    order = np.argsort(values, kind="stable")
    values, sums = values[order], np.cumsum(counts[used][order])
    low, high = values[np.searchsorted(sums, [sums[-1] * _OUTLIERS, sums[-1] * (1 - _OUTLIERS)])]
    return (float(low), float(high)) if high > low else (float(values[0]), float(values[-1]))


def _extremes(steps: Steps, stored: Numbers) -> tuple[float, float]:
    kept = stored[np.isfinite(stored) & ~_padded(steps, stored)]
    if not len(kept):
        return 0.0, 0.0
    values, _ = _modality(steps, kept)
    low, high = np.quantile(values, [_OUTLIERS, 1 - _OUTLIERS], method="inverted_cdf")
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))
