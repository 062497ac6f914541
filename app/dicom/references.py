"""Which images and frames a presentation state, or a part of it, speaks of (PS3.3 C.11.11, Table 10-3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.dicom import uid
from app.dicom.attributes import tag
from app.dicom.item import Item
from app.model import Uid

_SERIES = tag("ReferencedSeriesSequence")
_IMAGES = tag("ReferencedImageSequence")
_SERIES_UID = tag("SeriesInstanceUID")
_INSTANCE_UID = tag("ReferencedSOPInstanceUID")
_FRAMES = tag("ReferencedFrameNumber")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image, or some of its frames (from 1, in the order named); no frames means all of them. `series` where it is told."""

    instance: Uid
    frames: tuple[int, ...] = ()
    series: Uid | None = None


def images(item: Item, series: Uid | None = None) -> tuple[Reference, ...]:
    """The Referenced Image Sequence of the item; what is no UID is no reference."""
    found = []
    for each in item.items(_IMAGES):
        instance = each.text(_INSTANCE_UID)
        if uid.is_valid(instance):
            frames = dict.fromkeys(int(number) for number in each.numbers(_FRAMES) if number >= 1)
            found.append(Reference(Uid(instance), tuple(frames), series))
    return tuple(found)


def related(item: Item) -> tuple[Reference, ...]:
    """All images of the Referenced Series Sequence: those that a presentation state is for (C.11.11)."""
    found: list[Reference] = []
    for each in item.items(_SERIES):
        series = each.text(_SERIES_UID)
        if uid.is_valid(series):
            found += images(each, Uid(series))
    return tuple(found)


def covers(references: Sequence[Reference], instance: str, frame: int) -> bool:
    """Whether the part speaks of this frame; one without references speaks of all images of its state."""
    return not references or any(each.instance == instance and (not each.frames or frame in each.frames) for each in references)
