"""JPEG of ITU-T T.81: baseline, extended, progressive and lossless frames (PS3.5 8.2.1, A.4.1), by libjpeg-turbo through imagecodecs.

What the header says of the size, bits and colours is read here, since devices say other things in Photometric Interpretation, and the
codestream is to be believed (PS3.5 8.2.1). The decoder hides what it stumbles over; a codestream that breaks off is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from struct import error as StructError
from struct import unpack_from

import imagecodecs
import numpy as np

from app.dicom.picture import ImageAttributes
from app.pixels.foreign import decoded, encoded
from app.pixels.native import Array

LOSSLESS = 0xC3
_PROGRESSIVE = 0xC2
_DCT = frozenset({0xC0, 0xC1, _PROGRESSIVE})
_JPEG_LS = 0xF7
_EOI = b"\xff\xd9"
_TAILS = (b"\x55\xaa" * 2048, b"\x0f\xf0\x33" * 1365)


@dataclass(frozen=True, slots=True)
class Header:
    """`frame` is the marker of the frame header; `adobe` the colour transform of an Adobe marker, if there is one.

    `scan_components` are those of the first scan; `restarts` tells that its entropy-coded data are cut into intervals.
    """

    frame: int
    bits: int
    rows: int
    columns: int
    ids: bytes
    factors: bytes
    adobe: int | None
    jfif: bool
    restarts: bool
    scan_components: int

    @property
    def samples(self) -> int:
        return len(self.ids)

    @property
    def lossy(self) -> bool:
        return self.frame in _DCT

    @property
    def one_run(self) -> bool:
        """Whether all samples stand in one run of entropy-coded data."""
        return self.frame != _PROGRESSIVE and self.scan_components == self.samples and not self.restarts


def header(frame: bytes) -> Header:
    """What stands before the first scan. ValueError if it is no JPEG or JPEG-LS codestream, or of a process that nobody decodes."""
    try:
        return _header(frame)
    except (StructError, IndexError):
        raise ValueError("its JPEG header breaks off") from None


def _header(frame: bytes) -> Header:
    found, adobe, jfif, restarts = None, None, False, False
    for marker, at in _segments(frame):
        if marker in _DCT | {LOSSLESS, _JPEG_LS}:
            found = marker, at
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise ValueError("its JPEG process is hierarchical or arithmetic, which no decoder here knows")
        elif marker == 0xEE and frame[at : at + 5] == b"Adobe":
            # Devices have been seen to cut this segment short before the transform.
            adobe = frame[at + 11] if unpack_from(">H", frame, at - 2)[0] >= 14 else 0
        elif marker == 0xE0 and frame[at : at + 5] == b"JFIF\0":
            jfif = True
        elif marker == 0xDD:
            restarts = unpack_from(">H", frame, at)[0] > 0
        elif marker == 0xDA and found is not None:
            start, place = found
            bits, rows, columns, samples = unpack_from(">BHHB", frame, place)
            ids, factors = (frame[place + 6 + offset : place + 6 + 3 * samples : 3] for offset in (0, 1))
            if not rows or not columns or len(ids) != samples or not samples:
                raise ValueError("its JPEG header gives no size")
            return Header(start, bits, rows, columns, ids, factors, adobe, jfif, restarts, frame[at])
    raise ValueError("it has no JPEG header")


def _segments(frame: bytes) -> Iterator[tuple[int, int]]:
    """Marker and offset of the content of each segment, up to the first scan."""
    if not frame.startswith(b"\xff\xd8"):
        raise ValueError("it does not begin like a JPEG codestream")
    at = 2
    while frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        yield marker, at + 4
        if marker in (0xDA, 0xD9):
            return
        at += 2 + int(unpack_from(">H", frame, at + 2)[0])


def has_end(frame: bytes) -> bool:
    """Whether the end marker is there, be it in front of padding."""
    return frame.rstrip(b"\0\xff").endswith(_EOI)


def check_size(found: tuple[int, int, int], image: ImageAttributes) -> None:
    """ValueError if a codestream's (rows, columns, samples) are not the image's: one of them is wrong, and so would the picture be."""
    if found[:2] != (image.rows, image.columns):
        raise ValueError("its codestream is of another size than Rows and Columns say")
    if found[2] != image.samples:
        raise ValueError("its codestream has another number of samples than Samples per Pixel says")


def is_ycc(head: Header, image: ImageAttributes) -> bool:
    """Whether the three components of a lossy codestream are luminance and colour differences.

    An Adobe marker decides, then component identifiers, JFIF, and subsampling, which has no sense among red, green and blue; then
    Photometric Interpretation, for which a bare codestream leaves the word (PS3.5 8.2.1). RGB beside JFIF is a frequent slip.
    """
    if head.ids in (b"RGB", b"rgb"):
        return False
    if head.adobe is not None:
        return head.adobe == 1
    if head.jfif or len(set(head.factors)) > 1:
        return True
    return image.photometric != "RGB"


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, int, ImageAttributes]:
    """The samples, their bits, and what they are now. Colours of lossy codestreams come as RGB; those of lossless ones as they are."""
    head = header(frame)
    check_size((head.rows, head.columns, head.samples), image)
    space, out = None, None
    if head.samples == 3:
        space = "YCBCR" if head.lossy and is_ycc(head, image) else "RGB"
        out = "RGB"
        image = replace(image, photometric="RGB") if head.lossy else image
    return _decoded(frame, head, space, out), head.bits, replace(image, planar=0)


def _decoded(frame: bytes, head: Header, space: str | None, out: str | None) -> Array:
    if has_end(frame):
        return decoded(imagecodecs.jpeg8_decode, frame, colorspace=space, outcolorspace=out)
    # Without its end marker it may still be whole. If so, what follows its only run of data makes no difference.
    start = frame.removesuffix(b"\xff")
    first, second = (decoded(imagecodecs.jpeg8_decode, start + tail + _EOI, colorspace=space, outcolorspace=out) for tail in _TAILS)
    if not head.one_run or not np.array_equal(first, second):
        raise ValueError("its JPEG codestream breaks off")
    return first


def write(values: Array, image: ImageAttributes) -> tuple[bytes, ImageAttributes]:
    """Lossless with first-order prediction (process 14, selection value 1).

    JPEG knows no sign: negative values are two's complement of all allocated bits, which readers take for the same numbers whether they
    look at Bits Stored or at the codestream. Unsigned ones have the bits stored, but more than 8 where 16 are allocated, since readers take
    the size of their words from the codestream.
    """
    bits = image.allocated if image.signed else max(image.stored, 2 if image.allocated == 8 else 9)
    # As YCbCr libjpeg would subsample even lossless frames; as of no known colours it leaves all components alone.
    space = "GRAYSCALE" if image.samples == 1 else "RGB" if image.photometric == "RGB" else "UNKNOWN"
    options = {"lossless": True, "predictor": 1, "bitspersample": bits, "colorspace": space, "outcolorspace": space}
    return encoded(imagecodecs.jpeg8_encode, as_unsigned(values, image.allocated), **options), image


def as_unsigned(values: Array, bits: int) -> Array:
    """The same bits as unsigned words of 8 or 16 bits, in one piece."""
    size = bits // 8
    return np.ascontiguousarray(values.astype(f"{values.dtype.kind}{size}", copy=False)).view(f"u{size}")
