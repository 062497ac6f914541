"""Retrieve the bulkdata or the pixel data of a study, a series or an instance (PS3.18 10.4.1.1.5, 10.4.1.1.6): all values, none parsed.

Each part is one value, and each frame of many, or of a compressed one, is a part of its own (8.7.3.3). Parts bear the address that the
Metadata gives: those of one value bear the same, in the order of frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.dicom.encode import PIXEL_DATA
from app.dicomweb import resources
from app.dicomweb.media_types import ZIP
from app.dicomweb.negotiate import Offer, Packaging
from app.errors import NotFound, TooLarge
from app.model import Action, Bulkdata, Caller, InstanceRecord, Target
from app.ports import Archive
from app.studies.answers import Part, Representation, Wanted, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.bulkdata import by_frames, value_offers, value_part
from app.studies.containers import Container, Packed
from app.studies.frames import frame_offers, frame_part
from app.studies.locate import absent, newest
from app.studies.zip_names import Numbering, suffix

PIXELS = frozenset({PIXEL_DATA, "7FE00008", "7FE00009"})
"""Pixel data of the top level: that of icons within sequences is none (PS3.18 10.4.3.3.6)."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of one instance, where it would stand in an archive, and what it could be sent as."""

    record: InstanceRecord
    item: Bulkdata
    place: str
    offers: Packed


async def retrieve_all_bulkdata(
    archive: Archive, caller: Caller, target: Target, wanted: Wanted, *, pixels: bool = False
) -> Representation:
    """All bulkdata under `target`, or its pixel data only. NotFound, Gone, NotAcceptable, TooLarge; 206 if some have no acceptable form."""
    async with audited(archive, caller, Action.RETRIEVE, target, bulkdata="pixels" if pixels else "all") as granted:
        records = [record async for record in archive.index.locate(target, access=granted.access)]
        if not records:
            raise await absent(archive, target, granted.access)
        granted.detail.update(instances=len(records))
        modified = await newest(archive, target, records, granted.access)
        return bulkdata_of(archive, records, wanted, modified=modified, pixels=pixels)


def bulkdata_of(
    archive: Archive, records: Sequence[InstanceRecord], wanted: Wanted, *, modified: float | None, pixels: bool = False
) -> Representation:
    """The values of these instances, in the order of their Metadata."""
    values = list(_values(records, pixels))
    if not values:
        kind = "pixel data" if pixels else "bulkdata: all its values stand in the metadata"
        raise NotFound(f"The resource has no {kind}", clause="PS3.18 10.4.1.1.5")
    _ensure_few_frames(values, archive.limits.frames)
    container = Container((value.offers for value in values), wanted)
    parts: list[Part] = []
    names: list[str] = []
    refused = set()
    for value in values:
        offer = container.form(value.offers)
        if offer is None:
            refused.add(value.record.instance_uid)
            continue
        made = _parts(archive, value, offer)
        parts += made
        names += _names(value, made)
    zipped = container.offer.media_type == ZIP
    forms = (f"{part.media_type};{part.transfer_syntax}" for part in parts)
    digests = dict.fromkeys(value.record.digest for value in values)
    etag = entity_tag(digests, "pixels" if pixels else "bulkdata", container.offer.media_type, container.offer.packaging.value, *forms)
    if not refused:
        ensure_modified(etag, wanted, modified)
    media_type = ZIP if zipped else parts[0].media_type
    given = settled(archive, modified)
    return Representation(media_type, container.offer.packaging, parts, etag, len(refused), given, names if zipped else ())


def _ensure_few_frames(values: Sequence[_Value], most: int) -> None:
    """A slide has frames by the hundred thousand; each would be a part whose head must be known before the first byte goes out."""
    frames = sum(
        value.record.frames.count for value in values if value.record.frames.count > 1 and by_frames(value.record, value.item, many=True)
    )
    if frames > most:
        raise TooLarge(
            f"The answer would have {frames} frames, more than {most}: ask for them by /frames in portions", clause="PS3.18 10.4.1"
        )


def _values(records: Sequence[InstanceRecord], pixels: bool) -> Iterator[_Value]:
    numbering = Numbering()
    for record in records:
        place = numbering.place(record.target)
        items = [item for item in record.bulkdata if not pixels or item.path in PIXELS]
        sole = len(records) == len(items) == 1
        for item in items:
            yield _Value(record, item, place, _offers(record, item, single=sole))


def _offers(record: InstanceRecord, item: Bulkdata, *, single: bool) -> Packed:
    """Multipart first: that is the form of these resources, also where there happens to be one value (PS3.18 Table 10.4.4-1)."""
    if by_frames(record, item, many=True):
        found = frame_offers(record, single=single and record.frames.count == 1)
    else:
        found = value_offers(record, item, single=single)
    found = sorted(found, key=lambda offer: offer.packaging is Packaging.SINGLE)
    return (*found, Offer(ZIP, record.form.transfer_syntax, Packaging.SINGLE, fallback=True))


def _parts(archive: Archive, value: _Value, offer: Offer) -> list[Part]:
    record, item = value.record, value.item
    if offer.media_type == ZIP:
        own = value.offers[0]
        offer = replace(own, packaging=Packaging.SINGLE)
    if not by_frames(record, item, many=True):
        return [value_part(archive, record, item, offer)]
    location = resources.bulkdata_uri(record.target, item.path)
    return [replace(frame_part(archive, record, number, offer), location=location) for number in range(1, record.frames.count + 1)]


def _names(value: _Value, parts: Sequence[Part]) -> list[str]:
    name = f"{value.place}/{value.item.path.replace('/', '-')}"
    if len(parts) == 1:
        return [name + suffix(parts[0].media_type)]
    return [f"{name}-{number:06}{suffix(part.media_type)}" for number, part in enumerate(parts, 1)]
