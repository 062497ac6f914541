"""The frame table in every way that frames are laid down (PS3.5 8, annex A.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom import frames, part10, transfer_syntax
from app.dicom.repairs import Repair
from app.model import FrameTable, Span, Uid
from tests.builders import MemorySource, encapsulated, instance
from tests.unit.dicom.corpus_files import corpus_file, walked

JPEG = transfer_syntax.JPEG_BASELINE
CODED = [b"\xff\xd8\xff\xdb" + bytes([n]) * (20 + 2 * n) + b"\xff\xd9" for n in range(1, 5)]


def table_of(data: bytes) -> tuple[MemorySource, FrameTable]:
    source = MemorySource(data)
    header = part10.read_header(source)
    return source, frames.table(source, walked(source, header).dataset, header.transfer_syntax)


def cut(data: bytes) -> list[bytes]:
    source, table = table_of(data)
    spans = [frames.span(table, number) for number in range(1, table.count + 1)]
    return [frames.extract(table, number, source.read(span.offset, span.length)) for number, span in enumerate(spans, 1)]


@pytest.mark.parametrize("per_frame", [1, 3])
@pytest.mark.parametrize("bot", [True, False])
@pytest.mark.parametrize("delimiter", [True, False])
def test_encapsulated_frames_come_whole(per_frame: int, bot: bool, delimiter: bool) -> None:
    assert cut(encapsulated(CODED, JPEG, bot=bot, fragments_per_frame=per_frame, delimiter=delimiter)) == CODED


def test_the_extended_offset_table_gives_lengths_without_padding() -> None:
    odd = [frame + b"x" for frame in CODED]
    assert cut(encapsulated(odd, JPEG, eot=True)) == odd


@pytest.mark.parametrize("lie", [b"\0" * 32, b"\xff" * 32, bytes(range(32))])
def test_an_extended_offset_table_that_lies_is_passed_over(lie: bytes) -> None:
    assert cut(encapsulated(CODED, JPEG, eot=True, ExtendedOffsetTable=lie)) == CODED


def test_a_basic_offset_table_that_lies_is_passed_over() -> None:
    data = encapsulated(CODED, JPEG, fragments_per_frame=2)
    at = data.index(b"\xfe\xff\x00\xe0") + 12
    assert cut(data[:at] + b"\x07" + data[at + 1 :]) == CODED


def test_all_fragments_belong_to_a_single_frame() -> None:
    assert cut(encapsulated([b"no marker at all"], JPEG, bot=False, fragments_per_frame=4)) == [b"no marker at all"]


def test_frames_are_told_apart_by_their_ends() -> None:
    headless = [b"\0\0" + frame for frame in CODED]
    assert cut(encapsulated(headless, JPEG, bot=False, fragments_per_frame=2)) == headless


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\xff\x4f\xff\x51"])
def test_one_fragment_with_all_frames_is_cut_at_the_borders(start: bytes) -> None:
    coded = [start + bytes([n]) * (20 + len(start) % 2) + b"\xff\xd9" for n in range(3)]
    assert cut(encapsulated([b"".join(coded)], JPEG, bot=False, NumberOfFrames=3)) == coded


def test_one_fragment_is_not_cut_into_millions() -> None:
    claimed = 1_000_001
    _, table = table_of(encapsulated([b"\xff\xd8\xff\xd9" * claimed], JPEG, bot=False, NumberOfFrames=str(claimed)))
    assert table == FrameTable()


def test_one_fragment_without_borders_has_no_frames_to_give() -> None:
    assert cut(encapsulated([bytes(100)], JPEG, bot=False, NumberOfFrames=3)) == []


def test_no_frames_are_claimed_beyond_the_fragments_that_are_there() -> None:
    assert cut(encapsulated(CODED, JPEG, bot=False, NumberOfFrames=40)) == CODED


def test_each_rle_fragment_is_a_frame() -> None:
    coded = [b"\1\0\0\0" + bytes(60), b"\1\0\0\0" + bytes(80)]
    assert cut(encapsulated(coded, transfer_syntax.RLE_LOSSLESS, bot=False)) == coded


@pytest.mark.parametrize("per_frame", [1, 2])
def test_a_video_is_one_entry_over_all_of_it(per_frame: int) -> None:
    data = encapsulated([b"video stream"], "1.2.840.10008.1.2.4.102", fragments_per_frame=per_frame, NumberOfFrames=250)
    _, table = table_of(data)
    assert (table.count, table.video, table.fragmented) == (1, True, per_frame == 2)
    assert cut(data) == [b"video stream"]


def test_an_object_without_pixels_has_no_frames() -> None:
    assert table_of(instance(rows=0))[1] == FrameTable()


@pytest.mark.parametrize("syntax", [transfer_syntax.EXPLICIT_LE, transfer_syntax.IMPLICIT_LE])
def test_native_frames_follow_one_another(syntax: Uid) -> None:
    pixels = bytes(range(120))
    assert cut(instance(rows=4, columns=5, frames=3, bits=16, pixels=pixels, transfer_syntax=syntax)) == [
        pixels[:40],
        pixels[40:80],
        pixels[80:],
    ]


@pytest.mark.parametrize("said", ["", "0", "junk", "-2", None])
def test_a_number_of_frames_that_is_none_means_one(said: str | None) -> None:
    data = instance(rows=2, columns=2, bits=8, pixels=b"abcd")
    if said is not None:
        element = b"\x28\0\x08\0IS" + (len(said) + len(said) % 2).to_bytes(2, "little") + said.encode() + b" " * (len(said) % 2)
        at = data.index(b"\x28\0\x10\0US")
        data = data[:at] + element + data[at:]
    assert cut(data) == [b"abcd"]


def test_native_frames_beyond_the_bytes_are_not_claimed() -> None:
    assert cut(instance(rows=2, columns=2, bits=8, frames=9, pixels=b"abcdefghij")) == [b"abcd", b"efgh"]


def test_chrominance_that_is_halved_makes_two_bytes_a_pixel() -> None:
    keywords: dict[str, Any] = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    assert cut(instance(rows=2, columns=2, bits=8, frames=2, pixels=bytes(range(16)), **keywords)) == [bytes(range(8)), bytes(range(8, 16))]


def test_float_pixels_have_their_own_width() -> None:
    data = instance(rows=0, Rows=1, Columns=2, SamplesPerPixel=1, BitsAllocated=32, FloatPixelData=b"abcdefgh")
    assert cut(data) == [b"abcdefgh"]


@given(st.integers(1, 40), st.integers(1, 6), st.data())
def test_one_bit_frames_begin_at_the_first_bit_of_a_byte(pixels: int, count: int, data: st.DataObject) -> None:
    shown = [data.draw(st.lists(st.booleans(), min_size=pixels, max_size=pixels)) for _ in range(count)]
    flat = [bit for frame in shown for bit in frame]
    packed = sum(bit << at for at, bit in enumerate(flat)).to_bytes(-(-len(flat) // 8), "little")
    table = FrameTable(count=count, start=3, bits=pixels)
    stored = b"xyz" + packed
    for number, frame in enumerate(shown, 1):
        span = frames.span(table, number)
        found = frames.extract(table, number, stored[span.offset : span.end])
        assert found == sum(bit << at for at, bit in enumerate(frame)).to_bytes(-(-pixels // 8), "little")


@pytest.mark.parametrize("number", [0, 4, -1])
def test_frames_outside_of_the_table_are_an_index_error(number: int) -> None:
    with pytest.raises(IndexError):
        frames.span(FrameTable(count=3, bits=8), number)


def test_the_span_of_a_native_frame_is_arithmetic() -> None:
    assert frames.span(FrameTable(count=3, start=100, bits=80), 3) == Span(120, 10)


def test_frames_survive_a_missing_last_delimiter() -> None:
    source = MemorySource(corpus_file("emri_small_jpeg_2k_lossless_too_short.dcm").read_bytes())
    header = part10.read_header(source)
    tree = walked(source, header)
    assert frames.table(source, tree.dataset, header.transfer_syntax).count == 10
    assert Repair.MISSING_DELIMITER in tree.repairs
