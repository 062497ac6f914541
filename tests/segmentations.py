"""Segmentations for the tests, made with pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from tests.builders import dataset

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


def cielab(lightness: float, a: float, b: float) -> list[int]:
    """As PS3.3 C.10.7.1.1 encodes it."""
    return [round(lightness * 65535 / 100), round((a + 128) * 65535 / 255), round((b + 128) * 65535 / 255)]


def segment(number: int, label: str, **keywords: Any) -> Dataset:
    made = Dataset()
    made.SegmentNumber, made.SegmentLabel = number, label
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def instance(segments: Sequence[Dataset], frames: Sequence[tuple[int, float]], *, bits: int = 1, **keywords: Any) -> Dataset:
    """Frames as (segment, z)."""
    given: dict[str, Any] = {"SegmentationType": "BINARY", "SOPClassUID": SEGMENTATION} | keywords
    made = dataset(modality="SEG", frames=len(frames), bits=bits, SegmentSequence=list(segments), **given)
    made.NumberOfFrames = len(frames)
    functional_groups(made, [(number, [0.0, 0.0, z]) for number, z in frames], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    return made


def functional_groups(made: Dataset, frames: Sequence[tuple[int, Sequence[float]]], orientation: Sequence[float]) -> None:
    shared, plane = Dataset(), Dataset()
    plane.ImageOrientationPatient = list(orientation)
    shared.PlaneOrientationSequence = [plane]
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = []
    for number, position in frames:
        place = Dataset()
        place.ImagePositionPatient = list(position)
        group = _identified(number)
        group.PlanePositionSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(group)


def slide_groups(made: Dataset, frames: Sequence[tuple[int, int, int]]) -> None:
    """Frames as (segment, row, column)."""
    made.PerFrameFunctionalGroupsSequence = []
    for number, row, column in frames:
        place = Dataset()
        place.RowPositionInTotalImagePixelMatrix, place.ColumnPositionInTotalImagePixelMatrix = row, column
        group = _identified(number)
        group.PlanePositionSlideSequence = [place]
        made.PerFrameFunctionalGroupsSequence.append(group)


def _identified(number: int) -> Dataset:
    group, identification = Dataset(), Dataset()
    identification.ReferencedSegmentNumber = number
    group.SegmentIdentificationSequence = [identification]
    return group
