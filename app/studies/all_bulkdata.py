"""Retrieve the bulkdata or the pixel data of a study, a series or an instance (PS3.18 10.4.1.1.5, 10.4.1.1.6): all values, none parsed.

Each part is one value, and each frame of many, or of a compressed one, is a part of its own (8.7.3.3). Parts bear the address that the
Metadata gives: those of one value bear the same, in the order of frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from app import __version__
from app.dicom import transfer_syntax
from app.dicom.encode import PIXEL_DATA
from app.dicomweb import resources
from app.dicomweb.media_types import ZIP
from app.dicomweb.negotiate import Offer, Packaging
from app.errors import NotFound, TooLarge
from app.model import Access, Action, Bulkdata, Caller, InstanceRecord, Target, Uid
from app.ports import Archive
from app.studies.ahead import Ahead
from app.studies.answers import Part, Representation, Wanted, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.bulkdata import by_frames, value_offers, value_part
from app.studies.containers import Container, Packed, Repeated
from app.studies.frames import frame_offers, frame_part, transcoded_part
from app.studies.locate import locate_all, newest, quarantined
from app.studies.transcodable import Item, Possible, at_first, refusal, settle
from app.studies.transcoding import Transcoding
from app.studies.zip_names import Numbering, suffix

PIXELS = frozenset({PIXEL_DATA, "7FE00008", "7FE00009"})
"""Pixel data of the top level: that of icons within sequences is none (PS3.18 10.4.3.3.6)."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of one instance, where it would stand in an archive, and whether it goes out frame by frame."""

    item: Item
    value: Bulkdata
    place: str
    framed: bool

    @property
    def record(self) -> InstanceRecord:
        return self.item.record


async def retrieve_all_bulkdata(
    archive: Archive, caller: Caller, target: Target, wanted: Wanted, *, pixels: bool = False
) -> Representation:
    """All bulkdata under `target`, or its pixel data only. NotFound, Gone, NotAcceptable, TooLarge; 206 if some have no acceptable form."""
    async with audited(archive, caller, Action.RETRIEVE, target, bulkdata="pixels" if pixels else "all") as granted:
        records, damaged = await locate_all(archive, target, granted.access)
        if damaged:
            raise quarantined()
        granted.detail.update(instances=len(records))
        modified = await newest(archive, target, records, granted.access)
        return await bulkdata_of(archive, granted.access, target, records, wanted, modified=modified, pixels=pixels)


async def bulkdata_of(
    archive: Archive,
    access: Access,
    target: Target,
    records: Sequence[InstanceRecord],
    wanted: Wanted,
    *,
    modified: float | None,
    pixels: bool = False,
) -> Representation:
    """The values of these instances, in the order of their Metadata."""
    values = list(_values(records, pixels))
    if not values:
        kind = "pixel data" if pixels else "bulkdata: all its values stand in the metadata"
        raise NotFound(f"The resource has no {kind}", clause="PS3.18 10.4.1.1.5")
    _ensure_few_frames(values, archive.limits.frames)
    items = [value.item for value in values]
    container = Container((item.offers(at_first(archive, item.record)) for item in items), wanted)
    fates = await settle(archive, access, target, items, container, whole=False)
    if all(fate.offer is None for fate in fates):
        raise refusal(fates)
    ahead = Ahead([(fate.transcoding, range(1, fate.transcoding.image.frames + 1)) for fate in fates if fate.transcoding is not None])
    parts: list[Part] = []
    names: list[str] = []
    refused, place = set(), 0
    for value, fate in zip(values, fates, strict=True):
        if fate.offer is None:
            refused.add(value.record.instance_uid)
            continue
        made = _parts(archive, value, fate.offer, fate.transcoding, ahead, place)
        parts += made
        names += _names(value, made)
        place += len(made) if fate.transcoding is not None else 0
    zipped = container.offer.media_type == ZIP
    forms = [f"{part.media_type};{part.transfer_syntax}" for part in parts]
    if place:
        forms.append(__version__)  # other encoders may make other bytes of the same pixels
    digests = dict.fromkeys(value.record.digest for value in values)
    etag = entity_tag(digests, "pixels" if pixels else "bulkdata", container.offer.media_type, container.offer.packaging.value, *forms)
    if not refused:
        ensure_modified(etag, wanted, modified)
    media_type = ZIP if zipped else parts[0].media_type
    given = settled(archive, modified)
    return Representation(media_type, container.offer.packaging, parts, etag, len(refused), given, names if zipped else ())


def _ensure_few_frames(values: Sequence[_Value], most: int) -> None:
    """A slide has frames by the hundred thousand; each would be a part whose head must be known before the first byte goes out."""
    frames = sum(value.record.frames.count for value in values if value.record.frames.count > 1 and value.framed)
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
            framed = by_frames(record, item, many=True)
            if framed:
                offers = partial(_frame_offers, record.form.transfer_syntax, single=sole and record.frames.count == 1)
            else:
                offers = partial(_value_offers, record, item, single=sole)
            yield _Value(Item(record, offers, fixed=not framed), item, place, framed)


@lru_cache(maxsize=256)
def _frame_offers(stored: Uid, possible: Possible, *, single: bool) -> Packed:
    """Multipart first: that is the form of these resources, also where there happens to be one value (PS3.18 Table 10.4.4-1)."""
    found = sorted(frame_offers(stored, possible.others, single=single), key=_is_single)
    return Repeated((*found, *(Offer(ZIP, each, Packaging.SINGLE, fallback=each == stored) for each in (stored, *possible.others))))


def _value_offers(record: InstanceRecord, value: Bulkdata, _: Possible, *, single: bool) -> Packed:
    """As of frames. In an archive, what has no transfer syntax stands beside pixel data of any."""
    syntax = record.form.transfer_syntax if value.encapsulated else None
    found = sorted(value_offers(record, value, single=single), key=_is_single)
    return Repeated((*found, Offer(ZIP, syntax, Packaging.SINGLE, fallback=True)))


def _is_single(offer: Offer) -> bool:
    return offer.packaging is Packaging.SINGLE


def _parts(archive: Archive, value: _Value, offer: Offer, transcoding: Transcoding | None, ahead: Ahead, place: int) -> list[Part]:
    record, item = value.record, value.value
    if not value.framed:
        own = replace(value_offers(record, item, single=False)[0], packaging=Packaging.SINGLE) if offer.media_type == ZIP else offer
        return [value_part(archive, record, item, own)]
    if offer.media_type == ZIP:
        syntax = offer.transfer_syntax or ""
        offer = Offer(transfer_syntax.lookup(syntax).media_type, syntax, Packaging.SINGLE)
    numbers = range(1, record.frames.count + 1)
    if transcoding is None:
        made = [frame_part(archive, record, number, offer) for number in numbers]
    else:
        made = [transcoded_part(transcoding, number, offer, ahead, place + number - 1) for number in numbers]
    location = resources.bulkdata_uri(record.target, item.path)
    return [replace(part, location=location) for part in made]


def _names(value: _Value, parts: Sequence[Part]) -> list[str]:
    name = f"{value.place}/{value.value.path.replace('/', '-')}"
    if len(parts) == 1:
        return [name + suffix(parts[0].media_type)]
    return [f"{name}-{number:06}{suffix(part.media_type)}" for number, part in enumerate(parts, 1)]
