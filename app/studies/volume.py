"""Retrieve Rendered MPR Volume and Rendered 3D Volume (PS3.18 10.4.1.1.7, 10.4.1.1.8): pictures of the volume that frames make together.

One picture is one item: single part, or the one part of a multipart answer. An animation is one item as GIF or WebP; in a multipart answer
each of its pictures is a part. With renderedvolumetricmetadata the answer is the Rendered Volume Response Module alone (Annex K), as one
object like the example of PS3.18 B.32. Pictures are made when they are sent, and kept until one of the instances goes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.dicomweb import framing, rendering, resources
from app.dicomweb import volume as parameters
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.rendering import ANIMATIONS, IMAGES, View
from app.dicomweb.volume import Asked, Reformatting
from app.dicomweb.volume_look import look, response
from app.dicomweb.volume_views import RATE, Sequel, Shot, views
from app.errors import DicomwebError, NotFound, TooLarge
from app.model import Access, Action, Caller, InstanceRecord, Span, Target
from app.ports import Archive, Levels
from app.studies.answers import Part, Representation, Wanted, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.locate import absent, newest
from app.studies.volume_plan import Plan, ensure_no_presentation_state, plan
from app.studies.volume_voxels import AT_ONCE, VERSION, form_of, opened

CLAUSE = "PS3.18 10.4.1.1.7"
STILL, ANIMATED = 32 * 1024 * 1024, 40 * 1024 * 1024
"""Pixels of one picture, and of all pictures of an animation; or fewer, by limits.rendered_pixels."""

SAMPLES = 256 * 1024 * 1024
"""Values that are read for one reconstruction."""

WORK = 8 * 1024**3
"""Values that are read for all pictures of an answer."""

NAMES = {Reformatting.MPR: resources.RENDERED_MPR, Reformatting.THREE_D: resources.RENDERED_3D}


@dataclass(frozen=True, slots=True)
class _Job:
    """Everything that pictures of one request are made of. `digests` are those of all instances under the target when it began."""

    archive: Archive
    access: Access
    target: Target
    digests: tuple[str, ...]
    asked: Asked
    numbers: tuple[int, ...]
    plan: Plan
    sequel: Sequel

    def location(self) -> str:
        frames = f"/frames/{','.join(map(str, self.numbers))}" if self.numbers else ""
        return f"{resources.retrieve_uri(self.target)}{frames}/{NAMES[self.asked.reformatting]}"


async def retrieve_volume(
    archive: Archive, caller: Caller, target: Target, asked: Asked, numbers: Sequence[int] | None, wanted: Wanted
) -> Representation:
    """What is asked for, of the frames of the path (`numbers`) or of all under the target.

    NotFound, Gone, Corrupt, NotAcceptable, NotModified; InvalidQuery for what does not fit the volume; Unprocessable, with the reason, if
    there is none; TooLarge.
    """
    async with audited(archive, caller, Action.RETRIEVE, target, volume=asked.reformatting.value) as granted:
        records = await _located(archive, target, granted.access)
        ensure_no_presentation_state(target, records, asked)
        offer = wanted.choose(_offers(asked))
        digests = tuple(record.digest for record in records)
        modified = await newest(archive, target, records, granted.access)
        said = parameters.canonical(asked)
        etag = entity_tag(digests, "volume", VERSION, rendering.RENDERER, said, str(numbers), offer.media_type, offer.packaging.value)
        ensure_modified(etag, wanted, modified)
        found = await plan(archive, target, records, asked, numbers, granted.access)
        granted.detail.update(instances=len(found.records))
        pixels = min(ANIMATED if asked.moves else STILL, archive.limits.rendered_pixels)
        sequel = views(asked, found.chosen.voxels.grid, pixels=pixels)
        job = _Job(archive, granted.access, target, digests, asked, tuple(numbers or ()), found, sequel)
        _ensure_bounded(job)
        parts = [await _module(job, offer)] if asked.metadata else _pictures(job, offer)
        return Representation(
            offer.media_type,
            offer.packaging,
            parts,
            etag,
            modified=settled(archive, modified),
            warnings=(*asked.warnings, *found.chosen.stack.notes),
        )


async def _located(archive: Archive, target: Target, access: Access) -> list[InstanceRecord]:
    """Every instance under the target, damaged ones too. NotFound, Gone."""
    found = [record async for record in archive.index.locate(target, access=access)]
    if not found:
        raise await absent(archive, target, access)
    return found


def _offers(asked: Asked) -> list[Offer]:
    if asked.metadata:
        return list(framing.REPORT_OFFERS)
    bare = ANIMATIONS if asked.moves else IMAGES
    single = [Offer(kind, None, Packaging.SINGLE, rendered=True) for kind in bare]
    return [*single, *(Offer(kind, None, Packaging.MULTIPART, rendered=True) for kind in IMAGES)]


def _ensure_bounded(job: _Job) -> None:
    """That it can be done in the time a job has, and in bounded time altogether."""
    grid = job.plan.chosen.voxels.grid
    if job.asked.reformatting is Reformatting.MPR:
        planes = max(1.0, (job.asked.slab or 0) / grid.finest)
        each = [shot.columns * shot.rows * planes * min(max(shot.spacing / grid.finest, 1.0), 4.0) ** 2 for shot in job.sequel.shots]
    else:
        each = [float(grid.voxels)] * len(set(job.sequel.shots))
        if job.asked.metadata:
            each = []
    if max(each, default=0) > SAMPLES and job.asked.reformatting is Reformatting.MPR:
        raise TooLarge("The slab is too thick for a picture of this size; ask for a thinner one or a smaller viewport", clause=CLAUSE)
    if sum(each) > WORK:
        raise TooLarge("The animation would take too long; ask for larger steps or a smaller range", clause=CLAUSE)


async def _module(job: _Job, offer: Offer) -> Part:
    """The Rendered Volume Response Module; its values are the same for equal requests (PS3.18 8.3.5.3.13)."""
    async with opened(job.archive, job.plan, job.access) as (_, survey):
        how = look(job.asked, job.plan.chosen.modality, job.plan.chosen.middle, survey)
    await _ensure_there(job)
    made = response(job.asked, job.sequel, how, job.plan.chosen.frame_of_reference, job.plan.sources)
    body = framing.document(offer, json.dumps(made, separators=(",", ":")).encode())
    return Part(offer.media_type, None, job.location(), len(body), partial(_given, body))


def _pictures(job: _Job, offer: Offer) -> list[Part]:
    view = replace(job.asked.view, media_type=offer.media_type)
    shots = job.sequel.shots
    groups = [shots] if offer.packaging is Packaging.SINGLE or len(shots) == 1 else [(shot,) for shot in shots]
    return [
        Part(offer.media_type, None, job.location(), None, partial(_body, job, group, view, str(at)), made=True)
        for at, group in enumerate(groups)
    ]


async def _body(job: _Job, shots: tuple[Shot, ...], view: View, name: str, span: Span | None = None) -> AsyncIterator[bytes]:
    fresh = False

    async def make() -> bytes:
        nonlocal fresh
        fresh = True
        return await _made(job, shots, view)

    picture = f"{rendering.RENDERER} {parameters.canonical(job.asked)} {view.media_type} {len(shots)} {name}"
    made = await job.archive.volumes.made(job.plan.keys, form_of(job.plan), picture, make)
    if fresh:
        await _ensure_there(job)
    yield made if span is None else made[span.offset : span.end]


async def _ensure_there(job: _Job) -> None:
    """NotFound if something under the target went while it was worked on: what was put away since then, nobody else would remove."""
    try:
        records = await _located(job.archive, job.target, job.access)
        if tuple(record.digest for record in records) != job.digests:
            raise NotFound("What was asked for was deleted or changed in the meantime; ask again", clause="PS3.18 10.4.3")
    except DicomwebError:
        await job.archive.volumes.forget(job.plan.keys)
        raise


async def _made(job: _Job, shots: tuple[Shot, ...], view: View) -> bytes:
    async with opened(job.archive, job.plan, job.access) as (file, survey):
        how = look(job.asked, job.plan.chosen.modality, job.plan.chosen.middle, survey)
        turn = asyncio.Semaphore(AT_ONCE)

        async def expose(shot: Shot) -> Levels:
            async with turn:
                return await job.archive.pixels.expose(file, job.plan.chosen.voxels, shot, how, job.asked.reformatting)

        different = list(dict.fromkeys(shots))
        tasks = [asyncio.create_task(expose(shot)) for shot in different]
        try:
            exposures = dict(zip(different, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return await job.archive.pixels.develop([exposures[shot] for shot in shots], view, job.sequel.rate or RATE)


async def _given(body: bytes, span: Span | None = None) -> AsyncIterator[bytes]:
    yield body if span is None else body[span.offset : span.end]
