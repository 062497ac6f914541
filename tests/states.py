"""Presentation states for the tests, made with pydicom: every attribute is written out, nothing comes from our own code."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset

from tests.builders import dataset, fresh_uid

GRAYSCALE, COLOR, PSEUDO_COLOR, BLENDING = (f"1.2.840.10008.5.1.4.1.1.11.{number}" for number in (1, 2, 3, 4))


def item(**keywords: Any) -> Dataset:
    made = Dataset()
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def lut(first: int, values: Sequence[int], bits: int = 16) -> Dataset:
    """An item of a Modality, VOI or Presentation LUT Sequence."""
    made = item(LUTDescriptor=[len(values), first, bits], LUTData=struct.pack(f"<{len(values)}H", *values))
    made["LUTDescriptor"].VR, made["LUTData"].VR = "SS" if first < 0 else "US", "OW"
    return made


def reference(image: Dataset, frames: Sequence[int] = ()) -> Dataset:
    made = item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    if frames:
        made.ReferencedFrameNumber = list(frames)
    return made


def related(images: Sequence[Dataset], frames: Sequence[int] = ()) -> list[Dataset]:
    """The Referenced Series Sequence for these images, a series an item."""
    series = dict.fromkeys(image.SeriesInstanceUID for image in images)
    return [
        item(
            SeriesInstanceUID=uid,
            ReferencedImageSequence=[reference(image, frames) for image in images if image.SeriesInstanceUID == uid],
        )
        for uid in series
    ]


def state(*images: Dataset, sop_class: str = GRAYSCALE, frames: Sequence[int] = (), **keywords: Any) -> Dataset:
    """A state for these images, in their study; without keywords it shows them as they are, whole, by an identity."""
    first = images[0]
    made = dataset(modality="PR", study_uid=first.StudyInstanceUID, series_uid=fresh_uid(), rows=0, SOPClassUID=sop_class)
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "TEST", "", ""
    made.PresentationCreationDate, made.PresentationCreationTime = "20240229", "101500"
    made.PresentationLUTShape = "IDENTITY"
    made.ReferencedSeriesSequence = related(images, frames)
    made.DisplayedAreaSelectionSequence = [area((1, 1), (first.Columns, first.Rows))]
    for keyword, value in keywords.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def palette(made: Dataset, **tables: Sequence[int]) -> Dataset:
    """The state with a palette of 8 bits: `Red`, `Green`, `Blue`."""
    for name, values in tables.items():
        descriptor, data = f"{name}PaletteColorLookupTableDescriptor", f"{name}PaletteColorLookupTableData"
        setattr(made, descriptor, [len(values), 0, 8])
        setattr(made, data, bytes(values) + bytes(len(values) % 2))
        made[descriptor].VR, made[data].VR = "US", "OW"
    return made


def blending(under: Dataset, over: Dataset, opacity: float, below: dict[str, Any], above: dict[str, Any]) -> Dataset:
    """A Blending state that lays one image over the other; `below` and `above` are the grayscale steps of each."""
    sides = [
        item(BlendingPosition=position, StudyInstanceUID=image.StudyInstanceUID, ReferencedSeriesSequence=related([image]), **facts)
        for position, image, facts in (("UNDERLYING", under, below), ("SUPERIMPOSED", over, above))
    ]
    made = state(under, sop_class=BLENDING, BlendingSequence=sides, RelativeOpacity=opacity, PresentationLUTShape=None)
    del made.ReferencedSeriesSequence
    return made


def area(first: Sequence[int], last: Sequence[int], mode: str = "SCALE TO FIT", **keywords: Any) -> Dataset:
    """An item of the Displayed Area Selection Sequence; corners are column, row."""
    facts = {"PresentationPixelAspectRatio": [1, 1]} | keywords
    return item(
        DisplayedAreaTopLeftHandCorner=list(first),
        DisplayedAreaBottomRightHandCorner=list(last),
        PresentationSizeMode=mode,
        **{keyword: value for keyword, value in facts.items() if value is not None},
    )


def layer(name: str = "LAYER", order: int = 1, **keywords: Any) -> Dataset:
    return item(GraphicLayer=name, GraphicLayerOrder=order, **keywords)


def annotation(*, name: str = "LAYER", graphics: Sequence[Dataset] = (), texts: Sequence[Dataset] = (), **keywords: Any) -> Dataset:
    made = item(GraphicLayer=name, **keywords)
    if graphics:
        made.GraphicObjectSequence = list(graphics)
    if texts:
        made.TextObjectSequence = list(texts)
    return made


def graphic(kind: str, data: Sequence[float], units: str = "PIXEL", *, filled: bool = False, **keywords: Any) -> Dataset:
    return item(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=list(data),
        GraphicType=kind,
        GraphicFilled="Y" if filled else "N",
        **keywords,
    )


def text(words: str, first: Sequence[float], last: Sequence[float], units: str = "PIXEL", **keywords: Any) -> Dataset:
    return item(
        UnformattedTextValue=words,
        BoundingBoxAnnotationUnits=units,
        BoundingBoxTopLeftHandCorner=list(first),
        BoundingBoxBottomRightHandCorner=list(last),
        **({"BoundingBoxTextHorizontalJustification": "LEFT"} | keywords),
    )


def overlay(made: Dataset, rows: int, columns: int, bits: bytes, group: int = 0x6000) -> None:
    """Add an overlay plane, its bits packed from the lowest."""
    for element, vr, value in ((0x10, "US", rows), (0x11, "US", columns), (0x40, "CS", "G"), (0x50, "SS", [1, 1])):
        made.add_new((group, element), vr, value)
    made.add_new((group, 0x100), "US", 1)
    made.add_new((group, 0x102), "US", 0)
    made.add_new((group, 0x3000), "OW", bits + bytes(len(bits) % 2))
