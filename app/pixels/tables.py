"""Look-up tables as arrays: their values, segments expanded (PS3.3 C.7.9.2, C.11.1.1). Must not know: what they are applied to."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.dicom.picture import Lut

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_LARGEST = 65536
_NONSENSE = "a segmented look-up table makes no sense"


@lru_cache(maxsize=32)
def values(lut: Lut) -> tuple[NDArray[np.int32], int]:
    """The values of the table, `lut.entries` of them, and how many bits they have. ValueError for segments that make no sense.

    A table that is too short goes on with its last value. One whose values are larger than it says has as many bits as they need.
    """
    if lut.segmented:
        found = _expanded(_numbers(lut.data, 1 if lut.bits <= 8 else 2).tolist(), lut.entries, lut.bits > 8)
    else:
        found = _numbers(lut.data, 1 if lut.bits <= 8 and len(lut.data) < 2 * lut.entries else 2)[: lut.entries].astype(np.int32)
    if not len(found):
        raise ValueError("a look-up table is empty")
    if len(found) < lut.entries:
        found = np.concatenate([found, np.full(lut.entries - len(found), found[-1], np.int32)])
    found.flags.writeable = False
    return found, max(lut.bits, int(found.max()).bit_length())


def look_up(lut: Lut, inputs: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """What the table gives for each input, and in how many bits; below and above it, its first and last value (PS3.3 C.11.1.1, C.11.2)."""
    table, bits = values(lut)
    index = np.clip(np.floor(np.nan_to_num(inputs) + 0.5) - lut.first, 0, len(table) - 1).astype(np.intp)
    return table[index].astype(np.float64), bits


def _numbers(data: bytes, size: int) -> NDArray[np.int32]:
    return np.frombuffer(data, np.uint8 if size == 1 else np.dtype("<u2"), count=len(data) // size).astype(np.int32)


def _expanded(data: list[int], entries: int, wide: bool) -> NDArray[np.int32]:
    """Discrete, linear and indirect segments, until the table is full."""
    found: list[int] = []
    starts: set[int] = set()
    at = 0
    while at + 2 <= len(data) and len(found) < entries:
        starts.add(at)
        at = _indirect(data, at, found, starts, wide) if data[at] == _INDIRECT else _segment(data, at, found)
    return np.array(found[:entries], np.int32)


def _segment(data: list[int], at: int, found: list[int]) -> int:
    """Add what one discrete or linear segment gives; where the next one begins."""
    kind, length = data[at], data[at + 1]
    if kind == _DISCRETE:
        found += data[at + 2 : at + 2 + length]
        return at + 2 + length
    if kind != _LINEAR or not found or at + 3 > len(data):
        raise ValueError(_NONSENSE)
    # From the value before it, which belongs to the segment before, to its own last value (PS3.3 C.7.9.2.2).
    found += np.rint(np.linspace(found[-1], data[at + 2], length + 1)[1:]).astype(int).tolist()
    return at + 3


def _indirect(data: list[int], at: int, found: list[int], starts: set[int], wide: bool) -> int:
    """Add what so many earlier segments give (PS3.3 C.7.9.2.3), from an offset of 32 bits on, its low part first.

    It counts bytes; where that leads to no segment, it was written as a count of words.
    """
    begin = at + 2
    end = begin + (2 if wide else 4)
    offset = sum(part << (16 if wide else 8) * number for number, part in enumerate(data[begin:end]))
    source = offset // 2 if wide and not offset % 2 and offset // 2 in starts else offset
    for _ in range(data[at + 1]):
        if source not in starts or data[source] == _INDIRECT or len(found) > _LARGEST:
            raise ValueError(_NONSENSE)
        source = _segment(data, source, found)
    return end
