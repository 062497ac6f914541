"""RLE Lossless (PS3.5 annex G): each byte of each sample is a segment of its own, the most significant one first, packed by PackBits.

Segments are packed and unpacked by imagecodecs; the header, which says where they begin, is ours to doubt.
"""

from __future__ import annotations

from dataclasses import replace
from struct import pack, unpack_from

import imagecodecs
import numpy as np

from app.dicom.picture import ImageAttributes
from app.pixels.foreign import decoded
from app.pixels.native import Array, shape, word

_HEADER = 64
_MOST_SEGMENTS = 15


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """The words of a frame. ValueError if its segments are not those of such an image."""
    kind = word(image)
    wanted = image.samples * kind.itemsize
    if len(frame) < _HEADER:
        raise ValueError("it is shorter than the header of an RLE frame")
    count, *starts = unpack_from("<16L", frame)
    if count != wanted:
        raise ValueError("it has another number of RLE segments than Samples per Pixel and Bits Allocated ask for")
    starts = starts[:count]
    ends = [*starts[1:], len(frame)]
    if any(not _HEADER <= start <= end for start, end in zip(starts, ends, strict=True)):
        raise ValueError("its RLE segments lie outside of it")
    size = image.rows * image.columns
    planes = np.empty((image.samples, kind.itemsize, size), "u1")
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        sample, place = divmod(number, kind.itemsize)
        planes[sample, kind.itemsize - 1 - place] = _unpacked(frame[start:end], size)
    words = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(kind)
    return words.reshape(shape(image)), replace(image, planar=0)


def _unpacked(segment: bytes, size: int) -> Array:
    # A zero that pads a segment to an even length may stand for one more literal, cut off: it is not an error of the pixels before it.
    for data in (segment, segment[:-1]):
        try:
            unpacked = decoded(imagecodecs.packbits_decode, data)
        except ValueError:
            continue
        if len(unpacked) >= size:
            return np.frombuffer(unpacked, "u1", size)
    raise ValueError("an RLE segment ends before the last pixel, or breaks off")


def write(words: Array, image: ImageAttributes) -> bytes:
    """The frame in RLE, rows apart from one another (PS3.5 G.3.1). ValueError for more segments than its header can tell of."""
    kind = word(image)
    if image.samples * kind.itemsize > _MOST_SEGMENTS:
        raise ValueError("RLE Lossless has no more than 15 segments")
    planes = np.ascontiguousarray(words, kind).view("u1").reshape(image.rows, image.columns, image.samples, kind.itemsize)
    segments = []
    for sample in range(image.samples):
        for place in reversed(range(kind.itemsize)):
            packed = imagecodecs.packbits_encode(planes[:, :, sample, place].copy(), axis=-1)
            segments.append(bytes(packed) + bytes(len(packed) % 2))
    starts = np.cumsum([_HEADER, *map(len, segments[:-1])])
    return pack("<16L", len(segments), *starts, *[0] * (_MOST_SEGMENTS - len(segments))) + b"".join(segments)
