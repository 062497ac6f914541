"""Retrieve instances of a study, a series, or one (PS3.18 10.4): whole Part 10 files, in the form that was prepared at store time.

As multipart, as a single part where there is one instance, or as a zip archive; `application/octet-stream` on these resources is the
historical name of their bulkdata (Table 10.4.4-1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

from app.dicom import transfer_syntax
from app.dicomweb import resources
from app.dicomweb.media_types import DICOM, OCTET_STREAM, ZIP
from app.dicomweb.negotiate import Offer, Packaging
from app.model import Action, Caller, InstanceRecord, Level, Target, Uid
from app.ports import Archive
from app.studies.all_bulkdata import bulkdata_of
from app.studies.answers import (
    Part,
    Representation,
    Wanted,
    both_packagings,
    ensure_modified,
    entity_tag,
    form_body,
    form_digest,
    settled,
)
from app.studies.audited import audited
from app.studies.containers import Container, Packed
from app.studies.locate import absent, newest
from app.studies.zip_names import Numbering, suffix


async def retrieve(archive: Archive, caller: Caller, target: Target, wanted: Wanted) -> Representation:
    """Every instance under `target`. NotFound, Gone; NotAcceptable if not one has an acceptable form (206 if only some have)."""
    async with audited(archive, caller, Action.RETRIEVE, target) as granted:
        records = [record async for record in archive.index.locate(target, access=granted.access)]
        if not records:
            raise await absent(archive, target, granted.access)
        modified = await newest(archive, target, records, granted.access)
        single = target.level is Level.INSTANCE
        container = Container((_offers(record.form.transfer_syntax, single=single) for record in records), wanted)
        if container.offer.media_type == OCTET_STREAM:
            granted.detail.update(instances=len(records), bulkdata="all")
            return bulkdata_of(archive, records, wanted, modified=modified)
        taken = [record for record in records if container.form(_offers(record.form.transfer_syntax, single=single))]
        granted.detail.update(instances=len(taken))
        answer = _representation(archive, container.offer, taken, len(records) - len(taken), modified)
        if not answer.partial:
            ensure_modified(answer.etag, wanted, modified)
        return answer


@lru_cache(maxsize=64)
def _offers(syntax: Uid, *, single: bool) -> Packed:
    """A syntax that can be nothing but lossy goes out without being named; so does every one in an archive, which is made to be kept."""
    irreducible = transfer_syntax.lookup(syntax).lossy
    part10 = both_packagings(DICOM, syntax, single=single, fallback=irreducible)
    return (*part10, Offer(ZIP, syntax, Packaging.SINGLE, fallback=True), Offer(OCTET_STREAM, None, Packaging.MULTIPART))


def _representation(
    archive: Archive, offer: Offer, records: Sequence[InstanceRecord], refused: int, modified: float | None
) -> Representation:
    zipped = offer.media_type == ZIP
    numbering = Numbering()
    return Representation(
        offer.media_type,
        offer.packaging,
        [_part(archive, record) for record in records],
        entity_tag(
            [record.digest for record in records],
            offer.media_type,
            offer.packaging.value,
            *sorted({record.form.transfer_syntax for record in records}),
        ),
        refused,
        settled(archive, modified),
        [numbering.place(record.target) + suffix(DICOM) for record in records] if zipped else (),
    )


def _part(archive: Archive, record: InstanceRecord) -> Part:
    form = record.form
    location = resources.retrieve_uri(record.target)
    return Part(DICOM, form.transfer_syntax, location, form.length, partial(form_body, archive, form), form_digest(record))
