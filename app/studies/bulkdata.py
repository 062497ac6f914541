"""Retrieve Bulkdata (PS3.18 10.4.1.1.5): any value that the Metadata names by BulkDataURI. `all_bulkdata` gives all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from app.dicom import frames as frame_table
from app.dicom import transfer_syntax
from app.dicom.encode import PIXEL_DATA
from app.dicom.fragments import FragmentReader
from app.dicomweb import resources
from app.dicomweb.media_types import OCTET_STREAM
from app.dicomweb.negotiate import Offer, Packaging
from app.errors import NotFound
from app.model import Access, Action, Bulkdata, Caller, InstanceRecord, Span, Target, Uid
from app.ports import Archive
from app.studies.answers import Body, Part, Representation, Wanted, both_packagings, ensure_modified, entity_tag, settled, span_body
from app.studies.audited import audited
from app.studies.frames import frames_of
from app.studies.locate import locate_one


async def retrieve_bulkdata(archive: Archive, caller: Caller, target: Target, path: str, wanted: Wanted) -> Representation:
    """The value at `path` (`54000100/1/54001010`). Compressed pixel data come frame by frame, a video as one stream."""
    async with audited(archive, caller, Action.RETRIEVE, target, bulkdata=path) as granted:
        record = await locate_one(archive, target, granted.access)
        item = next((item for item in record.bulkdata if item.path == path), None)
        if item is None:
            raise NotFound("The instance has no bulkdata at this address", clause="PS3.18 10.4.1.1.5")
        return await _representation(archive, granted.access, record, item, wanted)


async def _representation(archive: Archive, access: Access, record: InstanceRecord, item: Bulkdata, wanted: Wanted) -> Representation:
    if by_frames(record, item, many=False):
        answer = await frames_of(archive, access, record, range(1, record.frames.count + 1), wanted)
        location = resources.bulkdata_uri(record.target, item.path)
        return replace(answer, parts=[replace(part, location=location) for part in answer.parts])
    offer = wanted.choose(value_offers(record, item, single=True))
    etag = entity_tag([record.digest], item.path, offer.media_type, offer.packaging.value)
    ensure_modified(etag, wanted, record.received)
    part = value_part(archive, record, item, offer)
    return Representation(offer.media_type, offer.packaging, [part], etag, modified=settled(archive, record.received))


def by_frames(record: InstanceRecord, item: Bulkdata, *, many: bool) -> bool:
    """Whether the value goes out frame by frame: if it is compressed; with `many`, also if it is native and has several frames."""
    table = record.frames
    if not table.count or table.video:
        return False
    if item.encapsulated:
        return item.path == PIXEL_DATA
    return many and table.count > 1 and not table.entries and table.start == item.span.offset


def value_part(archive: Archive, record: InstanceRecord, item: Bulkdata, offer: Offer) -> Part:
    """The whole value as one part."""
    length, body = _content(archive, record, item)
    location = resources.bulkdata_uri(record.target, item.path)
    return Part(offer.media_type, offer.transfer_syntax, location, length, body, most=item.span.length)


def _form(record: InstanceRecord, item: Bulkdata) -> tuple[str, Uid | None]:
    """Media type and transfer syntax of the value as stored; a document is what it says it is and has no transfer syntax."""
    if item.encapsulated:
        syntax = record.form.transfer_syntax
        return transfer_syntax.lookup(syntax).media_type, syntax
    return item.media_type, transfer_syntax.EXPLICIT_LE if item.media_type == OCTET_STREAM else None


def value_offers(record: InstanceRecord, item: Bulkdata, *, single: bool) -> list[Offer]:
    """Single part first: a viewer that follows a BulkDataURI with `Accept: */*` wants the value itself."""
    media_type, syntax = _form(record, item)
    offers = both_packagings(media_type, syntax, single=single, fallback=True)
    if media_type != OCTET_STREAM:
        offers += both_packagings(OCTET_STREAM, syntax, single=single)
    return sorted(offers, key=lambda offer: offer.packaging is Packaging.MULTIPART)


def _content(archive: Archive, record: InstanceRecord, item: Bulkdata) -> tuple[int | None, Body]:
    key = record.form.key
    if not item.encapsulated:
        return item.span.length, partial(span_body, archive, key, item.span)
    if item.path == PIXEL_DATA and record.frames.video and not record.frames.fragmented:
        span = frame_table.span(record.frames, 1)
        return span.length, partial(span_body, archive, key, span)
    return None, partial(_fragments, archive, key, item)


async def _fragments(archive: Archive, key: str, item: Bulkdata, span: Span | None = None) -> AsyncIterator[bytes]:
    if span is not None:
        raise ValueError("fragments have no length that is known beforehand, hence no spans")
    reader = FragmentReader()
    async for chunk in archive.blobs.read(key, item.span):
        data = reader.feed(chunk)
        if data:
            yield data
