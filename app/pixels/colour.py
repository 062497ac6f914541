"""From samples of a colour image to red, green and blue of 8 bits (PS3.3 C.7.6.3.1.2, C.7.9). Must not know: codecs, windows, profiles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.dicom.picture import ImageAttributes, Lut, Samples
from app.pixels import tables
from app.pixels.native import Array

Levels = NDArray[np.uint8]

_FULL = frozenset({"YBR_FULL", "YBR_FULL_422", "YBR_ICT"})
_PARTIAL = frozenset({"YBR_PARTIAL", "YBR_PARTIAL_422", "YBR_PARTIAL_420"})

# ITU-R BT.601 luminance weights, from which both matrices follow.
_RED, _BLUE = 0.299, 0.114
_GREEN = 1 - _RED - _BLUE


def rgb(samples: Array, image: ImageAttributes) -> Levels:
    """(rows, columns, 3) samples as red, green, blue. ValueError for colours that are not known."""
    if image.kind is not Samples.INTEGER:
        raise ValueError("its colours are real numbers, for which there is no photometric interpretation")
    levels = _eight_bits(samples, image)
    if image.photometric in _FULL:
        # JPEG's YCbCr is the same (PS3.3 C.7.6.3.1.2), and libImaging turns it quickly.
        return np.asarray(Image.fromarray(levels, "YCbCr").convert("RGB"))
    if image.photometric in _PARTIAL:
        return _from_partial(levels)
    if image.photometric not in ("RGB", "YBR_RCT"):
        raise ValueError("its photometric interpretation is none that three samples have (PS3.3 C.7.6.3.1.2)")
    return levels


def from_palette(samples: Array, palette: tuple[Lut, Lut, Lut]) -> Levels:
    """(rows, columns) stored values through the three tables; those outside take the first and the last colour."""
    table, first = _palette(palette)
    if samples.dtype.kind == "f":
        raise ValueError("its samples are real numbers, for which there is no palette")
    return table.take(samples.astype(np.intp) - first, axis=0, mode="clip")


def spread_palette(levels: Levels, palette: tuple[Lut, Lut, Lut]) -> Levels:
    """Levels of a grayscale picture through the tables, all of whose entries they are spread over (PS3.4 N.2.4.2)."""
    table, _ = _palette(palette)
    return table[np.rint(np.linspace(0, len(table) - 1, 256)).astype(np.intp)].take(levels, axis=0)


@lru_cache(maxsize=16)
def _palette(palette: tuple[Lut, Lut, Lut]) -> tuple[Levels, int]:
    found = [tables.values(lut) for lut in palette]
    entries = max(len(table) for table, _ in found)
    # Colours of 16 bits are those of 8 bits times 256 or times 257; their upper byte is right for both. Tables that say 16 bits and hold
    # nothing above 255 are of 8 bits.
    narrow = max(int(table.max()) for table, _ in found) <= 255
    columns = [table if narrow else table >> max(bits - 8, 0) for table, bits in found]
    columns = [np.concatenate([column, np.full(entries - len(column), column[-1])]) for column in columns]
    return np.stack(columns, axis=-1).astype(np.uint8), palette[0].first


def _eight_bits(samples: Array, image: ImageAttributes) -> Levels:
    if samples.dtype == np.uint8 and image.stored == 8:
        return np.asarray(samples, np.uint8)
    # What is deeper than 16 bits has no more to give to 8.
    deeper = max(image.stored - 16, 0)
    most = (1 << image.stored - deeper) - 1
    patterns = samples.astype(np.uint64) >> np.uint64(deeper) & np.uint64(most)
    return np.asarray((patterns * 255 + most // 2) // most, np.uint8)


def _from_partial(levels: Levels) -> Levels:
    """PS3.3 C.7.6.3.1.2: luminance from 16 to 235, two colour differences from 16 to 240 around 128."""
    kept = levels.astype(np.float32)
    luminance = (kept[..., 0] - 16) * np.float32(255 / 219)
    blue, red = ((kept[..., at] - 128) * np.float32(255 / 224) for at in (1, 2))
    made = np.empty(levels.shape, np.float32)
    made[..., 0] = luminance + np.float32(2 * (1 - _RED)) * red
    made[..., 2] = luminance + np.float32(2 * (1 - _BLUE)) * blue
    made[..., 1] = luminance - np.float32(2 * (1 - _RED) * _RED / _GREEN) * red - np.float32(2 * (1 - _BLUE) * _BLUE / _GREEN) * blue
    return np.asarray(np.clip(made + np.float32(0.5), 0, 255), np.uint8)
