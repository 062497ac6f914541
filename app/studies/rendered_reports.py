"""Structured reports, key object selections and other documents with a Content Sequence as text (PS3.18 8.7.2, 8.7.4: category Text)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from app.dicom import sop_classes
from app.dicom.item import Item
from app.dicom.report import report
from app.dicom.sop_classes import Family
from app.dicomweb import long_text, report_html, report_text, resources
from app.dicomweb.negotiate import Offer
from app.model import JsonObject, Span
from app.studies.answers import Part
from app.studies.containers import Packed
from app.studies.pictures import described
from app.studies.showing import Renderer, Showing, single_and_multipart

HTML, PLAIN, XML = "text/html", "text/plain", "text/xml"


def _shows(showing: Showing) -> bool:
    return sop_classes.family(showing.record.sop_class_uid) is Family.REPORT


def _offers(_: Showing) -> Packed:
    """The document is XML as well as HTML, so that one text serves both."""
    return tuple(offer for kind in (HTML, PLAIN, XML) for offer in single_and_multipart(kind))


async def _parts(showing: Showing, selected: Offer) -> list[Part]:
    location = f"{resources.instance(showing.record.target)}/rendered"
    return [Part(selected.media_type, None, location, None, partial(_body, showing, selected.media_type), made=True, charset="utf-8")]


async def _body(showing: Showing, media_type: str, span: Span | None = None) -> AsyncIterator[bytes]:
    archive, record = showing.archive, showing.record
    dataset = await described(archive, record, showing.access)
    long = long_text.needed(record.bulkdata)
    read = await archive.blobs.read_spans(record.form.key, [each.span for each in long])
    texts = {each.path: raw for each, raw in zip(long, read, strict=True)}
    written = await asyncio.to_thread(_written, dataset, texts, media_type, showing.base)
    yield written if span is None else written[span.offset : span.end]


def _written(dataset: JsonObject, texts: dict[str, bytes], media_type: str, base: str) -> bytes:
    made = report(Item(long_text.inlined(dataset, texts)))
    return report_text.plain(made) if media_type == PLAIN else resources.with_base(report_html.html(made), base)


REPORT = Renderer(_shows, _offers, _parts)
