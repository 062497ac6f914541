"""ICC profiles: what littleCMS reads out of ours, conversions against the published colorimetry of each space, and what files embed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.dicomweb.rendering import IccProfile, View
from app.pixels import profiles
from app.pixels.render import render
from tests.rendering import opened, picture, shown

NAMED = [IccProfile.SRGB, IccProfile.ADOBE_RGB, IccProfile.DISPLAY_P3, IccProfile.ROMM_RGB]
COLOURS = np.array([[[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 40]]], "u1")

# Primaries adapted to D50, as published: IEC 61966-2-1, Adobe RGB (1998) 4.3.1, ROMM RGB (ISO 22028-2), Apple's Display P3 profile.
PUBLISHED = {
    IccProfile.SRGB: [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)],
    IccProfile.ADOBE_RGB: [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)],
    IccProfile.DISPLAY_P3: [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)],
    IccProfile.ROMM_RGB: [(0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)],
}


def read(data: bytes) -> Any:
    return ImageCms.ImageCmsProfile(BytesIO(data)).profile


@pytest.mark.parametrize("space", NAMED)
def test_our_profiles_have_the_published_primaries(space: IccProfile) -> None:
    found = read(profiles.profile(space))
    for column, expected in zip((found.red_colorant, found.green_colorant, found.blue_colorant), PUBLISHED[space], strict=True):
        assert np.abs(np.array(column[0]) - expected).max() < 0.0015
    assert found.xcolor_space.strip() == "RGB"
    assert found.version == pytest.approx(4.2)


def to_linear(space: IccProfile, value: float) -> float:
    if space is IccProfile.ADOBE_RGB:
        return float(value**2.19921875)
    if space is IccProfile.ROMM_RGB:
        return value / 16 if value < 1 / 32 else float(value**1.8)
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def from_linear(space: IccProfile, value: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        low, high = ((low + high) / 2, high) if to_linear(space, (low + high) / 2) < value else (low, (low + high) / 2)
    return low


@pytest.mark.parametrize("space", NAMED)
def test_t17_a_named_space_is_converted_to_by_its_colorimetry_and_embedded(space: IccProfile) -> None:
    data = render([picture(COLOURS)], View("image/png", icc_profile=space))
    image = opened(data)
    assert image.info["icc_profile"] == profiles.profile(space)
    matrices = [np.array(PUBLISHED[each]).T for each in (IccProfile.SRGB, space)]
    for own, made in zip(COLOURS[0], np.asarray(image)[0].astype(int), strict=True):
        linear = np.array([to_linear(IccProfile.SRGB, value / 255) for value in own])
        there = np.clip(np.linalg.solve(matrices[1], matrices[0] @ linear), 0, 1)
        expected = np.array([from_linear(space, value) * 255 for value in there])
        assert np.abs(made - expected).max() <= 3


def swapped() -> bytes:
    """A profile of another kind than ours: littleCMS's own sRGB with red and blue exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = data.index(b"rXYZ", 128), data.index(b"bXYZ", 128)
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data)


def test_t17_the_pictures_own_profile_is_what_its_colours_mean() -> None:
    made = picture(COLOURS, icc=swapped())
    found = shown(made, icc_profile=IccProfile.SRGB)
    assert np.abs(found.astype(int) - COLOURS[..., ::-1]).max() <= 2
    with Image.open(BytesIO(render([made], View("image/png", icc_profile=IccProfile.SRGB)))) as image:
        assert image.info["icc_profile"] == profiles.profile(IccProfile.SRGB)


def test_t17_yes_leaves_colours_alone_and_embeds_the_profile_and_no_embeds_nothing() -> None:
    made = picture(COLOURS, icc=swapped())
    embedded = opened(render([made], View("image/png", icc_profile=IccProfile.YES)))
    assert embedded.info["icc_profile"] == swapped()
    assert np.asarray(embedded).tolist() == COLOURS.tolist()
    bare = opened(render([made], View("image/png", icc_profile=IccProfile.NO)))
    assert "icc_profile" not in bare.info
    assert np.asarray(bare).tolist() == COLOURS.tolist()


def test_t17_without_the_parameter_a_picture_with_a_profile_is_brought_into_srgb_and_nothing_is_embedded() -> None:
    image = opened(render([picture(COLOURS, icc=swapped())], View("image/png")))
    assert "icc_profile" not in image.info
    assert np.abs(np.asarray(image).astype(int) - COLOURS[..., ::-1]).max() <= 2


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp", "image/avif"])
def test_t17_each_file_that_can_hold_a_profile_holds_it(media_type: str) -> None:
    data = render([picture(COLOURS)], View(media_type, icc_profile=IccProfile.DISPLAY_P3))
    assert opened(data).info["icc_profile"] == profiles.profile(IccProfile.DISPLAY_P3)


@pytest.mark.parametrize("media_type", ["image/gif", "image/jxl", "image/jp2"])
def test_a_file_that_cannot_hold_a_profile_is_srgb_or_refused(media_type: str) -> None:
    render([picture(COLOURS, icc=swapped())], View(media_type, icc_profile=IccProfile.SRGB))
    for space in (IccProfile.ADOBE_RGB, IccProfile.YES):
        with pytest.raises(ValueError, match="cannot hold an ICC profile"):
            render([picture(COLOURS, icc=swapped())], View(media_type, icc_profile=space))


def test_grayscale_has_no_profile() -> None:
    image = opened(render([picture(COLOURS[..., 0])], View("image/png", icc_profile=IccProfile.ADOBE_RGB)))
    assert "icc_profile" not in image.info
    assert np.asarray(image).tolist() == COLOURS[..., 0].tolist()


def test_a_profile_that_cannot_be_used_is_left_aside_unless_it_is_asked_for() -> None:
    made = picture(COLOURS, icc=b"no profile at all" * 20)
    assert shown(made).tolist() == COLOURS.tolist()
    with pytest.raises(ValueError, match="iccprofile=no"):
        render([made], View(icc_profile=IccProfile.SRGB))
