"""What goes out: every object as a Part 10 file in Explicit VR (PS3.18 8.7.3), written anew only as far as it must be.

`pieces` plans the file over the received bytes; `rewrite` and `inflate` give it whole, for encodings whose bytes must change. Group
lengths and Data Set Trailing Padding are left out where a data set is written anew, its sequences get undefined length. Must not know:
what values mean, but for those that tell the width of a pixel.

Big endian Pixel Data of VR OW is turned in words of 16 bits (PS3.5 7.3), but by whole samples where Bits Allocated is 32 or 64: strictly
that, too, would be words, yet equipment and toolkits write such samples wholly big endian.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from app.dicom import codestreams, file_meta, transfer_syntax
from app.dicom.deflated import inflate
from app.dicom.elements import PIXEL_DATA, DataSet, Element, find, number, text
from app.dicom.part10 import TRANSFER_SYNTAX, Header, mismatch
from app.dicom.repairs import Repair
from app.dicom.vr import UNIT, WIDE, ZERO_PADDED
from app.dicom.window import Source, Window
from app.model import Span, Uid

__all__ = ["inflate", "outgoing", "pieces", "rewrite"]

CHUNK = 1024 * 1024
LITERALS = 1024 * 1024
"""Literal bytes of a plan: what is longer belongs into a blob of its own rather than into memory and an index row."""

_LITERAL_LIMIT = 16 * 1024
_NARROW_LIMIT = 65534
_TRAILING_PADDING = 0xFFFCFFFC
_FOREIGN_GROUPS = (0x0000, 0x0002)
_BITS_ALLOCATED = 0x00280100
_WORDS = {2: "H", 4: "I", 8: "Q"}
_NARROW = Struct("<HH2sH")
_WIDE = Struct("<HH2sHL")
_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
_ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_FRAGMENT = Struct("<4sL")


@dataclass(frozen=True, slots=True)
class _Value:
    """A value too large to carry about: where it lies, and the width of the numbers whose bytes change places (1: none)."""

    span: Span
    unit: int


def outgoing(source: Source, header: Header, dataset: DataSet) -> Uid:
    """The transfer syntax of the outgoing file: that of the object if it is explicit and little endian, else Explicit VR Little Endian.

    How the pixel data really lies (native or in fragments) has the last word, since heads are wrong about it at times.
    """
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    plain = syntax.uid if syntax.explicit and syntax.little and not syntax.deflated else transfer_syntax.EXPLICIT_LE
    pixels = find(dataset, PIXEL_DATA)
    if pixels is None:
        return plain
    if pixels.fragments is None:
        return transfer_syntax.EXPLICIT_LE if syntax.encapsulated else plain
    if syntax.encapsulated:
        return plain
    claimed = transfer_syntax.lookup(header.text(TRANSFER_SYNTAX))
    if claimed.encapsulated and transfer_syntax.is_known(claimed.uid):
        return claimed.uid
    first = pixels.fragments[1:2]
    return (codestreams.transfer_syntax(source.read(first[0][0], min(first[0][1], 4096))) if first else None) or plain


def pieces(source: Source, header: Header, dataset: DataSet, *, literals: int = LITERALS) -> tuple[bytes | Span, ...]:
    """The outgoing file as literal bytes and Spans of the source, for all but deflated and big endian objects (ValueError).

    A sound object is one Span. One with a preamble that could be a program gets an empty preamble, one with a wrong or missing head gets
    a new head, one whose data set is implicit or damaged is written anew around Spans of its large values. Empty if that would take more
    than `literals` bytes of memory: then use rewrite.
    """
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    if syntax.rewritten:
        raise ValueError("Big endian and deflated objects have no pieces: use rewrite or inflate")
    result = outgoing(source, header, dataset)
    if not syntax.explicit or not dataset.sound:
        return _merged(_head(source, header, dataset, result), _encoded(Window(source), dataset, ge=False), literals)
    broken = set(header.repairs) - {Repair.UNKNOWN_TRANSFER_SYNTAX}
    if broken or header.preamble is None or result != header.transfer_syntax or mismatch(source, header, dataset):
        return (_head(source, header, dataset, result), Span(header.offset, source.size - header.offset))
    if file_meta.is_harmless(header.preamble):
        return (Span(0, source.size),)
    return (file_meta.PREAMBLE, Span(len(file_meta.PREAMBLE), source.size - len(file_meta.PREAMBLE)))


def rewrite(source: Source, header: Header, dataset: DataSet) -> Iterator[bytes]:
    """The whole file in Explicit VR Little Endian, in chunks of at most 1 MiB; for Explicit VR Big Endian and the like.

    Encapsulated pixel data is passed on as it is, and named by its transfer syntax.
    """
    ge = header.transfer_syntax == transfer_syntax.GE_IMPLICIT_BE
    pending = bytearray(_head(source, header, dataset, outgoing(source, header, dataset)))
    for part in _encoded(Window(source), dataset, ge=ge):
        if isinstance(part, bytes):
            pending += part
        else:
            for pos in range(part.span.offset, part.span.end, CHUNK):
                if pending:
                    yield bytes(pending)
                    pending.clear()
                yield _turned(source.read(pos, min(CHUNK, part.span.end - pos)), part.unit)
        while len(pending) >= CHUNK:
            yield bytes(pending[:CHUNK])
            del pending[:CHUNK]
    if pending:
        yield bytes(pending)


def _head(source: Source, header: Header, dataset: DataSet, result: Uid) -> bytes:
    sop_class, sop_instance = text(source, dataset, 0x00080016), text(source, dataset, 0x00080018)
    return file_meta.head(header, sop_class=sop_class[:64], sop_instance=sop_instance[:64], transfer_syntax=result)


def _merged(head: bytes, parts: Iterator[bytes | _Value], literals: int) -> tuple[bytes | Span, ...]:
    found: list[bytes | Span] = []
    literal, left = bytearray(head), literals - len(head)
    for part in parts:
        if isinstance(part, bytes):
            literal += part
            left -= len(part)
            if left < 0:
                return ()
            continue
        if literal:
            found.append(bytes(literal))
            literal.clear()
        found.append(part.span)
    if literal:
        found.append(bytes(literal))
    return tuple(found)


def _encoded(window: Window, dataset: DataSet, *, ge: bool) -> Iterator[bytes | _Value]:
    """The data set in Explicit VR Little Endian, headers and small values as bytes; `ge`: its Pixel Data is big endian."""
    for element in dataset.elements:
        if element.tag >> 16 in _FOREIGN_GROUPS or element.tag & 0xFFFF == 0 or element.tag == _TRAILING_PADDING:
            continue
        if element.items is not None:
            yield _WIDE.pack(element.tag >> 16, element.tag & 0xFFFF, b"SQ", 0, 0xFFFFFFFF)
            for item in element.items:
                yield _ITEM
                yield from _encoded(window, item, ge=False)
                yield _ITEM_END
            yield _SEQUENCE_END
        elif element.fragments is not None:
            yield _WIDE.pack(element.tag >> 16, element.tag & 0xFFFF, b"OB", 0, 0xFFFFFFFF)
            for start, length in element.fragments:
                yield _FRAGMENT.pack(_ITEM[:4], length + length % 2)
                yield from _value(window, Span(start, length), 1, b"\0")
            yield _SEQUENCE_END
        else:
            yield from _plain(window, dataset, element, ge=ge)


def _plain(window: Window, dataset: DataSet, element: Element, *, ge: bool) -> Iterator[bytes | _Value]:
    vr = element.stored_vr or element.vr
    if vr == "SQ":
        vr = "UN"
    unit = _unit(window.source, dataset, element, vr, ge=ge)
    length = element.length + element.length % 2
    pad = b"\0" if vr in ZERO_PADDED else b" "
    if vr not in WIDE and length > _NARROW_LIMIT:
        vr = "UN"
    if vr in WIDE:
        yield _WIDE.pack(element.tag >> 16, element.tag & 0xFFFF, vr.encode(), 0, min(length, 0xFFFFFFFE))
    else:
        yield _NARROW.pack(element.tag >> 16, element.tag & 0xFFFF, vr.encode(), length)
    yield from _value(window, Span(element.start, element.length), unit, pad)


def _unit(source: Source, dataset: DataSet, element: Element, vr: str, *, ge: bool) -> int:
    """The width in bytes of the numbers that have to be turned; 1 if none have."""
    if ge and element.tag == PIXEL_DATA:
        return 2 if (number(source, dataset, _BITS_ALLOCATED) or 0) > 8 else 1
    if dataset.little or vr == "UN":
        return 1
    if element.tag == PIXEL_DATA and vr == "OW":
        return {32: 4, 64: 8}.get(number(source, dataset, _BITS_ALLOCATED) or 0, 2)
    return UNIT.get(vr, 1)


def _value(window: Window, span: Span, unit: int, pad: bytes) -> Iterator[bytes | _Value]:
    if span.length > _LITERAL_LIMIT:
        yield _Value(span, unit)
    elif span.length:
        yield _turned(window.take(span.offset, span.length), unit)
    if span.length % 2:
        yield pad


def _turned(data: bytes, unit: int) -> bytes:
    """The bytes of each number in reverse order; bytes at the end that make no whole number stay as they are."""
    if unit == 1:
        return data
    whole = len(data) // unit * unit
    words = array(_WORDS[unit], data[:whole])
    words.byteswap()
    return words.tobytes() + data[whole:]
