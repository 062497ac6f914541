"""What our encoders write, decoded by others: pydicom with pylibjpeg and pyjpegls, DCMTK, and djxl; every bit is there."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels.decoders.base import get_decoder

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes
from app.model import Uid
from app.pixels.decode import stored_values
from app.pixels.encode import encode
from app.pixels.syntaxes import ENCODABLE, misfit
from tests.builders import encapsulated
from tests.pixels import Array, frame_words, image

DEPTHS = [(8, 2), (8, 7), (8, 8), (16, 2), (16, 8), (16, 9), (16, 12), (16, 15), (16, 16), (32, 12), (32, 32)]
KINDS = [(1, "MONOCHROME2", False), (1, "MONOCHROME2", True), (1, "PALETTE COLOR", False), (3, "RGB", False), (3, "YBR_FULL", False)]
DCMTK = {syntaxes.RLE_LOSSLESS: ["dcmdrle"], syntaxes.JPEG_LOSSLESS_SV1: ["dcmdjpeg", "+cn"], syntaxes.JPEG_LS_LOSSLESS: ["dcmdjpls"]}
PYDICOM = sorted(ENCODABLE - {syntaxes.EXPLICIT_LE, syntaxes.JPEG_XL_LOSSLESS})


def cases(syntax: Uid) -> Iterator[tuple[ImageAttributes, Array]]:
    for rows, columns in ((61, 83), (1, 7), (130, 3)):
        for allocated, stored in DEPTHS:
            for samples, photometric, signed in KINDS:
                attributes = image(rows, columns, allocated, stored, samples=samples, photometric=photometric, signed=signed)
                if not misfit(attributes, syntax):
                    yield attributes, frame_words(attributes)


def file_of(frame: bytes, within: ImageAttributes, syntax: Uid) -> bytes:
    keywords: dict[str, Any] = {"PlanarConfiguration": 0} if within.samples == 3 else {}
    if within.photometric == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            keywords[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
            keywords[f"{colour}PaletteColorLookupTableData"] = bytes(256)
    return encapsulated(
        [frame],
        syntax,
        rows=within.rows,
        columns=within.columns,
        bits=within.allocated,
        SamplesPerPixel=within.samples,
        PhotometricInterpretation=within.photometric,
        BitsStored=within.stored,
        HighBit=within.high,
        PixelRepresentation=int(within.signed),
        **keywords,
    )


@pytest.mark.parametrize("syntax", PYDICOM)
def test_pydicom_decodes_the_same_values(syntax: Uid) -> None:
    count = 0
    for attributes, original in cases(syntax):
        dataset = pydicom.dcmread(io.BytesIO(file_of(*encode(original, attributes, syntax), syntax)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that bits stored and the codestream's differ, where a sign was carried on
            theirs, _ = get_decoder(syntax).as_array(dataset, raw=True)
        np.testing.assert_array_equal(theirs, stored_values(original, attributes)[0], err_msg=str(attributes))
        count += 1
    assert count > 100


@pytest.mark.parametrize("syntax", sorted(DCMTK))
def test_dcmtk_decodes_the_same_values(syntax: Uid, tmp_path: Path) -> None:
    for attributes, original in cases(syntax):
        if attributes.rows != 61:
            continue
        frame, within = encode(original, attributes, syntax)
        (tmp_path / "in").write_bytes(file_of(frame, within, syntax))
        subprocess.run([*DCMTK[syntax], tmp_path / "in", tmp_path / "out"], check=True, capture_output=True)
        theirs = pydicom.dcmread(tmp_path / "out")
        assert (theirs.BitsAllocated, theirs.BitsStored, theirs.PhotometricInterpretation) == (
            attributes.allocated, attributes.stored, attributes.photometric,
        )  # fmt: skip
        their_words = np.frombuffer(theirs.PixelData, original.dtype, original.size)
        if theirs.get("PlanarConfiguration", 0):
            their_words = np.moveaxis(their_words.reshape(3, *original.shape[:2]), 0, -1)
        theirs_stored, _ = stored_values(np.ascontiguousarray(their_words).reshape(original.shape), attributes)
        np.testing.assert_array_equal(theirs_stored, stored_values(original, attributes)[0], err_msg=str(attributes))


@pytest.mark.parametrize("stored", [8, 10, 12, 16])
@pytest.mark.parametrize("samples", [1, 3])
def test_djxl_decodes_the_same_values(stored: int, samples: int, tmp_path: Path) -> None:
    attributes = image(61, 83, 8 if stored == 8 else 16, stored, samples=samples)
    original = frame_words(attributes)
    frame, _ = encode(original, attributes, syntaxes.JPEG_XL_LOSSLESS)
    (tmp_path / "in.jxl").write_bytes(frame)
    out = tmp_path / ("out.ppm" if samples == 3 else "out.pgm")
    subprocess.run(["djxl", "in.jxl", out.name], cwd=tmp_path, check=True, capture_output=True)
    kind, size, most, pixels = out.read_bytes().split(b"\n", 3)
    assert (kind, size, int(most)) == (b"P6" if samples == 3 else b"P5", b"83 61", (1 << stored) - 1)
    theirs = np.frombuffer(pixels, "u1" if stored == 8 else ">u2").reshape(original.shape)
    if stored not in (8, 16):
        # djxl 0.7 spreads values over 16 bits, whatever its header says; later ones do not.
        theirs = np.rint(theirs * (int(most) / 65535)) if theirs.max() > int(most) else theirs
    np.testing.assert_array_equal(theirs, original)


def test_the_least_and_the_largest_values_survive_everywhere() -> None:
    for syntax in PYDICOM:
        attributes = image(40, 50, 16, 16, signed=True)
        original = frame_words(attributes, "extremes")
        dataset = pydicom.dcmread(io.BytesIO(file_of(*encode(original, attributes, syntax), syntax)))
        np.testing.assert_array_equal(get_decoder(syntax).as_array(dataset, raw=True)[0], original.view("i2"))
