"""GIF files of one picture or of many (GIF89a): each picture with a palette and a time of its own, none left out, repeated without end.

Each picture is written as a GIF by Pillow and its blocks are put together here, since Pillow leaves out pictures equal to the one before.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Levels = NDArray[np.uint8]

_HEAD, _DESCRIPTOR, _COLOURS = 13, 10, 256
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_SHORTEST = 2
"""Hundredths of a second; what is shorter browsers show for ten."""


def write(pictures: Sequence[Levels], durations: Sequence[float]) -> bytes:
    """(rows, columns) keep their levels exactly, (rows, columns, 3) their best 256 colours; `durations` are in milliseconds."""
    if len(pictures) == 1:
        return _single(pictures[0])
    rows, columns = pictures[0].shape[:2]
    parts = [b"GIF89a" + struct.pack("<HHBBB", columns, rows, 0x70, 0, 0), b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"]
    passed, told = 0.0, 0
    for picture, duration in zip(pictures, durations, strict=True):
        passed += duration / 10
        # Rounding does not add up: each time ends where the sum of all of them does.
        delay = max(round(passed) - told, _SHORTEST)
        told += delay
        parts += [b"\x21\xf9\x04\x04" + struct.pack("<HBB", delay, 0, 0), _blocks(_single(picture))]
    return b"".join(parts) + bytes([_END])


def _single(picture: Levels) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if image.mode != "L":
        image = image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    stream = BytesIO()
    image.save(stream, "GIF", optimize=False)
    return stream.getvalue()


def _blocks(data: bytes) -> bytes:
    """The image of a GIF that holds one, its palette made local."""
    size = 3 << (data[10] & 7) + 1
    palette, at = data[_HEAD : _HEAD + size], _HEAD + size
    while data[at] == _EXTENSION:
        at = _after(data, at + 2)
    if data[at] != _IMAGE or data[at + 9] & 0x80:
        raise ValueError("the GIF was not written as it should")
    flags = data[at + 9] & 0x78 | 0x80 | data[10] & 7
    begin = at + _DESCRIPTOR
    return data[at : at + 9] + bytes([flags]) + palette + data[begin : _after(data, begin + 1)]


def _after(data: bytes, at: int) -> int:
    """Where a run of sub-blocks ends."""
    while data[at]:
        at += data[at] + 1
    return at + 1
