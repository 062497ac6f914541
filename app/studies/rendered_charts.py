"""Waveforms as charts: vector graphics, or an image of them."""

from __future__ import annotations

from functools import partial

from app.dicom import captions, sop_classes, waveform
from app.dicom.depiction import Chart
from app.dicom.item import Item
from app.dicom.sop_classes import Family
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer
from app.dicomweb.rendering import IMAGES, View
from app.studies.answers import Part
from app.studies.containers import Packed
from app.studies.pictures import described, ensure_few_pixels
from app.studies.showing import Renderer, Showing, made_part, single_and_multipart

SVG = "image/svg+xml"


def _shows(showing: Showing) -> bool:
    return sop_classes.family(showing.record.sop_class_uid) is Family.WAVEFORM


def _offers(_: Showing) -> Packed:
    return tuple(offer for kind in (SVG, *IMAGES) for offer in single_and_multipart(kind))


async def _parts(showing: Showing, selected: Offer) -> list[Part]:
    view = showing.in_type(selected.media_type)
    ensure_few_pixels(showing.archive, (view.columns or 0) * (view.rows or 0))
    location = f"{resources.instance(showing.record.target)}/rendered"
    return [made_part(showing, view, "chart", location, partial(_drawn, showing, view))]


async def _drawn(showing: Showing, view: View) -> bytes:
    archive, record = showing.archive, showing.record
    dataset = Item(await described(archive, record, showing.access))
    values = waveform.needed(record.bulkdata)
    read = await archive.blobs.read_spans(record.form.key, [value.span for value in values])
    bulk = {value.path: raw for value, raw in zip(values, read, strict=True)}
    chart = Chart(waveform.waveform(dataset, bulk), captions.lines(dataset, 1, 1))
    return await archive.pixels.depict([chart], view)


CHART = Renderer(_shows, _offers, _parts)
