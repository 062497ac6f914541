"""Volumes for the tests: arrays of (slices, rows, columns) as series of single images, and as one enhanced multi-frame object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests.builders import dataset, fresh_uid, part10

Voxels = NDArray[np.int16]

INTERCEPT = -1024
AXIAL = (1, 0, 0, 0, 1, 0)


def positions(count: int, origin: Sequence[float] = (-10, -20, -30), step: Sequence[float] = (0, 0, 2.5)) -> list[tuple[float, ...]]:
    """Where the first pixel of each slice lies."""
    return [tuple(o + k * s for o, s in zip(origin, step, strict=True)) for k in range(count)]


def images(
    voxels: Voxels,
    *,
    places: Sequence[Sequence[float]] | None = None,
    spacing: tuple[float, float] = (0.7, 0.7),
    orientation: Sequence[float] = AXIAL,
    study_uid: str | None = None,
    series_uid: str | None = None,
    **keywords: Any,
) -> list[Dataset]:
    """CT images of Hounsfield units, one for each slice, in the order of the array; `places` are their Image Positions."""
    study_uid, series_uid = study_uid or fresh_uid(), series_uid or fresh_uid()
    found = []
    for number, (plane, place) in enumerate(zip(voxels, places or positions(len(voxels)), strict=True), 1):
        described: dict[str, Any] = {
            "ImagePositionPatient": list(place),
            "ImageOrientationPatient": list(orientation),
            "PixelSpacing": list(spacing),
            "FrameOfReferenceUID": f"{study_uid}.9",
            "RescaleSlope": 1,
            "RescaleIntercept": INTERCEPT,
            "WindowCenter": 40,
            "WindowWidth": 400,
            "InstanceNumber": number,
        }
        stored = (plane.astype(np.int32) - INTERCEPT).astype("<u2").tobytes()
        rows, columns = plane.shape
        found.append(
            dataset(study_uid=study_uid, series_uid=series_uid, rows=rows, columns=columns, pixels=stored, **(described | keywords))
        )
    return found


def series(voxels: Voxels, **keywords: Any) -> list[bytes]:
    """As `images`, as Part 10 files."""
    return [part10(image) for image in images(voxels, **keywords)]


def item(**keywords: Any) -> Dataset:
    made = Dataset()
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def enhanced(
    voxels: Voxels,
    *,
    places: Sequence[Sequence[float]] | None = None,
    spacing: tuple[float, float] = (0.7, 0.7),
    orientation: Sequence[float] = AXIAL,
    phases: Sequence[int] | None = None,
    **keywords: Any,
) -> Dataset:
    """One Enhanced CT object; `phases` are the Temporal Position Indices of its frames."""
    made = dataset(
        rows=voxels.shape[1],
        columns=voxels.shape[2],
        frames=len(voxels),
        pixels=(voxels.astype(np.int32) - INTERCEPT).astype("<u2").tobytes(),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1",
        **keywords,
    )
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=list(spacing), SliceThickness=1)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(orientation))],
        PixelValueTransformationSequence=[item(RescaleSlope=1, RescaleIntercept=INTERCEPT, RescaleType="HU")],
        FrameVOILUTSequence=[item(WindowCenter=40, WindowWidth=400)],
    )
    made.SharedFunctionalGroupsSequence = [shared]
    own = []
    for at, place in enumerate(places or positions(len(voxels))):
        content = item(TemporalPositionIndex=phases[at]) if phases else item(FrameComments="")
        own.append(item(PlanePositionSequence=[item(ImagePositionPatient=list(place))], FrameContentSequence=[content]))
    made.PerFrameFunctionalGroupsSequence = own
    return made


def ramp(slices: int = 6, rows: int = 5, columns: int = 4) -> Voxels:
    """Each voxel has a value of its own: 100 k + 10 j + i."""
    k, j, i = np.indices((slices, rows, columns))
    return np.asarray(100 * k + 10 * j + i, dtype=np.int16)
