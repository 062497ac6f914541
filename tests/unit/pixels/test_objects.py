"""Whole objects as pictures, from the bytes of a Part 10 file on: what devices write, read from their Metadata, rendered by formula."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from app.dicomweb.rendering import IccProfile, View
from app.pixels import profiles
from app.pixels.render import render
from tests.builders import corpus, dataset, instance, part10
from tests.rendering import opened, read
from tests.rendering import shown as rendered
from tests.shown import picture, shown

RAMP = np.arange(64, dtype="<u2").reshape(8, 8) * 60


def item(**keywords: Any) -> Dataset:
    made = Dataset()
    for keyword, value in keywords.items():
        setattr(made, keyword, value)
    return made


def table(first: int, values: list[int], bits: int) -> Dataset:
    made = item(LUTDescriptor=[len(values), first, bits], LUTData=struct.pack(f"<{len(values)}H", *values))
    made["LUTDescriptor"].VR, made["LUTData"].VR = "US", "OW"
    return made


def linear(values: Any, center: float, width: float) -> Any:
    """PS3.3 C.11.2.1.2.1."""
    return np.floor(np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255 + 0.5)


def test_t9_frames_of_an_enhanced_object_have_a_rescale_and_a_window_each() -> None:
    """As Philips and Siemens write enhanced MR: Pixel Value Transformation and Frame VOI LUT in the functional groups of each frame."""
    slopes, windows = [1.0, 0.25, 2.5], [(500.0, 1000.0), (300.0, 200.0), (4000.0, 9000.0)]
    groups = [
        item(
            PixelValueTransformationSequence=[item(RescaleSlope=slope, RescaleIntercept=-10, RescaleType="normalized")],
            FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=width)],
        )
        for slope, (center, width) in zip(slopes, windows, strict=True)
    ]
    data = instance(
        modality="MR", frames=3, pixels=RAMP.tobytes() * 3, PerFrameFunctionalGroupsSequence=groups, WindowCenter=1, WindowWidth=1
    )
    for made, slope, (center, width) in zip(shown(data).pictures(), slopes, windows, strict=True):
        assert rendered(made).tolist() == linear(RAMP * slope - 10, center, width).tolist()


def test_t9_shared_groups_hold_for_every_frame() -> None:
    shared = item(
        PixelValueTransformationSequence=[item(RescaleSlope=2, RescaleIntercept=-1024, RescaleType="HU")],
        FrameVOILUTSequence=[item(WindowCenter=40, WindowWidth=400)],
    )
    data = instance(frames=2, pixels=RAMP.tobytes() * 2, SharedFunctionalGroupsSequence=[shared])
    for made in shown(data).pictures():
        assert rendered(made).tolist() == linear(RAMP * 2.0 - 1024, 40, 400).tolist()


def test_t9_modality_and_voi_lut_sequences_are_applied_one_after_the_other() -> None:
    modality = table(0, [value // 2 for value in range(4096)], 11)
    voi = table(100, [min(value * 3, 4095) for value in range(1500)], 12)
    data = instance(pixels=RAMP.tobytes(), ModalityLUTSequence=[modality], VOILUTSequence=[voi])
    halves = RAMP // 2
    expected = np.minimum(np.clip(halves.astype(int) - 100, 0, 1499) * 3, 4095) / 4095 * 255
    assert np.abs(rendered(picture(data)) - expected).max() <= 0.5


def test_t10_overlay_bits_in_the_high_bits_are_drawn() -> None:
    bits = np.eye(8, dtype="<u2")
    made = dataset(pixels=(RAMP | bits << 12).tobytes(), BitsStored=12, HighBit=11, WindowCenter=2048, WindowWidth=4096)
    for element, vr, value in (
        (0x0010, "US", 8), (0x0011, "US", 8), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]), (0x0100, "US", 16), (0x0102, "US", 12)
    ):  # fmt: skip
        made.add_new((0x6000, element), vr, value)
    expected = np.where(bits == 1, 255, linear(RAMP.astype(float), 2048, 4096))
    assert rendered(picture(part10(made))).tolist() == expected.tolist()


def test_t10_the_overlays_of_a_real_object_are_drawn_and_not_otherwise() -> None:
    path = next(path for path in corpus() if path.name == "examples_overlay.dcm")
    made = picture(path.read_bytes())
    assert made.overlays
    with_planes = rendered(made)
    changed = with_planes != rendered(replace(made, overlays=()))
    assert 0 < changed.sum() < changed.size / 20
    assert (with_planes[changed] == 255).all()


def test_t17_a_slide_is_shown_in_the_colours_of_its_optical_path() -> None:
    colours = np.array([[[200, 100, 50], [10, 200, 30]]], "u1")
    made = dataset(modality="OT", rows=1, columns=2, bits=8, pixels=colours.tobytes(), SamplesPerPixel=3, PlanarConfiguration=0)
    made.PhotometricInterpretation = "RGB"
    made.OpticalPathSequence = [item(OpticalPathIdentifier="1", ICCProfile=profiles.profile(IccProfile.ADOBE_RGB))]
    slide = picture(part10(made))
    assert rendered(slide, icc_profile=IccProfile.NO).tolist() == colours.tolist()
    # Adobe RGB (1998) to sRGB by the published matrices of both; both are of D65.
    to_xyz = np.array([[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]])
    to_srgb = np.array([[3.24045, -1.53714, -0.49853], [-0.96927, 1.87601, 0.04156], [0.05564, -0.20403, 1.05723]])
    light = np.clip(to_srgb @ to_xyz @ (colours[0].T / 255) ** 2.19921875, 0, 1)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).T * 255
    srgb = opened(render([slide], View("image/png", icc_profile=IccProfile.SRGB)))
    assert np.abs(np.asarray(srgb)[0] - expected).max() <= 2
    assert srgb.info["icc_profile"] == profiles.profile(IccProfile.SRGB)
    assert np.abs(rendered(slide)[0] - expected).max() <= 2


@pytest.mark.parametrize("name", ["emri_small.dcm", "color3d_jpeg_baseline.dcm", "OBXXXX1A_2frame.dcm"])
def test_t2_a_multi_frame_object_becomes_an_animation_of_all_its_frames(name: str) -> None:
    described = shown(next(path for path in corpus() if path.name == name).read_bytes())
    numbers = range(1, min(described.record.frames.count, 5) + 1)
    data = render([described.picture(number) for number in numbers], View("image/gif", columns=64))
    assert opened(data).n_frames == len(numbers)  # type: ignore[attr-defined]
    assert read(data).shape[1] == 64
