"""Retrieve frames (PS3.18 10.4.1.1.6): one index read, one ranged blob read, whatever the size of the object."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from app.dicom import frames as frame_table
from app.dicom import transfer_syntax
from app.dicomweb import resources
from app.dicomweb.media_types import OCTET_STREAM
from app.dicomweb.negotiate import Offer
from app.errors import NotAcceptable, NotFound
from app.model import Action, Caller, FrameTable, InstanceRecord, Span, Target
from app.ports import Archive
from app.studies.answers import Part, Representation, Wanted, both_packagings, ensure_modified, entity_tag, settled, span_body
from app.studies.audited import audited
from app.studies.locate import locate_one


async def retrieve_frames(archive: Archive, caller: Caller, target: Target, numbers: Sequence[int], wanted: Wanted) -> Representation:
    """The frames in the order asked for. NotFound if the instance or any of the frames does not exist; NotAcceptable."""
    async with audited(archive, caller, Action.RETRIEVE, target, frames=len(numbers)) as granted:
        record = await locate_one(archive, target, granted.access)
        return frames_of(archive, record, numbers, wanted)


def frames_of(archive: Archive, record: InstanceRecord, numbers: Sequence[int], wanted: Wanted) -> Representation:
    """The representation of these frames of a located instance."""
    table = record.frames
    if table.video:
        sentence = "A video has no single frames; retrieve its stream by the BulkDataURI of Pixel Data (7FE0,0010)"
        raise NotAcceptable(sentence, clause="PS3.18 10.4.1.1.6", offers=[transfer_syntax.lookup(record.form.transfer_syntax).media_type])
    if table.count == 0:
        raise NotFound("The instance has no pixel data whose frames can be told apart", clause="PS3.18 10.4.1.1.6")
    if max(numbers) > table.count:
        raise NotFound(f"Frame {max(numbers)} does not exist: the instance has {table.count}", clause="PS3.18 10.4.1.1.6")
    offer = wanted.choose(frame_offers(record, single=len(numbers) == 1))
    etag = entity_tag([record.digest], offer.media_type, offer.packaging.value, record.form.transfer_syntax, ",".join(map(str, numbers)))
    ensure_modified(etag, wanted, record.received)
    parts = [frame_part(archive, record, number, offer) for number in numbers]
    return Representation(offer.media_type, offer.packaging, parts, etag, modified=settled(archive, record.received))


def frame_offers(record: InstanceRecord, *, single: bool) -> list[Offer]:
    """What frames can be sent as: the stored form, under the media type of its syntax and as octets (PS3.18 Table 8.7.3-5)."""
    syntax = record.form.transfer_syntax
    media_type = transfer_syntax.lookup(syntax).media_type
    irreducible = transfer_syntax.lookup(syntax).lossy
    offers = both_packagings(media_type, syntax, single=single, fallback=irreducible) if media_type != OCTET_STREAM else []
    return offers + both_packagings(OCTET_STREAM, syntax, single=single)


def frame_part(archive: Archive, record: InstanceRecord, number: int, offer: Offer) -> Part:
    """One frame, which is read when it is sent."""
    table = record.frames
    length = None if table.fragmented else _length(table, number)
    body = partial(_body, archive, record, number)
    location = resources.frames_uri(record.target, number)
    return Part(offer.media_type, offer.transfer_syntax, location, length, body, most=frame_table.span(table, number).length)


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
    frame = frame_table.extract(table, number, raw)
    yield frame if span is None else frame[span.offset : span.end]
