"""Frames encoded without loss: every encoder gives back every bit, and says in its headers what the standard asks for."""

from __future__ import annotations

from dataclasses import replace
from struct import unpack_from
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes, Samples
from app.model import Uid
from app.pixels.decode import decode, words
from app.pixels.encode import encode
from app.pixels.jobs import transcode
from app.pixels.jpeg_2000 import header
from app.pixels.syntaxes import ENCODABLE, fitting, misfit
from tests.pixels import Array, frame_words, image

CODESTREAMS = sorted(ENCODABLE - {syntaxes.EXPLICIT_LE, syntaxes.RLE_LOSSLESS})
DEPTHS = [(8, 2), (8, 7), (8, 8), (16, 2), (16, 8), (16, 9), (16, 10), (16, 12), (16, 15), (16, 16), (32, 12), (32, 32)]


@st.composite
def images(draw: st.DrawFn) -> ImageAttributes:
    allocated, stored = draw(st.sampled_from(DEPTHS))
    samples, photometric = draw(st.sampled_from([(1, "MONOCHROME2"), (1, "PALETTE COLOR"), (3, "RGB"), (3, "YBR_FULL")]))
    rows, columns = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    return image(rows, columns, allocated, stored, samples=samples, photometric=photometric, signed=draw(st.booleans()))


@given(images(), st.sampled_from(["noise", "ramp", "flat", "extremes"]), st.integers(0, 2**32))
@pytest.mark.parametrize("syntax", sorted(ENCODABLE))
def test_what_is_encoded_is_decoded_bit_for_bit(syntax: Uid, attributes: ImageAttributes, kind: str, seed: int) -> None:
    original = frame_words(attributes, kind, seed)
    if misfit(attributes, syntax):
        with pytest.raises(ValueError):
            encode(original, attributes, syntax)
        return
    frame, within = encode(original, attributes, syntax)
    back, now = words(frame, within, syntax)
    np.testing.assert_array_equal(back, original)
    assert now == attributes


def marker(frame: bytes, code: int) -> int:
    """Where the content of a marker segment of a main header begins."""
    at = 2
    while frame[at + 1] != code:
        at += 2 + int(unpack_from(">H", frame, at + 2)[0])
    return at + 4


@pytest.mark.parametrize("stored", [2, 8, 10, 12, 16])
@pytest.mark.parametrize("samples", [1, 3])
def test_lossless_jpeg_is_predicted_from_the_left_in_one_scan(stored: int, samples: int) -> None:
    attributes = image(20, 30, 8 if stored <= 8 else 16, stored, samples=samples)
    frame, _ = encode(frame_words(attributes), attributes, syntaxes.JPEG_LOSSLESS_SV1)
    scan = marker(frame, 0xDA)
    assert frame[marker(frame, 0xC3)] == stored
    assert frame[scan] == samples
    assert frame[scan + 1 + 2 * samples :][:3] == bytes([1, 0, 0])  # selection value, none, point transform


def test_a_sign_takes_all_allocated_bits_where_a_codec_knows_none() -> None:
    """Readers that look at Bits Stored and readers that look at the codestream then see the same numbers."""
    attributes = image(4, 4, 16, 12, signed=True)
    values = np.full((4, 4), -3, "i2")
    for syntax, code in ((syntaxes.JPEG_LOSSLESS_SV1, 0xC3), (syntaxes.JPEG_LS_LOSSLESS, 0xF7)):
        frame, within = encode(values.view("u2"), attributes, syntax)
        assert frame[marker(frame, code)] == 16
        for stored in (12, 16):
            assert (decode(frame, replace(within, stored=stored, high=stored - 1), syntax)[0] == -3).all()


@pytest.mark.parametrize("syntax", [syntaxes.JPEG_2000_LOSSLESS, syntaxes.HTJ2K_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL])
@pytest.mark.parametrize(("stored", "signed"), [(2, True), (8, False), (12, False), (12, True), (15, False), (16, True)])
def test_jpeg_2000_says_the_bits_and_the_sign_that_are_stored(syntax: Uid, stored: int, signed: bool) -> None:
    attributes = image(20, 30, 16, stored, signed=signed)
    frame, _ = encode(frame_words(attributes), attributes, syntax)
    head = header(frame)
    assert (head.bits, head.signed, head.reversible, head.mixed) == (stored, signed, True, False)
    assert head.high_throughput == (syntax != syntaxes.JPEG_2000_LOSSLESS)


@pytest.mark.parametrize("syntax", [syntaxes.JPEG_2000_LOSSLESS, syntaxes.HTJ2K_LOSSLESS_RPCL])
def test_rgb_becomes_ybr_rct_in_jpeg_2000_and_full_ybr_stays(syntax: Uid) -> None:
    for photometric, expected in (("RGB", "YBR_RCT"), ("YBR_FULL", "YBR_FULL")):
        attributes = image(20, 30, 8, 8, samples=3, photometric=photometric)
        frame, within = encode(frame_words(attributes), attributes, syntax)
        assert within.photometric == expected
        assert header(frame).mixed == (photometric == "RGB")


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (64, 64), (65, 10), (129, 512), (1000, 2049)])
def test_htj2k_can_be_shown_resolution_by_resolution(rows: int, columns: int) -> None:
    """PS3.5 10.18: RPCL, TLM, and a base resolution of at most 64 pixels."""
    attributes = image(rows, columns, 16, 12)
    frame, _ = encode(frame_words(attributes, "ramp"), attributes, syntaxes.HTJ2K_LOSSLESS_RPCL)
    coding, lengths = marker(frame, 0x52), marker(frame, 0x55)
    assert frame[coding + 1] == 2  # RPCL
    decompositions = frame[coding + 5]
    assert -(-max(rows, columns) >> decompositions) <= 64
    tile_parts = (unpack_from(">H", frame, lengths - 2)[0] - 4) // 6
    assert tile_parts == decompositions + 1
    # Each part is one resolution and as long as TLM says: of so many bytes a client asks for as few as it needs.
    at = header(frame).tiles
    for part in range(tile_parts):
        (length,) = unpack_from(">L", frame, lengths + 4 + 6 * part)
        assert frame[at : at + 2] == b"\xff\x90"
        assert unpack_from(">L", frame, at + 6)[0] == length
        at += length
    assert frame[at : at + 2] == b"\xff\xd9"


def test_jpeg_ls_has_no_header_that_tells_more_than_we_know() -> None:
    attributes = image(20, 30, 8, 8)
    frame, _ = encode(frame_words(attributes), attributes, syntaxes.JPEG_LS_LOSSLESS)
    assert frame[:4] == b"\xff\xd8\xff\xf7"


def test_rle_keeps_rows_apart_and_segments_even() -> None:
    """PS3.5 G.3.1: a run does not cross the end of a row; a decoder that takes rows one by one finds each of them whole."""
    attributes = image(5, 7, 16, 16)
    original = np.zeros((5, 7), "<u2")
    frame, _ = encode(original, attributes, syntaxes.RLE_LOSSLESS)
    count, *starts = unpack_from("<16L", frame)
    assert (count, starts[:2], starts[2:]) == (2, [64, 74], [0] * 13)
    assert frame[64:74] == b"\xfa\0" * 5
    assert len(frame) % 2 == 0


@pytest.mark.parametrize("syntax", CODESTREAMS)
def test_bits_beside_the_stored_ones_are_never_dropped(syntax: Uid) -> None:
    """Old devices kept overlays there (PS3.3 C.9.2)."""
    attributes = image(4, 4, 16, 12)
    with pytest.raises(ValueError, match="overlays"):
        encode(np.full((4, 4), 0x1001, "u2"), attributes, syntax)
    for whole in (syntaxes.EXPLICIT_LE, syntaxes.RLE_LOSSLESS):
        frame, within = encode(np.full((4, 4), 0x1001, "u2"), attributes, whole)
        assert (words(frame, within, whole)[0] == 0x1001).all()


def test_samples_high_in_their_words_keep_their_values() -> None:
    attributes = replace(image(4, 4, 16, 12), high=15)
    original = (np.arange(16, dtype="u2").reshape(4, 4) * 200) << 4
    for syntax in sorted(ENCODABLE):
        frame, within = encode(original, attributes, syntax)
        values, now = decode(frame, within, syntax)
        np.testing.assert_array_equal(values, original >> 4)
        assert now.high == 11


REFUSALS: list[tuple[Uid, dict[str, Any], str]] = [
    (syntaxes.JPEG_XL_LOSSLESS, {"signed": True}, "no signed samples"),
    (syntaxes.JPEG_XL_LOSSLESS, {"samples": 3, "photometric": "YBR_FULL"}, "RGB only"),
    (syntaxes.JPEG_XL_LOSSLESS, {"allocated": 32, "stored": 17, "high": 16}, "more than 16 bits"),
    (syntaxes.JPEG_LOSSLESS_SV1, {"allocated": 32}, "no words of more than 16 bits"),
    (syntaxes.JPEG_LS_LOSSLESS, {"stored": 1, "high": 0}, "one bit"),
    (syntaxes.JPEG_2000_LOSSLESS, {"samples": 2}, "one sample in a pixel"),
    (syntaxes.RLE_LOSSLESS, {"allocated": 1, "stored": 1, "high": 0}, "one bit"),
    (syntaxes.RLE_LOSSLESS, {"samples": 4, "allocated": 32}, "15 segments"),
    (syntaxes.HTJ2K_LOSSLESS, {"kind": Samples.FLOAT, "allocated": 32}, "real numbers"),
    (syntaxes.JPEG_BASELINE, {}, "no encoder"),
    (syntaxes.EXPLICIT_LE, {"samples": 3, "photometric": "YBR_PARTIAL"}, "YBR_PARTIAL_422"),
]


@pytest.mark.parametrize(("syntax", "changes", "sentence"), REFUSALS)
def test_what_does_not_fit_is_refused_with_a_sentence(syntax: Uid, changes: dict[str, Any], sentence: str) -> None:
    attributes = replace(image(4, 4, 16, 12), **changes)
    with pytest.raises(ValueError, match=sentence):
        encode(np.zeros((4, 4), "u2"), attributes, syntax)


def test_what_fits_is_known_beforehand() -> None:
    colour = image(4, 4, 8, 8, samples=3, photometric="YBR_FULL_422")
    assert syntaxes.JPEG_XL_LOSSLESS in fitting(colour, syntaxes.JPEG_BASELINE)  # decoded, it is RGB
    assert syntaxes.JPEG_XL_LOSSLESS not in fitting(colour, syntaxes.EXPLICIT_LE)
    assert fitting(image(4, 4, 1, 1), syntaxes.EXPLICIT_LE) == {syntaxes.EXPLICIT_LE}
    assert fitting(image(4, 4, 16, 12), syntaxes.EXPLICIT_LE) == ENCODABLE


def test_a_frame_in_the_same_form_is_left_alone() -> None:
    attributes = image(4, 4, 8, 8, samples=3, photometric="YBR_FULL_422")
    for source, to in ((syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE), (syntaxes.JPEG_2000, syntaxes.JPEG_2000)):
        facts, frame = transcode(b"whatever", attributes, source, to)
        assert frame == b"whatever"
        assert ImageAttributes(**facts) == attributes


@pytest.mark.parametrize("syntax", sorted(ENCODABLE))
def test_the_job_tells_what_the_samples_are_now(syntax: Uid) -> None:
    attributes = replace(image(6, 4, 8, 8, samples=3), planar=1)
    planes: Array = np.arange(72, dtype="u1").reshape(3, 6, 4)
    facts, frame = transcode(planes.tobytes(), attributes, syntaxes.ENCAPSULATED_UNCOMPRESSED, syntaxes.JPEG_LS_LOSSLESS)
    facts, frame = transcode(frame, ImageAttributes(**facts), syntaxes.JPEG_LS_LOSSLESS, syntax)
    values, now = decode(frame, ImageAttributes(**facts), syntax)
    assert (now.photometric, now.planar) == ("RGB", 0)
    np.testing.assert_array_equal(np.moveaxis(values, -1, 0), planes)
