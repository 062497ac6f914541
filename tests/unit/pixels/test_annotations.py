"""Graphics, texts and overlays of presentation states, where the standard has them (PS3.3 C.10.5, C.11.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from app.dicomweb.rendering import View
from tests import states
from tests.presented import PNG, RAMP, grey, rendered, under

BLACK = np.zeros((40, 60), np.uint8)


def marked(*graphics: Dataset, view: View = PNG, pixels: np.ndarray = BLACK, **keywords: Any) -> np.ndarray:
    return under(pixels, view, GraphicAnnotationSequence=[states.annotation(graphics=list(graphics))], **keywords)


def test_a_polyline_runs_through_the_pixels_it_names() -> None:
    found = marked(states.graphic("POLYLINE", [10.5, 5.5, 20.5, 5.5, 20.5, 15.5]))
    expected = np.zeros_like(BLACK)
    expected[5, 10:21] = 255
    expected[5:16, 20] = 255
    assert np.array_equal(found, expected)


def test_pixel_units_are_turned_with_the_image() -> None:
    found = marked(states.graphic("POLYLINE", [10.5, 5.5, 20.5, 5.5]), ImageRotation=90, ImageHorizontalFlip="Y")
    expected = np.zeros_like(BLACK)
    expected[5, 10:21] = 255
    assert np.array_equal(found, np.rot90(expected, -1)[:, ::-1])


def test_display_units_are_those_of_the_area_after_rotation() -> None:
    line = states.graphic("POLYLINE", [0.5 / 40, 1.5 / 60, 9.5 / 40, 1.5 / 60], "DISPLAY")
    found = marked(line, ImageRotation=90, ImageHorizontalFlip="N")
    expected = np.zeros((60, 40), np.uint8)
    expected[1, 0:10] = 255
    assert np.array_equal(found, expected)


def test_pixel_units_follow_the_displayed_area_and_the_viewport() -> None:
    found = marked(
        states.graphic("POLYLINE", [15, 10.25, 25, 10.25]),
        view=replace(PNG, columns=40, rows=40),
        DisplayedAreaSelectionSequence=[states.area((11, 6), (30, 25))],
    )
    # Twice as large; x 15 is 5 of the area, hence 10, y 10.25 is 5.25, hence 10.5: the middle of row 10.
    assert found.shape == (40, 40)
    assert np.array_equal(found[10], np.array([0] * 9 + [128] + [255] * 20 + [128] + [0] * 9))
    assert not found[[8, 9, 11, 12]].any() or found[[8, 9, 11, 12]].max() < 40


@pytest.mark.parametrize("radius", [5, 12.5])
def test_a_circle_is_drawn_where_it_belongs(radius: float) -> None:
    found = marked(states.graphic("CIRCLE", [30, 20, 30 + radius, 20]))
    y, x = np.mgrid[0:40, 0:60] + 0.5
    off = np.abs(np.hypot(x - 30, y - 20) - radius)
    assert np.abs(found / 255 - np.clip(1 - off, 0, 1)).max() < 0.03


def test_an_ellipse_is_drawn_where_it_belongs() -> None:
    found = marked(states.graphic("ELLIPSE", [10, 20, 50, 20, 30, 10, 30, 30], filled=True))
    y, x = np.mgrid[0:40, 0:60] + 0.5
    where = ((x - 30) / 20) ** 2 + ((y - 20) / 10) ** 2
    assert (found[where < 1] > 245).all()
    assert not found[where > 1.35].any()


def test_a_filled_polygon_is_filled_in_its_own_colour() -> None:
    fill = states.item(PatternOnColorCIELabValue=[round(53.585 / 100 * 65535), 32896, 32896], PatternOnOpacity=0.5, FillMode="SOLID")
    square = states.graphic("POLYLINE", [10.5, 10.5, 20.5, 10.5, 20.5, 20.5, 10.5, 20.5, 10.5, 10.5], filled=True, FillStyleSequence=[fill])
    found = marked(square)
    assert set(found[11:20, 11:20].ravel()) == {64}
    assert set(found[10, 10:21]) == set(found[10:21, 20]) == {255}
    assert not found[:10].any()


def test_an_interpolated_line_passes_through_all_its_points() -> None:
    points = [(10.5, 10.5), (20.5, 25.5), (35.5, 12.5), (50.5, 30.5)]
    found = marked(states.graphic("INTERPOLATED", [number for point in points for number in point]))
    assert all(found[int(y), int(x)] == 255 for x, y in points)
    straight = marked(states.graphic("POLYLINE", [number for point in points for number in point]))
    assert not np.array_equal(found, straight)


def test_a_point_is_a_dot() -> None:
    found = marked(states.graphic("POINT", [10.5, 20.5]))
    ys, xs = np.nonzero(found)
    assert (ys.min(), ys.max(), xs.min(), xs.max()) == (19, 21, 9, 11)


def test_a_later_layer_lies_over_an_earlier_one() -> None:
    layers = [
        states.layer("UPPER", 2, GraphicLayerRecommendedDisplayGrayscaleValue=0x8080),
        states.layer("LOWER", 1, GraphicLayerRecommendedDisplayGrayscaleValue=0xFFFF),
    ]
    marks = [
        states.annotation(name="UPPER", graphics=[states.graphic("POLYLINE", [10.5, 0.5, 10.5, 39.5])]),
        states.annotation(name="LOWER", graphics=[states.graphic("POLYLINE", [0.5, 20.5, 59.5, 20.5])]),
    ]
    found = under(BLACK, GraphicLayerSequence=layers, GraphicAnnotationSequence=marks)
    assert (found[20, 10], found[20, 11]) == (128, 255)


def test_an_activated_overlay_is_drawn_in_its_layers_colour_and_turned() -> None:
    image = grey(np.zeros((12, 20), np.uint8))
    bits = RAMP % 5 == 0
    states.overlay(image, 12, 20, np.packbits(bits, bitorder="little").tobytes())
    layer = states.layer("L", GraphicLayerRecommendedDisplayGrayscaleValue=0x8080)
    made = states.state(image, GraphicLayerSequence=[layer], ImageRotation=90, ImageHorizontalFlip="N")
    assert not rendered(image, made).any()
    made.add_new((0x6000, 0x1001), "CS", "L")
    assert np.array_equal(rendered(image, made), np.rot90(bits, -1) * np.uint8(128))


def test_an_activated_overlay_may_lie_in_the_bits_of_the_samples() -> None:
    bits = RAMP % 7 == 0
    image = grey(np.where(bits, 0x8000, 0).astype(np.uint16))
    image.BitsStored, image.HighBit = 12, 11
    image.add_new((0x6000, 0x0100), "US", 16)
    image.add_new((0x6000, 0x0102), "US", 15)
    image.add_new((0x6000, 0x0050), "SS", [1, 1])
    made = states.state(image, GraphicLayerSequence=[states.layer("L")])
    made.add_new((0x6000, 0x1001), "CS", "L")
    assert np.array_equal(rendered(image, made), bits * np.uint8(255))


def lettered(words: str, first: tuple[float, float], last: tuple[float, float], **keywords: Any) -> np.ndarray:
    texts = [states.text(words, first, last, **keywords.pop("text", {}))]
    return under(np.full((200, 300), 60, np.uint8), GraphicAnnotationSequence=[states.annotation(texts=texts)], **keywords)


def extent(found: np.ndarray, background: int = 60) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(np.abs(found.astype(int) - background) > 60)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def test_text_stands_in_its_box() -> None:
    left, top, right, bottom = extent(lettered("Mass", (50, 40), (250, 70)))
    assert 48 <= left <= 55
    assert top >= 38
    assert bottom <= 71
    assert right < 160


@pytest.mark.parametrize(("across", "low", "high"), [("LEFT", 48, 60), ("CENTER", 95, 130), ("RIGHT", 150, 200)])
def test_text_is_justified_in_its_box(across: str, low: int, high: int) -> None:
    left, _, right, _ = extent(lettered("Mass", (50, 40), (250, 70), text={"BoundingBoxTextHorizontalJustification": across}))
    assert low <= left <= high
    if across == "RIGHT":
        assert 240 <= right <= 252


def test_text_is_turned_as_the_corners_of_its_box_tell() -> None:
    upright = lettered("Mass", (50, 40), (250, 70))
    down = lettered("Mass", (90, 20), (60, 190))  # the top left corner lies at the top right: turned clockwise
    _, top, _, bottom = extent(down)
    assert bottom - top > 40
    letters, turned = upright[40:71, 50:160], down[20:130, 60:91]
    assert np.abs(np.rot90(letters, -1).astype(int) - turned).mean() < 20


def test_text_turns_with_the_image_but_is_never_mirrored() -> None:
    upright = lettered("Mass", (50, 40), (250, 70))
    assert np.array_equal(lettered("Mass", (50, 40), (250, 70), ImageRotation=180, ImageHorizontalFlip="N"), np.rot90(upright, 2))
    mirrored = lettered("Mass", (50, 40), (250, 70), ImageRotation=0, ImageHorizontalFlip="Y")
    assert np.array_equal(mirrored, upright)  # the box is where it was, for it lies in the middle


def test_a_box_as_it_is_seen_on_a_turned_display_is_read_upright() -> None:
    # Drawn on the display turned by 180 degrees, the box's top left corner is the one at the lower right of the image.
    found = lettered("Mass", (250, 160), (50, 130), ImageRotation=180, ImageHorizontalFlip="N")
    assert np.array_equal(found, lettered("Mass", (50, 40), (250, 70)))


def test_lines_of_a_text_stand_below_one_another() -> None:
    _, top, _, bottom = extent(lettered("one\r\ntwo\r\nsix", (50, 40), (250, 130)))
    assert 60 < bottom - top <= 92


def test_a_line_leads_to_a_visible_anchor() -> None:
    anchor = {"AnchorPoint": [150.5, 190.5], "AnchorPointAnnotationUnits": "PIXEL", "AnchorPointVisibility": "Y"}
    found = lettered("Mass", (50, 40), (250, 70), text=anchor)
    assert (found[70:190, 150] == 255).all()
    hidden = lettered("Mass", (50, 40), (250, 70), text=anchor | {"AnchorPointVisibility": "N"})
    assert not (hidden[75:, 150] == 255).any()
