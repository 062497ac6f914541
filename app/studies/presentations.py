"""Presentation States at work: read, with the images that they reference and this caller may see, and applied to pictures (PS3.4 N.2).

Must not know HTTP, nor how a picture is made; what a state means is told by `dicom.presentation_state` and `dicom.presented`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicom import presentation_state
from app.dicom.overlays import DATA
from app.dicom.picture import Picture
from app.dicom.placement import placement
from app.dicom.presentation_state import SOP_CLASSES, PresentationState
from app.dicom.presented import mask_of, presented
from app.dicom.references import Reference, covers
from app.dicom.softcopy import Mask
from app.dicomweb.rendering import View
from app.errors import InvalidQuery, NotFound, NotSupported, Unprocessable
from app.model import Access, InstanceRecord, Target, Uid
from app.ports import Archive
from app.studies.blendings import Over, laid_over, superimposed
from app.studies.locate import locate_one
from app.studies.pictures import described, ensure_few_pixels, ensure_within, pictures


@dataclass(frozen=True, slots=True)
class Applied:
    """A state that is at hand: with the record that it comes from, and the frames that a blending lays over its images."""

    record: InstanceRecord
    state: PresentationState
    over: tuple[Over, ...] = ()

    @property
    def digests(self) -> list[str]:
        """Of all that pictures depend on beside their own images."""
        return [self.record.digest, *dict.fromkeys(each.record.digest for each in self.over)]


def is_state(record: InstanceRecord) -> bool:
    return record.sop_class_uid in SOP_CLASSES


def ensure_bare(view: View) -> None:
    """InvalidQuery if something is asked that the state itself says (PS3.18 8.3.5.1); viewport and quality may be."""
    said = {"window": view.window, "annotation": view.annotations, "iccprofile": view.icc_profile}
    asked = [name for name, value in said.items() if value]
    if asked:
        raise InvalidQuery(
            f"{' and '.join(asked)}: not for a Presentation State, which says how its images are shown", clause="PS3.18 8.3.5.1"
        )


async def applied(archive: Archive, record: InstanceRecord, access: Access) -> Applied:
    """The state of a located instance. NotSupported for kinds that are not applied; NotFound if what it lays over is not there."""
    dataset = await described(archive, record, access)
    values = presentation_state.needed(record.bulkdata)
    read = await archive.blobs.read_spans(record.form.key, [value.span for value in values]) if values else []
    bulk = {value.path: content for value, content in zip(values, read, strict=True)}
    state = await asyncio.to_thread(presentation_state.read, dataset, bulk)
    if state is None or state.matrix:
        raise NotSupported(
            "Of presentation states this version applies grayscale, color, pseudo-color, blending and variable modality LUT ones, "
            "whose displayed area is not that of a Total Pixel Matrix",
            clause="PS3.3 A.33",
        )
    if state.kind is not presentation_state.Kind.BLENDING:
        return Applied(record, state)
    if state.blending is None or state.palette is None:
        raise Unprocessable("The blending does not name both of its sides, or has no palette", clause="PS3.3 C.11.14")
    if state.blending.registered:
        raise NotSupported("Blendings whose sides are brought together by a registration are not applied", clause="PS3.3 C.11.14")
    return Applied(record, state, await superimposed(archive, state.blending, record.study_uid, access))


async def named(archive: Archive, target: Target, record: InstanceRecord, numbers: Sequence[int] | None, access: Access) -> Applied:
    """The state under `target`, for these frames of a located image, or for all that it is for. NotFound, Gone; InvalidQuery if it is for
    none of them (PS3.18 9.5.1)."""
    found = await locate_one(archive, target, access)
    if not is_state(found):
        raise InvalidQuery("presentationUID is not that of a Presentation State", clause="PS3.18 9.5.1")
    state = await applied(archive, found, access)
    of_image = [each for each in state.state.related if each.instance == record.instance_uid]
    if not of_image or not all(covers(of_image, record.instance_uid, number) for number in numbers or ()):
        raise InvalidQuery("The Presentation State is not for this object, or not for this frame of it", clause="PS3.18 9.5.1")
    return state


async def images(archive: Archive, found: Applied, access: Access) -> list[tuple[InstanceRecord, tuple[int, ...] | None]]:
    """The images of the state that are here and that this caller may see, in its order; with frame numbers where it names some.

    NotFound if there are none.
    """
    study = found.record.study_uid
    if found.state.blending is not None:
        study = found.state.blending.underlying.study or study
    records = await records_of(archive, study, found.state.related, access)
    taken = []
    for each in found.state.related:
        record = records.get(each.instance)
        numbers = tuple(number for number in each.frames if record is not None and number <= record.frames.count)
        if record is not None and (numbers or not each.frames):
            taken.append((record, numbers or None))
    if not taken:
        raise NotFound("None of the images that the presentation state is for are here", clause="PS3.18 10.4.3")
    return taken


async def records_of(archive: Archive, study: Uid, references: Sequence[Reference], access: Access) -> dict[str, InstanceRecord]:
    """The located instances that are referenced, a question to the index for each series."""
    wanted = {each.instance for each in references}
    records: dict[str, InstanceRecord] = {}
    for series in dict.fromkeys(each.series for each in references):
        async for record in archive.index.locate(Target(study, series), access=access):
            if record.instance_uid in wanted:
                records[record.instance_uid] = record
    return records


async def under(archive: Archive, found: Applied, record: InstanceRecord, numbers: Sequence[int], access: Access) -> list[Picture]:
    """These frames of an image as they are under the state. Errors as `pictures`."""
    state = found.state
    dataset = await described(archive, record, access)
    bulk = await _overlays(archive, state, record)
    made = []
    for number, picture in zip(numbers, await pictures(archive, record, numbers, access), strict=True):
        shown = presented(state, picture, dataset, number, bulk)
        if found.over:
            shown = await laid_over(archive, state, found.over, shown, dataset, number, access)
        made.append(await _masked(archive, state, record, shown, number, access))
    return made


def ensure_area(archive: Archive, picture: Picture, view: View) -> None:
    """TooLarge for a displayed area, also a magnified one, of more pixels than are made; InvalidQuery for a region outside of it."""
    if picture.softcopy is None:
        return
    placed = placement(picture.image, picture.aspect, picture.softcopy)
    ensure_few_pixels(archive, placed.columns * placed.rows)
    if picture.softcopy.area is not None and picture.softcopy.area.magnification is not None:
        columns, rows = min(placed.width, view.columns or placed.width), min(placed.height, view.rows or placed.height)
        ensure_few_pixels(archive, math.ceil(columns * rows))
    ensure_within(view, placed.columns, placed.rows)


async def _overlays(archive: Archive, state: PresentationState, record: InstanceRecord) -> dict[str, bytes]:
    """The planes of the image that the state shows, where they are kept out of its Metadata."""
    wanted = {group + DATA for group, _ in state.activated}
    values = [value for value in presentation_state.needed(record.bulkdata) if value.path in wanted]
    if not values:
        return {}
    read = await archive.blobs.read_spans(record.form.key, [value.span for value in values])
    return {value.path: content for value, content in zip(values, read, strict=True)}


async def _masked(
    archive: Archive, state: PresentationState, record: InstanceRecord, picture: Picture, number: int, access: Access
) -> Picture:
    found = mask_of(state, number, record.frames.count)
    if found is None or picture.softcopy is None or picture.image.samples != 1:
        return picture
    numbers, shift = found
    frames = tuple(each.frame for each in await pictures(archive, record, numbers, access))
    return replace(picture, softcopy=replace(picture.softcopy, mask=Mask(frames, shift)))
