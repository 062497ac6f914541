"""Grayscale by the formulas of PS3.3 C.11, written out here over ramps of every stored value."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.dicom.picture import ImageAttributes, Lut, Picture, Samples, Window, WindowShape
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.pixels import grayscale
from app.pixels.render import render
from tests.rendering import opened, picture, ramp, shown

LINEAR, EXACT, SIGMOID = WindowShape.LINEAR, WindowShape.LINEAR_EXACT, WindowShape.SIGMOID


def linear(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.2.1, y from 0 to 255."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    if x > c - 0.5 + (w - 1) / 2:
        return 255
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255


def exact(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.2."""
    if x <= c - w / 2:
        return 0
    if x > c + w / 2:
        return 255
    return ((x - c) / w + 0.5) * 255


def sigmoid(x: float, c: float, w: float) -> float:
    """PS3.3 C.11.2.1.3.1."""
    return 255 / (1 + math.exp(-4 * (x - c) / w)) if (x - c) / w > -100 else 0.0


FORMULAS = {LINEAR: linear, EXACT: exact, SIGMOID: sigmoid}


def rounded(values: list[float]) -> list[int]:
    return [math.floor(value + 0.5) for value in values]


@pytest.mark.parametrize("shape", FORMULAS)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0.5, 1), (2048, 4096), (-500, 1500), (127.5, 255), (100.25, 33.3), (0, 2)])
def test_t4_windows_follow_their_formulas_on_a_ramp(shape: WindowShape, center: float, width: float) -> None:
    values = ramp(-2048, 2047)
    expected = rounded([FORMULAS[shape](float(x), center, width) for x in values[0]])
    assert shown(picture(values, bits=12), window=Window(center, width, shape))[0].tolist() == expected
    assert shown(picture(values, bits=12, window=Window(center, width, shape)))[0].tolist() == expected


@pytest.mark.parametrize("shape", FORMULAS)
def test_t4_windows_apply_to_what_rescale_gives(shape: WindowShape) -> None:
    values = ramp(0, 4095, "<u2")
    made = picture(values, bits=12, rescale=(0.5, -1024.0))
    expected = rounded([FORMULAS[shape](x * 0.5 - 1024, 40, 350) for x in range(4096)])
    assert shown(made, window=Window(40, 350, shape))[0].tolist() == expected


@pytest.mark.parametrize("shape", FORMULAS)
@pytest.mark.parametrize("kind", ["<f4", "<f8", "<i4", "<u4"])
def test_t4_samples_too_deep_for_a_table_follow_the_same_formulas(shape: WindowShape, kind: str) -> None:
    values = np.linspace(0 if kind == "<u4" else -300, 300, 601)[np.newaxis].astype(kind)
    made = picture(values, window=Window(40, 80, shape))
    if "f" in kind:
        made = replace(made, image=replace(made.image, kind=Samples.FLOAT if kind == "<f4" else Samples.DOUBLE))
    expected = rounded([FORMULAS[shape](float(x), 40, 80) for x in values[0]])
    assert np.abs(shown(made)[0].astype(int) - expected).max() <= (1 if kind == "<f4" else 0)


def test_t4_the_window_that_is_asked_for_goes_before_the_objects_own_window_and_lut() -> None:
    values = ramp(0, 255, "<u1")
    asked = Window(100, 50)
    plain = shown(picture(values), window=asked)
    assert shown(picture(values, window=Window(1, 2)), window=asked).tolist() == plain.tolist()
    assert shown(picture(values, voi=Lut(2, 0, 8, b"\xff\x00")), window=asked).tolist() == plain.tolist()


def test_t3_monochrome1_is_shown_inverted() -> None:
    values = ramp(0, 255, "<u1")
    assert shown(picture(values))[0].tolist() == list(range(256))
    assert shown(picture(values, "MONOCHROME1", inverse=True))[0].tolist() == list(range(255, -1, -1))


def test_t10_signed_samples_with_fewer_bits_stored_than_allocated_keep_their_sign() -> None:
    """12 bits of two's complement; the four above belong to overlays and are set here at random."""
    values = ramp(-2048, 2047)
    noise = np.random.default_rng(1).integers(0, 16, values.shape) << 12
    dirty = ((values.astype(np.int64) & 0xFFF) | noise).astype("<u2")
    made = picture(values, bits=12, window=Window(0, 4096, EXACT))
    assert shown(replace(made, frame=dirty.tobytes())).tolist() == shown(made).tolist()
    assert shown(made)[0, [0, 2048, 4095]].tolist() == [0, 128, 255]


def test_t10_stored_bits_may_end_at_a_higher_bit() -> None:
    """Bits Stored 12, High Bit 15: values stand in the upper twelve bits."""
    values = ramp(0, 4095, "<u2")
    made = picture(values, bits=12, window=Window(2048, 1000))
    high = replace(made, frame=(values << 4).astype("<u2").tobytes(), image=replace(made.image, high=15))
    assert shown(high).tolist() == shown(made).tolist()


def lut(first: int, values: list[int], bits: int = 16) -> Lut:
    return Lut(len(values), first, bits, struct.pack(f"<{len(values)}H", *values))


def test_t9_a_modality_lut_turns_stored_values_and_takes_its_ends_outside() -> None:
    made = picture(ramp(0, 9, "<u2"), modality=lut(2, [100, 200, 300, 400], 12), window=Window(250, 300, EXACT))
    expected = rounded([exact(x, 250, 300) for x in (100, 100, 100, 200, 300, 400, 400, 400, 400, 400)])
    assert shown(made)[0].tolist() == expected


def test_t9_a_voi_lut_applies_to_modality_values_and_its_bits_are_its_range() -> None:
    made = picture(ramp(0, 5, "<u2"), rescale=(2.0, -3.0), voi=lut(-1, [0, 1000, 2000, 4095], 12))
    # Modality values -3, -1, 1, 3, 5, 7; entries 0, 0, 2, 3, 3, 3.
    assert shown(made)[0].tolist() == rounded([x * 255 / 4095 for x in (0, 0, 2000, 4095, 4095, 4095)])


def test_a_presentation_lut_applies_to_what_voi_gives() -> None:
    made = picture(ramp(0, 255, "<u1"), window=Window(127.5, 255, EXACT), presentation=lut(0, [0, 0, 65535, 65535], 16))
    assert shown(made)[0].tolist() == [0] * 128 + [255] * 128
    assert shown(replace(made, inverse=True))[0].tolist() == [255] * 128 + [0] * 128


def test_a_modality_lut_without_a_window_is_shown_over_its_whole_range() -> None:
    assert shown(picture(ramp(0, 2, "<u1"), modality=lut(0, [0, 1024, 4095], 12)))[0].tolist() == [0, 64, 255]


def test_eight_bits_without_a_window_are_shown_as_they_are() -> None:
    values = np.array([[10, 20], [30, 40]], "u1")
    assert shown(picture(values)).tolist() == values.tolist()
    assert shown(picture(np.array([[0, 15]], "u1"), bits=4)).tolist() == [[0, 255]]
    assert shown(picture(np.array([[0, 255]], "u1"), rescale=(-2.0, 7.0))).tolist() == [[255, 0]]


def noisy(low: int, high: int) -> NDArray[np.uint16]:
    values = np.random.default_rng(3).integers(low, high + 1, (100, 100)).astype("<u2")
    values[0, :2] = low, high
    return values


def test_deeper_samples_without_a_window_are_shown_without_their_outliers() -> None:
    values = noisy(1000, 2000)
    values[50, 50], values[51, 51] = 0, 65535
    made = shown(picture(values)).astype(int)
    expected = np.clip((values.astype(float) - 1000) / 1000, 0, 1) * 255
    assert np.abs(made - expected).max() < 2


def test_padding_is_black_and_no_part_of_a_window_that_is_found() -> None:
    values = noisy(1000, 2000)
    padded = values.copy()
    padded[:40] = 63000
    plain, made = shown(picture(values)), shown(picture(padded, padding=(63000, 63000)))
    assert np.abs(made[40:].astype(int) - plain[40:]).max() <= 1
    assert not made[:40].any()
    inverted = shown(picture(padded, padding=(62999, 63001), inverse=True))
    assert not inverted[:40].any()
    assert np.abs(inverted[40:].astype(int) - (255 - plain[40:])).max() <= 1


def test_a_picture_of_one_value_is_black() -> None:
    assert not shown(picture(np.full((3, 3), 700, "<u2"))).any()
    assert not shown(picture(np.full((3, 3), 700, "<u2"), padding=(700, 700))).any()


def test_few_bright_pixels_are_not_lost_as_outliers_when_nothing_else_is_there() -> None:
    values = np.zeros((100, 100), "<u2")
    values[0, 0] = 5
    assert shown(picture(values))[0, 0] == 255


def test_numbers_that_are_none_are_black() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.0, 1.0, 2.0]], "<f4")
    image = ImageAttributes(1, 6, allocated=32, stored=32, high=31, kind=Samples.FLOAT)
    made = shown(Picture(values.tobytes(), EXPLICIT_LE, image, window=Window(1, 2, EXACT)))
    assert made[0].tolist() == [0, 0, 0, 0, 128, 255]
    assert shown(Picture(values.tobytes(), EXPLICIT_LE, image))[0].tolist() == [0, 0, 0, 0, 128, 255]


def test_frames_of_an_animation_share_the_window_that_is_found_for_them() -> None:
    dark, bright = picture(np.full((4, 4), 100, "<u2")), picture(np.array([[100, 300]] * 4, "<u2").repeat(2, 1))
    from app.dicomweb.rendering import View

    image = opened(render([dark, bright], View("image/gif")))
    found = []
    for number in range(2):
        image.seek(number)
        found.append(np.asarray(image.convert("L"))[0].tolist())
    assert found == [[0, 0, 0, 0], [0, 0, 255, 255]]


def test_a_table_of_levels_is_made_once_for_equal_steps() -> None:
    grayscale._table.cache_clear()
    for _ in range(3):
        shown(picture(ramp(0, 255, "<u2"), bits=12, window=Window(10, 20)))
    assert grayscale._table.cache_info().misses == 1
