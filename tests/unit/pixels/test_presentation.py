"""Pictures under presentation states, pixel by pixel: known images, expectations by the formulas and figures of the standard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from app.dicomweb.rendering import Region
from tests import states
from tests.builders import dataset
from tests.presented import PNG, RAMP, blended, grey, rendered, under


def test_the_identity_shows_eight_bits_as_they_are() -> None:
    assert np.array_equal(under(RAMP), RAMP)


def test_inverse_turns_them_round_and_monochrome1_does_not_count() -> None:
    assert np.array_equal(under(RAMP, PresentationLUTShape="INVERSE"), 255 - RAMP)
    image = grey(RAMP, PhotometricInterpretation="MONOCHROME1")
    image.PhotometricInterpretation = "MONOCHROME1"
    assert np.array_equal(rendered(image, states.state(image)), RAMP)


def test_the_window_of_the_state_stands_in_the_place_of_the_images() -> None:
    pixels = np.arange(-1024, 1024, dtype=np.int16).reshape(32, 64)
    image = grey(pixels, WindowCenter=0, WindowWidth=10)
    voi = states.item(WindowCenter=50, WindowWidth=400)
    found = rendered(image, states.state(image, RescaleSlope=2, RescaleIntercept=-100, RescaleType="HU", SoftcopyVOILUTSequence=[voi]))
    x = pixels * 2.0 - 100
    expected = np.clip(((x - (50 - 0.5)) / (400 - 1) + 0.5) * 255, 0, 255)
    assert np.abs(found - expected).max() <= 0.5 + 1e-9


def test_tables_follow_one_another() -> None:
    pixels = np.array([[0, 1, 2, 3, 4, 5]], np.uint8)
    found = under(
        pixels,
        ModalityLUTSequence=[states.lut(1, [10, 20, 30, 40])],  # 0 and 1 -> 10, 2 -> 20, 3 -> 30, 4 and 5 -> 40
        SoftcopyVOILUTSequence=[states.item(VOILUTSequence=[states.lut(10, list(range(31)), 8)])],  # -> 0, 10, 20, 30
        PresentationLUTSequence=[states.lut(0, [255 - number for number in range(256)], 8)],
        PresentationLUTShape=None,
    )
    assert found.tolist() == [[255, 255, 245, 235, 225, 225]]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [False, True])
def test_rotation_is_clockwise_and_comes_before_the_flip(rotation: int, flip: bool) -> None:
    found = under(RAMP, ImageRotation=rotation, ImageHorizontalFlip="Y" if flip else "N")
    expected = np.rot90(RAMP, -rotation // 90)
    assert np.array_equal(found, expected[:, ::-1] if flip else expected)


def test_the_displayed_area_is_a_part_of_the_image() -> None:
    areas = [states.area((3, 2), (10, 7))]
    assert np.array_equal(under(RAMP, DisplayedAreaSelectionSequence=areas), RAMP[1:7, 2:10])


def test_the_displayed_area_is_told_before_rotation() -> None:
    areas = [states.area((3, 7), (10, 2))]
    found = under(RAMP, DisplayedAreaSelectionSequence=areas, ImageRotation=90, ImageHorizontalFlip="N")
    assert np.array_equal(found, np.rot90(RAMP[1:7, 2:10], -1))


def test_an_area_beyond_the_image_is_black() -> None:
    areas = [states.area((-1, 0), (22, 13))]
    found = under(RAMP + np.uint8(1), DisplayedAreaSelectionSequence=areas)
    assert found.shape == (14, 24)
    assert np.array_equal(found[1:13, 2:22], RAMP + np.uint8(1))
    found[1:13, 2:22] = 0
    assert not found.any()


def test_an_area_beside_the_image_is_black() -> None:
    assert not under(RAMP, DisplayedAreaSelectionSequence=[states.area((30, 30), (34, 31))]).any()


def test_an_area_of_more_pixels_than_are_made_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        under(RAMP, DisplayedAreaSelectionSequence=[states.area((-30000, -30000), (30000, 30000))])


def test_pixels_that_are_not_square_are_made_so() -> None:
    areas = [states.area((1, 1), (20, 12), PresentationPixelAspectRatio=[2, 1])]
    assert under(RAMP, DisplayedAreaSelectionSequence=areas).shape == (24, 20)
    turned = under(RAMP, DisplayedAreaSelectionSequence=areas, ImageRotation=90, ImageHorizontalFlip="N")
    assert turned.shape == (20, 24)


def test_a_viewport_holds_the_area_and_keeps_its_aspect() -> None:
    areas = [states.area((1, 1), (8, 6), "TRUE SIZE", PresentationPixelAspectRatio=None, PresentationPixelSpacing=["0.5", "0.5"])]
    assert under(RAMP, replace(PNG, columns=80, rows=80), DisplayedAreaSelectionSequence=areas).shape == (60, 80)


def test_magnify_keeps_its_scale_and_a_viewport_cuts_the_middle_out() -> None:
    areas = [states.area((1, 1), (20, 12), "MAGNIFY", PresentationPixelMagnificationRatio=4.0)]
    whole = under(RAMP, DisplayedAreaSelectionSequence=areas)
    assert whole.shape == (48, 80)
    cut = under(RAMP, replace(PNG, columns=40, rows=24), DisplayedAreaSelectionSequence=areas)
    assert cut.shape == (24, 40)
    assert np.abs(cut[9:-9, 9:-9].astype(int) - whole[21:-21, 29:-29]).max() <= 1
    large = under(RAMP, replace(PNG, columns=400, rows=400), DisplayedAreaSelectionSequence=areas)
    assert np.array_equal(large, whole)


def test_the_source_region_is_a_part_of_the_area_as_it_is_turned() -> None:
    view = replace(PNG, region=Region(1, 2, 4, 3))
    found = under(RAMP, view, ImageRotation=90, ImageHorizontalFlip="N")
    assert np.array_equal(found, np.rot90(RAMP, -1)[2:5, 1:5])


def test_the_edges_of_a_rectangular_shutter_are_visible() -> None:
    keywords: dict[str, Any] = {"ShutterLeftVerticalEdge": 3, "ShutterRightVerticalEdge": 10}
    keywords |= {"ShutterUpperHorizontalEdge": 2, "ShutterLowerHorizontalEdge": 7}
    found = under(RAMP, ShutterShape="RECTANGULAR", ShutterPresentationValue=0x8080, **keywords)
    expected = np.full_like(RAMP, 128)
    expected[1:7, 2:10] = RAMP[1:7, 2:10]
    assert np.array_equal(found, expected)


def test_a_circular_shutter_is_round_about_a_pixel() -> None:
    found = under(RAMP, ShutterShape="CIRCULAR", CenterOfCircularShutter=[6, 9], RadiusOfCircularShutter=4, ShutterPresentationValue=65535)
    for row in range(1, 13):
        for column in range(1, 21):
            seen = (row - 6) ** 2 + (column - 9) ** 2 <= 16
            assert found[row - 1, column - 1] == (RAMP[row - 1, column - 1] if seen else 255)


def test_a_circular_shutter_is_round_over_pixels_that_are_not_square() -> None:
    areas = [states.area((1, 1), (20, 12), PresentationPixelAspectRatio=[2, 1])]
    image = np.full((12, 20), 200, np.uint8)
    found = under(
        image,
        DisplayedAreaSelectionSequence=areas,
        ShutterShape="CIRCULAR",
        CenterOfCircularShutter=[6, 10],
        RadiusOfCircularShutter=8,
        ShutterPresentationValue=0,
    )
    assert (found.shape, (found[11] > 100).sum(), (found[:, 9] > 100).sum()) == ((24, 20), 17, 18)


def test_a_polygonal_shutter_holds_its_edges() -> None:
    triangle = [2, 2, 2, 12, 12, 2]  # row, column
    found = under(RAMP, ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=triangle, ShutterPresentationValue=65535)
    for row in range(1, 13):
        for column in range(1, 21):
            seen = row >= 2 and column >= 2 and (row - 2) + (column - 2) <= 10
            assert found[row - 1, column - 1] == (RAMP[row - 1, column - 1] if seen else 255), (row, column)


def test_of_several_shapes_the_least_is_visible() -> None:
    keywords: dict[str, Any] = {"ShutterLeftVerticalEdge": 9, "ShutterRightVerticalEdge": 20}
    keywords |= {"ShutterUpperHorizontalEdge": 1, "ShutterLowerHorizontalEdge": 12}
    keywords |= {"CenterOfCircularShutter": [6, 9], "RadiusOfCircularShutter": 4}
    found = under(RAMP, ShutterShape=["RECTANGULAR", "CIRCULAR"], ShutterPresentationValue=65535, **keywords)
    assert (found[5, 7], found[5, 8], found[5, 12], found[5, 13]) == (255, RAMP[5, 8], RAMP[5, 12], 255)


def test_a_bitmap_shutter_hides_where_its_bits_are_set() -> None:
    image = grey(RAMP)
    hidden = RAMP % 3 == 0
    made = states.state(image, ShutterShape="BITMAP", ShutterOverlayGroup=0x6000, ShutterPresentationValue=65535)
    states.overlay(made, 12, 20, np.packbits(hidden, bitorder="little").tobytes())
    assert np.array_equal(rendered(image, made), np.where(hidden, 255, RAMP))


def test_a_shutter_in_colour_makes_the_picture_one_of_colours() -> None:
    red = [round(54.29 / 100 * 65535), round((80.81 + 128) / 255 * 65535), round((69.89 + 128) / 255 * 65535)]
    found = under(
        RAMP,
        ShutterShape="CIRCULAR",
        CenterOfCircularShutter=[6, 9],
        RadiusOfCircularShutter=1,
        ShutterPresentationValue=0,
        ShutterPresentationColorCIELabValue=red,
    )
    assert found.shape == (12, 20, 3)
    assert found[5, 8].tolist() == [RAMP[5, 8]] * 3
    assert np.abs(found[0, 0].astype(int) - [255, 0, 0]).max() <= 1


def test_annotations_in_shuttered_regions_are_seen() -> None:
    line = states.annotation(graphics=[states.graphic("POLYLINE", [0.5, 0.5, 19.5, 0.5])])
    found = under(
        np.zeros((12, 20), np.uint8),
        ShutterShape="CIRCULAR",
        CenterOfCircularShutter=[6, 9],
        RadiusOfCircularShutter=1,
        ShutterPresentationValue=0,
        GraphicAnnotationSequence=[line],
    )
    assert found[0].tolist() == [255] * 20
    assert not found[1:].any()


def test_a_mask_is_subtracted_before_the_window() -> None:
    frames = np.array([[[10, 20, 30]], [[30, 20, 10]], [[100, 25, 0]]], np.uint8)
    image = grey(frames)
    operation = states.item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1, 2])
    voi = states.item(WindowCenter=0, WindowWidth=201, VOILUTFunction="LINEAR")
    made = states.state(image, MaskSubtractionSequence=[operation], RecommendedViewingMode="SUB", SoftcopyVOILUTSequence=[voi])
    difference = np.array([[80.0, 5.0, -20.0]])
    expected = np.floor(np.clip((difference + 0.5) / 200 + 0.5, 0, 1) * 255 + 0.5)
    assert np.array_equal(rendered(image, made, frame=3), expected)


def test_the_palette_of_a_pseudo_colour_state_is_spread_over_all_levels() -> None:
    image = grey(np.array([[0, 64, 128, 255]], np.uint8))
    made = states.state(image, sop_class=states.PSEUDO_COLOR, PresentationLUTShape=None)
    states.palette(made, Red=[0, 10, 20, 30], Green=[100, 100, 100, 100], Blue=[3, 2, 1, 0])
    assert rendered(image, made).tolist() == [[[0, 100, 3], [10, 100, 2], [20, 100, 1], [30, 100, 0]]]


def test_a_colour_image_is_turned_under_a_colour_state() -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    image = dataset(bits=8, rows=4, columns=18, pixels=pixels.tobytes())
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration, image.Columns = 3, "RGB", 0, 6
    made = states.state(image, sop_class=states.COLOR, PresentationLUTShape=None, ImageRotation=270, ImageHorizontalFlip="N")
    assert np.array_equal(rendered(image, made), np.rot90(pixels, 1))


def in_plane(pixels: np.ndarray, spacing: float, position: tuple[float, float, float]) -> Dataset:
    facts: dict[str, Any] = {"ImagePositionPatient": list(position), "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    return grey(pixels, PixelSpacing=[spacing, spacing], FrameOfReferenceUID="1.2.3", **facts)


def test_one_image_is_laid_over_the_other_where_it_lies_in_the_patient() -> None:
    lower = np.full((4, 6), 100, np.uint8)
    upper = np.full((1, 2), 255, np.uint8)
    # Its two pixels of 2 mm cover rows 1 and 2 and columns 1 to 4 of the lower image, whose pixels are of 1 mm.
    below, above = in_plane(lower, 1, (0, 0, 5)), in_plane(upper, 2, (1.5, 1.5, 5.2))
    made = states.palette(states.blending(below, above, 0.25, {}, {}), Red=[0, 200], Green=[0, 100], Blue=[0, 0])
    found = blended(below, above, made)
    expected = np.full((4, 6, 3), 100)
    expected[1:3, 1:5] = [0.75 * 100 + 0.25 * colour + 0.001 for colour in (200, 100, 0)]
    assert np.abs(found - expected).max() <= 1


def test_each_side_of_a_blending_has_its_own_window() -> None:
    pixels = np.array([[0, 50, 100, 150]], np.uint8)
    below, above = in_plane(pixels, 1, (0, 0, 0)), in_plane(pixels, 1, (0, 0, 0))
    windows = [{"SoftcopyVOILUTSequence": [states.item(WindowCenter=center, WindowWidth=1)]} for center in (51, 101)]
    made = states.palette(states.blending(below, above, 0.5, *windows), Red=[0, 0], Green=[0, 255], Blue=[0, 0])
    assert blended(below, above, made).tolist() == [[[0, 0, 0], [0, 0, 0], [128, 128, 128], [128, 255, 128]]]
