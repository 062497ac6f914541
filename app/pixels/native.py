"""Frames that are not compressed: bytes of Pixel Data to an array, and back (PS3.5 8.1.1, 8.2, annex D; PS3.3 C.7.6.3.1).

An array has the shape (rows, columns) or (rows, columns, samples) and holds words: unsigned, as many bits as are allocated, with whatever
stands beside the stored bits; frames of 1 bit become bytes of 0 and 1. Big endian objects were turned round when they were stored. Must
not know: compressed frames.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.picture import ImageAttributes, Samples

Array = NDArray[Any]

SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_WORDS: dict[int, np.dtype[Any]] = {1: np.dtype("u1"), 8: np.dtype("u1"), 16: np.dtype("<u2"), 32: np.dtype("<u4"), 64: np.dtype("<u8")}
_FLOATS: dict[Samples, np.dtype[Any]] = {Samples.FLOAT: np.dtype("<f4"), Samples.DOUBLE: np.dtype("<f8")}


def word(image: ImageAttributes) -> np.dtype[Any]:
    """What one sample is in an array of words. ValueError for a number of bits that no array has."""
    if image.kind is not Samples.INTEGER:
        return _FLOATS[image.kind]
    if image.allocated not in _WORDS:
        raise ValueError("Bits Allocated is none of 1, 8, 16, 32 and 64")
    return _WORDS[image.allocated]


def shape(image: ImageAttributes) -> tuple[int, ...]:
    """The shape of the array of one frame."""
    return (image.rows, image.columns) if image.samples == 1 else (image.rows, image.columns, image.samples)


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """The words of a frame, and what they are now: by pixel, every pixel with all its samples. ValueError if there are too few bytes."""
    count = image.rows * image.columns * image.samples
    if image.kind is Samples.INTEGER and image.allocated == 1:
        return _bits(frame, count).reshape(shape(image)), replace(image, planar=0)
    kind = word(image)
    if image.photometric in SUBSAMPLED and image.samples == 3:
        # Some devices write all samples and still say 422: the length tells.
        if len(frame) < count * kind.itemsize:
            return _upsampled(frame, image, kind), replace(image, photometric="YBR_" + image.photometric.split("_")[1], planar=0)
        image = replace(image, photometric="YBR_" + image.photometric.split("_")[1])
    if len(frame) < count * kind.itemsize:
        raise ValueError("it has fewer bytes than its rows and columns need")
    words = np.frombuffer(frame, kind, count)
    if image.samples > 1 and image.planar == 1:
        return np.ascontiguousarray(np.moveaxis(words.reshape(image.samples, image.rows, image.columns), 0, -1)), replace(image, planar=0)
    return words.reshape(shape(image)), replace(image, planar=0)


def write(words: Array, image: ImageAttributes) -> bytes:
    """The bytes of a frame, by pixel, of an even length; one of 1-bit samples begins on a byte of its own."""
    if image.kind is Samples.INTEGER and image.allocated == 1:
        data = np.packbits(words.reshape(-1), bitorder="little").tobytes()
    else:
        data = np.ascontiguousarray(words, word(image)).tobytes()
    return data + bytes(len(data) % 2)


def _bits(frame: bytes, count: int) -> Array:
    if len(frame) * 8 < count:
        raise ValueError("it has fewer bits than its rows and columns need")
    return np.unpackbits(np.frombuffer(frame, "u1"), count=count, bitorder="little")


def _upsampled(frame: bytes, image: ImageAttributes, kind: np.dtype[Any]) -> Array:
    """Two pixels are Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2): each gets the colours of both, whence the full form holds neither more nor less."""
    if image.columns % 2:
        raise ValueError("an odd number of columns cannot be subsampled to a half")
    count = image.rows * image.columns * 2
    if len(frame) < count * kind.itemsize:
        raise ValueError("it has fewer bytes than its rows and columns need")
    pairs = np.frombuffer(frame, kind, count).reshape(image.rows, image.columns // 2, 4)
    full = np.empty((image.rows, image.columns // 2, 2, 3), kind)
    full[..., 0] = pairs[..., :2]
    full[..., 1] = pairs[..., 2:3]
    full[..., 2] = pairs[..., 3:4]
    return full.reshape(image.rows, image.columns, 3)
