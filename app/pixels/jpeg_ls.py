"""JPEG-LS, lossless and near-lossless (PS3.5 8.2.3, A.4.3; ITU-T T.87), by CharLS through imagecodecs."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs
import numpy as np

from app.dicom.picture import ImageAttributes
from app.pixels import jpeg
from app.pixels.foreign import decoded, encoded
from app.pixels.native import Array

_MOST_HEADERS = 1024


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, int, ImageAttributes]:
    """The samples, their bits, and what they are now."""
    head = jpeg.header(frame)
    jpeg.check_size((head.rows, head.columns, head.samples), image)
    if not jpeg.has_end(frame):
        # CharLS would find out too, but may first count zeros that are not there for a quarter of a minute.
        raise ValueError("its JPEG-LS codestream breaks off")
    # Components that have scans of their own come by plane.
    samples = np.ascontiguousarray(decoded(imagecodecs.jpegls_decode, frame))
    return samples, head.bits, replace(image, planar=0)


def write(values: Array, image: ImageAttributes) -> tuple[bytes, ImageAttributes]:
    """Lossless. The samples have all allocated bits: of a sign, which JPEG-LS does not know, every reader then makes the same."""
    samples = jpeg.as_unsigned(values, image.allocated)
    try:
        frame = encoded(imagecodecs.jpegls_encode, samples)
    except ValueError:
        # Noise becomes larger than CharLS guesses, and may become four times as large as it was (ITU-T T.87 A.2.1, LIMIT).
        frame = encoded(imagecodecs.jpegls_encode, samples, out=4 * samples.nbytes + _MOST_HEADERS)
    return _without_spiff(frame), image


def _without_spiff(frame: bytes) -> bytes:
    """CharLS puts a SPIFF header in front, which says resolution and colours that nobody gave it: DICOM has its own."""
    at = 2
    while frame[at : at + 2] == b"\xff\xe8":
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return frame[:2] + frame[at:]
