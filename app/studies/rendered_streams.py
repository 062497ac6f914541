"""What is shown as it is: videos, and the documents that instances encapsulate (PS3.18 8.7.2, 8.7.4; PS3.3 C.24.2)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from app.dicom import frames as frame_table
from app.dicom import transfer_syntax
from app.dicom.encode import PIXEL_DATA
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer
from app.errors import Unprocessable
from app.model import Bulkdata, Span, Uid
from app.ports import Archive
from app.studies.answers import Body, Part, cut, span_body
from app.studies.bulkdata import value_part
from app.studies.containers import Packed
from app.studies.pictures import described
from app.studies.showing import Renderer, Showing, single_and_multipart

DOCUMENT = "00420011"
DOCUMENT_LENGTH = "00420015"
DOCUMENT_TYPES = {
    Uid("1.2.840.10008.5.1.4.1.1.104.1"): "application/pdf",
    Uid("1.2.840.10008.5.1.4.1.1.104.2"): "text/xml",
    Uid("1.2.840.10008.5.1.4.1.1.104.3"): "model/stl",
    Uid("1.2.840.10008.5.1.4.1.1.104.4"): "model/obj",
    Uid("1.2.840.10008.5.1.4.1.1.104.5"): "model/mtl",
}
"""Encapsulated PDF, CDA, STL, OBJ and MTL Storage (PS3.3 A.45, A.85)."""

_SHOWN = frozenset({*DOCUMENT_TYPES.values(), "application/xml", "application/rtf", "text/rtf", "text/plain", "application/sla"})
"""Media types under which a document of another class is sent if it says so: none that a browser would run in our name."""

MOST_FRAGMENTS = 256
"""Fragments of a video whose places are looked up, one after another, so that ranges of it can be had."""


def _is_video(showing: Showing) -> bool:
    return showing.record.frames.video


def _video_offers(showing: Showing) -> Packed:
    return single_and_multipart(transfer_syntax.lookup(showing.record.form.transfer_syntax).media_type)


async def _video_parts(showing: Showing, selected: Offer) -> list[Part]:
    """The stream as stored, whatever container it is in; the bytes between its fragments are left out."""
    archive, record = showing.archive, showing.record
    location = f"{resources.instance(record.target)}/rendered"
    whole = frame_table.span(record.frames, 1)
    spans = await _fragments(archive, record.form.key, whole) if record.frames.fragmented else [whole]
    if spans:
        length = sum(span.length for span in spans)
        return [Part(selected.media_type, None, location, length, partial(_pieces, archive, record.form.key, spans))]
    value = next(item for item in record.bulkdata if item.path == PIXEL_DATA)
    return [replace(value_part(archive, record, value, selected), location=location)]


async def _fragments(archive: Archive, key: str, whole: Span) -> list[Span]:
    """Where the fragments lie; none if there are too many to look up."""
    found: list[Span] = []
    at = whole.offset
    while at + 8 <= whole.end and len(found) < MOST_FRAGMENTS:
        (head,) = await archive.blobs.read_spans(key, [Span(at, 8)])
        length = min(int.from_bytes(head[4:], "little"), whole.end - at - 8)
        found.append(Span(at + 8, length))
        at += 8 + length
    return found if at + 8 > whole.end else []


async def _pieces(archive: Archive, key: str, spans: Sequence[Span], span: Span | None = None) -> AsyncIterator[bytes]:
    for piece in spans if span is None else cut(spans, span):
        if isinstance(piece, Span):
            async for chunk in span_body(archive, key, piece):
                yield chunk


def _is_document(showing: Showing) -> bool:
    return showing.record.sop_class_uid in DOCUMENT_TYPES or _value(showing) is not None


def _document_offers(showing: Showing) -> Packed:
    """What the document says it is, if that is harmless; else what its class is for."""
    value = _value(showing)
    said = value.media_type if value is not None else ""
    media_type = said if said in _SHOWN else DOCUMENT_TYPES.get(showing.record.sop_class_uid, "")
    return single_and_multipart(media_type) if media_type else ()


async def _document_parts(showing: Showing, selected: Offer) -> list[Part]:
    archive, record = showing.archive, showing.record
    dataset = await described(archive, record, showing.access)
    location = f"{resources.instance(record.target)}/rendered"
    value = _value(showing)
    lengths = dataset.get(DOCUMENT_LENGTH, {}).get("Value", ())
    body: Body
    if value is not None:
        length = _unpadded(value.span.length, lengths)
        body = partial(span_body, archive, record.form.key, Span(value.span.offset, length))
    else:
        inline = b64decode(dataset.get(DOCUMENT, {}).get("InlineBinary", ""))
        if not inline:
            raise Unprocessable("The instance has no document, though it is of a class that encapsulates one", clause="PS3.3 C.24.2")
        length = _unpadded(len(inline), lengths)
        body = partial(_inline, inline[:length])
    return [Part(selected.media_type, None, location, length, body)]


def _value(showing: Showing) -> Bulkdata | None:
    return next((item for item in showing.record.bulkdata if item.path == DOCUMENT), None)


def _unpadded(length: int, said: Sequence[object]) -> int:
    """The length without the byte that made it even, where Encapsulated Document Length tells of one (PS3.3 C.24.2.1)."""
    return length - 1 if said and said[0] == length - 1 else length


async def _inline(document: bytes, span: Span | None = None) -> AsyncIterator[bytes]:
    yield document if span is None else document[span.offset : span.end]


VIDEO_STREAM = Renderer(_is_video, _video_offers, _video_parts)
ENCAPSULATED = Renderer(_is_document, _document_offers, _document_parts)
