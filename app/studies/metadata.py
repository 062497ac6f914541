"""Retrieve Metadata (PS3.18 10.4.1.1.2): the stored DICOM JSON of each instance, joined; parsed only where XML is asked for."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from app.dicomweb import framing, resources
from app.dicomweb.framing import Frame
from app.dicomweb.negotiate import Offer
from app.model import Access, Action, Caller, Level, Target
from app.ports import Archive
from app.studies.answers import Wanted, documents, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.locate import absent, last_modified
from app.studies.zipped_metadata import ZIP_OFFER, ZippedMetadata, metadata_files

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class MetadataAnswer:
    """The data sets of all instances as chunks; as JSON always an array, also for one instance.

    `digests` are of the instances that `etag` speaks of, `given` of those that the body has brought, once it is read.
    """

    etag: str
    content_type: str
    body: AsyncIterator[bytes]
    modified: float | None = None
    digests: Sequence[str] = ()
    given: list[str] = field(default_factory=list)

    @property
    def faithful(self) -> bool:
        """Whether the body that was read is the one which `etag` names: an instance may have come or gone between the two."""
        return list(self.digests) == self.given


async def retrieve_metadata(
    archive: Archive, caller: Caller, target: Target, wanted: Wanted, *, base: str
) -> MetadataAnswer | ZippedMetadata:
    """The Metadata of every instance under `target`, BulkDataURIs under `base`. NotFound, Gone, NotAcceptable, NotModified."""
    async with audited(archive, caller, Action.RETRIEVE, target, metadata=True) as granted:
        single = (framing.ONE_XML,) if target.level is Level.INSTANCE else ()
        offer = wanted.choose((*framing.OFFERS, *single, ZIP_OFFER))
        digests = await archive.index.digests(target, access=granted.access)
        if not digests:
            raise await absent(archive, target, granted.access)
        granted.detail.update(instances=len(digests))
        modified = await last_modified(archive, target, granted.access)
        etag = entity_tag(digests, offer.media_type, offer.packaging.value, base, wanted.coding)
        ensure_modified(etag, wanted, modified)
        if offer is ZIP_OFFER:
            return ZippedMetadata(etag, metadata_files(archive, target, granted.access, base), settled(archive, modified))
        # The tag as boundary: equal bytes for an equal tag, and no data set can hold what is made from its own digest.
        frame = framing.frame(offer, etag.strip('"'))
        given: list[str] = []
        body = _body(archive, target, granted.access, base, offer, frame, given)
        return MetadataAnswer(etag, frame.content_type, body, settled(archive, modified), digests, given)


async def _body(
    archive: Archive, target: Target, access: Access, base: str, offer: Offer, frame: Frame, given: list[str]
) -> AsyncIterator[bytes]:
    """Chunks of about CHUNK bytes, so that small answers come in one piece and large ones never stand in memory whole."""
    pieces: list[bytes] = []
    size = 0
    before, ending = frame.before, frame.empty
    async for metadata in archive.index.metadata(target, access=access):
        (text,) = await documents(offer, [resources.with_base(zlib.decompress(metadata.text), base)])
        given.append(metadata.digest)
        pieces += (before, text)
        before, ending = frame.between, frame.after
        size += len(text)
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    pieces.append(ending)
    yield b"".join(pieces)
