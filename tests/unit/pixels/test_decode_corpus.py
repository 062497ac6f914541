"""Every compressed frame of the corpus, decoded by us and by pydicom with pylibjpeg and pyjpegls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.dicom import transfer_syntax
from app.pixels.decode import decode
from tests.pixels import compressed, frames_of, image_of, read, second_opinion, syntax_of

UNREADABLE = {"JPEG2000-embedded-sequence-delimiter.dcm"}
"""Its main header is overwritten with the bytes of a delimiter."""

REFUSED_BY_THEM = {"JPEG-lossy.dcm"}
"""Its scan header has wrong spectral bounds. JPGExtended.dcm is the same picture, put right by GDCM."""

MOST = 6
"""Levels of one colour: JPEG lets an inverse DCT be off by one level (ITU-T T.83) in Y, Cb and Cr, which the matrix of BT.601 makes up to
1 + 2 * 1.772 of; libjpeg-turbo also smooths where it doubles the columns of subsampled colours."""


@pytest.mark.parametrize(
    "path", [path for path in compressed() if path.name not in UNREADABLE | REFUSED_BY_THEM], ids=lambda path: path.name
)
def test_pixels_are_those_that_pydicom_decodes(path: Path) -> None:
    dataset = read(path)
    image, syntax = image_of(dataset), syntax_of(dataset)
    for frame, theirs in zip(list(frames_of(dataset))[:3], second_opinion(dataset), strict=False):
        ours, now = decode(frame, image, syntax)
        assert ours.dtype == theirs.dtype
        assert now.photometric == ("RGB" if image.samples == 3 else image.photometric)
        if transfer_syntax.lookup(syntax).lossy and "jls" not in path.name and "JPEGLS" not in path.name:
            off = np.abs(ours.astype(int) - theirs.astype(int))
            assert off.max() <= (MOST if image.samples == 3 else 1)
            assert off.mean() < 0.15
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("path", [path for path in compressed() if path.name in UNREADABLE], ids=lambda path: path.name)
def test_what_nobody_can_read_is_refused_with_a_sentence(path: Path) -> None:
    dataset = read(path)
    (frame,) = frames_of(dataset)
    with pytest.raises(ValueError, match="codestream"):
        decode(frame, image_of(dataset), syntax_of(dataset))


def test_a_frame_with_a_misplaced_marker_is_the_picture_that_was_put_right() -> None:
    broken, right = (next(path for path in compressed() if path.name == name) for name in ("JPEG-lossy.dcm", "JPGExtended.dcm"))
    pictures = [decode(next(frames_of(read(path))), image_of(read(path)), syntax_of(read(path)))[0] for path in (broken, right)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
