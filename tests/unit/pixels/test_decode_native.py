"""Frames that are not compressed: words, stored values, planes, subsampled colours, single bits, real numbers."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes, Samples
from app.pixels.decode import decode, words
from app.pixels.native import write
from app.pixels.syntaxes import DEFLATED_FRAMES
from tests.builders import corpus
from tests.pixels import image, image_of, read, second_opinion


def is_native(path: Path) -> bool:
    try:
        dataset = read(path)
        image_of(dataset)
        return "PixelData" in dataset and not dataset.file_meta.TransferSyntaxUID.is_encapsulated and dataset.original_encoding[1] is True
    except Exception:  # noqa: BLE001 - what pydicom cannot read has no second opinion
        return False


NATIVE = [path for path in corpus() if is_native(path) and "truncated" not in path.name]


@pytest.mark.parametrize("path", NATIVE, ids=lambda path: path.name)
def test_values_are_those_that_pydicom_gives(path: Path) -> None:
    dataset = read(path)
    attributes = image_of(dataset)
    frame_bits = attributes.rows * attributes.columns * attributes.samples * attributes.allocated
    if "422" in attributes.photometric:
        frame_bits = frame_bits * 2 // 3
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, "u1"), bitorder="little") if frame_bits % 8 else None
    for number, theirs in enumerate(list(second_opinion(dataset, raw=True))[:3]):
        if bits is None:
            frame = dataset.PixelData[number * frame_bits // 8 :][: frame_bits // 8]
        else:
            frame = np.packbits(bits[number * frame_bits :][:frame_bits], bitorder="little").tobytes()
        ours, now = decode(frame, attributes, syntaxes.EXPLICIT_LE)
        assert ours.dtype == theirs.dtype
        assert now.planar == 0
        np.testing.assert_array_equal(ours, theirs)


def test_there_are_enough_native_files() -> None:
    assert len(NATIVE) > 80


def test_a_truncated_frame_is_refused() -> None:
    (path,) = (path for path in corpus() if path.name == "MR_truncated.dcm")
    with pytest.raises(ValueError, match="fewer bytes"):
        decode(read(path).PixelData, image_of(read(path)), syntaxes.EXPLICIT_LE)


@pytest.mark.parametrize(
    ("stored", "high", "signed", "expected"),
    [
        (12, 11, False, [0x234, 0xFFF, 0x800, 0x000]),
        (12, 11, True, [0x234, -1, -2048, 0]),
        (12, 15, False, [0x123, 0xFFF, 0x080, 0xF00]),
        (12, 15, True, [0x123, -1, 0x080, -256]),
        (16, 15, False, [0x1234, 0xFFFF, 0x0800, 0xF000]),
        (16, 15, True, [0x1234, -1, 0x0800, -0x1000]),
        (8, 11, False, [0x23, 0xFF, 0x80, 0x00]),
        (12, 3, False, [0x234, 0xFFF, 0x800, 0x000]),  # no High Bit that could be: taken for 11
    ],
)
def test_stored_bits_are_cut_out_of_their_words_and_signed(stored: int, high: int, signed: bool, expected: list[int]) -> None:
    """PS3.5 8.1.1, with what old devices put beside the stored bits."""
    frame = np.array([0x1234, 0xFFFF, 0x0800, 0xF000], "<u2").tobytes()
    attributes = replace(image(2, 2, 16, stored, signed=signed), high=high)
    values, now = decode(frame, attributes, syntaxes.EXPLICIT_LE)
    assert values.reshape(-1).tolist() == expected
    assert values.dtype == ("int16" if signed else "uint16")
    assert now.high == stored - 1
    assert words(frame, attributes, syntaxes.EXPLICIT_LE)[0].reshape(-1).tolist() == [0x1234, 0xFFFF, 0x0800, 0xF000]


@pytest.mark.parametrize(("allocated", "dtype"), [(8, "int8"), (16, "int16"), (32, "int32"), (64, "int64")])
def test_every_size_of_word(allocated: int, dtype: str) -> None:
    original = np.array([[-1, 0, 1], [-2, 2, 3]], dtype)
    values, _ = decode(original.tobytes(), image(2, 3, allocated, allocated, signed=True), syntaxes.IMPLICIT_LE)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, original)


def test_planes_become_pixels() -> None:
    planes = np.arange(3 * 2 * 4, dtype="u1").reshape(3, 2, 4)
    for syntax in (syntaxes.EXPLICIT_LE, syntaxes.ENCAPSULATED_UNCOMPRESSED):
        values, now = decode(planes.tobytes(), replace(image(2, 4, 8, 8, samples=3), planar=1), syntax)
        np.testing.assert_array_equal(values, planes.transpose(1, 2, 0))
        assert now.planar == 0


def test_subsampled_colours_are_those_of_both_pixels() -> None:
    """PS3.3 C.7.6.3.1.2: Y1 Y2 Cb Cr."""
    frame = bytes([10, 11, 100, 200, 12, 13, 101, 201, 14, 15, 102, 202, 16, 17, 103, 203])
    attributes = image(2, 4, 8, 8, samples=3, photometric="YBR_FULL_422")
    values, now = decode(frame, attributes, syntaxes.EXPLICIT_LE)
    assert now.photometric == "YBR_FULL"
    assert values[0].tolist() == [[10, 100, 200], [11, 100, 200], [12, 101, 201], [13, 101, 201]]
    assert values[1, 3].tolist() == [17, 103, 203]


def test_colours_that_are_only_said_to_be_subsampled_are_told_by_their_length() -> None:
    frame = bytes(range(24))
    values, now = decode(frame, image(2, 4, 8, 8, samples=3, photometric="YBR_FULL_422"), syntaxes.EXPLICIT_LE)
    assert now.photometric == "YBR_FULL"
    assert values.reshape(-1).tolist() == list(range(24))


def test_single_bits_begin_with_the_lowest() -> None:
    attributes = image(3, 3, 1, 1)
    values, _ = decode(bytes([0b10000001, 0b1]), attributes, syntaxes.EXPLICIT_LE)
    assert values.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]
    assert write(values, attributes) == bytes([0b10000001, 0b1])
    with pytest.raises(ValueError, match="fewer bits"):
        decode(b"\x01", attributes, syntaxes.EXPLICIT_LE)


@pytest.mark.parametrize(("kind", "allocated", "dtype"), [(Samples.FLOAT, 32, "<f4"), (Samples.DOUBLE, 64, "<f8")])
def test_real_numbers(kind: Samples, allocated: int, dtype: str) -> None:
    original = np.array([[-1.5, 0.1], [np.inf, 1e-30]], dtype)
    attributes = ImageAttributes(2, 2, allocated=allocated, kind=kind)
    values, now = decode(original.tobytes(), attributes, syntaxes.EXPLICIT_LE)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, original)
    assert write(values, now) == original.tobytes()
    with pytest.raises(ValueError, match="real numbers"):
        decode(original.tobytes(), attributes, syntaxes.JPEG_2000)


def test_a_deflated_frame() -> None:
    original = np.arange(12, dtype="<u2").reshape(3, 4)
    packer = zlib.compressobj(wbits=-15)
    frame = packer.compress(original.tobytes()) + packer.flush()
    for padded in (frame, frame + b"\0"):
        np.testing.assert_array_equal(decode(padded, image(3, 4, 16, 16), DEFLATED_FRAMES)[0], original)
    for broken in (frame[:-4], b"\xff" * 20, b""):
        with pytest.raises(ValueError):
            decode(broken, image(3, 4, 16, 16), DEFLATED_FRAMES)


def test_a_deflated_frame_that_never_ends_is_inflated_as_far_as_needed() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    values, _ = decode(bomb, image(3, 4, 16, 16), DEFLATED_FRAMES)
    assert not values.any()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"allocated": 12}, "Bits Allocated"),
        ({"stored": 17}, "Bits Stored"),
        ({"stored": 0}, "Bits Stored"),
        ({"rows": 0}, "no rows"),
        ({"samples": 0}, "no samples"),
        ({"samples": 3, "photometric": "YBR_FULL_422", "columns": 3, "allocated": 8, "stored": 8}, "odd number of columns"),
    ],
)
def test_attributes_that_no_image_has_are_refused(changes: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decode(bytes(24), replace(image(3, 4, 16, 16), **changes), syntaxes.EXPLICIT_LE)  # type: ignore[arg-type]


def test_a_video_has_no_decoder() -> None:
    with pytest.raises(ValueError, match="no decoder"):
        decode(b"", image(3, 4, 8, 8), syntaxes.lookup("1.2.840.10008.1.2.4.102").uid)
