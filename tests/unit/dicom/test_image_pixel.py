"""app.dicom.image_pixel: what codestreams say of their image (PS3.3 C.7.6.3; ITU-T T.81, T.87, T.800, T.814; ISO/IEC 18181-1)."""

from __future__ import annotations

import struct
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import generate_frames

from app.dicom import transfer_syntax as syntaxes
from app.dicom.image_pixel import HEAD, describe
from tests.builders import corpus
from tests.unit.dicom.corpus_files import corpus_file

UNREADABLE = {"JPEG2000-embedded-sequence-delimiter.dcm"}  # its SIZ is overwritten on purpose
_BITS_DIFFER = {  # the encoder took the bits allocated, or the stored bits of another image
    "693_J2KR.dcm",
    "693_J2KI.dcm",
    "bad_sequence.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "emri_small_jpeg_2k_lossless_too_short.dcm",
}


def first_frame(path: Path) -> bytes:
    dataset = pydicom.dcmread(path, force=True)
    return next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1)))


def compressed() -> list[Path]:
    """The files of the corpus whose frames tell of themselves."""
    found = []
    for path in corpus():
        try:
            dataset = pydicom.dcmread(path, force=True)
            syntax = syntaxes.lookup(dataset.file_meta.TransferSyntaxUID)
        except (AttributeError, EOFError, NotImplementedError, ValueError):
            continue
        if "PixelData" in dataset and syntax.media_type in ("image/jpeg", "image/jls", "image/jp2") and path.name not in UNREADABLE:
            found.append(path)
    return found


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(marker: int, *, samples: int = 1, bits: int = 8, selection: int = 1, app: bytes = b"", factors: bytes = b"\x11\x11\x11") -> bytes:
    parts = b"".join(bytes((number, factor, 0)) for number, factor in zip(range(1, samples + 1), factors, strict=False))
    scan = bytes([samples]) + b"".join(bytes((number, 0)) for number in range(1, samples + 1)) + bytes((selection, 0, 0))
    frame = struct.pack(">BHHB", bits, 480, 640, samples) + parts
    return b"\xff\xd8" + app + segment(marker, frame) + segment(0xDA, scan)


def jpeg_2000(*, samples: int = 3, bits: int = 8, mixed: int = 1, wavelet: int = 1, capabilities: int | None = None) -> bytes:
    size = struct.pack(">HLLLLLLLLH", 0, 650, 490, 10, 10, 650, 490, 10, 10, samples) + bytes((bits - 1, 1, 1)) * samples
    extended = segment(0x50, struct.pack(">LH", capabilities, 0)) if capabilities is not None else b""
    coding = segment(0x52, struct.pack(">BBHB5B", 0, 0, 1, mixed, 5, 4, 4, 0, wavelet))
    return b"\xff\x4f" + segment(0x51, size) + extended + coding + b"\xff\x90"


@pytest.mark.parametrize("path", compressed(), ids=lambda path: path.name)
def test_the_corpus_tells_its_size_and_bits_and_fits_its_syntax(path: Path) -> None:
    dataset = pydicom.dcmread(path, force=True)
    found = describe(first_frame(path)[:HEAD])
    assert found is not None
    assert (found.rows, found.columns, found.samples) == (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    assert str(dataset.file_meta.TransferSyntaxUID) in set(found.legal)
    if path.name not in _BITS_DIFFER:
        assert found.bits == dataset.BitsStored


@pytest.mark.parametrize(
    ("head", "syntax"),
    [
        (jpeg(0xC0), syntaxes.JPEG_BASELINE),
        (jpeg(0xC1, bits=12), syntaxes.JPEG_EXTENDED),
        (jpeg(0xC3, selection=1), syntaxes.JPEG_LOSSLESS_SV1),
        (jpeg(0xC3, selection=4), syntaxes.JPEG_LOSSLESS),
        (jpeg(0xF7, selection=0), syntaxes.JPEG_LS_LOSSLESS),
        (jpeg(0xF7, selection=2), syntaxes.JPEG_LS_NEAR_LOSSLESS),
        (jpeg_2000(wavelet=1), syntaxes.JPEG_2000_LOSSLESS),
        (jpeg_2000(wavelet=0), syntaxes.JPEG_2000),
        (jpeg_2000(wavelet=1, capabilities=1 << 17), syntaxes.HTJ2K_LOSSLESS),
        (jpeg_2000(wavelet=0, capabilities=1 << 17), syntaxes.HTJ2K),
    ],
)
def test_the_narrowest_transfer_syntax_is_told(head: bytes, syntax: str) -> None:
    found = describe(head)
    assert found is not None
    assert (found.rows, found.columns) == (480, 640)
    assert found.transfer_syntax == syntax
    assert syntax in found.legal


@pytest.mark.parametrize(
    ("head", "photometric"),
    [
        (jpeg(0xC0), "MONOCHROME2"),
        (jpeg(0xC0, samples=3), "YBR_FULL"),
        (jpeg(0xC0, samples=3, factors=b"\x21\x11\x11"), "YBR_FULL_422"),
        (jpeg(0xC0, samples=3, app=segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")), "RGB"),
        (jpeg(0xC0, samples=3, app=segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")), "YBR_FULL"),
        (jpeg(0xC3, samples=3), "RGB"),
        (jpeg(0xF7, samples=3), "RGB"),
        (jpeg_2000(mixed=1, wavelet=1), "YBR_RCT"),
        (jpeg_2000(mixed=1, wavelet=0), "YBR_ICT"),
        (jpeg_2000(mixed=0), "RGB"),
        (jpeg_2000(samples=1, mixed=0), "MONOCHROME2"),
    ],
)
def test_the_photometric_interpretation_is_told(head: bytes, photometric: str) -> None:
    found = describe(head)
    assert found is not None
    assert found.photometric == photometric


def test_the_codestream_in_a_jp2_file_is_found() -> None:
    stream = jpeg_2000()
    boxes = b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">L4s", 16, b"jp2h") + bytes(8)
    for head, end in (
        (struct.pack(">L4s", 8 + len(stream), b"jp2c"), len(boxes) + 8 + len(stream)),
        (struct.pack(">L4s", 0, b"jp2c"), None),
    ):
        found = describe(boxes + head + stream)
        assert found is not None
        assert (found.start, found.end, found.rows) == (len(boxes) + 8, end, 480)


@pytest.mark.parametrize(
    ("bits", "size"),
    [
        ([(1, 1), (7, 5), (1, 3)], (64, 64)),
        ([(1, 1), (7, 5), (0, 3), (15, 5)], (64, 128)),
        ([(0, 1), (1, 2), (479, 13), (3, 3)], (480, 640)),
        ([(0, 1), (1, 2), (479, 13), (0, 3), (1, 2), (999, 13)], (480, 1000)),
    ],
)
def test_jpeg_xl_tells_its_size_only(bits: list[tuple[int, int]], size: tuple[int, int]) -> None:
    number = at = 0
    for value, width in bits:
        number |= value << at
        at += width
    found = describe(b"\xff\x0a" + number.to_bytes(32, "little"))
    assert found is not None
    assert (found.rows, found.columns, found.samples) == (*size, 0)
    assert syntaxes.JPEG_XL_LOSSLESS in found.legal


@given(st.sampled_from([jpeg(0xC0), jpeg_2000(), b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x0a"]), st.integers(0, 80), st.binary(max_size=40))
def test_cut_or_damaged_heads_never_raise(head: bytes, cut: int, rest: bytes) -> None:
    found = describe(head[:cut] + rest)
    assert found is None or (0 < found.rows < 65536 and 0 < found.columns < 65536)


def test_an_image_of_no_size_and_other_data_tell_nothing() -> None:
    damaged = bytearray(jpeg(0xC0))
    damaged[damaged.index(b"\x01\xe0") : damaged.index(b"\x01\xe0") + 2] = b"\0\0"
    for head in (b"", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", bytes(64), bytes(damaged), jpeg(0xC0, samples=3)[:6]):
        assert describe(head) is None


def test_a_frame_of_a_real_jpeg_ls_image_is_lossless() -> None:
    found = describe(first_frame(corpus_file("MR_small_jpeg_ls_lossless.dcm")))
    assert found is not None
    assert found.transfer_syntax == syntaxes.JPEG_LS_LOSSLESS
