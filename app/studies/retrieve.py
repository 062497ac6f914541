"""Retrieve instances of a study, a series, or one (PS3.18 10.4): whole Part 10 files, in the form that was prepared at store time, or
with their pixel data in another transfer syntax.

As multipart, as a single part where there is one instance, or as a zip archive; `application/octet-stream` on these resources is the
historical name of their bulkdata (Table 10.4.4-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from app import __version__
from app.dicomweb import resources
from app.dicomweb.media_types import DICOM, OCTET_STREAM, ZIP
from app.dicomweb.negotiate import Offer, Packaging
from app.model import Access, Action, Caller, InstanceRecord, Level, Target, Uid
from app.ports import Archive
from app.studies.ahead import Ahead
from app.studies.all_bulkdata import bulkdata_of
from app.studies.answers import (
    Part,
    Representation,
    Wanted,
    both_packagings,
    ensure_modified,
    entity_tag,
    form_digest,
    settled,
)
from app.studies.audited import audited
from app.studies.checked import instance_body
from app.studies.containers import Container, Packed, Repeated
from app.studies.layouts import layouts
from app.studies.locate import locate_all, newest, quarantined
from app.studies.recoded_file import Recoded, file_part
from app.studies.transcodable import Item, Possible, Settled, at_first, refusal, settle
from app.studies.transcoding import Made
from app.studies.zip_names import Numbering, suffix


async def retrieve(archive: Archive, caller: Caller, target: Target, wanted: Wanted) -> Representation:
    """Every instance under `target`. NotFound, Gone; NotAcceptable if not one has an acceptable form (206 if only some have)."""
    async with audited(archive, caller, Action.RETRIEVE, target) as granted:
        records, damaged = await locate_all(archive, target, granted.access)
        modified = await newest(archive, target, records, granted.access)
        single = target.level is Level.INSTANCE
        items = [Item(record, partial(_offers, record.form.transfer_syntax, single=single)) for record in records]
        container = Container((item.offers(at_first(archive, item.record)) for item in items), wanted)
        if container.offer.media_type == OCTET_STREAM:
            if damaged:
                raise quarantined()
            granted.detail.update(instances=len(records), bulkdata="all")
            return await bulkdata_of(archive, granted.access, target, records, wanted, modified=modified)
        fates = await settle(archive, granted.access, target, items, container, whole=True)
        taken = [(record, fate) for record, fate in zip(records, fates, strict=True) if fate.offer is not None]
        granted.detail.update(instances=len(taken), **({"quarantined": damaged} if damaged else {}))
        if not taken:
            raise refusal(fates)
        answer = await _representation(archive, granted.access, target, container.offer, taken, len(records) - len(taken), modified)
        answer = replace(answer, damaged=damaged)
        if not (answer.partial or damaged):
            ensure_modified(answer.etag, wanted, modified)
        return answer


@lru_cache(maxsize=256)
def _offers(syntax: Uid, possible: Possible, *, single: bool) -> Packed:
    """The stored form first. One that can be nothing else goes out without being named; so does every one in an archive, which is made to
    be kept."""
    found = both_packagings(DICOM, syntax, single=single, fallback=possible.irreducible)
    found += [offer for other in possible.others for offer in both_packagings(DICOM, other, single=single)]
    found += [Offer(ZIP, each, Packaging.SINGLE, fallback=each == syntax) for each in (syntax, *possible.others)]
    return Repeated((*found, Offer(OCTET_STREAM, None, Packaging.MULTIPART)))


async def _representation(
    archive: Archive,
    access: Access,
    target: Target,
    offer: Offer,
    taken: Sequence[tuple[InstanceRecord, Settled]],
    refused: int,
    modified: float | None,
) -> Representation:
    numbering = Numbering()
    syntaxes = [fate.transcoding.to if fate.transcoding else record.form.transfer_syntax for record, fate in taken]
    if any(fate.transcoding for _, fate in taken):
        syntaxes.append(Uid(__version__))  # other encoders may make other bytes of the same pixels
    else:
        syntaxes = sorted(set(syntaxes))
    return Representation(
        offer.media_type,
        offer.packaging,
        await _parts(archive, access, target, taken),
        entity_tag([record.digest for record, _ in taken], offer.media_type, offer.packaging.value, *syntaxes),
        refused,
        settled(archive, modified),
        [numbering.place(record.target) + suffix(DICOM) for record, _ in taken] if offer.media_type == ZIP else (),
    )


async def _parts(archive: Archive, access: Access, target: Target, taken: Sequence[tuple[InstanceRecord, Settled]]) -> list[Part]:
    changing = [(record, fate.transcoding) for record, fate in taken if fate.transcoding is not None]
    known = await layouts(archive, target, [record for record, _ in changing], access) if changing else {}
    ahead = Ahead([(transcoding, range(1, transcoding.image.frames + 1)) for _, transcoding in changing], _first(taken))
    parts, place = [], 0
    for record, fate in taken:
        if fate.transcoding is None:
            parts.append(_part(archive, record))
            continue
        file = Recoded(fate.transcoding, known[record.digest], ahead, place)
        # Only of a sole file the length is worth a look at its head before the answer begins.
        parts.append(await file_part(file, fate.first if len(taken) == 1 else None))
        place = file.end
    return parts


def _first(taken: Sequence[tuple[InstanceRecord, Settled]]) -> Made | None:
    """The first frame of the first file that is transcoded, where it is at hand."""
    return next((fate.first for _, fate in taken if fate.transcoding is not None), None)


def _part(archive: Archive, record: InstanceRecord) -> Part:
    form = record.form
    location = resources.retrieve_uri(record.target)
    return Part(DICOM, form.transfer_syntax, location, form.length, partial(instance_body, archive, record), form_digest(record))
