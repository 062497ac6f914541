"""How several data sets make one answer, in each media type that Metadata and matches can have (PS3.18 8.7.3.2, 10.4.4, 10.6.4).

`application/dicom+json` is one array; `application/dicom+xml` is one document in each part of a multipart; `application/x-ndjson`, an
extension for data people, is one JSON object in each line. Must not know: where the data sets come from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.dicomweb import dicom_xml, multipart
from app.dicomweb.media_types import DICOM_JSON, DICOM_XML
from app.dicomweb.negotiate import Offer, Packaging
from app.model import JsonObject

NDJSON = "application/x-ndjson"

OFFERS = (Offer(DICOM_JSON, None, Packaging.SINGLE), Offer(DICOM_XML), Offer(NDJSON, None, Packaging.SINGLE))
"""For any number of data sets, the default first."""

ONE_XML = Offer(DICOM_XML, None, Packaging.SINGLE)
"""XML without multipart: only where the resource is one item (PS3.18 10.4.4)."""

REPORT_OFFERS = (*OFFERS[:2], ONE_XML)
"""For the response of a Store."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before the first, between two, and after the last data set; and the whole answer if there is none."""

    content_type: str
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""
    empty: bytes = b""

    def joined(self, documents: Sequence[bytes]) -> bytes:
        """The whole answer."""
        return self.before + self.between.join(documents) + self.after if documents else self.empty


def frame(offer: Offer, boundary: str) -> Frame:
    """The frame of the selected media type. `boundary` must be such that no data set can hold it."""
    if offer.packaging is Packaging.MULTIPART:
        head = multipart.part_head(offer.media_type, boundary=boundary)
        tail = multipart.tail(boundary)
        # RFC 2046 knows no multipart without parts: the closing delimiter alone is what its readers take for one.
        return Frame(multipart.content_type(offer.media_type, boundary), head, multipart.SEPARATOR + head, tail, tail.lstrip(b"\r\n"))
    if offer.media_type == DICOM_JSON:
        return Frame(DICOM_JSON, b"[", b",", b"]", b"[]")
    if offer.media_type == NDJSON:
        return Frame(NDJSON, b"", b"\n", b"\n", b"")
    return Frame(offer.media_type)


def document(offer: Offer, text: bytes) -> bytes:
    """One data set in the selected media type, from the text of its DICOM JSON object (without line breaks, as our encoder makes it)."""
    return dicom_xml.write(json.loads(text)) if offer.media_type == DICOM_XML else text


def report(offer: Offer, body: JsonObject, boundary: str) -> tuple[str, bytes]:
    """Content-Type and bytes of a Store Instances Response Module: one JSON object, never an array (PS3.18 10.5.3.2)."""
    if offer.media_type == DICOM_JSON:
        return DICOM_JSON, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    framed = frame(offer, boundary)
    return framed.content_type, framed.joined([dicom_xml.write(body)])
