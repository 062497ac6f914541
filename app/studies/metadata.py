"""Retrieve Metadata (PS3.18 10.4.1.1.2): the stored DICOM JSON of each instance, joined; nothing is parsed or encoded here."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging, select
from app.errors import NotFound
from app.model import Access, Action, Caller, Target
from app.ports import Archive
from app.studies.answers import Wanted, ensure_modified, entity_tag
from app.studies.audited import audited

DICOM_JSON = "application/dicom+json"
OFFERS = (Offer(DICOM_JSON, None, Packaging.SINGLE),)
CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class MetadataAnswer:
    """One JSON array as chunks of UTF-8 text; always an array, also for one instance."""

    etag: str
    body: AsyncIterator[bytes]


async def retrieve_metadata(archive: Archive, caller: Caller, target: Target, wanted: Wanted, *, base: str) -> MetadataAnswer:
    """The Metadata of every instance under `target`, BulkDataURIs under `base`. NotFound, NotAcceptable, NotModified."""
    async with audited(archive, caller, Action.RETRIEVE, target, metadata=True) as granted:
        select(OFFERS, accept=wanted.accept, parameter=wanted.parameter)
        digests = await archive.index.digests(target, access=granted.access)
        if not digests:
            raise NotFound(f"There is no such {target.level.value if target.level else 'resource'}", clause="PS3.18 10.4.3")
        granted.detail.update(instances=len(digests))
        etag = entity_tag(digests, DICOM_JSON, base)
        ensure_modified(etag, wanted)
        return MetadataAnswer(etag, _body(archive, target, granted.access, base))


async def _body(archive: Archive, target: Target, access: Access, base: str) -> AsyncIterator[bytes]:
    """Chunks of about CHUNK bytes, so that small answers come in one piece and large ones never stand in memory whole."""
    pieces, size = [b"["], 1
    first = True
    async for metadata in archive.index.metadata(target, access=access):
        text = resources.with_base(zlib.decompress(metadata.text), base)
        if not first:
            pieces.append(b",")
        first = False
        pieces.append(text)
        size += len(text)
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(b"]")
    yield b"".join(pieces)
