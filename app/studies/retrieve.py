"""Retrieve instances of a study, a series, or one (PS3.18 10.4): whole Part 10 files, in the form that was prepared at store time."""

from __future__ import annotations

from functools import partial

from app.dicom import transfer_syntax
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, select
from app.errors import NotAcceptable, NotFound
from app.model import Action, Caller, Form, Level, Target, Uid
from app.ports import Archive
from app.studies.answers import Part, Representation, Wanted, both_packagings, ensure_modified, entity_tag, form_body
from app.studies.audited import audited

PART10 = "application/dicom"


async def retrieve(archive: Archive, caller: Caller, target: Target, wanted: Wanted) -> Representation:
    """Every instance under `target`. NotFound; NotAcceptable if not one has an acceptable form (206 if only some have)."""
    async with audited(archive, caller, Action.RETRIEVE, target) as granted:
        single = target.level is Level.INSTANCE
        chosen: dict[Uid, Offer | NotAcceptable] = {}
        parts: list[Part] = []
        digests: list[str] = []
        refused = 0
        async for record in archive.index.locate(target, access=granted.access):
            syntax = record.form.transfer_syntax
            if syntax not in chosen:
                chosen[syntax] = _choose(syntax, wanted, single=single)
            if isinstance(chosen[syntax], NotAcceptable):
                refused += 1
                continue
            parts.append(_part(archive, record.target, record.form))
            digests.append(record.digest)
        if not chosen:
            raise NotFound(f"There is no such {target.level.value if target.level else 'resource'}", clause="PS3.18 10.4.3")
        offers = [choice for choice in chosen.values() if isinstance(choice, Offer)]
        if not offers:
            raise next(choice for choice in chosen.values() if isinstance(choice, NotAcceptable))
        packaging = offers[0].packaging
        etag = entity_tag(digests, PART10, packaging.value, *sorted(chosen))
        granted.detail.update(instances=len(parts))
        if not refused:
            ensure_modified(etag, wanted)
        return Representation(PART10, packaging, parts, etag, refused)


def _choose(syntax: Uid, wanted: Wanted, *, single: bool) -> Offer | NotAcceptable:
    """Instances of one transfer syntax share one choice; a syntax that can be nothing but lossy goes out without being named."""
    irreducible = transfer_syntax.lookup(syntax).lossy
    offers = both_packagings(PART10, syntax, single=single, fallback=irreducible)
    try:
        return select(offers, accept=wanted.accept, parameter=wanted.parameter)
    except NotAcceptable as error:
        return error


def _part(archive: Archive, target: Target, form: Form) -> Part:
    return Part(PART10, form.transfer_syntax, resources.retrieve_uri(target), form.length, partial(form_body, archive, form))
