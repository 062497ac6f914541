"""Frames of JPEG and JPEG 2000 decoded at a half, a quarter or an eighth of their size, for pictures that are made much smaller anyway:
a thumbnail of a large radiograph takes a few milliseconds instead of half a second.

Only where the result is what the whole frame made smaller would be: never for palettes, padding, planes of overlays, presentation states,
nor where the window is to be found from all the values. Must not know: views, files. What is odd about a frame is left to `decode`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes, Picture, Samples
from app.pixels import jpeg, jpeg_2000
from app.pixels.decode import checked
from app.pixels.native import Array

MOST = 3
"""Halvings that JPEG decoders can do, and JPEG 2000 codestreams usually have."""

_DEEP = 8
_BASELINE = 0xC0
_JPEG_2000 = frozenset({syntaxes.JPEG_2000_LOSSLESS, syntaxes.JPEG_2000})
_COLOURS = frozenset({"RGB", "YBR_RCT", "YBR_ICT", "YBR_FULL", "YBR_FULL_422"})
_GRAYS = frozenset({"MONOCHROME1", "MONOCHROME2"})


def halvings(shrink: float) -> int:
    """How often a frame may be halved that is to become smaller by the factor `shrink`: twice as many pixels are left as are asked for."""
    return min(max(int(np.log2(max(shrink, 1.0))) - 1, 0), MOST)


@dataclass(frozen=True, slots=True)
class Reduced:
    """Stored values as `decode` gives them, what they are, and how often they were halved.

    `shift`: how far they lie, in their own pixels, to the right and below of where averages over whole pixels would.
    """

    samples: Array
    image: ImageAttributes
    times: int
    shift: float = 0.0


def read(picture: Picture, times: int, *, windowed: bool) -> Reduced | None:
    """The frame halved so many times, or as often as it can be; None where it has to be decoded whole. ValueError, TooLarge as `decode`.

    `windowed`: what is to be seen of the values is known without them.
    """
    image = checked(picture.image)
    plain = image.kind is Samples.INTEGER and picture.padding is None and not picture.overlays and picture.softcopy is None
    shown = image.photometric in _COLOURS if image.samples == 3 else image.photometric in _GRAYS and (windowed or image.stored <= _DEEP)
    if not times or not plain or not shown or image.samples not in (1, 3):
        return None
    try:
        if picture.transfer_syntax == syntaxes.JPEG_BASELINE:
            return _jpeg(picture.frame, image, times)
        if picture.transfer_syntax in _JPEG_2000:
            return _jpeg_2000(picture.frame, image, times)
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        pass  # `decode` says what is wrong, if anything is
    return None


def _jpeg(frame: bytes, image: ImageAttributes, times: int) -> Reduced | None:
    head = jpeg.header(frame)
    jpeg.check_size((head.rows, head.columns, head.samples), image)
    # libjpeg guesses colours as `is_ycc` does only where a marker tells them.
    told = head.samples == 1 or (jpeg.is_ycc(head, image) and (head.jfif or head.adobe == 1))
    if head.frame != _BASELINE or image.stored != _DEEP or image.signed or not told:
        return None
    with Image.open(BytesIO(frame)) as opened:
        opened.draft(None, (image.columns >> times, image.rows >> times))
        samples = np.asarray(opened)
    return _described(samples, replace(image, photometric="RGB") if head.samples == 3 else image, times)


def _jpeg_2000(frame: bytes, image: ImageAttributes, times: int) -> Reduced | None:
    head = jpeg_2000.header(frame)
    jpeg.check_size((head.rows, head.columns, head.samples), image)
    times = min(times, head.levels)
    if not times or head.start or head.high_throughput or head.signed is not image.signed or head.bits > 16:
        return None
    if head.samples == 3 and (head.bits != _DEEP or not head.mixed):
        return None
    samples, times = _halved(frame, times)
    # Wavelets keep every second sample where it is, instead of averaging two (ITU-T T.800 F.3); the edge is repeated to be shifted into.
    shift = 0.5 - 0.5 ** (times + 1)
    samples = np.pad(samples, ((0, 1), (0, 1)) + ((0, 0),) * (samples.ndim - 2), mode="edge")
    if head.samples == 3:
        return _described(samples, replace(image, photometric="RGB"), times, shift)
    if samples.dtype.itemsize == 2:
        # Pillow gives words whose highest bit is the sample's, and negative ones lifted to begin at zero.
        samples = samples.astype(np.int32) >> 16 - head.bits
    values = samples.astype(np.int32) - (1 << head.bits - 1 if head.signed else 0)
    low, high = (-(1 << image.stored - 1), (1 << image.stored - 1) - 1) if image.signed else (0, (1 << image.stored) - 1)
    kind = f"{'i' if image.signed else 'u'}{1 if image.allocated <= _DEEP else 2}"
    return _described(np.clip(values, low, high).astype(kind), image, times, shift)


def _halved(frame: bytes, times: int) -> tuple[Array, int]:
    """Decoded at the smallest size at which Pillow manages to: at some odd ones it does not. OSError if at none."""
    try:
        with Image.open(BytesIO(frame)) as opened:
            opened.reduce = times  # type: ignore[method-assign, assignment]
            return np.asarray(opened), times
    except OSError:
        if times == 1:
            raise
        return _halved(frame, times - 1)


def _described(samples: Array, image: ImageAttributes, times: int, shift: float = 0.0) -> Reduced | None:
    shape = samples.shape[2:] or (1,)
    if shape != (image.samples,):
        return None
    described = replace(image, rows=samples.shape[0], columns=samples.shape[1], planar=0, high=image.stored - 1)
    return Reduced(samples, described, times, shift)
