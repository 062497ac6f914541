"""JPEG XL: lossless, recompressed JPEG, and lossy (PS3.5 8.2.15; ISO/IEC 18181), by libjxl through imagecodecs."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs
import numpy as np

from app.dicom import image_pixel
from app.dicom.picture import ImageAttributes
from app.pixels import jpeg
from app.pixels.foreign import decoded, encoded
from app.pixels.native import Array

_CONTAINER = b"\0\0\0\x0cJXL "
_RECONSTRUCTION = b"jbrd"
"""The box that holds what a JPEG has beside its coefficients."""

_HEAD = 256
_FAST = 1
_FAST_BITS = 12
"""libjxl 0.11.2 at effort 1 writes beyond its buffer when incompressible samples have 15 or 16 bits; from effort 2 on it does not."""


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, int, ImageAttributes]:
    """The samples, their bits, and what they are now: whatever colours the codestream is in (RGB, XYB, YCbCr), the decoder gives RGB.

    A recompressed JPEG is put together again, bit for bit, so that it is the same picture as the JPEG was.
    """
    if frame.startswith(_CONTAINER) and _RECONSTRUCTION in frame[:_HEAD]:
        return jpeg.read(bytes(decoded(imagecodecs.jpegxl_decode_jpeg, frame, numthreads=1)), image)
    told = image_pixel.describe(frame[: image_pixel.HEAD])
    if told is not None:
        jpeg.check_size((told.rows, told.columns, image.samples), image)
    samples = decoded(imagecodecs.jpegxl_decode, frame, keeporientation=True, numthreads=1)
    found = (*samples.shape, 1) if samples.ndim == 2 else samples.shape
    if len(found) != 3 or samples.dtype.kind != "u":
        raise ValueError("its JPEG XL codestream is an animation or has real numbers")
    jpeg.check_size((found[0], found[1], found[2]), image)
    if image.samples == 3:
        image = replace(image, photometric="RGB")
    # The head does not tell at a fixed place how many bits there are: enough for the largest value.
    bits = max(image.stored, int(np.max(samples)).bit_length())
    return samples, bits, replace(image, planar=0)


def write(values: Array, image: ImageAttributes) -> tuple[bytes, ImageAttributes]:
    """Lossless, with little effort: more of it wins a tenth of the size for fifty times the time."""
    narrow = np.ascontiguousarray(values.astype("u1" if image.stored <= 8 else "u2", copy=False))
    frame = encoded(
        imagecodecs.jpegxl_encode,
        narrow,
        lossless=True,
        effort=_FAST if image.stored <= _FAST_BITS else _FAST + 1,
        bitspersample=image.stored,
        photometric="RGB" if image.samples == 3 else "GRAY",
        numthreads=1,
    )
    return frame, image
