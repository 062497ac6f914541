"""One picture stored in every transfer syntax comes out as one picture."""

from __future__ import annotations

import numpy as np
import pytest

from app.dicom.picture import Window, WindowShape
from app.model import Uid
from app.pixels.syntaxes import DECODABLE, JPEG_2000_PART_2, JPEG_2000_PART_2_LOSSLESS, JPEG_SPECTRAL_SELECTION
from tests import phantom, rendering
from tests.shown import picture

WINDOW = Window(2047.5, 4095, WindowShape.LINEAR_EXACT)
NO_ENCODER = {JPEG_SPECTRAL_SELECTION, JPEG_2000_PART_2, JPEG_2000_PART_2_LOSSLESS}


def test_the_phantom_comes_in_every_syntax_that_can_be_decoded() -> None:
    made = {syntax for syntax, _ in phantom.grays()}
    assert made >= DECODABLE - NO_ENCODER


@pytest.mark.parametrize(("syntax", "data"), list(phantom.grays()), ids=lambda each: each if isinstance(each, str) else "")
def test_grayscale_is_one_picture_in_every_syntax(syntax: Uid, data: bytes) -> None:
    made = picture(data)
    narrow = made.image.stored == 8
    shown = rendering.shown(made, window=None if narrow else WINDOW).astype(int)
    values = phantom.gray().astype(float)
    expected = np.floor(values / 16 if narrow else values * 255 / 4095 + 0.5).astype(int)
    assert np.abs(shown - expected).max() <= (12 if syntax in phantom.LOSSY else 0)
    assert np.abs(shown - expected).mean() < 1


@pytest.mark.parametrize(("syntax", "data"), list(phantom.colours()), ids=lambda each: each if isinstance(each, str) else "")
def test_colours_are_one_picture_in_every_syntax(syntax: Uid, data: bytes) -> None:
    shown = rendering.shown(picture(data)).astype(int)
    assert np.abs(shown - phantom.colour()).mean() < (3 if syntax in phantom.LOSSY else 0.001)
