"""app.dicom.show: what is read from the Metadata of real objects, through the same way as in the server; expectations written out."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from app.dicom import show
from app.dicom.picture import ImageAttributes, Lut, Overlay, Samples, Window, WindowShape
from app.model import Bulkdata, Span
from tests.builders import corpus, dataset, instance, part10
from tests.shown import picture, shown


def item(**keywords: Any) -> Dataset:
    made = Dataset()
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def us_lut(first: int, values: list[int], bits: int = 16) -> Dataset:
    made = item(LUTDescriptor=[len(values), first, bits], LUTData=struct.pack(f"<{len(values)}H", *values))
    made["LUTDescriptor"].VR, made["LUTData"].VR = "US", "OW"
    return made


def test_the_layout_of_samples_is_read_with_the_defaults_of_the_standard() -> None:
    assert shown(instance(rows=4, columns=6)).picture().image == ImageAttributes(4, 6)
    made = shown(instance(bits=8, rows=4, columns=5, frames=3, PixelRepresentation=1, HighBit=None, BitsStored=None)).picture().image
    assert made == ImageAttributes(4, 5, allocated=8, stored=8, high=7, signed=True, frames=3)


def test_an_object_without_an_image_has_no_image_attributes() -> None:
    described = shown(instance(modality="SR", rows=0))
    assert show.image_attributes(described.metadata) is None
    with pytest.raises(ValueError, match="no image"):
        show.picture(described.metadata, 1, {})


@pytest.mark.parametrize("nonsense", [{}, {"00280010": {"vr": "US", "Value": ["many"]}}, {"00280010": {"vr": "US", "Value": [None]}}])
def test_nonsense_for_rows_is_no_image(nonsense: dict[str, Any]) -> None:
    assert show.image_attributes(nonsense) is None


def test_numbers_written_as_text_are_numbers() -> None:
    read = show.image_attributes(
        {
            "00280010": {"vr": "US", "Value": ["2"]},
            "00280011": {"vr": "US", "Value": [3]},
            "00280100": {"vr": "US", "Value": ["16"]},
            "00280008": {"vr": "IS", "Value": ["7"]},
        }
    )
    assert read == ImageAttributes(2, 3, frames=7)


def test_float_pixel_data_tells_its_own_bits() -> None:
    made = dataset(rows=2, columns=2, BitsAllocated=None, BitsStored=None, HighBit=None, PixelRepresentation=None)
    del made.PixelData
    made.FloatPixelData = struct.pack("<4f", 0, 1, 2, 3)
    read = picture(part10(made))
    assert (read.image.kind, read.image.allocated, read.image.signed) == (Samples.FLOAT, 32, False)
    assert read.frame == struct.pack("<4f", 0, 1, 2, 3)


def test_the_first_usable_window_and_its_function_are_taken() -> None:
    several = picture(instance(WindowCenter=[10, 40], WindowWidth=[0, 400], VOILUTFunction="SIGMOID"))
    assert several.window == Window(40, 400, WindowShape.SIGMOID)
    assert picture(instance(WindowCenter=40, WindowWidth=0.5)).window == Window(40, 0.5, WindowShape.LINEAR_EXACT)
    assert picture(instance(WindowCenter=40)).window is None


def test_rescale_and_modality_lut_are_read() -> None:
    assert picture(instance(RescaleSlope="2.5", RescaleIntercept="-1024")).rescale == (2.5, -1024)
    assert picture(instance(RescaleIntercept=-5)).rescale == (1, -5)
    table = picture(instance(ModalityLUTSequence=[us_lut(3, [5, 6, 7], 12)])).modality
    assert table == Lut(3, 3, 12, struct.pack("<3H", 5, 6, 7))


def test_the_modality_lut_of_a_logarithmic_angiogram_is_not_for_display() -> None:
    facts = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.12.1", "ModalityLUTSequence": [us_lut(0, [1, 2])]}
    assert picture(instance(PixelIntensityRelationship="LOG", **facts)).modality is None
    assert picture(instance(PixelIntensityRelationship="LIN", **facts)).modality is not None


def test_a_long_lut_comes_from_bulkdata_of_a_nested_item() -> None:
    values = list(range(0, 65536, 16))
    described = shown(instance(VOILUTSequence=[us_lut(0, values)]))
    assert list(described.bulk) == ["00283010/1/00283006"]
    assert described.picture().voi == Lut(4096, 0, 16, struct.pack("<4096H", *values))


def test_a_window_goes_before_a_voi_lut() -> None:
    made = picture(instance(VOILUTSequence=[us_lut(0, [1, 2])], WindowCenter=1, WindowWidth=2))
    assert (made.voi, made.window) == (None, Window(1, 2))


def test_a_first_value_written_without_its_sign_is_negative_where_values_can_be() -> None:
    made = picture(instance(PixelRepresentation=1, VOILUTSequence=[us_lut(65536 - 100, [1, 2])]))
    assert made.voi is not None
    assert made.voi.first == -100


def test_functional_groups_hold_for_their_frame_and_shared_ones_for_all() -> None:
    def groups(center: float) -> Dataset:
        return item(FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=10)])

    shared = item(
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-1, RescaleType="US")],
        PixelMeasuresSequence=[item(PixelSpacing=[2, 1])],
        FrameVOILUTSequence=[item(WindowCenter=99, WindowWidth=9)],
    )
    described = shown(
        instance(
            frames=3,
            SharedFunctionalGroupsSequence=[shared],
            PerFrameFunctionalGroupsSequence=[groups(1), groups(2), Dataset()],
            WindowCenter=7,
            WindowWidth=7,
        )
    )
    made = described.pictures()
    assert [each.window for each in made] == [Window(1, 10), Window(2, 10), Window(99, 9)]
    assert {each.rescale for each in made} == {(2.0, -1.0)}
    assert {each.aspect for each in made} == {(2.0, 1.0)}


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse"),
    [("MONOCHROME1", None, True), ("MONOCHROME2", "INVERSE", True), ("MONOCHROME1", "INVERSE", True), ("MONOCHROME2", "IDENTITY", False)],
)
def test_monochrome1_and_the_shape_inverse_are_one_inversion(photometric: str, shape: str | None, inverse: bool) -> None:
    assert picture(instance(PhotometricInterpretation=photometric, PresentationLUTShape=shape)).inverse is inverse


def test_palettes_are_read_plain_and_segmented() -> None:
    red = struct.pack("<6H", 0, 1, 7, 1, 3, 9)
    made = dataset(bits=8, PhotometricInterpretation="PALETTE COLOR")
    made.RedPaletteColorLookupTableDescriptor = [4, 0, 16]
    made.GreenPaletteColorLookupTableDescriptor = made.BluePaletteColorLookupTableDescriptor = [0, 0, 8]
    made.SegmentedRedPaletteColorLookupTableData = red
    made.GreenPaletteColorLookupTableData = made.BluePaletteColorLookupTableData = bytes(range(256))
    palette = picture(part10(made)).palette
    assert palette == (Lut(4, 0, 16, red, True), *[Lut(65536, 0, 8, bytes(range(256)))] * 2)
    assert picture(instance(bits=8, PhotometricInterpretation="PALETTE COLOR")).palette is None


def overlay(group: int, **values: Any) -> Dataset:
    made = dataset(rows=4, columns=4, frames=values.pop("image_frames", 1), bits=16)
    made.BitsStored, made.HighBit = 12, 11
    vrs = {0x0010: "US", 0x0011: "US", 0x0015: "IS", 0x0040: "CS", 0x0050: "SS", 0x0051: "US", 0x0100: "US", 0x0102: "US", 0x3000: "OW"}
    for name, value in values.items():
        element = int(name[1:], 16)
        made.add_new((group, element), vrs[element], value)
    return made


def test_overlays_are_read_packed_and_in_high_bits() -> None:
    packed = overlay(0x6002, e0010=2, e0011=8, e0040="G", e0050=[-1, 3], e0100=1, e0102=0, e3000=b"\x01\x80")
    assert picture(part10(packed)).overlays == (Overlay(2, 8, -1, 3, b"\x01\x80"),)
    embedded = overlay(0x6000, e0010=4, e0011=4, e0040="R", e0050=[1, 1], e0100=16, e0102=13)
    assert picture(part10(embedded)).overlays == (Overlay(4, 4, 1, 1, None, 13, True),)
    within = overlay(0x6000, e0010=4, e0011=4, e0040="G", e0050=[1, 1], e0100=16, e0102=11)
    assert picture(part10(within)).overlays == ()


def test_planes_of_a_multi_frame_overlay_lie_over_their_own_frames() -> None:
    made = overlay(0x6000, image_frames=4, e0010=1, e0011=3, e0015=2, e0040="G", e0051=2, e0100=1, e0102=0, e3000=b"\x2b\x00")
    found = [each.overlays for each in shown(part10(made)).pictures()]
    assert [len(each) for each in found] == [0, 1, 1, 0]
    assert [each[0].data[0] & 7 for each in found if each and each[0].data] == [0b011, 0b101]


def test_an_overlay_that_is_cut_off_is_not_drawn() -> None:
    assert picture(part10(overlay(0x6000, e0010=4, e0011=8, e0050=[1, 1], e0100=1, e0102=0, e3000=b"\x01\x80"))).overlays == ()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"PixelPaddingValue": 5}, (5, 5)),
        ({"PixelPaddingValue": 5, "PixelPaddingRangeLimit": 2}, (2, 5)),
        ({"PixelPaddingValue": 63536, "PixelRepresentation": 1}, (-2000, -2000)),
        ({"PixelPaddingValue": None}, None),
    ],
)
def test_pixel_padding_is_a_range_in_the_sign_of_the_samples(facts: dict[str, Any], expected: tuple[int, int] | None) -> None:
    metadata = shown(instance(PixelRepresentation=facts.pop("PixelRepresentation", 0))).metadata
    for tag, keyword in (("00280120", "PixelPaddingValue"), ("00280121", "PixelPaddingRangeLimit")):
        if facts.get(keyword) is not None:
            metadata[tag] = {"vr": "US", "Value": [facts[keyword]]}
    assert show.picture(metadata, 1, {}).padding == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, (1, 1)),
        ({"PixelSpacing": [0.5, 0.25], "PixelAspectRatio": [1, 9]}, (0.5, 0.25)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"PixelAspectRatio": [4, 3]}, (4, 3)),
        ({"PixelSpacing": [0, 0.25]}, (1, 1)),
        ({"PixelSpacing": [1000, 0.001]}, (1, 1)),
    ],
)
def test_the_aspect_of_a_pixel_is_the_first_sensible_one(facts: dict[str, Any], expected: tuple[float, float]) -> None:
    assert picture(instance(**facts)).aspect == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"FrameTime": 40}, [40, 40, 40]),
        ({"RecommendedDisplayFrameRate": 10, "FrameTime": 40}, [100, 100, 100]),
        ({"FrameTimeVector": [0, 20, 30]}, [20, 30, 0]),
        ({"CineRate": 50}, [20, 20, 20]),
        ({}, [0, 0, 0]),
    ],
)
def test_each_frame_knows_how_long_it_is_shown(facts: dict[str, Any], expected: list[float]) -> None:
    assert [each.duration for each in shown(instance(frames=3, **facts)).pictures()] == expected


def test_the_icc_profile_of_the_frames_optical_path_is_taken() -> None:
    paths = [item(OpticalPathIdentifier=name, ICCProfile=profile) for name, profile in (("1", b"first "), ("2", b"second"))]
    made = dataset(frames=2, bits=8, columns=24)
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration, made.Columns = 3, "RGB", 0, 8
    made.OpticalPathSequence = paths
    second = item(OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="2")])
    made.PerFrameFunctionalGroupsSequence = [Dataset(), second]
    assert [each.icc for each in shown(part10(made)).pictures()] == [b"first ", b"second"]


def test_captions_tell_patient_and_technique() -> None:
    made = picture(instance(KVP=120, SliceThickness="5.0", BodyPartExamined="CHEST", frames=2), 2)
    assert made.annotations["patient"] == ("Doe, Jane", "PID1", "1970-01-01 F")
    assert made.annotations["technique"] == ("CT CHEST", "2024-02-29", "kV 120 Slice 5", "Series 1 Image 1 Frame 2/2")


def test_bulkdata_that_showing_does_not_need_is_left_alone() -> None:
    names = ["7FE00010", "54000100/1/54001010", "00880200/1/00281201", "52009230/2/00289132/1/00283010/1/00283006", "60023000", "00282000"]
    bulkdata = [Bulkdata(name, "OW", Span(0, 10)) for name in names]
    assert [each.path for each in show.needed(bulkdata)] == names[3:]
    assert [each.path for each in show.needed(bulkdata, 1)] == names[4:]
    assert [each.path for each in show.needed(bulkdata, 2)] == names[3:]
    assert show.needed([Bulkdata("60003000", "OW", Span(0, 1 << 40))]) == []


@pytest.mark.parametrize("path", corpus(), ids=lambda path: "/".join(path.parts[-2:]))
def test_every_object_of_the_corpus_can_be_described(path: Path) -> None:
    try:
        described = shown(path.read_bytes())
    except AssertionError:
        return  # refused at the door, since it cannot be identified
    image = show.image_attributes(described.metadata)
    for number in range(1, min(described.record.frames.count, 3) + 1):
        assert image is not None
        assert described.picture(number).image == image
