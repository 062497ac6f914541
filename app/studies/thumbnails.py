"""Retrieve Thumbnail (PS3.18 10.4.1.1.4): one small picture that stands for a study, a series, an instance or frames of it.

Of an instance the frame in the middle stands for all; of a series, the instance in the middle of those that have a picture; of a study, its
first series that has one. Where there is no picture at all an icon tells what the first instance is. What was marked or measured on a
picture never shows on it.
"""

from __future__ import annotations

from itertools import groupby

from app.dicomweb import rendering
from app.dicomweb.negotiate import Packaging
from app.dicomweb.rendering import IMAGES, RENDERER, Rendering
from app.model import Access, Action, Caller, InstanceRecord, Target
from app.ports import Archive
from app.studies.answers import Representation, Wanted, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.containers import Packed
from app.studies.icons import ICON
from app.studies.locate import absent, quarantined
from app.studies.pictures import ensure_frames
from app.studies.renderers import renderer_of
from app.studies.showing import Renderer, Showing

SIZE = 256
"""Pixels of width and of height that a thumbnail has at most if no viewport is given."""

CLAUSE = "PS3.18 10.4.1.1.4"


async def retrieve_thumbnail(
    archive: Archive, caller: Caller, target: Target, numbers: tuple[int, ...] | None, asked: Rendering, wanted: Wanted
) -> Representation:
    """NotFound if nothing is there; Gone; NotAcceptable."""
    async with audited(archive, caller, Action.RETRIEVE, target, thumbnail=True) as granted:
        records = [record async for record in archive.index.locate(target, access=granted.access)]
        if not records:
            raise await absent(archive, target, granted.access)
        records = [record for record in records if not record.quarantined]
        if not records:
            raise quarantined()
        showing, renderer = _representative(archive, records, granted.access, numbers, asked)
        offer = wanted.choose(_pictures(showing, renderer))
        record = showing.record
        etag = entity_tag(
            [record.digest], "thumbnail", RENDERER, rendering.canonical(showing.in_type(offer.media_type)), str(showing.numbers)
        )
        ensure_modified(etag, wanted, record.received)
        parts = await renderer.parts(showing, offer)
        return Representation(
            offer.media_type, offer.packaging, parts, etag, modified=settled(archive, record.received), warnings=asked.warnings
        )


def _representative(
    archive: Archive, records: list[InstanceRecord], access: Access, numbers: tuple[int, ...] | None, asked: Rendering
) -> tuple[Showing, Renderer]:
    """The instance, with the one frame, that stands for all of them, and the way to show it: as an icon if none has a picture."""
    for _, series in groupby(records, lambda record: record.series_uid):
        showings = [_middle(archive, record, access, numbers, asked) for record in series]
        drawn = [
            (showing, renderer) for showing in showings if (renderer := renderer_of(showing)) is not None and _pictures(showing, renderer)
        ]
        if drawn:
            return drawn[(len(drawn) - 1) // 2]
    return Showing(archive, access, records[0], asked.view, single=True), ICON


def _middle(archive: Archive, record: InstanceRecord, access: Access, numbers: tuple[int, ...] | None, asked: Rendering) -> Showing:
    if numbers is not None:
        ensure_frames(record, numbers)
    candidates = numbers or range(1, record.frames.count + 1)
    chosen = (candidates[(len(candidates) - 1) // 2],) if candidates and not record.frames.video else None
    return Showing(archive, access, record, asked.view, chosen, single=True, representative=numbers is None)


def _pictures(showing: Showing, renderer: Renderer) -> Packed:
    """Always one part (PS3.18 Table 10.4.4-1), and always an image."""
    return tuple(offer for offer in renderer.offers(showing) if offer.packaging is Packaging.SINGLE and offer.media_type in IMAGES)
