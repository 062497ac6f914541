"""Whole renders of every image of the corpus beside those of DCMTK (dcm2pnm, dcmj2pnm) and of pydicom's own pipeline.

DCMTK is asked for the same window, by number where the object has one. It rounds halves otherwise here and there, hence the tolerance of 1.
What differs, or what it cannot show, stands in the tables below with the reason.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from app.dicom.picture import Picture, Window
from app.pixels.decode import decode
from tests.builders import corpus
from tests.rendering import read
from tests.rendering import shown as rendered
from tests.shown import shown

TOLERANCE = 1
LOSSY_TOLERANCE = 5
"""Decoders of lossy JPEG may differ in the cosine transform, and in how they spread subsampled colours: pydicom's is another one."""
LOSSY_JPEG = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}
JPEG_2000 = {f"1.2.840.10008.1.2.4.{syntax}" for syntax in (90, 91, 201, 202, 203)}
JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}

UNSHOWN = {
    "SC_rgb_32bit.dcm": "colours of 32 bits",
    "SC_rgb_32bit_2frame.dcm": "colours of 32 bits",
    "SC_rgb_expb_32bit.dcm": "colours of 32 bits",
    "SC_rgb_expb_32bit_2frame.dcm": "colours of 32 bits",
    "gdcm-US-ALOKA-16.dcm": "palette whose descriptor counts with a sign",
    "gdcm-US-ALOKA-16_big.dcm": "palette whose descriptor counts with a sign",
    "SC_rgb_jpeg.dcm": "frame of JPEG in two fragments",
}
DIFFERENT = {
    "liver.dcm": "samples of 1 bit: DCMTK shows 1 as half bright, although it is the largest value (PS3.4 N.2.1)",
    "liver_1frame.dcm": "as liver.dcm",
    "liver_expb.dcm": "as liver.dcm",
    "liver_expb_1frame.dcm": "as liver.dcm",
    "rtdose_expb.dcm": "big endian samples of 32 bits: DCMTK swaps them as words of 16 bits; rtdose.dcm, the same object, is equal",
    "rtdose_expb_1frame.dcm": "as rtdose_expb.dcm",
    "SC_ybr_full_uncompressed.dcm": "YBR to RGB: DCMTK rounds each product, so that it may be 2 away",
}
UNSHOWN_BY_PYDICOM = {
    "badVR.dcm": "a number written as 1A",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "the last delimiter is missing",
    "JPEG-lossy.dcm": "a scan header that its JPEG decoder refuses",
    "OBXXXX1A_expb.dcm": "palettes of big endian objects, whose bytes it does not swap",
    "OBXXXX1A_expb_2frame.dcm": "as OBXXXX1A_expb.dcm",
}
BROKEN = {"JPEG2000-embedded-sequence-delimiter.dcm"}
"""Another size in the codestream than in Rows and Columns: refused, rather than showing a picture that one of both is wrong about."""


def first_picture(path: Path) -> Picture | None:
    """The first frame of the file, if it is an image; without its aspect, since neither of the two brings pixels into shape."""
    try:
        examined = shown(path.read_bytes())
    except AssertionError:
        return None  # refused at the door
    return replace(examined.picture(), aspect=(1.0, 1.0)) if examined.record.frames.count else None


def corpus_files(without: Container[str]) -> list[Any]:
    return [pytest.param(path, id="/".join(path.parts[-2:])) for path in corpus() if path.name not in without]


def deep(picture: Picture) -> bool:
    """Whether something has to choose a window for it."""
    return picture.image.samples == 1 and picture.image.photometric != "PALETTE COLOR" and picture.image.stored > 8


def chosen(picture: Picture) -> Window | None:
    """A window for both where the object has none: the range of the values."""
    if picture.window is not None or picture.voi is not None or not deep(picture):
        return None
    slope, intercept = picture.rescale or (1.0, 0.0)
    values = decode(picture.frame, picture.image, picture.transfer_syntax)[0].astype(float) * slope + intercept
    low, high = float(values.min()), float(values.max())
    return Window(round((low + high) / 2), max(round(high - low), 2))


def first_frame(dataset: pydicom.Dataset) -> NDArray[Any]:
    values = dataset.pixel_array
    frames = int(dataset.get("NumberOfFrames") or 1)
    return np.asarray(values[0] if frames > 1 else values)


def by_dcmtk(path: Path, options: list[str]) -> NDArray[np.uint8] | None:
    for tool in ("dcm2pnm", "dcmj2pnm"):
        assert shutil.which(tool), "DCMTK is missing: make services"
        made = subprocess.run([tool, "+op", *options, str(path)], capture_output=True, check=False, timeout=60)
        if made.stdout.startswith(b"P"):
            return read(made.stdout)
    return None


@pytest.mark.parametrize("path", corpus_files(without=BROKEN))
def test_renders_of_the_corpus_are_those_of_dcmtk(path: Path) -> None:
    if (picture := first_picture(path)) is None:
        return
    window = chosen(picture)
    options: list[str] = []
    if window is not None:
        options = ["+Ww", str(window.center), str(window.width)]
    elif picture.image.samples == 1 and picture.window is not None:
        # By its values, since DCMTK does not look for windows in functional groups.
        options = ["+Ww", str(picture.window.center), str(picture.window.width)]
    elif picture.voi is not None:
        options = ["+Wl", "1"]
    theirs = by_dcmtk(path, options)
    if theirs is None:
        assert path.name in UNSHOWN or picture.transfer_syntax in JPEG_2000 | JPEG_LS
        return
    assert path.name not in UNSHOWN
    ours = rendered(picture, window=window)
    if theirs.ndim == 3 and ours.ndim == 2:
        ours = np.stack([ours] * 3, axis=-1)
    assert ours.shape == theirs.shape
    difference = int(np.abs(ours.astype(int) - theirs).max())
    assert (difference <= TOLERANCE) is (path.name not in DIFFERENT), f"differs by {difference}"


@pytest.mark.parametrize("path", corpus_files(without=BROKEN | UNSHOWN_BY_PYDICOM.keys()))
def test_renders_of_the_corpus_are_those_of_pydicom(path: Path) -> None:
    if (picture := first_picture(path)) is None:
        return
    dataset = pydicom.dcmread(path, force=True)
    dataset.ensure_file_meta()
    dataset.file_meta.setdefault("TransferSyntaxUID", pydicom.uid.ImplicitVRLittleEndian)
    window = chosen(picture)
    theirs = by_pydicom(dataset, picture, window)
    ours = rendered(replace(picture, overlays=()), window=window)
    assert ours.shape == theirs.shape
    difference = np.abs(ours - theirs).max()
    assert difference <= (LOSSY_TOLERANCE if picture.transfer_syntax in LOSSY_JPEG else TOLERANCE)


def by_pydicom(dataset: pydicom.Dataset, picture: Picture, window: Window | None) -> NDArray[Any]:
    """0 to 255 as numbers with a fraction, by its own steps."""
    values = first_frame(dataset)
    if picture.image.photometric == "PALETTE COLOR":
        return np.asarray(apply_color_lut(values, dataset) >> (8 if picture.palette and picture.palette[0].bits > 8 else 0))
    if picture.image.samples == 3:
        return np.asarray(values / (256.0**values.dtype.itemsize - 1) * 255)
    if window is not None or picture.window is not None:
        asked = window or picture.window
        assert asked is not None
        dataset.WindowCenter, dataset.WindowWidth = asked.center, asked.width
    if picture.rescale is not None:
        # It does not look for them in functional groups.
        dataset.RescaleSlope, dataset.RescaleIntercept = picture.rescale
    values = np.asarray(apply_voi_lut(apply_modality_lut(values, dataset), dataset), np.float64)
    low, high = output_range(dataset, picture)
    shown = np.clip((values - low) / (high - low), 0, 1) * 255
    return 255 - shown if picture.image.photometric == "MONOCHROME1" else shown


def output_range(dataset: pydicom.Dataset, picture: Picture) -> tuple[float, float]:
    """Of what pydicom's windows and LUTs give: the range of stored values brought through the modality step, or that of the table."""
    if "VOILUTSequence" in dataset and picture.window is None:
        return 0, 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    if "ModalityLUTSequence" in dataset:
        return 0, 2 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    stored = picture.image.stored
    low, high = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if picture.image.signed else (0, 2**stored - 1)
    slope, intercept = picture.rescale or (1.0, 0.0)
    return low * slope + intercept, high * slope + intercept
