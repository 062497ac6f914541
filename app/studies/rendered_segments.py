"""Segmentations as they are shown: each plane a picture in which every segment has its colour, or all planes an animation.

A frame that is asked for by its number is a picture of its own segment alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from app.dicom import sop_classes
from app.dicom.depiction import Plane
from app.dicom.item import Item
from app.dicom.segmentation import Segmentation, segmentation
from app.dicom.sop_classes import Family
from app.dicomweb import resources
from app.dicomweb.negotiate import Offer, Packaging
from app.dicomweb.rendering import ANIMATIONS, View
from app.studies.answers import Part
from app.studies.pictures import described, ensure_few_pixels, image_of, pictures
from app.studies.rendered_images import IMAGE, ensure_region, plainly
from app.studies.showing import Showing, made_part


def _shows(showing: Showing) -> bool:
    return plainly(showing) and sop_classes.family(showing.record.sop_class_uid) is Family.SEGMENTATION


async def _parts(showing: Showing, selected: Offer) -> list[Part]:
    view = showing.in_type(selected.media_type)
    ensure_few_pixels(showing.archive, (view.columns or 0) * (view.rows or 0))
    planes = _planes(showing, await _structure(showing), selected)
    place = resources.instance(showing.record.target)
    if selected.packaging is Packaging.SINGLE and len(planes) > 1:
        return [made_part(showing, view, "planes", f"{place}/rendered", partial(_drawn, showing, view, planes))]
    return [
        made_part(showing, view, f"plane {frames}", _location(showing, frames), partial(_drawn, showing, view, [frames]))
        for frames in planes
    ]


def _location(showing: Showing, frames: tuple[int, ...]) -> str:
    """A plane of several frames has no address of its own."""
    one = len(frames) == 1 and (showing.numbers is not None or showing.record.frames.count > 1)
    return f"{resources.frames_uri(showing.record.target, frames[0]) if one else resources.instance(showing.record.target)}/rendered"


async def _structure(showing: Showing) -> Segmentation:
    return segmentation(Item(await described(showing.archive, showing.record, showing.access)), showing.record.frames.count)


def _planes(showing: Showing, found: Segmentation, selected: Offer) -> Sequence[tuple[int, ...]]:
    """What is to be seen: where one picture has to stand for all, the plane with the most segments."""
    if showing.numbers is not None and not showing.representative:
        return [(number,) for number in showing.numbers]
    one = showing.representative or (showing.single and selected.media_type not in ANIMATIONS)
    return [found.fullest()] if one else found.planes


async def _drawn(showing: Showing, view: View, planes: Sequence[tuple[int, ...]]) -> bytes:
    await ensure_region(showing, view)
    found = await _structure(showing)
    image = await image_of(showing.archive, showing.record, showing.access)
    ensure_few_pixels(showing.archive, image.rows * image.columns * sum(map(len, planes)))
    return await showing.archive.pixels.depict([await _plane(showing, found, frames) for frames in planes], view)


async def _plane(showing: Showing, found: Segmentation, frames: tuple[int, ...]) -> Plane:
    read = await pictures(showing.archive, showing.record, frames, showing.access)
    first = read[0]
    technique = (*first.annotations.get("technique", ()), *found.names(frames))
    return Plane(
        tuple(each.frame for each in read),
        first.transfer_syntax,
        first.image,
        tuple(found.segment(found.of_frame[frame - 1]).colour for frame in frames),
        found.most,
        {number: each.colour for number, each in found.segments.items() if number} if found.labels else None,
        first.aspect,
        first.annotations | {"technique": technique},
    )


SEGMENTS = replace(IMAGE, shows=_shows, parts=_parts)
"""What is on offer is what images have; there are at most as many planes as frames."""
