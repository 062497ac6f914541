"""Instances that come as metadata and bulkdata (PS3.18 10.5.1): DICOM JSON or XML, and parts that its BulkDataURIs mean.

The bytes of all bulkdata parts of a request wait in one spool. When the body is whole, each instance is put together as a Part 10 object
in a spool of its own, which is stored like any other. Must not know: what becomes of it afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.dicom import encode, uid
from app.dicom.elements import Malformed
from app.dicom.encode import PIXEL_DATA, Encapsulated
from app.dicomweb import dicom_json_reader, dicom_xml_reader, media_types, store_pixel_data
from app.dicomweb.multipart import PartBegin, PartData, PartEnd, StowContent
from app.dicomweb.store_bulkdata import BulkdataParts
from app.dicomweb.store_report import Failed, FailureReason
from app.errors import BadRequest, TooLarge
from app.model import JsonObject, Limits, Span
from app.ports import Archive, Spool
from app.studies.body import append, events, spooled

SHARED, SHARED_FROM = 16, 4 * 1024 * 1024
"""Instances may share a bulkdata part, but not so that a small request fills the disk: all together take at most so many times the bulkdata
received, beyond the first MiBs."""

CHUNK = 1024 * 1024
_PLAIN = frozenset({"", "application/json", "application/xml", "text/json", "text/xml"})
_DOCUMENT, _MIME_TYPE, _DOCUMENT_LENGTH = "00420011", "00420012", "00420015"


@dataclass(slots=True)
class _Room:
    """How many bytes of bulkdata may still be written for one request."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLarge("The instances of the request refer to the same bulkdata more often than this server takes")


@dataclass(slots=True)
class _Request:
    """What has come so far: the texts of metadata parts, and the bulkdata parts whose bytes lie in `spool`."""

    content: StowContent
    spool: Spool
    parts: BulkdataParts
    most: int
    texts: list[bytes] = field(default_factory=list)
    text: bytearray | None = None
    headers: dict[str, str] = field(default_factory=dict)
    start: int = 0
    size: int = 0
    first: bool = True

    def begin(self, headers: dict[str, str]) -> None:
        essence = headers.get("content-type", "").partition(";")[0].strip().lower()
        plain = self.first and essence in _PLAIN and "content-location" not in headers
        self.text = bytearray() if plain or media_types.canonical(essence) == self.content.media_type else None
        self.headers, self.start, self.first = headers, self.spool.size, False

    def end(self) -> None:
        if self.text is not None:
            self.texts.append(bytes(self.text))
        else:
            self.parts.add(self.headers, Span(self.start, self.spool.size - self.start))

    def add(self, data: bytes) -> None:
        if self.text is not None:
            self.size += len(data)
            if self.size > self.most:
                raise TooLarge(
                    f"The metadata parts are larger than {self.most} bytes (setting limits.metadata_bytes); send values as bulkdata"
                )
            self.text += data


async def instances(
    archive: Archive, content: StowContent, body: AsyncIterator[bytes], uri: str, remarks: list[str]
) -> AsyncGenerator[Spool | Failed, None]:
    """As `incoming.instances`. BadRequest if the metadata is no JSON at all; TooLarge."""
    spool = archive.spool()
    try:
        request = _Request(content, spool, BulkdataParts(uri), archive.limits.metadata_bytes)
        async for event in events(archive, content, body):
            match event:
                case PartBegin(headers):
                    request.begin(headers)
                case PartData(data) if request.text is None:
                    await append(archive, spool, data)
                case PartData(data):
                    request.add(data)
                case PartEnd():
                    request.end()
                case _:
                    pass
        room = _Room(SHARED_FROM + SHARED * spool.size)
        for document in await archive.turns.work(partial(_documents, request.texts, content.media_type, archive.limits.elements)):
            yield await spooled(archive.turns, _assembled, document, request.parts, spool, archive.spool, archive.limits, room)
        if unused := request.parts.unused():
            remarks.append(f"Bulkdata parts of the request that were not stored, because no instance asks for them: {unused}")
    finally:
        spool.close()


def _documents(texts: list[bytes], media_type: str, elements: int) -> list[Any]:
    """The instances, none of them looked into: parsed JSON, or the text of an XML document each."""
    if media_type != media_types.DICOM_JSON:
        return list(texts)
    try:
        return [document for text in texts for document in dicom_json_reader.documents(text, elements=elements)]
    except Malformed as error:
        raise BadRequest(str(error), clause="PS3.18 F.2") from error


def _assembled(
    document: Any, parts: BulkdataParts, bulk: Spool, new_spool: Callable[[], Spool], limits: Limits, room: _Room
) -> Spool | Failed:
    """One instance as a Part 10 object; or why it cannot be made, under its UIDs if they can be read."""
    dataset: JsonObject = {}
    spool = new_spool()
    try:
        if isinstance(document, bytes):
            document = dicom_xml_reader.read(document, nesting=limits.nesting, elements=limits.elements)
        dataset = dicom_json_reader.data_set(document, nesting=limits.nesting, elements=limits.elements)
        pieces = _pieces(dataset, parts, bulk)
        room.take(sum(piece.length for piece in pieces if isinstance(piece, Span)))
        for piece in pieces:
            if isinstance(piece, bytes):
                spool.write(piece)
            else:
                for offset in range(piece.offset, piece.end, CHUNK):
                    spool.write(bulk.read(offset, min(CHUNK, piece.end - offset)))
    except Malformed as error:
        spool.close()
        return Failed(_uid(dataset, "00080016"), _uid(dataset, "00080018"), FailureReason.CANNOT_UNDERSTAND, str(error))
    except BaseException:
        spool.close()
        raise
    return spool


def _pieces(dataset: JsonObject, parts: BulkdataParts, bulk: Spool) -> list[bytes | Span]:
    def resolve(tag: str, uri: str) -> Span:
        found = parts.find(uri)
        if not found:
            raise Malformed("the request has no part with the Content-Location that its BulkDataURI names (PS3.18 10.5.1)")
        if len(found) > 1:
            raise Malformed("several parts have the Content-Location that its BulkDataURI names")
        if tag == PIXEL_DATA and found[0].media_type != media_types.OCTET_STREAM:
            raise Malformed("Pixel Data within a sequence must be uncompressed")
        return found[0].span

    pixels: Encapsulated | list[Span] | None = None
    store_pixel_data.check_inline(dataset)
    uri = dataset.get(PIXEL_DATA, {}).get("BulkDataURI")
    if uri is not None and (found := parts.find(uri)):
        dataset, settled = store_pixel_data.settle(dataset, found, bulk)
        pixels = settled if isinstance(settled, Encapsulated) else list(settled)
    return encode.encode(_with_document(dataset, parts), resolve, pixels)


def _with_document(dataset: JsonObject, parts: BulkdataParts) -> JsonObject:
    """An Encapsulated Document with its media type and its length without padding, where the metadata leaves them out (PS3.3 C.24.2)."""
    uri = dataset.get(_DOCUMENT, {}).get("BulkDataURI")
    found = parts.find(uri) if uri is not None else ()
    if len(found) != 1:
        return dataset
    said = {_MIME_TYPE: {"vr": "LO", "Value": [found[0].media_type]}, _DOCUMENT_LENGTH: {"vr": "UL", "Value": [found[0].span.length]}}
    absent = {tag: attribute for tag, attribute in said.items() if not dataset.get(tag, {}).get("Value")}
    return dict(sorted({**dataset, **absent}.items()))


def _uid(dataset: JsonObject, tag: str) -> str | None:
    values = dataset.get(tag, {}).get("Value", ())
    text = values[0].strip() if values and isinstance(values[0], str) else ""
    return text if uid.is_valid(text) else None
