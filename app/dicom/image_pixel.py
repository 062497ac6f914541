"""What a codestream says of its image: size, samples, bits, and the transfer syntax it is in (PS3.3 C.7.6.3, PS3.18 10.5.2).

Reads the first few KiB only: JPEG and JPEG-LS frame and scan headers (ITU-T T.81 B.2, T.87 C.2), JPEG 2000 SIZ, CAP, COD (ITU-T T.800 A.5,
A.6) with or without the JP2 boxes, JPEG XL's size header (ISO/IEC 18181-1). None where the head says nothing sound; never raises. Must
not know: objects, media types, pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import error as StructError
from struct import unpack_from

from app.dicom import transfer_syntax as syntaxes
from app.model import Uid

HEAD = 64 * 1024
"""Bytes that are enough, unless a JPEG has profiles larger than that in front of its frame header."""

_JP2_SIGNATURE = b"\0\0\0\x0cjP  "
_JPEG_PROGRESSIVE = Uid("1.2.840.10008.1.2.4.55")
_ADOBE_YCC = 1
_FRAMES = {
    0xC0: (syntaxes.JPEG_BASELINE, frozenset({syntaxes.JPEG_BASELINE, syntaxes.JPEG_EXTENDED})),
    0xC1: (syntaxes.JPEG_EXTENDED, frozenset({syntaxes.JPEG_EXTENDED})),
    0xC2: (_JPEG_PROGRESSIVE, frozenset({_JPEG_PROGRESSIVE, Uid("1.2.840.10008.1.2.4.53")})),
    0xC3: (syntaxes.JPEG_LOSSLESS, frozenset({syntaxes.JPEG_LOSSLESS})),
    0xF7: (syntaxes.JPEG_LS_NEAR_LOSSLESS, frozenset({syntaxes.JPEG_LS_NEAR_LOSSLESS})),
}
"""Frame header marker -> the transfer syntax it means, and all that it is legal in."""

_XL_RATIOS = ((1, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(frozen=True, slots=True)
class Codestream:
    """`transfer_syntax` is the narrowest that fits, `legal` every one that does.

    `start` and `end` (None: that of the data) are those of the codestream, since the boxes of a JP2 file have no place in DICOM (PS3.5
    8.2.4). `samples` 0 where the head does not tell (JPEG XL): then it tells no bits and no colours either.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool
    photometric: str
    transfer_syntax: Uid
    legal: frozenset[Uid]
    start: int = 0
    end: int | None = None


def describe(head: bytes) -> Codestream | None:
    """The image whose file or codestream begins with `head`; None if it is none of the known ones, or cut off."""
    try:
        if head.startswith(b"\xff\xd8\xff"):
            return _jpeg(head)
        if head.startswith(b"\xff\x4f\xff\x51"):
            return _jpeg_2000(head, 0, None)
        if head.startswith(_JP2_SIGNATURE):
            begin, end = _box(head)
            return _jpeg_2000(head, begin, end) if head.startswith(b"\xff\x4f\xff\x51", begin) else None
        if head.startswith(b"\xff\x0a"):
            return _jpeg_xl(head)
    except (StructError, IndexError):
        return None
    return None


def _segments(head: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Marker and offset of each segment's content, up to the first scan or tile included."""
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        yield marker, at + 4
        if marker in (0xDA, 0x90, 0xD9):
            return
        at += 2 + int(unpack_from(">H", head, at + 2)[0])


def _jpeg(head: bytes) -> Codestream | None:
    frame, adobe, scan, jfif = None, None, None, False
    for marker, at in _segments(head, 2):
        if marker in _FRAMES:
            frame = marker, at
        elif marker == 0xEE and head[at : at + 5] == b"Adobe":
            adobe = head[at + 11]
        elif marker == 0xE0 and head[at : at + 4] == b"JFIF":
            jfif = True
        elif marker == 0xDA:
            scan = at + 1 + 2 * head[at]
    if frame is None:
        return None
    marker, at = frame
    bits, rows, columns, samples = unpack_from(">BHHB", head, at)
    if not rows or not columns or samples not in (1, 3):
        return None
    ids = head[at + 6 : at + 6 + 3 * samples : 3]
    factors = head[at + 7 : at + 7 + 3 * samples : 3]
    syntax, legal = _FRAMES[marker]
    if scan is not None and marker == 0xC3 and head[scan] == 1:
        syntax, legal = syntaxes.JPEG_LOSSLESS_SV1, legal | {syntaxes.JPEG_LOSSLESS_SV1}
    if scan is not None and marker == 0xF7 and head[scan] == 0:
        syntax, legal = syntaxes.JPEG_LS_LOSSLESS, legal | {syntaxes.JPEG_LS_LOSSLESS}
    photometric = "MONOCHROME2"
    if samples == 3:
        lossy = syntaxes.lookup(syntax).lossy
        ycc = adobe == _ADOBE_YCC or jfif or (adobe is None and lossy and ids != b"RGB")
        photometric = "RGB" if not ycc else "YBR_FULL_422" if len(set(factors)) > 1 else "YBR_FULL"
    return Codestream(rows, columns, samples, bits, False, photometric, syntax, legal)


def _box(head: bytes) -> tuple[int, int | None]:
    """Where the content of the first contiguous codestream box begins and ends (ITU-T T.800 I.5.4); behind the head if there is none."""
    at = 0
    while at + 8 <= len(head):
        length, kind = unpack_from(">L4s", head, at)
        begin = at + 8
        if length == 1:
            (length,) = unpack_from(">Q", head, begin)
            begin += 8
        if kind == b"jp2c":
            return begin, at + length if length else None
        if length < 8:
            break
        at += length
    return len(head), None


def _jpeg_2000(head: bytes, start: int, end: int | None) -> Codestream | None:
    size, coding, high_throughput = None, None, False
    for marker, at in _segments(head, start + 2):
        if marker == 0x51:
            size = at
        elif marker == 0x52:
            coding = at
        elif marker == 0x50:
            # Part 15 announces itself in Pcap, bit 15 from the top (ITU-T T.814 A.3).
            high_throughput = bool(unpack_from(">L", head, at)[0] & 1 << 17)
    if size is None or coding is None:
        return None
    right, low, left, top = unpack_from(">LLLL", head, size + 2)
    (samples,) = unpack_from(">H", head, size + 34)
    depth = head[size + 36]
    if not 0 < right - left < 65536 or not 0 < low - top < 65536 or samples not in (1, 3):
        return None
    mixed, reversible = head[coding + 4], head[coding + 9] == 1
    photometric = "MONOCHROME2"
    if samples == 3:
        photometric = "RGB" if not mixed else "YBR_RCT" if reversible else "YBR_ICT"
    if high_throughput:
        exact, either = frozenset({syntaxes.HTJ2K_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL}), syntaxes.HTJ2K
        syntax = syntaxes.HTJ2K_LOSSLESS if reversible else either
    else:
        exact, either = frozenset({syntaxes.JPEG_2000_LOSSLESS, Uid("1.2.840.10008.1.2.4.92")}), syntaxes.JPEG_2000
        syntax = syntaxes.JPEG_2000_LOSSLESS if reversible else either
    legal = (exact if reversible else frozenset()) | {either}
    legal |= frozenset() if high_throughput else {Uid("1.2.840.10008.1.2.4.93")}
    return Codestream(low - top, right - left, samples, (depth & 0x7F) + 1, bool(depth & 0x80), photometric, syntax, legal, start, end)


def _jpeg_xl(head: bytes) -> Codestream | None:
    """Only the size stands at a fixed place."""
    bits = _Bits(head[2:34])
    small = bits.take(1)
    rows = (bits.take(5) + 1) * 8 if small else bits.length()
    ratio = bits.take(3)
    if ratio:
        above, below = _XL_RATIOS[ratio]
        columns = rows * above // below
    else:
        columns = (bits.take(5) + 1) * 8 if small else bits.length()
    if rows > 65535 or not 0 < columns < 65536:
        return None
    legal = frozenset({syntaxes.JPEG_XL_LOSSLESS, syntaxes.JPEG_XL_JPEG_RECOMPRESSION, syntaxes.JPEG_XL})
    return Codestream(rows, columns, 0, 0, False, "", syntaxes.JPEG_XL, legal)


class _Bits:
    """Bits from the lowest of each byte on (ISO/IEC 18181-1 B.2)."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        found = self._number & (1 << count) - 1
        self._number >>= count
        return found

    def length(self) -> int:
        """A size from 1, in one of four widths (ISO/IEC 18181-1 D.2)."""
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
