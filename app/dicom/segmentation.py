"""Segmentations (PS3.3 C.8.20, C.8.23): segments with their colours, and which frames lie in one plane. Pure, and lenient.

Must not know: pixels, how planes are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.dicom import colours
from app.dicom.attributes import tag
from app.dicom.functional_groups import macro
from app.dicom.item import Item
from app.dicom.softcopy import Colour

LABELS = 8
"""Names of segments that are written on a picture."""

PALETTE: tuple[Colour, ...] = (
    (230, 75, 53),
    (77, 187, 213),
    (0, 160, 135),
    (243, 155, 127),
    (132, 145, 220),
    (145, 209, 120),
    (240, 228, 66),
    (204, 121, 200),
    (126, 97, 72),
    (176, 156, 133),
    (255, 255, 255),
    (86, 120, 255),
)
"""For segments that recommend no colour, or one that nobody would see over black; they tell apart also for most colour-blind people."""

_DARK = 48

_SEGMENTS, _NUMBER, _LABEL = tag("SegmentSequence"), tag("SegmentNumber"), tag("SegmentLabel")
_CIELAB, _GREY = tag("RecommendedDisplayCIELabValue"), tag("RecommendedDisplayGrayscaleValue")
_IDENTIFICATION, _REFERENCED = tag("SegmentIdentificationSequence"), tag("ReferencedSegmentNumber")
_POSITION, _PATIENT = tag("PlanePositionSequence"), tag("ImagePositionPatient")
_ORIENTATION, _DIRECTIONS = tag("PlaneOrientationSequence"), tag("ImageOrientationPatient")
_SLIDE = tag("PlanePositionSlideSequence")
_COLUMN, _ROW = tag("ColumnPositionInTotalImagePixelMatrix"), tag("RowPositionInTotalImagePixelMatrix")

Place = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    number: int
    label: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Segmentation:
    """`planes` are frame numbers (from 1) that lie in the same place, from one end to the other; `of_frame` the segment of each frame.

    `most` is the sample that means all of a segment. In a label map (`labels`) samples are numbers of segments, and each frame is a plane.
    """

    segments: Mapping[int, Segment]
    of_frame: tuple[int, ...]
    planes: tuple[tuple[int, ...], ...]
    most: float
    labels: bool

    def segment(self, number: int) -> Segment:
        """The segment, also one that is not described."""
        return self.segments.get(number) or Segment(number, "", PALETTE[(number - 1) % len(PALETTE)])

    def fullest(self) -> tuple[int, ...]:
        """The plane with the most segments, of several the one in the middle: it stands for all."""
        most = max(map(len, self.planes))
        candidates = [plane for plane in self.planes if len(plane) == most]
        return candidates[(len(candidates) - 1) // 2]

    def names(self, frames: tuple[int, ...]) -> tuple[str, ...]:
        """What the segments of these frames are called."""
        numbers = sorted(self.segments) if self.labels else sorted({self.of_frame[frame - 1] for frame in frames})
        found = [name for number in numbers if (name := self.segment(number).label)]
        return (*found[:LABELS], *([f"and {len(found) - LABELS} more"] if len(found) > LABELS else []))


def segmentation(dataset: Item, frames: int) -> Segmentation:
    """The structure of an object with so many frames."""
    segments = {segment.number: segment for segment in map(_segment, dataset.items(_SEGMENTS))}
    kind = dataset.text(tag("SegmentationType")).upper()
    of_frame = tuple(_of_frame(dataset, frame, min(segments, default=1)) for frame in range(1, frames + 1))
    labels = kind == "LABELMAP"
    places = {frame: _place(dataset, frame) for frame in range(1, frames + 1)}
    most = (dataset.number(tag("MaximumFractionalValue")) or 255.0) if kind == "FRACTIONAL" else 1.0
    return Segmentation(segments, of_frame, _planes(places, of_frame, labels=labels), most, labels)


def _segment(item: Item) -> Segment:
    number = item.integer(_NUMBER)
    colour = colours.colour(item, _CIELAB, _GREY)
    if colour is None or max(colour) < _DARK:
        colour = PALETTE[(number - 1) % len(PALETTE)]
    return Segment(number, item.text(_LABEL), colour)


def _of_frame(dataset: Item, frame: int, default: int) -> int:
    found = macro(dataset, frame, _IDENTIFICATION)
    return found.integer(_REFERENCED, default) if found is not None else default


def _place(dataset: Item, frame: int) -> Place:
    """Where the frame lies, to a hundredth of a millimetre: along the normal of its plane first, so that places are in order."""
    position = macro(dataset, frame, _POSITION)
    numbers = position.numbers(_PATIENT) if position is not None else []
    if len(numbers) == 3:
        orientation = macro(dataset, frame, _ORIENTATION)
        along = _along(numbers, orientation.numbers(_DIRECTIONS) if orientation is not None else [])
        return (along, *(round(number, 2) for number in numbers))
    slide = macro(dataset, frame, _SLIDE)
    if slide is not None and slide.has(_COLUMN):
        return float(slide.integer(_ROW)), float(slide.integer(_COLUMN))
    return ()


def _along(position: list[float], directions: list[float]) -> float:
    if len(directions) != 6:
        return 0.0
    (a, b, c), (d, e, f) = directions[:3], directions[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    return round(sum(each * number for each, number in zip(normal, position, strict=True)), 2)


def _planes(places: Mapping[int, Place], of_frame: tuple[int, ...], *, labels: bool) -> tuple[tuple[int, ...], ...]:
    """Frames in the same place; one that does not say where it lies is a plane of its own."""
    if labels:
        return tuple((frame,) for frame in places)
    found: dict[tuple[object, ...], list[int]] = {}
    for frame, place in places.items():
        key: tuple[object, ...] = ("at", *place) if place else ("frame", frame)
        found.setdefault(key, []).append(frame)
    if all(places.values()):
        found = dict(sorted(found.items()))
    return tuple(tuple(sorted(frames, key=lambda frame: (of_frame[frame - 1], frame))) for frames in found.values())
