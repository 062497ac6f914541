"""The images that a Blending state lays over others: found, placed in the patient, paired (PS3.3 C.11.14). Must not know HTTP."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicom import geometry
from app.dicom.blending import Blending, across, nearest, parallel
from app.dicom.geometry import Plane
from app.dicom.item import Item
from app.dicom.picture import Picture
from app.dicom.presentation_state import PresentationState
from app.dicom.presented import in_grey
from app.dicom.softcopy import Blend
from app.errors import NotFound, Unprocessable
from app.model import Access, InstanceRecord, JsonObject, Metadata, Target, Uid
from app.ports import Archive
from app.studies.pictures import pictures

CLAUSE = "PS3.3 C.11.14"
_FRAME_OF_REFERENCE = "00200052"


@dataclass(frozen=True, slots=True)
class Over:
    """A frame that may be laid over another one, and where it lies in which frame of reference."""

    record: InstanceRecord
    number: int
    plane: Plane
    reference: str


async def superimposed(archive: Archive, blending: Blending, study: Uid, access: Access) -> tuple[Over, ...]:
    """All frames of the superimposed side that this caller may see, and that tell where they lie. NotFound, Unprocessable."""
    side = blending.superimposed
    study = side.study or study
    wanted = {each.instance: each.frames for each in side.related}
    found: list[Over] = []
    seen = False
    for series in dict.fromkeys(each.series for each in side.related):
        target = Target(study, series)
        records = {record.instance_uid: record async for record in archive.index.locate(target, access=access)}
        async for metadata in archive.index.metadata(target, access=access):
            record = records.get(metadata.target.instance or Uid(""))
            if record is None or record.instance_uid not in wanted:
                continue
            seen = True
            numbers = wanted[record.instance_uid] or range(1, record.frames.count + 1)
            found += await asyncio.to_thread(_places, metadata, record, numbers)
    if not seen:
        raise NotFound("The images that the blending lays over others are not here", clause="PS3.18 10.4.3")
    if not found:
        raise Unprocessable("The images that the blending lays over others do not tell where they lie in the patient", clause=CLAUSE)
    return tuple(found)


def _places(metadata: Metadata, record: InstanceRecord, numbers: Sequence[int]) -> list[Over]:
    dataset = Item(json.loads(zlib.decompress(metadata.text), strict=False))
    reference = dataset.text(_FRAME_OF_REFERENCE)
    planes = ((number, geometry.plane(dataset, number)) for number in numbers if number <= record.frames.count)
    return [Over(record, number, plane, reference) for number, plane in planes if plane is not None]


async def laid_over(
    archive: Archive, state: PresentationState, over: Sequence[Over], picture: Picture, dataset: JsonObject, number: int, access: Access
) -> Picture:
    """The picture of the underlying frame with the one that lies in its plane; alone where none does. Unprocessable."""
    item = Item(dataset)
    under = geometry.plane(item, number)
    mates = [each for each in over if each.reference == item.text(_FRAME_OF_REFERENCE)]
    if under is None or not any(parallel(under, each.plane) for each in mates):
        raise Unprocessable(
            "The two sides of the blending are not of one frame of reference and of parallel planes, as this version needs them",
            clause=CLAUSE,
        )
    at = nearest(under, [each.plane for each in mates])
    if at is None or state.blending is None or state.palette is None or picture.softcopy is None:
        return picture
    mate = mates[at]
    (upper,) = await pictures(archive, mate.record, [mate.number], access)
    upper = in_grey(upper, state.blending.superimposed.pipeline, mate.record.instance_uid, mate.number)
    blend = Blend(upper, state.palette, state.blending.opacity, across(under, mate.plane))
    return replace(picture, softcopy=replace(picture.softcopy, blend=blend))
