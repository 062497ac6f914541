"""What a Store request brings, instance by instance, whatever form its body has (PS3.18 10.5.1): each a spool with a Part 10 object.

Must not know: what becomes of an instance afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from app.dicomweb import media_types
from app.dicomweb.multipart import PartBegin, PartData, PartEnd, StowContent
from app.dicomweb.negotiate import Packaging
from app.dicomweb.store_report import Failed, FailureReason
from app.errors import TooLarge
from app.ports import Archive, Spool
from app.studies import incoming_metadata, incoming_zip
from app.studies.body import Filling, events


@dataclass(frozen=True, slots=True)
class StoreBody:
    """`chunks` as they arrive; `uri` is that of the request, from which relative names in it are resolved."""

    content: StowContent
    chunks: AsyncIterator[bytes]
    uri: str = ""


async def instances(archive: Archive, body: StoreBody, remarks: list[str]) -> AsyncGenerator[Spool | Failed, None]:
    """Filled spools, which belong to the receiver, and failures of what could not be made into one; `remarks` gathers warnings."""
    match body.content.media_type:
        case media_types.ZIP:
            found = incoming_zip.instances(archive, body.chunks)
        case media_types.DICOM_JSON | media_types.DICOM_XML:
            found = incoming_metadata.instances(archive, body.content, body.chunks, body.uri, remarks)
        case _:
            found = _part10(archive, body)
    async with aclosing(found):
        async for instance in found:
            yield instance


async def _part10(archive: Archive, body: StoreBody) -> AsyncGenerator[Spool | Failed, None]:
    """One filled spool for each part. A part that is too large fails alone among others; alone in its body it is TooLarge."""
    part: Filling | None = None
    try:
        async for event in events(archive, body.content, body.chunks):
            match event:
                case PartBegin():
                    part = Filling(archive)
                case PartData(data) if part is not None:
                    try:
                        await part.add(data)
                    except TooLarge as error:
                        if body.content.packaging is Packaging.SINGLE:
                            raise
                        part.close()
                        part = None
                        yield Failed(None, None, FailureReason.OUT_OF_RESOURCES, error.detail)
                case PartEnd() if part is not None:
                    spool = await part.finish()
                    part = None
                    yield spool
                case _:
                    pass
    finally:
        if part is not None:
            part.close()
