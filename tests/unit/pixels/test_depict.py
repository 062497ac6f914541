"""Depictions: what is drawn, coloured and blended, beside formulas in numpy."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.dicom.depiction import Chart, Depiction, Plane, Sheet, Wash
from app.dicom.drawing import Box, Drawing
from app.dicom.picture import ImageAttributes, Picture, Samples, Window, WindowShape
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.rendering import Region, View
from app.pixels.depict import depict, extremes
from tests.unit.dicom.corpus_files import corpus_file
from tests.waveforms import channel, group, instance, read

PNG = View("image/png")
BITS = ImageAttributes(4, 8, allocated=1, stored=1, high=0)
BYTES = ImageAttributes(2, 4, allocated=8, stored=8, high=7)
RED, BLUE = (200, 0, 0), (0, 0, 100)


def shown(*depictions: Depiction, view: View = PNG) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(depict(depictions, view))).convert("RGB"))


def bits(rows: list[str]) -> bytes:
    return np.packbits([[int(bit) for bit in row] for row in rows], bitorder="little").tobytes()


def test_segments_are_seen_in_their_colours_over_black_and_the_later_one_on_top() -> None:
    first = bits(["11110000", "11110000", "00000000", "00000000"])
    second = bits(["00111100", "00000000", "00000000", "00000000"])
    made = shown(Plane((first, second), EXPLICIT_LE, BITS, (RED, BLUE)))
    expected = np.zeros((4, 8, 3))
    expected[:2, :4] = RED
    expected[0, 2:6] = BLUE
    np.testing.assert_array_equal(made, expected)


def test_fractions_are_shares_of_the_colour() -> None:
    first = np.array([[0, 50, 100, 200], [0, 0, 0, 200]], np.uint8)
    second = np.array([[0, 0, 100, 0], [200, 0, 0, 100]], np.uint8)
    made = shown(Plane((first.tobytes(), second.tobytes()), EXPLICIT_LE, BYTES, (RED, BLUE), most=200))
    shares = [first[..., np.newaxis] / 200, second[..., np.newaxis] / 200]
    expected = (np.array(RED) * shares[0]) * (1 - shares[1]) + np.array(BLUE) * shares[1]
    np.testing.assert_allclose(made, expected, atol=0.5001)


def test_a_label_map_has_a_colour_for_each_value() -> None:
    numbers = np.array([[0, 1, 2, 9], [2, 2, 0, 1]], np.uint8)
    made = shown(Plane((numbers.tobytes(),), EXPLICIT_LE, BYTES, labels={1: RED, 2: BLUE}))
    colours = np.zeros((256, 3), np.uint8)
    colours[1], colours[2] = RED, BLUE
    np.testing.assert_array_equal(made, colours[numbers])


def test_the_segmentation_of_the_corpus_is_where_pydicom_has_it() -> None:
    made = pydicom.dcmread(corpus_file("liver.dcm"))
    image = ImageAttributes(512, 512, allocated=1, stored=1, high=0)
    size = 512 * 512 // 8
    for number, mask in enumerate(made.pixel_array):
        frame = made.PixelData[number * size : (number + 1) * size]
        np.testing.assert_array_equal(shown(Plane((frame,), EXPLICIT_LE, image, (RED,)))[..., 0], mask * 200)


def test_planes_are_stretched_to_square_pixels_and_fit_the_box() -> None:
    plane = Plane((bits(["11110000"] * 4),), EXPLICIT_LE, BITS, (RED,), aspect=(2.0, 1.0))
    assert shown(plane).shape == (8, 8, 3)
    assert shown(plane, view=replace(PNG, columns=64, rows=64)).shape == (64, 64, 3)


def test_several_planes_are_an_animation() -> None:
    planes = [Plane((bits([f"{1 << at:08b}"] * 4),), EXPLICIT_LE, BITS, (RED,)) for at in range(3)]
    assert getattr(Image.open(BytesIO(depict(planes, View("image/gif")))), "n_frames", 1) == 3


def dose(values: NDArray[np.uint16], scaling: float = 0.01) -> Picture:
    rows, columns = values.shape
    image = ImageAttributes(rows, columns, allocated=16, stored=16, high=15)
    return Picture(values.astype("<u2").tobytes(), EXPLICIT_LE, image, rescale=(scaling, 0.0))


def test_a_wash_goes_from_black_over_blue_green_and_yellow_to_red() -> None:
    values = np.array([[0, 1000, 2500, 5500, 7000, 10000]], np.uint16)
    made = shown(Wash(dose(values), 0.0, 100.0))[0].astype(int)
    assert made[0].tolist() == [0, 0, 0]
    strongest = ["RGB"[at] for at in made.argmax(axis=1)]
    assert strongest[1:4] == ["B", "B", "G"]
    assert made[4, 0] > 200
    assert made[4, 1] > 200
    assert strongest[5] == "R"


def test_a_wash_is_monotonous_and_a_window_goes_before() -> None:
    values = np.array([[1000, 3000, 5000]], np.uint16)
    whole = shown(Wash(dose(values), 0.0, 100.0))
    narrow = shown(Wash(dose(values), 0.0, 100.0), view=replace(PNG, window=Window(30.0, 40.0, WindowShape.LINEAR_EXACT)))
    assert narrow[0, 0].tolist() == [0, 0, 0]
    assert narrow[0, 2].tolist() == [220, 20, 30]
    assert narrow[0, 1].tolist() == whole[0, 2].tolist()


def test_a_wash_of_one_value_and_of_no_numbers_is_black() -> None:
    assert (shown(Wash(dose(np.full((2, 2), 7, np.uint16)), 0.07, 0.07)) == 0).all()
    numbers = np.array([[np.nan, 1.0]], "<f4")
    image = ImageAttributes(1, 2, allocated=32, stored=32, high=31, kind=Samples.FLOAT)
    assert shown(Wash(Picture(numbers.tobytes(), EXPLICIT_LE, image), 0.0, 1.0))[0, 0].tolist() == [0, 0, 0]


def test_extremes_are_those_of_all_frames_in_real_values() -> None:
    frames = [dose(np.array([[5, 7]], np.uint16)), dose(np.array([[3, 6]], np.uint16))]
    assert extremes(frames) == pytest.approx((0.03, 0.07))
    numbers = np.array([[np.nan, -2.5, np.inf, 4.0]], "<f8")
    image = ImageAttributes(1, 4, allocated=64, stored=64, high=63, kind=Samples.DOUBLE)
    assert extremes([Picture(numbers.tobytes(), EXPLICIT_LE, image)]) == (-2.5, 4.0)
    assert extremes([]) == (0.0, 0.0)


def test_outliers_are_left_out_unless_nothing_else_is_there() -> None:
    values = np.concatenate([np.full(3, 60000), np.arange(2000), np.zeros(3)]).astype(np.uint16)[np.newaxis]
    ordered = np.sort(values[0])
    assert extremes([dose(values, 1.0)], 0.002) == (ordered[4], ordered[-5]) == (1, 1998)
    assert extremes([dose(values, 1.0)]) == (0.0, 60000.0)
    lonely = np.zeros((1, 1000), np.uint16)
    lonely[0, 5] = 9
    assert extremes([dose(lonely, 1.0)], 0.01) == (0.0, 9.0)


def test_a_drawing_is_as_large_as_it_is_asked_for() -> None:
    sheet = Sheet(Drawing(60.0, 30.0, (Box(0.0, 0.0, 30.0, 30.0, "#000000"),)))
    assert shown(sheet).shape == (120, 240, 3)
    assert shown(sheet, view=replace(PNG, columns=600, rows=600)).shape == (300, 600, 3)
    assert shown(sheet, view=replace(PNG, columns=600, rows=600, enlarge=False)).shape == (120, 240, 3)
    half = shown(sheet, view=replace(PNG, columns=50, rows=50, region=Region(120, 0, 120, 120)))
    assert half.shape == (50, 50, 3)
    assert (half[:, 2:] == 255).all()


def test_a_chart_is_drawn_as_vectors_or_pixels_and_names_nobody_unless_asked() -> None:
    values = np.tile([[0], [500], [0], [-500]], (100, 1))
    chart = Chart(read(instance(group(values, [channel("Lead I", "uV", 1.0)], 100))), {"patient": ("Doe, Jane",)})
    vectors = depict([chart], View("image/svg+xml"))
    assert ElementTree.fromstring(vectors).tag.endswith("svg")
    assert b"Lead I" in vectors
    assert b"Doe" not in vectors
    assert b"Doe, Jane" in depict([chart], View("image/svg+xml", annotations=frozenset({"patient"})))
    made = shown(chart)
    trace = made.max(axis=2) < 100
    assert trace[:, 35 * 4 + 30 :].any(axis=0).mean() > 0.9
    assert not np.array_equal(made.shape, shown(chart, view=replace(PNG, annotations=frozenset({"patient"}))).shape)


def test_only_drawings_have_a_form_as_vectors() -> None:
    with pytest.raises(ValueError, match="only drawings"):
        depict([Wash(dose(np.zeros((1, 1), np.uint16)), 0.0, 1.0)], View("image/svg+xml"))
    with pytest.raises(ValueError, match="no picture"):
        depict([], PNG)
