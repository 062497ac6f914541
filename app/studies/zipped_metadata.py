"""The Metadata of many instances as files of a zip archive: one DICOM JSON array for each, as its own `/metadata` would give it."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.dicomweb import resources
from app.dicomweb.media_types import DICOM_JSON, ZIP
from app.dicomweb.negotiate import Offer, Packaging
from app.model import Access, Target
from app.ports import Archive
from app.studies.zip_names import Numbering, suffix

ZIP_OFFER = Offer(ZIP, None, Packaging.SINGLE)


@dataclass(frozen=True, slots=True)
class ZippedMetadata:
    """`files`: name and text of each, read while they go out; `modified` as in `Representation`."""

    etag: str
    files: AsyncIterator[tuple[str, bytes]]
    modified: float | None = None


async def metadata_files(archive: Archive, target: Target, access: Access, base: str) -> AsyncIterator[tuple[str, bytes]]:
    """In the order of retrieval, BulkDataURIs under `base`."""
    numbering = Numbering()
    async for metadata in archive.index.metadata(target, access=access):
        text = resources.with_base(zlib.decompress(metadata.text), base)
        yield numbering.place(metadata.target) + suffix(DICOM_JSON), b"[" + text + b"]"
