"""Retrieve frames (PS3.18 10.4.1.1.6): one index read, one ranged blob read, whatever the size of the object.

In another transfer syntax than the stored one: one read of the Metadata more, and each frame transcoded by itself, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache, partial

from app import __version__
from app.dicom import frames as frame_table
from app.dicom import transfer_syntax
from app.dicomweb import resources
from app.dicomweb.media_types import OCTET_STREAM
from app.dicomweb.negotiate import Offer, select
from app.errors import NotAcceptable, NotFound
from app.model import Access, Action, Caller, FrameTable, InstanceRecord, Span, Target, Uid
from app.ports import Archive
from app.studies.ahead import Ahead
from app.studies.answers import QUICK, Part, Representation, Wanted, both_packagings, ensure_modified, entity_tag, settled, span_body
from app.studies.audited import audited
from app.studies.layouts import layouts
from app.studies.locate import locate_one
from app.studies.transcodable import is_transcoded
from app.studies.transcoding import Made, Transcoding, attempt, fitting, others


async def retrieve_frames(archive: Archive, caller: Caller, target: Target, numbers: Sequence[int], wanted: Wanted) -> Representation:
    """The frames in the order asked for. NotFound if the instance or any of the frames does not exist; NotAcceptable, Unprocessable."""
    async with audited(archive, caller, Action.RETRIEVE, target, frames=len(numbers)) as granted:
        record = await locate_one(archive, target, granted.access)
        return await frames_of(archive, granted.access, record, numbers, wanted)


async def frames_of(archive: Archive, access: Access, record: InstanceRecord, numbers: Sequence[int], wanted: Wanted) -> Representation:
    """The representation of these frames of a located instance."""
    table = record.frames
    if table.video:
        sentence = "A video has no single frames; retrieve its stream by the BulkDataURI of Pixel Data (7FE0,0010)"
        raise NotAcceptable(sentence, clause="PS3.18 10.4.1.1.6", offers=[transfer_syntax.lookup(record.form.transfer_syntax).media_type])
    if table.count == 0:
        raise NotFound("The instance has no pixel data whose frames can be told apart", clause="PS3.18 10.4.1.1.6")
    if max(numbers) > table.count:
        raise NotFound(f"Frame {max(numbers)} does not exist: the instance has {table.count}", clause="PS3.18 10.4.1.1.6")
    possible = others(archive, record)
    offer = _chosen(record, possible, wanted, single=len(numbers) == 1)
    if is_transcoded(record, offer):
        return await _transcoded(archive, access, record, numbers, wanted)
    etag = entity_tag([record.digest], offer.media_type, offer.packaging.value, record.form.transfer_syntax, ",".join(map(str, numbers)))
    ensure_modified(etag, wanted, record.received)
    parts = [frame_part(archive, record, number, offer) for number in numbers]
    return Representation(offer.media_type, offer.packaging, parts, etag, modified=settled(archive, record.received))


def frame_part(archive: Archive, record: InstanceRecord, number: int, offer: Offer) -> Part:
    """One frame as stored, which is read when it is sent."""
    table = record.frames
    length = None if table.fragmented else _length(table, number)
    body = partial(_body, archive, record, number)
    location = resources.frames_uri(record.target, number)
    return Part(offer.media_type, offer.transfer_syntax, location, length, body, most=frame_table.span(table, number).length)


def transcoded_part(transcoding: Transcoding, number: int, offer: Offer, ahead: Ahead, place: int, sole: Made | None = None) -> Part:
    """One frame in another syntax, which stands at this place of those made ahead; `sole`: it is the only one, and made already."""
    length = len(sole.data) if sole else transcoding.frame_bytes if transcoding.native else None
    location = resources.frames_uri(transcoding.record.target, number)
    body = partial(_made_body, ahead, place)
    return Part(offer.media_type, offer.transfer_syntax, location, length, body, most=2 * transcoding.frame_bytes + 64 * 1024)


async def _transcoded(archive: Archive, access: Access, record: InstanceRecord, numbers: Sequence[int], wanted: Wanted) -> Representation:
    """The best acceptable form that can really be had, of which the first frame is made before the answer begins."""
    image = (await layouts(archive, record.target, [record], access))[record.digest].image
    possible = fitting(archive, record, image)
    while True:
        offer = _chosen(record, possible, wanted, single=len(numbers) == 1)
        listed = ",".join(map(str, numbers))
        if image is None or not is_transcoded(record, offer):
            etag = entity_tag([record.digest], offer.media_type, offer.packaging.value, record.form.transfer_syntax, listed)
            ensure_modified(etag, wanted, record.received)
            parts = [frame_part(archive, record, number, offer) for number in numbers]
            break
        transcoding = Transcoding(archive, record, image, Uid(offer.transfer_syntax or ""))
        etag = entity_tag([record.digest], offer.media_type, offer.packaging.value, transcoding.to, __version__, listed)
        ensure_modified(etag, wanted, record.received)
        first = await attempt(transcoding, numbers[0])
        if first is not None:
            ahead = Ahead([(transcoding, numbers)], first)
            sole = first if len(numbers) == 1 else None
            parts = [transcoded_part(transcoding, number, offer, ahead, place, sole) for place, number in enumerate(numbers)]
            break
        possible = tuple(to for to in possible if to != transcoding.to)
    return Representation(offer.media_type, offer.packaging, parts, etag, modified=settled(archive, record.received))


def _chosen(record: InstanceRecord, possible: tuple[Uid, ...], wanted: Wanted, *, single: bool) -> Offer:
    if wanted.weighed is not None:
        return wanted.choose(frame_offers(record.form.transfer_syntax, possible, single=single))
    return _selected(record.form.transfer_syntax, possible, wanted.accept, wanted.parameter, single=single)


@lru_cache(maxsize=256)
def _selected(stored: Uid, possible: tuple[Uid, ...], accept: str | None, parameter: str | None, *, single: bool) -> Offer:
    """A viewer asks for thousands of frames with one and the same header."""
    return select(frame_offers(stored, possible, single=single), accept=accept, parameter=parameter)


@lru_cache(maxsize=256)
def frame_offers(stored: Uid, possible: tuple[Uid, ...], *, single: bool) -> tuple[Offer, ...]:
    """What frames can be sent as: the stored form first, then the possible ones; each under the media type of its syntax and as octets
    (PS3.18 Table 8.7.3-5).

    A form that can be nothing but lossy also answers a range that names no syntax; asked for as octets, it is decompressed.
    """
    found: list[Offer] = []
    for syntax in (stored, *possible):
        known = transfer_syntax.lookup(syntax)
        if known.media_type != OCTET_STREAM:
            found += both_packagings(known.media_type, syntax, single=single, fallback=syntax == stored and known.lossy)
        found += both_packagings(OCTET_STREAM, syntax, single=single)
    return tuple(found)


def _length(table: FrameTable, number: int) -> int:
    """Bytes of the frame once extracted: a bit-packed frame is re-packed to begin on a byte."""
    return frame_table.span(table, number).length if table.entries else -(-table.bits // 8)


async def _body(archive: Archive, record: InstanceRecord, number: int, span: Span | None = None) -> AsyncIterator[bytes]:
    table = record.frames
    stored = frame_table.span(table, number)
    if span is not None and stored.length == _length(table, number) and not (table.bits and table.bits % 8):
        # The frame lies in the store as it goes out: of a large one only the range is read.
        async for chunk in span_body(archive, record.form.key, stored, span):
            yield chunk
        return
    (raw,) = await archive.blobs.read_spans(record.form.key, [stored])
    slow = len(raw) > QUICK and (table.fragmented or table.bits % 8)
    frame = await asyncio.to_thread(frame_table.extract, table, number, raw) if slow else frame_table.extract(table, number, raw)
    yield frame if span is None else frame[span.offset : span.end]


async def _made_body(ahead: Ahead, place: int, span: Span | None = None) -> AsyncIterator[bytes]:
    try:
        made = await ahead.take(place)
        yield made.data if span is None else made.data[span.offset : span.end]
    except BaseException:
        ahead.close()
        raise
