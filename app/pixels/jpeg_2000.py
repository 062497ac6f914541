"""JPEG 2000 and High-Throughput JPEG 2000 (PS3.5 8.2.4, A.4.4; ITU-T T.800, T.814), by OpenJPEG and OpenJPH through imagecodecs.

The main header is read here: it says whether the colours were transformed, and what the samples are. So are the lengths of the tile-parts,
since OpenJPH takes what is missing for zeros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import error as StructError
from struct import unpack_from

import imagecodecs
import numpy as np

from app.dicom.picture import ImageAttributes
from app.pixels.foreign import decoded, encoded
from app.pixels.jpeg import check_size
from app.pixels.native import Array

_START = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_PART_15 = 1 << 17
_SIZ_COMPONENTS = 42
_SMALLEST_BITS = 6
_BY_RESOLUTION = 1
_TRANSFORMED = frozenset({"RGB", "YBR_RCT", "YBR_ICT", "YBR_FULL", "YBR_FULL_422"})


@dataclass(frozen=True, slots=True)
class Header:
    """`start` is where the codestream begins, `tiles` where its first tile-part does; `mixed` is the multiple component transform,
    `levels` how often the picture was halved."""

    start: int
    tiles: int
    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool
    mixed: bool
    levels: int
    reversible: bool
    high_throughput: bool


def header(frame: bytes) -> Header:
    """What the main header says. ValueError if there is none, or one that no image has."""
    start = frame.find(_START)
    if start < 0:
        raise ValueError("it has no JPEG 2000 header")
    try:
        return _header(frame, start)
    except (StructError, IndexError):
        raise ValueError("its JPEG 2000 header breaks off") from None


def _header(frame: bytes, start: int) -> Header:
    at, size, coding, high_throughput = start + 2, 0, 0, False
    while True:
        marker, length = unpack_from(">HH", frame, at)
        if marker == 0xFF90:
            break
        if marker == 0xFF51:
            size = at + 4
        elif marker == 0xFF52:
            coding = at + 4
        elif marker == 0xFF50:
            high_throughput = bool(unpack_from(">L", frame, at + 4)[0] & _PART_15)
        elif marker < 0xFF00:
            raise ValueError("its JPEG 2000 header is damaged")
        at += 2 + length
    right, low, left, top = unpack_from(">LLLL", frame, size + 2)
    (samples,) = unpack_from(">H", frame, size + 34)
    depth = frame[size + 36]
    if not coding or right <= left or low <= top:
        raise ValueError("its JPEG 2000 header gives no size")
    return Header(
        start, at, low - top, right - left, samples, (depth & 0x7F) + 1, depth >= 0x80,
        mixed=frame[coding + 4] == 1, levels=frame[coding + 5], reversible=frame[coding + 9] == 1, high_throughput=high_throughput,
    )  # fmt: skip


def read(frame: bytes, image: ImageAttributes) -> tuple[Array, int, ImageAttributes]:
    """The samples, their bits, and what they are now: the decoder undoes the transform of colours, so that YBR_RCT and YBR_ICT are RGB."""
    head = header(frame)
    check_size((head.rows, head.columns, head.samples), image)
    # A JP2 file's boxes have no place in DICOM and are left out: what they say of colours was not meant for us (PS3.5 8.2.4).
    codestream = frame[head.start :] if head.start else frame
    if head.high_throughput:
        check_tiles(frame, head.tiles)
        samples = decoded(imagecodecs.htj2k_decode, codestream, planar=False)
    else:
        samples = decoded(imagecodecs.jpeg2k_decode, codestream, numthreads=1)
    if head.samples == 3 and (head.mixed or image.photometric in ("YBR_RCT", "YBR_ICT")) and image.photometric in _TRANSFORMED:
        image = replace(image, photometric="RGB")
    return samples, head.bits, replace(image, planar=0)


def check_tiles(frame: bytes, at: int) -> None:
    """ValueError unless the tile-parts from `at` on lie one behind the other up to the end marker (ITU-T T.800 A.4.2, A.4.4)."""
    try:
        while unpack_from(">H", frame, at)[0] == 0xFF90:
            (length,) = unpack_from(">L", frame, at + 6)
            if length == 0 and frame.rstrip(b"\0\xff").endswith(_END):
                return
            if length < 14:
                break
            at += length
        if frame[at : at + 2] == _END:
            return
    except StructError:
        pass
    raise ValueError("its JPEG 2000 codestream breaks off")


def write(values: Array, image: ImageAttributes) -> tuple[bytes, ImageAttributes]:
    """Reversible. RGB goes through the reversible transform of colours and is YBR_RCT from then on (PS3.5 8.2.4)."""
    mixed = image.photometric == "RGB"
    options = {"codecformat": "J2K", "bitspersample": image.stored, "reversible": True, "mct": mixed, "planar": False, "numthreads": 1}
    frame = encoded(imagecodecs.jpeg2k_encode, _narrow(values, image.stored), **options)
    return frame, replace(image, photometric="YBR_RCT") if mixed else image


def write_high_throughput(values: Array, image: ImageAttributes) -> tuple[bytes, ImageAttributes]:
    """Reversible, in the form that both lossless syntaxes of HTJ2K allow (PS3.5 10.18): RPCL, with lengths of the tile-parts, of which each
    is one resolution, and decompositions down to 64 pixels.
    """
    mixed = image.photometric == "RGB"
    narrow = _narrow(values, image.stored)
    size = narrow.dtype.itemsize * 8
    decompositions = max(1, (max(image.rows, image.columns) - 1).bit_length() - _SMALLEST_BITS)
    # OpenJPH is told the size of words only. Fewer bits are said in the header afterwards; so that they are true, unsigned samples are
    # shifted down here by what an encoder that knew would have shifted them (ITU-T T.800 G.1).
    patched = image.stored < size
    if patched and not image.signed:
        narrow = narrow.view(f"i{size // 8}") - np.array(1 << image.stored - 1, f"i{size // 8}")
    options = {"resolutions": decompositions, "reversible": True, "tlm": True, "tilepart": _BY_RESOLUTION}
    frame = encoded(imagecodecs.htj2k_encode, narrow, rgb=mixed, planar=False, **options)
    return _with_depth(frame, image) if patched else frame, replace(image, photometric="YBR_RCT") if mixed else image


def _narrow(values: Array, stored: int) -> Array:
    return np.ascontiguousarray(values.astype(f"{values.dtype.kind}{1 if stored <= 8 else 2}", copy=False))


def _with_depth(frame: bytes, image: ImageAttributes) -> bytes:
    """The codestream with the bits and the sign of each component set in SIZ, which comes first (ITU-T T.800 A.5.1)."""
    made = bytearray(frame)
    for component in range(image.samples):
        made[_SIZ_COMPONENTS + 3 * component] = image.stored - 1 | (0x80 if image.signed else 0)
    return bytes(made)
