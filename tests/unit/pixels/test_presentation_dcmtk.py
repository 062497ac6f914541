"""DCMTK as a second opinion: `dcmp2pgm` renders images under states of ours, `dcmpsmk` makes states of its own for images of the corpus.

DCMTK cuts levels off where we round, hence a difference of one. It leaves geometric shutters, displayed areas, overlays in layers, and
SIGMOID to the viewers built on it; those are compared with formulas in the modules beside this one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from tests import states
from tests.builders import part10
from tests.presented import RAMP, grey, rendered


def theirs(folder: Path, image: Dataset, made: Dataset, frame: int = 1) -> np.ndarray:
    """What DCMTK makes of it, as levels."""
    (folder / "image.dcm").write_bytes(part10(image))
    (folder / "state.dcm").write_bytes(part10(made))
    command = ["dcmp2pgm", "-f", str(frame), "-p", "state.dcm", "image.dcm", "out.pgm"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return np.array(Image.open(folder / "out.pgm"))


def corpus_image(name: str) -> Dataset:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return pydicom.dcmread(path)


def voi(center: float, width: float) -> dict[str, Any]:
    return {"SoftcopyVOILUTSequence": [states.item(WindowCenter=center, WindowWidth=width)]}


def curve(length: int, power: float, most: int) -> list[int]:
    return [round((number / (length - 1)) ** power * most) for number in range(length)]


HOUNSFIELD: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}
SOFT = HOUNSFIELD | voi(40, 800)

CASES: dict[str, dict[str, Any]] = {
    "identity": {},
    "rescale": HOUNSFIELD,
    "window": SOFT,
    "narrow window": HOUNSFIELD | voi(40, 3),
    "inverse": SOFT | {"PresentationLUTShape": "INVERSE"},
    "modality table": voi(2000, 3000) | {"ModalityLUTSequence": [states.lut(0, curve(2500, 0.5, 5000))]},
    "voi table": HOUNSFIELD | {"SoftcopyVOILUTSequence": [states.item(VOILUTSequence=[states.lut(-100, curve(300, 2, 4095), 12)])]},
} | {
    f"{rotation} {flip}": SOFT | {"ImageRotation": rotation, "ImageHorizontalFlip": flip}
    for rotation in (0, 90, 180, 270)
    for flip in ("N", "Y")
}


@pytest.mark.parametrize("name", CASES)
def test_t16_a_state_shows_what_dcmtk_shows(name: str, tmp_path: Path) -> None:
    image = corpus_image("CT_small.dcm")
    made = states.state(image, **CASES[name])
    found, expected = rendered(image, made), theirs(tmp_path, image, made)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_t16_a_presentation_table_shows_what_dcmtk_shows(tmp_path: Path) -> None:
    image = corpus_image("CT_small.dcm")
    table = states.lut(0, curve(256, 2, 4095), 12)
    made = states.state(image, PresentationLUTSequence=[table], PresentationLUTShape=None, **SOFT)
    # The table has 256 entries and rises steeply: an entry cut off makes up to three levels.
    assert np.abs(rendered(image, made).astype(int) - theirs(tmp_path, image, made)).max() <= 3


def test_t16_a_bitmap_shutter_shows_what_dcmtk_shows(tmp_path: Path) -> None:
    image = grey(RAMP)
    made = states.state(image, ShutterShape="BITMAP", ShutterOverlayGroup=0x6000, ShutterPresentationValue=65535)
    states.overlay(made, 12, 20, np.packbits(RAMP % 3 == 0, bitorder="little").tobytes())
    assert np.array_equal(rendered(image, made), theirs(tmp_path, image, made))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm", "emri_small.dcm", "rtdose_1frame.dcm"])
def test_t16_a_state_that_dcmtk_made_is_applied_as_dcmtk_does(name: str, tmp_path: Path) -> None:
    image = corpus_image(name)
    (tmp_path / "image.dcm").write_bytes(part10(image))
    subprocess.run(["dcmpsmk", "-o", "image.dcm", "made.dcm"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    made = pydicom.dcmread(tmp_path / "made.dcm")
    assert made.SOPClassUID == states.GRAYSCALE
    found, expected = rendered(image, made), theirs(tmp_path, image, made)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
