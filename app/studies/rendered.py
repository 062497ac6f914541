"""Retrieve Rendered (PS3.18 10.4.1.1.3): a study, a series, an instance or frames of it, as anybody's browser can show them.

What an instance is shown as is decided by `renderers`; this module chooses the representation, once for each item, and puts the parts
together. A picture is drawn only when its turn comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicomweb import rendering
from app.dicomweb.negotiate import Offer
from app.dicomweb.rendering import RENDERER, Rendering
from app.errors import InvalidQuery, NotAcceptable, NotFound, TooLarge, Unprocessable
from app.model import Access, Action, Caller, InstanceRecord, Level, Target
from app.ports import Archive
from app.studies.answers import Part, Representation, Wanted, ensure_modified, entity_tag, settled
from app.studies.audited import audited
from app.studies.containers import Container
from app.studies.locate import absent, ensure_sound, newest
from app.studies.presentations import applied, ensure_bare, images, is_state, named
from app.studies.renderers import offers_of, renderer_of
from app.studies.showing import Showing

CLAUSE = "PS3.18 10.4.1.1.3"
NOTHING = "There is nothing to show here: no image, video, document or waveform that this server can read; all it says is at /metadata"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown, and how. `numbers` are frames of the one instance that the target names, None if no frame is named.

    With `single` the answer is one part, whatever the resource is: the URI service knows no other, and there a frame number that does not
    fit is a fault of the query (PS3.18 9.5.2). `presentation` is a Presentation State of the study that is to be applied. `base` is
    the service's base URL, with which links begin.
    """

    target: Target
    rendering: Rendering
    numbers: tuple[int, ...] | None = None
    single: bool = False
    presentation: Target | None = None
    base: str = ""


async def retrieve_rendered(archive: Archive, caller: Caller, asked: Asked, wanted: Wanted) -> Representation:
    """NotFound, Gone, NotAcceptable; Unprocessable if there is nothing to see; TooLarge; 206 if some instances cannot be shown."""
    async with audited(archive, caller, Action.RETRIEVE, asked.target, rendered=True) as granted:
        records = [record async for record in archive.index.locate(asked.target, access=granted.access)]
        if not records:
            raise await absent(archive, asked.target, granted.access)
        ensure_sound(records)
        showings = [_showing(archive, record, granted.access, asked) for record in records]
        modified = await newest(archive, asked.target, records, granted.access)
        many = asked.target.level is not Level.INSTANCE
        warnings = asked.rendering.warnings
        if not many and (asked.presentation is not None or is_state(records[0])):
            showings, missing = await _under_state(showings[0], asked.presentation)
            warnings += (f"{missing} of the images that the Presentation State is for are not here",) if missing else ()
            granted.detail.update(_seen_under(showings))
            many = len(showings) > 1
            modified = None  # images may come and go under a state without any trace on it
        offers = [offers_of(showing, many=many) for showing in showings]
        if not any(offers):
            raise Unprocessable(NOTHING, clause=CLAUSE)
        container = Container(offers, wanted)
        chosen = [(showing, container.form(each)) for showing, each in zip(showings, offers, strict=True)]
        taken = [(showing, offer) for showing, offer in chosen if offer is not None]
        granted.detail.update(instances=len(taken))
        _ensure_few_frames(archive, [showing for showing, _ in taken])
        refused = len(showings) - len(taken)
        etag = _tag(taken, asked, container.offer)
        if not refused:
            ensure_modified(etag, wanted, modified)
        parts = [part for showing, offer in taken for part in await _parts(showing, offer)]
        return Representation(
            parts[0].media_type,
            container.offer.packaging,
            parts,
            etag,
            refused,
            settled(archive, modified),
            warnings=warnings,
        )


def _showing(archive: Archive, record: InstanceRecord, access: Access, asked: Asked) -> Showing:
    _ensure_frames(record, asked)
    return Showing(archive, access, record, asked.rendering.view, asked.numbers, asked.single, base=asked.base)


def _seen_under(showings: Sequence[Showing]) -> dict[str, object]:
    """For the audit record: the state, and every study that it lets be seen, since a blending may reach beyond its own."""
    state = showings[0].applied
    if state is None:
        return {}
    records = [*(showing.record for showing in showings), *(each.record for each in state.over)]
    return {"presentation": state.record.instance_uid, "studies": sorted({record.study_uid for record in records})}


async def _under_state(showing: Showing, presentation: Target | None) -> tuple[list[Showing], int]:
    """The images that are to be shown under a state, and how many that it names are not here: one that a state is named for, else those
    that the instance, which is a state, is for."""
    archive, access, record = showing.archive, showing.access, showing.record
    if presentation is not None:
        return [replace(showing, applied=await named(archive, presentation, record, showing.numbers, access))], 0
    ensure_bare(showing.view)
    state = await applied(archive, record, access)
    found = await images(archive, state, access)
    missing = len(state.state.related) - len(found)
    if showing.single:
        found, missing = found[:1], 0
    return [replace(showing, record=each, numbers=numbers, applied=state) for each, numbers in found], missing


def _ensure_frames(record: InstanceRecord, asked: Asked) -> None:
    if asked.numbers is None:
        return
    count = 0 if record.frames.video else record.frames.count
    if asked.single and (count < 2 or max(asked.numbers) > count):
        raise InvalidQuery("frameNumber is that of a frame of a multi-frame image, from 1", clause="PS3.18 9.5.2")
    if record.frames.video:
        raise NotAcceptable("A video has no single frames; its stream is the rendered instance", clause=CLAUSE)
    if max(asked.numbers) > count:
        raise NotFound(f"Frame {max(asked.numbers)} does not exist: the instance has {count}", clause=CLAUSE)


async def _parts(showing: Showing, offer: Offer) -> list[Part]:
    renderer = renderer_of(showing)
    return await renderer.parts(showing, offer) if renderer is not None else []


def _ensure_few_frames(archive: Archive, showings: Sequence[Showing]) -> None:
    frames = sum(renderer.frames(showing) for showing in showings if (renderer := renderer_of(showing)) is not None)
    if frames > archive.limits.frames:
        raise TooLarge(
            f"The answer would have {frames} pictures, more than {archive.limits.frames} (setting limits.frames): "
            "ask for series, or for frames in portions",
            clause=CLAUSE,
        )


def _tag(taken: Sequence[tuple[Showing, Offer]], asked: Asked, selected: Offer) -> str:
    return entity_tag(
        [digest for showing, _ in taken for digest in showing.digests],
        "rendered",
        RENDERER,
        rendering.canonical(asked.rendering.view),
        str(asked.numbers),
        selected.packaging.value,
        *(offer.media_type for _, offer in taken),
    )
