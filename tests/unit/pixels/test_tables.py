"""app.pixels.tables: segments against pydicom's expansion, and the rules of PS3.3 C.11.1.1 written out."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.pixels.processing import _expand_segmented_lut

from app.dicom.picture import Lut
from app.pixels import tables


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}H", *numbers)


def test_values_are_read_as_bytes_or_words() -> None:
    assert tables.values(Lut(3, 0, 16, words(1, 256, 65535)))[0].tolist() == [1, 256, 65535]
    assert tables.values(Lut(3, 0, 8, bytes([1, 2, 255, 0])))[0].tolist() == [1, 2, 255]
    assert tables.values(Lut(3, 0, 8, words(1, 2, 255)))[0].tolist() == [1, 2, 255]


def test_a_table_cut_short_goes_on_with_its_last_value() -> None:
    assert tables.values(Lut(4, 0, 16, words(5, 6)))[0].tolist() == [5, 6, 6, 6]
    with pytest.raises(ValueError, match="empty"):
        tables.values(Lut(4, 0, 16, b""))


@pytest.mark.parametrize(("told", "largest", "bits"), [(12, 4095, 12), (12, 100, 12), (8, 4095, 12), (16, 255, 16)])
def test_a_table_has_as_many_bits_as_it_says_and_never_fewer_than_its_values_need(told: int, largest: int, bits: int) -> None:
    assert tables.values(Lut(2, 0, told, words(0, largest)))[1] == bits


def test_inputs_outside_of_the_table_take_its_ends() -> None:
    found, bits = tables.look_up(Lut(3, -1, 8, bytes([10, 20, 30, 0])), np.array([-5.0, -1.0, -0.4, 0.6, 1.0, 99.0]))
    assert (found.tolist(), bits) == ([10, 10, 20, 30, 30, 30], 8)


SEGMENTS = (0, 3, 10, 20, 30, 1, 5, 80, 1, 7, 3, 0, 1, 200, 1, 2, 201)


@pytest.mark.parametrize(("form", "bits"), [("<{}H", 16), ("<{}B", 8)])
def test_segments_expand_as_in_pydicom(form: str, bits: int) -> None:
    expected = _expand_segmented_lut(SEGMENTS, "<B" if bits == 8 else "<H")
    data = struct.pack(form.format(len(SEGMENTS)), *SEGMENTS)
    assert tables.values(Lut(len(expected), 0, bits, data, True))[0].tolist() == expected


def test_an_indirect_segment_repeats_earlier_ones_wherever_its_offset_counts_bytes_or_words() -> None:
    head = (0, 2, 1, 2, 1, 4, 10, 0, 1, 50)
    expected = [1, 2, 4, 6, 8, 10, 50, 60]
    # The linear segment at word 4 goes on from the value before it, which is 50 by now.
    assert tables.values(Lut(11, 0, 16, words(*head, 2, 1, 8, 0), True))[0].tolist() == [*expected[:7], 40, 30, 20, 10]
    assert tables.values(Lut(11, 0, 16, words(*head, 2, 1, 4, 0), True))[0].tolist() == [*expected[:7], 40, 30, 20, 10]
    eight = bytes([*head, 2, 2, 0, 0, 0, 0])
    assert tables.values(Lut(13, 0, 8, eight, True))[0].tolist() == [1, 2, 4, 6, 8, 10, 50, 1, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("segments", [(1, 4, 10), (3, 1, 1), (0, 1, 5, 2, 1, 900, 0), (0, 1, 5, 2, 1, 6, 0), (0, 1, 5, 1)])
def test_segments_that_make_no_sense_are_refused_or_end_the_table(segments: tuple[int, ...]) -> None:
    lut = Lut(16, 0, 16, words(*segments), True)
    if segments == (0, 1, 5, 1):
        assert tables.values(lut)[0].tolist() == [5] * 16
    else:
        with pytest.raises(ValueError, match="makes no sense"):
            tables.values(lut)


def test_many_indirect_segments_cannot_fill_the_memory() -> None:
    bomb = (0, 2, 1, 2, *(2, 65535, 0, 0) * 100)
    with pytest.raises(ValueError, match="makes no sense"):
        tables.values(Lut(65536, 0, 16, words(*bomb), True))
