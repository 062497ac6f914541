"""What is read from a presentation state, and what it makes of a picture: expectations written out from PS3.3 and PS3.4 N.2."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from pydicom.dataset import Dataset

from app.dicom import presentation_state
from app.dicom.picture import Lut, Picture, Window, WindowShape
from app.dicom.presentation_state import PresentationState
from app.dicom.presented import mask_of, presented
from app.dicom.references import Reference
from app.dicom.softcopy import DisplayedArea, Graphic, GraphicType, Plane, Shutter, Stroke, Text, Units
from tests import states
from tests.builders import dataset, part10
from tests.shown import shown


def read(made: Dataset) -> PresentationState:
    """Through the same way as in the server; every value kept out of the Metadata is at hand."""
    described = shown(part10(made))
    wanted = presentation_state.needed(described.record.bulkdata)
    bulk = {each.path: described.blob[each.span.offset : each.span.end] for each in wanted}
    found = presentation_state.read(described.metadata, bulk)
    assert found is not None
    return found


def apply(made: Dataset, image: Dataset, frame: int = 1) -> Picture:
    described = shown(part10(image))
    return presented(read(made), described.picture(frame), described.metadata, frame, described.bulk)


def under(image: Dataset, frame: int = 1, **keywords: Any) -> Picture:
    """The picture of the image under a state with these attributes."""
    return apply(states.state(image, **keywords), image, frame)


def test_the_images_of_a_state_are_read_in_order_with_their_series_and_frames() -> None:
    first, second = dataset(), dataset(frames=3)
    found = read(states.state(first, second, frames=[3, 1])).related
    assert found == (
        Reference(first.SOPInstanceUID, (3, 1), first.SeriesInstanceUID),
        Reference(second.SOPInstanceUID, (3, 1), second.SeriesInstanceUID),
    )


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 10, 11])
def test_states_that_cannot_be_applied_are_none(number: int) -> None:
    uid = f"1.2.840.10008.5.1.4.1.1.11.{number}"
    assert uid in presentation_state.SOP_CLASSES
    assert presentation_state.read({"00080016": {"vr": "UI", "Value": [uid]}}, {}) is None


def test_an_image_is_no_state() -> None:
    assert presentation_state.read(shown(part10(dataset())).metadata, {}) is None


def test_steps_that_the_state_does_not_have_are_identities_whatever_the_image_says() -> None:
    image = dataset(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=40, WindowWidth=400, PhotometricInterpretation="MONOCHROME1")
    image.BitsStored, image.HighBit = 12, 11
    found = under(image)
    assert (found.rescale, found.modality, found.voi, found.inverse, found.presentation) == (None, None, None, False, None)
    assert found.window == Window(2047.5, 4095, WindowShape.LINEAR_EXACT)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"PixelRepresentation": 1}, (-0.5, 65535)),
        ({"bits": 8}, (127.5, 255)),
        ({"bits": 8, "PixelRepresentation": 1}, (-0.5, 255)),
    ],
)
def test_the_identity_spreads_all_values_that_may_be_stored(facts: dict[str, Any], expected: tuple[float, float]) -> None:
    window = under(dataset(**facts)).window
    assert window == Window(*expected, WindowShape.LINEAR_EXACT)


def test_the_identity_follows_a_rescale_also_one_that_falls() -> None:
    found = under(dataset(bits=8), RescaleSlope="-2", RescaleIntercept="10", RescaleType="US")
    assert found.rescale == (-2, 10)
    assert found.window == Window(-245, 510, WindowShape.LINEAR_EXACT)


def test_the_states_own_steps_stand_in_the_place_of_the_images() -> None:
    image = dataset(RescaleSlope=2, RescaleIntercept=0, WindowCenter=40, WindowWidth=400, PresentationLUTShape="IDENTITY")
    voi = states.item(WindowCenter=["50", "1"], WindowWidth=["300", "2"], VOILUTFunction="SIGMOID")
    found = under(image, RescaleSlope=1, RescaleIntercept=-1024, SoftcopyVOILUTSequence=[voi], PresentationLUTShape="INVERSE")
    assert found.rescale == (1, -1024)
    assert found.window == Window(50, 300, WindowShape.SIGMOID)
    assert found.inverse


def test_tables_of_the_state_are_read() -> None:
    image = dataset(PixelRepresentation=1)
    found = under(
        image,
        ModalityLUTSequence=[states.lut(-2, [1, 2, 3])],
        SoftcopyVOILUTSequence=[states.item(VOILUTSequence=[states.lut(5, list(range(4000)), 12)])],
        PresentationLUTSequence=[states.lut(0, [9, 8], 12)],
        PresentationLUTShape=None,
    )
    assert found.modality == Lut(3, -2, 16, struct.pack("<3H", 1, 2, 3))
    assert found.voi == Lut(4000, 5, 12, struct.pack("<4000H", *range(4000)))  # longer than what stands in the Metadata
    assert found.presentation == Lut(2, 0, 12, struct.pack("<2H", 9, 8))
    assert found.window is None


def test_a_first_value_written_unsigned_is_read_as_the_signed_input_means_it() -> None:
    voi = states.lut(0, [1, 2])
    voi.LUTDescriptor = [2, 0xFC00, 16]
    keywords: dict[str, Any] = {"SoftcopyVOILUTSequence": [states.item(VOILUTSequence=[voi])]}
    signed = under(dataset(PixelRepresentation=1), **keywords).voi
    unsigned = under(dataset(), **keywords).voi
    assert signed is not None
    assert unsigned is not None
    assert (signed.first, unsigned.first) == (-1024, 0xFC00)


def test_a_part_counts_only_for_the_images_and_frames_it_names() -> None:
    first, second = dataset(frames=3), dataset(frames=3)
    windows = [
        states.item(ReferencedImageSequence=[states.reference(first, [2])], WindowCenter=10, WindowWidth=20),
        states.item(ReferencedImageSequence=[states.reference(second)], WindowCenter=30, WindowWidth=40),
    ]
    areas = [
        states.area((1, 1), (4, 4), ReferencedImageSequence=[states.reference(first)]),
        states.area((2, 3), (5, 6), ReferencedImageSequence=[states.reference(second)]),
    ]
    made = states.state(first, second, SoftcopyVOILUTSequence=windows, DisplayedAreaSelectionSequence=areas)
    assert apply(made, first, 2).window == Window(10, 20)
    assert apply(made, first, 1).window == Window(32767.5, 65535, WindowShape.LINEAR_EXACT)
    assert apply(made, second, 3).window == Window(30, 40)
    assert _softcopy(apply(made, second)).area == DisplayedArea(2, 3, 5, 6)


def _softcopy(picture: Picture) -> Any:
    assert picture.softcopy is not None
    return picture.softcopy


def test_rotation_flip_and_area_are_read() -> None:
    found = _softcopy(under(dataset(), ImageRotation=270, ImageHorizontalFlip="Y"))
    assert (found.rotation, found.flip, found.area) == (270, True, DisplayedArea(1, 1, 8, 8))


def test_a_rotation_by_another_angle_is_none() -> None:
    assert _softcopy(under(dataset(), ImageRotation=45, ImageHorizontalFlip="N")).rotation == 0


def test_corners_are_sorted_as_a_turned_image_has_them_the_other_way_round() -> None:
    areas = [states.area((8, 1), (3, 6), PresentationPixelAspectRatio=None, PresentationPixelSpacing=["0.5", "0.25"])]
    found = under(dataset(), DisplayedAreaSelectionSequence=areas, ImageRotation=90, ImageHorizontalFlip="N")
    assert _softcopy(found).area == DisplayedArea(3, 1, 8, 6)
    assert found.aspect == (0.5, 0.25)


@pytest.mark.parametrize(("mode", "expected"), [("SCALE TO FIT", None), ("TRUE SIZE", None), ("MAGNIFY", 2.5)])
def test_only_the_mode_magnify_magnifies(mode: str, expected: float | None) -> None:
    areas = [states.area((-3, -3), (12, 12), mode, PresentationPixelMagnificationRatio=2.5)]
    assert _softcopy(under(dataset(), DisplayedAreaSelectionSequence=areas)).area == DisplayedArea(-3, -3, 12, 12, expected)


def test_an_area_larger_than_any_image_is_the_whole_image() -> None:
    areas = [states.area((-(2**31), 1), (2**31 - 1, 8))]
    assert _softcopy(under(dataset(), DisplayedAreaSelectionSequence=areas)).area is None


def test_all_shapes_of_a_shutter_are_read_with_its_value() -> None:
    made = states.state(
        dataset(),
        ShutterShape=["RECTANGULAR", "CIRCULAR", "POLYGONAL"],
        ShutterLeftVerticalEdge=2,
        ShutterRightVerticalEdge=7,
        ShutterUpperHorizontalEdge=3,
        ShutterLowerHorizontalEdge=6,
        CenterOfCircularShutter=[4, 5],
        RadiusOfCircularShutter=3,
        VerticesOfThePolygonalShutter=[1, 1, 1, 8, 8, 8],
        ShutterPresentationValue=0x8000,
    )
    polygon = ((1, 1), (1, 8), (8, 8))
    assert read(made).shutter == Shutter((2, 7, 3, 6), (4, 5, 3), polygon, None, (128, 128, 128))


def test_a_bitmap_shutter_is_the_overlay_of_its_group() -> None:
    made = states.state(dataset(), ShutterShape="BITMAP", ShutterOverlayGroup=0x6002, ShutterPresentationValue=0xFFFF)
    states.overlay(made, 8, 8, bytes(range(8)), group=0x6002)
    found = read(made).shutter
    assert found is not None
    assert found.bitmap is not None
    assert (found.bitmap.rows, found.bitmap.data, found.colour) == (8, bytes(range(8)), (255, 255, 255))


def test_half_a_shutter_is_none() -> None:
    made = states.state(dataset(), ShutterShape=["RECTANGULAR", "CIRCULAR"], ShutterLeftVerticalEdge=2, CenterOfCircularShutter=[4, 5])
    assert read(made).shutter is None


def test_the_shutter_of_the_image_does_not_count_under_a_state() -> None:
    image = dataset(ShutterShape="RECTANGULAR", ShutterLeftVerticalEdge=2, ShutterRightVerticalEdge=3)
    image.ShutterUpperHorizontalEdge, image.ShutterLowerHorizontalEdge = 2, 3
    assert _softcopy(under(image)).shutter is None


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        # Lab as Photoshop and littleCMS give it under D50: black, white, mid grey, and sRGB's red, green and blue.
        ((0, 32896, 32896), (0, 0, 0)),
        ((65535, 32896, 32896), (255, 255, 255)),
        ((round(53.585 / 100 * 65535), 32896, 32896), (128, 128, 128)),
        ((round(54.29 / 100 * 65535), round((80.81 + 128) / 255 * 65535), round((69.89 + 128) / 255 * 65535)), (255, 0, 0)),
        ((round(87.82 / 100 * 65535), round((-79.29 + 128) / 255 * 65535), round((80.99 + 128) / 255 * 65535)), (0, 255, 0)),
        ((round(29.57 / 100 * 65535), round((68.30 + 128) / 255 * 65535), round((-112.03 + 128) / 255 * 65535)), (0, 0, 255)),
    ],
)
def test_cielab_colours_become_srgb(encoded: tuple[int, ...], expected: tuple[int, int, int]) -> None:
    layer = states.layer(GraphicLayerRecommendedDisplayCIELabValue=list(encoded))
    mark = states.annotation(graphics=[states.graphic("POINT", [1, 1])])
    (found,) = _softcopy(under(dataset(), GraphicLayerSequence=[layer], GraphicAnnotationSequence=[mark])).marks
    assert all(abs(one - other) <= 1 for one, other in zip(found.stroke.colour, expected, strict=True)), found.stroke.colour


def test_marks_are_painted_in_order_of_their_layers() -> None:
    layers = [
        states.layer("TOP", 9, GraphicLayerRecommendedDisplayGrayscaleValue=65535),
        states.layer("LOW", 2, GraphicLayerRecommendedDisplayGrayscaleValue=0),
        states.layer("PLANES", 5, GraphicLayerRecommendedDisplayGrayscaleValue=32768),
    ]
    marks = [
        states.annotation(name="TOP", graphics=[states.graphic("CIRCLE", [4, 4, 4, 6], filled=True)]),
        states.annotation(name="LOW", graphics=[states.graphic("POLYLINE", [0, 0, 1, 1], "DISPLAY")]),
    ]
    image = dataset()
    states.overlay(image, 8, 8, bytes(8))
    made = states.state(image, GraphicLayerSequence=layers, GraphicAnnotationSequence=marks)
    made.add_new((0x6000, 0x1001), "CS", "PLANES")
    low, plane, top = _softcopy(apply(made, image)).marks
    assert low == Graphic(GraphicType.POLYLINE, ((0, 0), (1, 1)), Units.DISPLAY, Stroke((0, 0, 0)))
    assert isinstance(plane, Plane)
    assert plane.colour == (128, 128, 128)
    assert top == Graphic(GraphicType.CIRCLE, ((4, 4), (4, 6)), Units.PIXEL, Stroke(), ((255, 255, 255), 1.0))


def test_overlays_that_the_state_does_not_activate_are_not_shown() -> None:
    image = dataset()
    states.overlay(image, 8, 8, bytes(8))
    found = under(image, GraphicLayerSequence=[states.layer()])
    assert found.overlays == ()
    assert _softcopy(found).marks == ()


def test_an_overlay_of_the_state_stands_in_the_place_of_the_images() -> None:
    image = dataset()
    states.overlay(image, 8, 8, b"image   ")
    made = states.state(image, GraphicLayerSequence=[states.layer("L")])
    states.overlay(made, 8, 8, b"state   ")
    made.add_new((0x6000, 0x1001), "CS", "L")
    (plane,) = _softcopy(apply(made, image)).marks
    assert plane.overlay.data == b"state   "


def test_styles_of_lines_and_fills_are_read() -> None:
    line = states.item(
        PatternOnColorCIELabValue=[0, 32896, 32896],
        PatternOnOpacity=0.5,
        LineThickness=3.0,
        LineDashingStyle="DASHED",
        LinePattern=0b0000_1111_0000_0000_0000_0000_0000_0000,
    )
    fill = states.item(PatternOnColorCIELabValue=[65535, 32896, 32896], PatternOnOpacity=0.25)
    drawn = states.graphic("POLYLINE", [0, 0, 4, 0, 4, 4, 0, 0], filled=True, LineStyleSequence=[line], FillStyleSequence=[fill])
    (found,) = _softcopy(under(dataset(), GraphicAnnotationSequence=[states.annotation(graphics=[drawn])])).marks
    assert found.stroke == Stroke((0, 0, 0), 3.0, 0.5, (12.0, 84.0))
    assert found.fill == ((255, 255, 255), 0.25)


def test_an_open_line_is_not_filled() -> None:
    drawn = states.graphic("POLYLINE", [0, 0, 4, 0, 4, 4], filled=True)
    (found,) = _softcopy(under(dataset(), GraphicAnnotationSequence=[states.annotation(graphics=[drawn])])).marks
    assert found.fill is None


@pytest.mark.parametrize(
    "drawn",
    [
        states.graphic("CIRCLE", [1, 1]),
        states.graphic("ELLIPSE", [1, 1, 2, 2]),
        states.graphic("BLOB", [1, 1, 2, 2]),
        states.graphic("POLYLINE", [1, 1, 2, 2], "MATRIX"),
        states.graphic("POLYLINE", [1, 1, 2e9, 2]),
    ],
)
def test_graphics_that_mean_nothing_are_left_out(drawn: Dataset) -> None:
    assert _softcopy(under(dataset(), GraphicAnnotationSequence=[states.annotation(graphics=[drawn])])).marks == ()


def test_a_long_line_that_is_bulkdata_is_read() -> None:
    points = [float(number) for number in range(3000)]
    drawn = states.graphic("POLYLINE", points)
    (found,) = _softcopy(under(dataset(), GraphicAnnotationSequence=[states.annotation(graphics=[drawn])])).marks
    assert found.points == tuple(zip(points[::2], points[1::2], strict=True))


def test_texts_are_read_with_box_anchor_and_style() -> None:
    style = states.item(TextColorCIELabValue=[0, 32896, 32896], HorizontalAlignment="CENTER", VerticalAlignment="BOTTOM")
    words = states.text(
        "one\r\ntwo\x07",
        (1, 2),
        (6, 5),
        AnchorPoint=[0.5, 0.25],
        AnchorPointAnnotationUnits="DISPLAY",
        AnchorPointVisibility="Y",
        TextStyleSequence=[style],
    )
    (found,) = _softcopy(under(dataset(), GraphicAnnotationSequence=[states.annotation(texts=[words])])).marks
    assert isinstance(found, Text)
    assert found.lines == ("one", "two")
    assert found.box is not None
    assert (found.box.first, found.box.last, found.box.units) == ((1, 2), (6, 5), Units.PIXEL)
    assert found.anchor is not None
    assert (found.anchor.point, found.anchor.units, found.anchor.visible) == ((0.5, 0.25), Units.DISPLAY, True)
    assert (found.colour, found.across, found.down) == ((0, 0, 0), "CENTER", "BOTTOM")


def test_a_colour_image_keeps_its_own_pipeline_and_takes_the_rest() -> None:
    image = dataset(bits=8, columns=24)
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration, image.Columns = 3, "RGB", 0, 8
    found = under(image, sop_class=states.COLOR, PresentationLUTShape=None, ICCProfile=b"profile ", ImageRotation=90)
    assert (found.window, found.voi, found.icc, _softcopy(found).rotation) == (None, None, b"profile ", 90)


def test_a_pseudo_colour_state_brings_its_palette() -> None:
    keywords: dict[str, Any] = {}
    for name in ("Red", "Green", "Blue"):
        keywords[f"{name}PaletteColorLookupTableDescriptor"] = [2, 0, 8]
        keywords[f"{name}PaletteColorLookupTableData"] = b"\x01\x02"
    made = states.state(dataset(), sop_class=states.PSEUDO_COLOR, ICCProfile=b"profile ")
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
        made[keyword].VR = "US" if keyword.endswith("Descriptor") else "OW"
    image = dataset()
    found = apply(made, image)
    assert _softcopy(found).palette == (Lut(2, 0, 8, b"\x01\x02"),) * 3
    assert found.icc == b"profile "


def test_the_frames_of_a_mask_are_told_for_each_frame() -> None:
    operations = [
        states.item(MaskOperation="AVG_SUB", ApplicableFrameRange=[3, 4, 6, 6], MaskFrameNumbers=[1, 2], MaskSubPixelShift=[0.5, -1.5]),
        states.item(MaskOperation="TID", TIDOffset=2),
    ]
    made = read(states.state(dataset(frames=9), MaskSubtractionSequence=operations, RecommendedViewingMode="SUB"))
    told = {frame: mask_of(made, frame, 9) for frame in range(1, 10)}
    assert told[3] == told[4] == told[6] == ((1, 2), (0.5, -1.5))
    assert told[1] is None
    assert told[5] == ((3,), (0.0, 0.0))
    assert told[9] == ((7,), (0.0, 0.0))


def test_the_difference_of_a_mask_has_twice_the_range() -> None:
    image = dataset(bits=8, frames=3)
    operation = states.item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1])
    found = under(image, 2, MaskSubtractionSequence=[operation], RecommendedViewingMode="SUB")
    assert found.window == Window(0, 510, WindowShape.LINEAR_EXACT)


@pytest.mark.parametrize(
    "nonsense", [{"vr": "SQ"}, {"vr": "SQ", "Value": [None]}, {"vr": "SQ", "Value": [{}]}, {"vr": "US", "Value": ["x"]}, 7]
)
def test_nonsense_in_a_state_is_left_out(nonsense: Any) -> None:
    described = shown(part10(states.state(dataset())))
    for tag in list(described.metadata):
        if tag != "00080016":
            broken = described.metadata | {tag: nonsense}
            assert presentation_state.read(broken, {}) is not None
