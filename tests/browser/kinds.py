"""One study of each kind of object that a viewer shows in a way of its own, with pictures that tell whether they are shown rightly."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from app.dicom import transfer_syntax as syntaxes
from tests import reports, volumes
from tests.builders import SOP_CLASSES, dataset, encapsulated, fresh_uid, part10
from tests.reports import code
from tests.volumes import item

SLICES, SIZE, CENTRE = 12, 96, 48
SPACING = 0.7


def head(uid: str) -> list[Dataset]:
    """CT images of a ball in a study; its series is `uid`.1."""
    z, y, x = np.mgrid[0:SLICES, 0:SIZE, 0:SIZE]
    voxels = np.where(_ball(x, y, z, 40), 60, -900) + (x + 2 * y) // 8
    described: dict[str, Any] = {"patient_name": "Kind^Measured", "PatientID": uid, "modality": "CT", "SeriesDescription": "ball"}
    return volumes.images(voxels.astype("<i2"), study_uid=uid, series_uid=f"{uid}.1", spacing=(SPACING, SPACING), **described)


def _ball(x: NDArray[Any], y: NDArray[Any], z: NDArray[Any], radius: float) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(np.hypot(x - CENTRE, y - CENTRE), (z - SLICES / 2) * SIZE / SLICES) < radius)


LENGTH = 40.0
"""Millimetres, of the line in `measurements`."""


def measurements(images: Sequence[Dataset]) -> bytes:
    """A Measurement Report (TID 1500) of one length, across the ball in its middle image."""
    image = images[len(images) // 2]
    half = LENGTH / SPACING / 2
    selected = reports.item(
        "IMAGE",
        relationship="SELECTED FROM",
        ReferencedSOPSequence=reports.reference(image.SOPClassUID, image.SOPInstanceUID),
    )
    line = [CENTRE - half, CENTRE, CENTRE + half, CENTRE]
    where = reports.item("SCOORD", None, selected, relationship="INFERRED FROM", GraphicType="POLYLINE", GraphicData=line)
    group = reports.item(
        "CONTAINER",
        code("Measurement Group", "125007", "DCM"),
        _text("Tracking Identifier", "112039", "Cornerstone3DTools@^0.1.0:Length"),
        _uid("Tracking Unique Identifier", "112040", fresh_uid()),
        _coded("Finding", "121071", code("Diameter", "SRT.1")),
        reports.number(code("Length", "G-D7FE", "SRT"), str(LENGTH), None, where, relationship="CONTAINS"),
    )
    made = reports.document(
        None,
        reports.item("CODE", code("Language of Content Item and Descendants", "121049", "DCM"),
                     relationship="HAS CONCEPT MOD", ConceptCodeSequence=[code("English", "eng", "RFC5646")]),
        reports.item("CONTAINER", code("Image Library", "111028", "DCM")),
        reports.item("CONTAINER", code("Imaging Measurements", "126010", "DCM"), group),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33",
        study_uid=image.StudyInstanceUID,
        series_uid=fresh_uid(),
        patient_name=str(image.PatientName),
        PatientID=image.PatientID,
        SeriesDescription="one length",
        ConceptNameCodeSequence=[code("Imaging Measurement Report", "126000", "DCM")],
        ContentTemplateSequence=[item(MappingResource="DCMR", TemplateIdentifier="1500")],
        CompletionFlag="COMPLETE",
        VerificationFlag="UNVERIFIED",
        CurrentRequestedProcedureEvidenceSequence=reports.evidence(
            image.StudyInstanceUID, image.SeriesInstanceUID, *[(each.SOPClassUID, each.SOPInstanceUID) for each in images]
        ),
    )  # fmt: skip
    return part10(made)


def _text(meaning: str, value: str, text: str) -> Dataset:
    return reports.item("TEXT", code(meaning, value, "DCM"), relationship="HAS OBS CONTEXT", TextValue=text)


def _uid(meaning: str, value: str, uid: str) -> Dataset:
    return reports.item("UIDREF", code(meaning, value, "DCM"), relationship="HAS OBS CONTEXT", UID=uid)


def _coded(meaning: str, value: str, concept: Dataset) -> Dataset:
    return reports.item("CODE", code(meaning, value, "DCM"), ConceptCodeSequence=[concept])


def report(uid: str, sentence: str) -> bytes:
    """A Basic Text SR."""
    finding = reports.item("TEXT", code("Finding", "121071", "DCM"), TextValue=sentence)
    section = reports.item("CONTAINER", code("Findings", "121070", "DCM"), finding)
    named = {"patient_name": "Kind^Reported", "PatientID": uid, "SeriesDescription": "report"}
    return part10(
        reports.document("Radiology Report", section, SOPClassUID=SOP_CLASSES["SR"], study_uid=uid, series_uid=f"{uid}.1", **named)
    )


def letter(uid: str) -> bytes:
    """An Encapsulated PDF of one page, half of it red."""
    drawn = BytesIO()
    page = Image.new("RGB", (420, 594), "white")
    ImageDraw.Draw(page).rectangle((0, 0, 420, 297), "red")
    page.save(drawn, "PDF")
    content = drawn.getvalue()
    described: dict[str, Any] = {"patient_name": "Kind^Lettered", "PatientID": uid, "modality": "DOC", "SeriesDescription": "letter"}
    document: dict[str, Any] = {"EncapsulatedDocument": content + bytes(len(content) % 2), "EncapsulatedDocumentLength": len(content)}
    return part10(
        dataset(
            study_uid=uid,
            series_uid=f"{uid}.1",
            rows=0,
            SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1",
            MIMETypeOfEncapsulatedDocument="application/pdf",
            DocumentTitle="Letter",
            BurnedInAnnotation="YES",
            **described,
            **document,
        )
    )


def _jpeg(picture: Image.Image) -> bytes:
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def cine(uid: str, frames: int = 20) -> bytes:
    """An Ultrasound Multi-frame Image, 20 frames a second: its number in each frame, and a bar that goes from left to right."""
    pictures = []
    for number in range(1, frames + 1):
        picture = Image.new("RGB", (160, 120), (10, 20, 30))
        drawing = ImageDraw.Draw(picture)
        drawing.rectangle((number * 7, 70, number * 7 + 12, 110), (240, 200, 40))
        drawing.text((50, 10), str(number), "white", ImageFont.load_default(40))
        pictures.append(_jpeg(picture))
    return encapsulated(
        pictures,
        syntaxes.JPEG_BASELINE,
        study_uid=uid,
        series_uid=f"{uid}.1",
        modality="US",
        rows=120,
        columns=160,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1",
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        FrameTime=50,
        FrameIncrementPointer=0x00181063,
        CineRate=20,
        RecommendedDisplayFrameRate=20,
        patient_name="Kind^Moving",
        PatientID=uid,
        SeriesDescription="cine",
    )


TILE = 256


def slide(uid: str) -> list[bytes]:
    """VL Whole Slide Microscopy Images in two levels of one slide: fields of colours, each quarter of another."""
    whole = Image.new("RGB", (4 * TILE, 4 * TILE), (245, 240, 245))
    drawing = ImageDraw.Draw(whole)
    for number, colour in enumerate(((200, 60, 120), (90, 50, 160), (60, 150, 90), (220, 160, 40))):
        left, top = (number % 2) * 2 * TILE, (number // 2) * 2 * TILE
        drawing.ellipse((left + 60, top + 60, left + 2 * TILE - 60, top + 2 * TILE - 60), colour)
        drawing.text((left + 220, top + 220), str(number + 1), "white", ImageFont.load_default(60))
    return [_level(uid, number, whole.reduce(factor)) for number, factor in enumerate((1, 4), 1)]


def _level(uid: str, number: int, picture: Image.Image) -> bytes:
    across, down = picture.width // TILE, picture.height // TILE
    tiles = [
        _jpeg(picture.crop((column * TILE, row * TILE, (column + 1) * TILE, (row + 1) * TILE)))
        for row in range(down)
        for column in range(across)
    ]
    millimetres = 4.0
    spacing = millimetres / picture.width
    measures = item(PixelSpacing=[spacing, spacing], SliceThickness=0.001)
    kind = "ORIGINAL" if number == 1 else "DERIVED"
    frame_type = item(FrameType=[kind, "PRIMARY", "VOLUME", "NONE" if number == 1 else "RESAMPLED"])
    return encapsulated(
        tiles,
        syntaxes.JPEG_BASELINE,
        study_uid=uid,
        series_uid=f"{uid}.1",
        modality="SM",
        rows=TILE,
        columns=TILE,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6",
        ImageType=[kind, "PRIMARY", "VOLUME", "NONE" if number == 1 else "RESAMPLED"],
        InstanceNumber=number,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL_422",
        PlanarConfiguration=0,
        NumberOfFrames=len(tiles),
        TotalPixelMatrixColumns=picture.width,
        TotalPixelMatrixRows=picture.height,
        TotalPixelMatrixFocalPlanes=1,
        TotalPixelMatrixOriginSequence=[item(XOffsetInSlideCoordinateSystem=20.0, YOffsetInSlideCoordinateSystem=40.0)],
        ImagedVolumeWidth=millimetres,
        ImagedVolumeHeight=millimetres,
        ImagedVolumeDepth=0.001,
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
        DimensionOrganizationType="TILED_FULL",
        FrameOfReferenceUID=f"{uid}.9",
        VolumetricProperties="VOLUME",
        SpecimenLabelInImage="NO",
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        LossyImageCompression="01",
        ContainerIdentifier="SLIDE-1",
        NumberOfOpticalPaths=1,
        OpticalPathSequence=[
            item(
                OpticalPathIdentifier="1",
                OpticalPathDescription="brightfield",
                IlluminationTypeCodeSequence=[code("Brightfield illumination", "111744", "DCM")],
                IlluminationColorCodeSequence=[code("Full Spectrum", "R-102C0", "SRT")],
            )
        ],
        SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[measures], WholeSlideMicroscopyImageFrameTypeSequence=[frame_type])],
        patient_name="Kind^Sliced",
        PatientID=uid,
        SeriesDescription="slide",
    )
