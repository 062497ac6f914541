"""The frame table (PS3.5 8, annex A.4): where each frame of an object lies, from arithmetic, from the offset tables or from a scan.

Must not know: what a frame shows, nor how it is decoded. Whatever the table says lies within the bytes that are there.

Encapsulated frames are found by the first of these that explains all of them: Extended Offset Table, Basic Offset Table, one frame
only, one fragment for each frame, starts of codestreams, ends of codestreams, one fragment with all frames. Failing these, the frames
that an offset table or the starts of codestreams do show; failing those too, the fragments in order, when there are fewer of them than
frames. Else the table is empty.
"""

from __future__ import annotations

from itertools import pairwise
from struct import Struct, unpack

from app.dicom import codestreams
from app.dicom.elements import PIXEL_DATA, DataSet, Element, find, number, text, value
from app.dicom.transfer_syntax import lookup
from app.dicom.window import Source, Window
from app.model import FrameTable, Span, Uid

FLOAT_PIXEL_DATA = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
EXTENDED_OFFSETS = 0x7FE00001
EXTENDED_LENGTHS = 0x7FE00002
NUMBER_OF_FRAMES = 0x00280008

_ENTRY = Struct(">QQ")
_HEADER = 8
_FLOAT_BITS = {FLOAT_PIXEL_DATA: 32, DOUBLE_FLOAT_PIXEL_DATA: 64}

_Run = tuple[int, int]
"""The fragments of one frame: the index of its first one, and of the first one that is no longer its own."""


def table(source: Source, dataset: DataSet, transfer_syntax: Uid) -> FrameTable:
    """The frame table of the object; empty if it has no pixel data or its frames cannot be told apart. Time is linear in the fragments."""
    for tag in (PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA):
        element = find(dataset, tag)
        if element is None or element.items is not None:
            continue
        if element.fragments is None:
            return _native(source, dataset, element)
        if lookup(transfer_syntax).video:
            return _video(element.fragments[1:])
        return _encapsulated(source, dataset, element.fragments)
    return FrameTable()


def span(table: FrameTable, number: int) -> Span:
    """The whole bytes that hold frame `number` (from 1), to be given to `extract`. IndexError outside of the table."""
    if not 1 <= number <= table.count:
        raise IndexError(number)
    if table.entries:
        offset, length = _ENTRY.unpack_from(table.entries, (number - 1) * _ENTRY.size)
        return Span(offset - _HEADER, length + _HEADER) if table.fragmented else Span(offset, length)
    first = (number - 1) * table.bits
    begin, end = first // 8, -(-(first + table.bits) // 8)
    return Span(table.start + begin, end - begin)


def extract(table: FrameTable, number: int, raw: bytes) -> bytes:
    """The frame out of the bytes of its `span`: without item headers, and beginning at the first bit of the first byte (PS3.18 8.7.3.3)."""
    if table.entries:
        return _without_headers(raw) if table.fragmented else raw
    shift, rest = (number - 1) * table.bits % 8, table.bits % 8
    if not shift and not rest:
        return raw
    bits = int.from_bytes(raw, "little") >> shift & (1 << table.bits) - 1
    return bits.to_bytes(-(-table.bits // 8), "little")


def _without_headers(raw: bytes) -> bytes:
    parts, pos = [], 0
    while pos + _HEADER <= len(raw):
        length = int.from_bytes(raw[pos + 4 : pos + _HEADER], "little")
        parts.append(raw[pos + _HEADER : pos + _HEADER + length])
        pos += _HEADER + length
    return b"".join(parts)


def frame_count(source: Source, dataset: DataSet) -> int:
    """Number of Frames, 1 if it is absent, empty or none (PS3.3 C.7.6.6)."""
    said = text(source, dataset, NUMBER_OF_FRAMES).partition("\\")[0].strip()
    return max(1, int(said)) if said.isascii() and said.isdigit() and len(said) <= 10 else 1


def _native(source: Source, dataset: DataSet, element: Element) -> FrameTable:
    pixels = (number(source, dataset, 0x00280010) or 0) * (number(source, dataset, 0x00280011) or 0)
    allocated = _FLOAT_BITS.get(element.tag) or number(source, dataset, 0x00280100) or 0
    bits = pixels * allocated * (number(source, dataset, 0x00280002) or 1)
    count, there = frame_count(source, dataset), element.length * 8
    if text(source, dataset, 0x00280004) in ("YBR_FULL_422", "YBR_PARTIAL_422") and there < bits * count:
        bits = pixels * allocated * 2
    if not bits or there < bits:
        return FrameTable()
    return FrameTable(count=min(count, there // bits), start=element.start, bits=bits)


def _video(fragments: list[tuple[int, int]]) -> FrameTable:
    if not fragments:
        return FrameTable()
    return FrameTable(count=1, entries=_entry(fragments), fragmented=len(fragments) > 1, video=True)


def _entry(fragments: list[tuple[int, int]]) -> bytes:
    return _ENTRY.pack(fragments[0][0], sum(fragments[-1]) - fragments[0][0])


def _encapsulated(source: Source, dataset: DataSet, items: list[tuple[int, int]]) -> FrameTable:
    fragments, count = items[1:], frame_count(source, dataset)
    if not fragments:
        return FrameTable()
    extended = _extended(source, dataset, fragments, count)
    if extended:
        return FrameTable(count=count, entries=extended)
    offsets = _basic_offsets(source, items[0], fragments)
    runs = _runs(source, fragments, offsets, count)
    if runs:
        entries = b"".join(_entry(fragments[first:last]) for first, last in runs)
        return FrameTable(count=len(runs), entries=entries, fragmented=any(last - first > 1 for first, last in runs))
    if len(fragments) == 1:
        cuts = codestreams.cut(Window(source), *fragments[0], count)
        return FrameTable(count=len(cuts), entries=b"".join(_ENTRY.pack(*cut) for cut in cuts))
    return FrameTable()


def _extended(source: Source, dataset: DataSet, fragments: list[tuple[int, int]], count: int) -> bytes:
    """The entries by the Extended Offset Table (PS3.3 C.7.6.3.1.8), empty if it does not fit the fragments: each frame is one of them."""
    found = find(dataset, EXTENDED_OFFSETS), find(dataset, EXTENDED_LENGTHS)
    if found[0] is None or found[1] is None or count > len(fragments) or not found[0].length == found[1].length == count * 8:
        return b""
    offsets, lengths = (unpack(f"<{count}Q", value(source, element).ljust(count * 8, b"\0")) for element in found if element is not None)
    there = dict(fragments)
    base = fragments[0][0]
    entries = []
    for offset, length in zip(offsets, lengths, strict=True):
        stored = there.get(base + offset)
        if stored is None or not 0 <= stored - length <= 1:
            return b""
        entries.append(_ENTRY.pack(base + offset, length))
    return b"".join(entries)


def _basic_offsets(source: Source, item: tuple[int, int], fragments: list[tuple[int, int]]) -> list[int]:
    """The indexes of the fragments at which the Basic Offset Table lets a frame begin; empty if there is none, or it lies."""
    start, length = item
    if length < 4 or length // 4 > len(fragments):
        return []
    raw = source.read(start, length // 4 * 4)
    offsets = unpack(f"<{len(raw) // 4}L", raw)
    base = fragments[0][0]
    index = {begin - base: at for at, (begin, _) in enumerate(fragments)}
    found = [index.get(offset, -1) for offset in offsets]
    ascending = all(before < after for before, after in pairwise(found))
    return found if found and found[0] == 0 and ascending else []


def _runs(source: Source, fragments: list[tuple[int, int]], basic: list[int], count: int) -> list[_Run]:
    """Which fragments make up each frame, in the order of trust that the head of this module tells; empty if they do not tell."""
    total = len(fragments)
    if len(basic) == count:
        return _from_starts(basic, total)
    if count == 1:
        return [(0, total)]
    if total == count:
        return _from_starts(list(range(total)), total)
    if total == 1:
        return []
    starts = codestreams.starts(Window(source), fragments)
    if len(starts) == count and starts[0] == 0:
        return _from_starts(starts, total)
    ends = codestreams.ends(Window(source), fragments)
    if len(ends) == count and ends[-1] == total - 1:
        return _from_starts([0] + [end + 1 for end in ends[:-1]], total)
    for likely in (basic, starts):
        if likely and likely[0] == 0:
            return _from_starts(likely, total)[:count]
    return _from_starts(list(range(total)), total) if total < count else []


def _from_starts(starts: list[int], total: int) -> list[_Run]:
    return list(zip(starts, [*starts[1:], total], strict=True))
