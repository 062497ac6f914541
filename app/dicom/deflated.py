"""Deflated Explicit VR Little Endian (PS3.5 A.5): the same file without deflation, bounded in size. Must not know: what it holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from app.dicom import file_meta
from app.dicom import transfer_syntax as syntaxes
from app.dicom.elements import Malformed, text, walk
from app.dicom.part10 import Header
from app.dicom.window import Memory, Source
from app.model import Uid

CHUNK = 1024 * 1024

_INPUT = 64 * 1024
_RATIO_FROM = 4 * 1024 * 1024
_RESULTS = {Uid("1.2.840.10008.1.2.4.95"): Uid("1.2.840.10008.1.2.4.94"), Uid("1.2.840.10008.1.2.4.205"): Uid("1.2.840.10008.1.2.4.204")}


def inflate(source: Source, header: Header, *, limit: int, ratio: int) -> Iterator[bytes]:
    """The whole file with a new head, in Explicit VR Little Endian, in chunks of at most 1 MiB.

    Malformed if the data set grows beyond `limit` bytes or, once it is over 4 MiB, beyond `ratio` times the deflated bytes; also if nothing
    can be inflated. A stream that is cut off or damaged later on gives what could be read.
    """
    chunks = _chunks(source, header.offset, limit, ratio)
    first = next(chunks, b"")
    if not first:
        raise Malformed("The deflated data set (PS3.5 A.5) cannot be inflated")
    beginning = Memory(first)
    try:
        dataset = walk(beginning, start=0, explicit=True, little=True, nesting=64, elements=100_000).dataset
        sop_class, sop_instance = (text(beginning, dataset, tag)[:64] for tag in (0x00080016, 0x00080018))
    except Malformed:
        sop_class = sop_instance = ""
    result = _RESULTS.get(header.transfer_syntax, syntaxes.EXPLICIT_LE)
    yield file_meta.head(header, sop_class=sop_class, sop_instance=sop_instance, transfer_syntax=result)
    yield first
    yield from chunks


def _chunks(source: Source, offset: int, limit: int, ratio: int) -> Iterator[bytes]:
    wrapped = _is_zlib(source.read(offset, 2))
    inflater = zlib.decompressobj(15 if wrapped else -15)
    given, taken, pos = 0, 0, offset
    held = b""
    while not inflater.eof and (held or pos < source.size):
        if not held:
            held = source.read(pos, _INPUT)
            pos += len(held)
            taken += len(held)
            if not held:
                return
        try:
            chunk = inflater.decompress(held, CHUNK)
        except zlib.error:
            return
        held = inflater.unconsumed_tail
        given += len(chunk)
        if given > limit:
            raise Malformed("The deflated data set is larger than this server takes once it is inflated")
        if given > _RATIO_FROM and given > taken * ratio:
            raise Malformed("The deflated data set grows more on inflating than this server takes")
        if chunk:
            yield chunk


def _is_zlib(head: bytes) -> bool:
    """Whether the stream has the head of RFC 1950, which PS3.5 A.5 rules out but some devices write."""
    return len(head) == 2 and head[0] & 0x0F == 8 and head[0] >> 4 <= 7 and int.from_bytes(head, "big") % 31 == 0
