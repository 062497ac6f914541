"""Retrieve Bulkdata (PS3.18 10.4.1.1.5): every value that the Metadata names by BulkDataURI, one by one or all of an instance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from app.dicom import frames as frame_table
from app.dicom import transfer_syntax
from app.dicom.fragments import FragmentReader
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging, select
from app.errors import NotAcceptable, NotFound
from app.model import Action, Bulkdata, Caller, InstanceRecord, Target, Uid
from app.ports import Archive
from app.studies.answers import Part, Representation, Wanted, both_packagings, ensure_modified, entity_tag, span_body
from app.studies.audited import audited
from app.studies.frames import OCTET_STREAM, frames_of
from app.studies.locate import locate_one

PIXEL_DATA = "7FE00010"


async def retrieve_bulkdata(archive: Archive, caller: Caller, target: Target, path: str, wanted: Wanted) -> Representation:
    """The value at `path` (`54000100/1/54001010`). Compressed pixel data come frame by frame, a video as one stream."""
    async with audited(archive, caller, Action.RETRIEVE, target, bulkdata=path) as granted:
        record = await locate_one(archive, target, granted.access)
        item = next((item for item in record.bulkdata if item.path == path), None)
        if item is None:
            raise NotFound("The instance has no bulkdata at this address", clause="PS3.18 10.4.1.1.5")
        return _representation(archive, record, item, wanted, single=True)


async def retrieve_all_bulkdata(archive: Archive, caller: Caller, target: Target, wanted: Wanted) -> Representation:
    """Every bulkdata value of the instance, in the order of the Metadata; 206 if some have no acceptable form."""
    async with audited(archive, caller, Action.RETRIEVE, target, bulkdata="all") as granted:
        record = await locate_one(archive, target, granted.access)
        if not record.bulkdata:
            raise NotFound("All values of the instance stand in its metadata; it has no bulkdata", clause="PS3.18 10.4.1.1.5")
        parts: list[Part] = []
        refusals: list[NotAcceptable] = []
        for item in record.bulkdata:
            try:
                parts += _representation(archive, record, item, replace(wanted, known=frozenset()), single=False).parts
            except NotAcceptable as error:
                refusals.append(error)
        if not parts:
            raise refusals[0]
        etag = entity_tag([record.digest], "bulkdata", *(f"{part.media_type};{part.transfer_syntax}" for part in parts))
        if not refusals:
            ensure_modified(etag, wanted)
        return Representation(parts[0].media_type, Packaging.MULTIPART, parts, etag, len(refusals))


def _representation(archive: Archive, record: InstanceRecord, item: Bulkdata, wanted: Wanted, *, single: bool) -> Representation:
    if item.encapsulated and item.path == PIXEL_DATA and record.frames.count and not record.frames.video:
        answer = frames_of(archive, record, range(1, record.frames.count + 1), wanted)
        location = resources.bulkdata_uri(record.target, item.path)
        return replace(answer, parts=[replace(part, location=location) for part in answer.parts])
    media_type, syntax = _form(record, item)
    offer = select(_offers(media_type, syntax, single=single), accept=wanted.accept, parameter=wanted.parameter)
    etag = entity_tag([record.digest], item.path, offer.media_type, offer.packaging.value)
    ensure_modified(etag, wanted)
    length, body = _content(archive, record, item)
    part = Part(offer.media_type, offer.transfer_syntax, resources.bulkdata_uri(record.target, item.path), length, body)
    return Representation(offer.media_type, offer.packaging, [part], etag)


def _form(record: InstanceRecord, item: Bulkdata) -> tuple[str, Uid | None]:
    """Media type and transfer syntax of the value as stored; a document is what it says it is and has no transfer syntax."""
    if item.encapsulated:
        syntax = record.form.transfer_syntax
        return transfer_syntax.lookup(syntax).media_type, syntax
    return item.media_type, transfer_syntax.EXPLICIT_LE if item.media_type == OCTET_STREAM else None


def _offers(media_type: str, syntax: Uid | None, *, single: bool) -> list[Offer]:
    """Single part first: a viewer that follows a BulkDataURI with `Accept: */*` wants the value itself."""
    offers = both_packagings(media_type, syntax, single=single, fallback=True)
    if media_type != OCTET_STREAM:
        offers += both_packagings(OCTET_STREAM, syntax, single=single)
    return sorted(offers, key=lambda offer: offer.packaging is Packaging.MULTIPART)


def _content(archive: Archive, record: InstanceRecord, item: Bulkdata) -> tuple[int | None, partial[AsyncIterator[bytes]]]:
    key = record.form.key
    if not item.encapsulated:
        return item.span.length, partial(span_body, archive, key, item.span)
    if item.path == PIXEL_DATA and record.frames.video and not record.frames.fragmented:
        span = frame_table.span(record.frames, 1)
        return span.length, partial(span_body, archive, key, span)
    return None, partial(_fragments, archive, key, item)


async def _fragments(archive: Archive, key: str, item: Bulkdata) -> AsyncIterator[bytes]:
    reader = FragmentReader()
    async for chunk in archive.blobs.read(key, item.span):
        data = reader.feed(chunk)
        if data:
            yield data
