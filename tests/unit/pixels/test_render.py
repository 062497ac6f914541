"""app.pixels.render as a whole: the order of its steps, its errors, and that what it makes changes only together with RENDERER."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import numpy as np
import pytest

from app.dicom.picture import Lut, Overlay, Picture, Window, WindowShape
from app.dicomweb.rendering import RENDERER, IccProfile, Region, View
from app.pixels.jobs import JOBS
from app.pixels.render import render
from tests.rendering import picture, ramp, read, shown

GREY = np.add.outer(np.arange(64) * 30, np.arange(96) * 20).astype("<u2")


def pictures() -> dict[str, tuple[Picture, View]]:
    """One for each step that may change what comes out."""
    colour = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1) // 16
    colour = np.clip(colour, 0, 255).astype("u1")
    gray = picture(GREY, bits=12)
    bits = np.packbits(np.eye(64, 96, dtype=bool).reshape(-1), bitorder="little").tobytes()
    return {
        "found window": (gray, View("image/png")),
        "linear": (replace(gray, window=Window(1500, 1000), rescale=(2.0, -100.0)), View("image/png")),
        "exact": (gray, View("image/png", window=Window(1500, 1000, WindowShape.LINEAR_EXACT))),
        "sigmoid": (replace(gray, inverse=True), View("image/png", window=Window(1500, 1000, WindowShape.SIGMOID))),
        "lut": (replace(gray, voi=Lut(3, 500, 8, bytes([9, 100, 250]))), View("image/png")),
        "padding": (replace(gray, padding=(0, 300)), View("image/png")),
        "overlay": (replace(gray, overlays=(Overlay(64, 96, data=bits),)), View("image/png")),
        "smaller": (gray, View("image/png", columns=40, rows=40)),
        "larger": (gray, View("image/png", columns=200, rows=200, region=Region(3.5, 4.5, 30, 20, flip_vertical=True))),
        "aspect": (replace(gray, aspect=(3.0, 2.0)), View("image/png")),
        "rgb": (picture(colour), View("image/png")),
        "ybr": (picture(colour, "YBR_FULL"), View("image/png")),
        "space": (picture(colour), View("image/png", icc_profile=IccProfile.DISPLAY_P3)),
    }


PIXELS = {"2": "f4890c1275843a50"}
"""For each RENDERER the digest of what it makes of the pictures above."""


def test_other_pictures_come_out_only_of_another_renderer() -> None:
    """If this fails, pictures come out otherwise than before: change RENDERER, since caches hold the old ones, and add its digest."""
    digest = hashlib.sha256()
    for made, view in pictures().values():
        found = read(render([made], view))
        digest.update(repr(found.shape).encode() + found.tobytes())
    assert {RENDERER: digest.hexdigest()[:16]} == {RENDERER: PIXELS.get(RENDERER)}


def test_overlays_are_no_part_of_the_window_and_annotations_no_part_of_the_region() -> None:
    made = picture(np.zeros((64, 64), "u1"), annotations={"patient": ("Doe",)}, inverse=True)
    region = shown(made, region=Region(0, 0, 32, 32), columns=64, rows=64)
    assert (region == 255).all()
    noted = shown(made, region=Region(0, 32, 32, 32), columns=64, rows=64, annotations=frozenset({"patient"}))
    assert (noted != 255).any()


def test_the_modality_step_comes_before_the_window_and_inversion_after_it() -> None:
    values = ramp(0, 100, "<u2")
    modality = Lut(101, 0, 16, struct.pack("<101H", *(1000 - 10 * value for value in range(101))))
    made = shown(picture(values, modality=modality, window=Window(500, 1000, WindowShape.LINEAR_EXACT), inverse=True))
    expected = [int(255 - (1000 - 10 * value) / 1000 * 255 + 0.5) for value in range(101)]
    assert np.abs(made[0].astype(int) - expected).max() <= 1


def test_the_job_of_the_worker_is_the_function() -> None:
    made = picture(np.arange(64, dtype="u1").reshape(8, 8))
    assert JOBS["render"]((made,), View()) == ({}, render([made], View()))


@pytest.mark.parametrize("length", [0, 1, 63])
def test_a_frame_that_is_too_short_is_refused_with_a_sentence(length: int) -> None:
    made = picture(np.arange(64, dtype="u1").reshape(8, 8))
    with pytest.raises(ValueError, match="fewer bytes"):
        render([replace(made, frame=made.frame[:length])], View())


def test_nothing_that_was_read_is_changed() -> None:
    made = picture(np.arange(64, dtype="u1").reshape(8, 8), overlays=(Overlay(8, 8, data=b"\xff" * 8),))
    before = bytes(made.frame)
    render([made], View(annotations=frozenset({"patient"})))
    assert made.frame == before
