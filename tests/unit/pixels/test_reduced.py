"""Frames decoded at a part of their size make the pictures that whole ones make when they are made smaller."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import Lut, Overlay, Picture, Window
from app.dicomweb.rendering import Region, View
from app.model import Uid
from app.pixels import reduced
from tests.builders import corpus
from tests.rendering import Pixels, picture, shown
from tests.shown import shown as examined

down, across = np.mgrid[0:600, 0:800]
SMOOTH = ((np.sin(down / 40) * np.cos(across / 60) + 1) * 2000).astype("<u2")
COLOUR = np.stack([SMOOTH // 16, SMOOTH[::-1] // 16, SMOOTH[:, ::-1] // 16], axis=-1).astype("u1")


def stored(samples: Pixels, syntax: Uid, frame: bytes, photometric: str | None = None, **steps: Any) -> Picture:
    return replace(picture(samples, photometric, **steps), frame=frame, transfer_syntax=syntax)


def jpeg(samples: Pixels, **steps: Any) -> Picture:
    stream = BytesIO()
    Image.fromarray(samples).save(stream, "JPEG", quality=95)
    photometric = "YBR_FULL_422" if samples.ndim == 3 else None
    return stored(samples, syntaxes.JPEG_BASELINE, stream.getvalue(), photometric, **steps)


def jpeg_2000(samples: Pixels, **steps: Any) -> Picture:
    frame = bytes(imagecodecs.jpeg2k_encode(samples, codecformat="J2K", reversible=True, mct=True))
    return stored(samples, syntaxes.JPEG_2000_LOSSLESS, frame, "YBR_RCT" if samples.ndim == 3 else None, **steps)


PICTURES = {
    "JPEG, grey": jpeg((SMOOTH >> 4).astype("u1")),
    "JPEG, colour": jpeg(COLOUR),
    "JPEG 2000, 16 bits": jpeg_2000(SMOOTH, window=Window(2000, 3000)),
    "JPEG 2000, signed": jpeg_2000(SMOOTH.astype("<i2") - 2000, window=Window(0, 3000)),
    "JPEG 2000, 8 bits": jpeg_2000((SMOOTH >> 4).astype("u1")),
    "JPEG 2000, colour": jpeg_2000(COLOUR),
}
VIEWS: dict[str, dict[str, Any]] = {
    "thumbnail": {"columns": 64, "rows": 64},
    "region": {"columns": 60, "rows": 60, "region": Region(101, 53, 480, 481, flip_horizontal=True)},
    "wide": {"columns": 180},
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", PICTURES)
def test_a_reduced_frame_makes_the_picture_that_the_whole_one_makes(name: str, view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = PICTURES[name]
    assert reduced.read(made, 1, windowed=True) is not None
    quick = shown(made, **VIEWS[view])
    monkeypatch.setattr(reduced, "MOST", 0)
    whole = shown(made, **VIEWS[view])
    assert quick.shape == whole.shape
    assert np.abs(quick.astype(int) - whole).mean() < 1.5
    assert np.abs(quick.astype(int) - whole).max() <= 14


@pytest.mark.parametrize(("shrink", "times"), [(0.5, 0), (1, 0), (3.9, 0), (4, 1), (7.9, 1), (8, 2), (16, 3), (1000, 3)])
def test_twice_as_many_pixels_are_left_as_are_asked_for(shrink: float, times: int) -> None:
    assert reduced.halvings(shrink) == times


def test_what_depends_on_every_value_is_decoded_whole() -> None:
    made = PICTURES["JPEG 2000, 16 bits"]
    palette = (Lut(4096, 0, 8, bytes(4096)),) * 3
    assert reduced.read(made, 2, windowed=False) is None
    assert reduced.read(replace(made, padding=(0, 0)), 2, windowed=True) is None
    assert reduced.read(replace(made, overlays=(Overlay(1, 1, data=b"\1"),)), 2, windowed=True) is None
    indexed = replace(made, image=replace(made.image, photometric="PALETTE COLOR"), palette=palette)
    assert reduced.read(indexed, 2, windowed=True) is None


def test_what_is_wrong_with_a_frame_is_told_as_ever() -> None:
    made = PICTURES["JPEG, grey"]
    for broken in (made.frame[:100], made.frame[:2000], b"", b"\xff\xd8"):
        with pytest.raises(ValueError, match=r"its|it "):
            shown(replace(made, frame=broken), columns=32, rows=32)
    with pytest.raises(ValueError, match="another size"):
        shown(replace(made, image=replace(made.image, rows=599)), columns=32, rows=32)


CORPUS = {f"{name}_J2K{kind}.dcm" for name in ("RG1", "RG3", "MR2", "US1") for kind in "IR"} | {"examples_ybr_color.dcm", "693_J2KR.dcm"}


@pytest.mark.parametrize("path", [path for path in corpus() if path.name in CORPUS], ids=lambda path: path.name)
def test_thumbnails_of_the_corpus_are_those_of_whole_frames(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = examined(path.read_bytes()).picture()
    assert (reduced.read(made, 1, windowed=True) is None) is (path.name == "693_J2KR.dcm")
    quick = shown(made, columns=64, rows=64)
    monkeypatch.setattr(reduced, "MOST", 0)
    assert np.abs(quick.astype(int) - shown(made, columns=64, rows=64)).mean() < 3


def test_a_view_of_the_size_of_the_picture_is_never_reduced() -> None:
    assert shown(PICTURES["JPEG 2000, 8 bits"]).tolist() == (SMOOTH >> 4).tolist()
    assert View().columns is None
