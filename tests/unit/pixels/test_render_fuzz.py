"""app.pixels.render over nonsense: any Picture and any View give a file, or a ValueError with a sentence, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dicom.picture import ImageAttributes, Lut, Overlay, Picture, Samples, Window, WindowShape
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.rendering import IccProfile, Region, View
from app.pixels.render import render
from tests.rendering import opened

_WIDE = st.floats(-1e6, 1e6) | st.sampled_from([1e308, -1e308, 1e-308, 5e-324, 0.0])
_POSITIVE = st.floats(1e-6, 1e6) | st.sampled_from([1e308, 1e-308, 5e-324])
_WINDOWS = st.builds(Window, _WIDE, _POSITIVE, st.sampled_from(WindowShape))
_LUTS = st.builds(
    Lut, st.integers(1, 65536), st.integers(-70000, 70000), st.integers(1, 16), st.binary(min_size=1, max_size=40), st.booleans()
)
_OVERLAYS = st.builds(
    lambda rows, columns, top, left, position, roi: Overlay(
        rows, columns, top, left, bytes(range(-(-rows * columns // 8))) if position == 0 else None, position, roi
    ),
    st.integers(1, 30), st.integers(1, 30), st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 3), st.booleans(),
)  # fmt: skip
PHOTOMETRIC = ["MONOCHROME2", "MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "PALETTE COLOR", ""]
_ALLOCATED = st.sampled_from([1, 8, 16, 32, 64])


@st.composite
def images(draw: st.DrawFn) -> ImageAttributes:
    kind = draw(st.sampled_from([Samples.INTEGER] * 6 + [Samples.FLOAT, Samples.DOUBLE]))
    allocated = {Samples.FLOAT: 32, Samples.DOUBLE: 64}.get(kind) or draw(_ALLOCATED)
    stored = draw(st.integers(1, allocated))
    return ImageAttributes(
        rows=draw(st.integers(1, 12)),
        columns=draw(st.integers(1, 12)),
        samples=draw(st.sampled_from([1, 1, 1, 3, 3, 2, 4])),
        photometric=draw(st.sampled_from(PHOTOMETRIC)),
        allocated=allocated,
        stored=stored,
        high=draw(st.integers(stored - 1, allocated - 1)),
        signed=draw(st.booleans()),
        planar=draw(st.integers(0, 1)),
        kind=kind,
    )


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    image = draw(images())
    size = image.rows * image.columns * image.samples * image.allocated // 8 + 1
    padding = draw(st.none() | st.tuples(st.integers(-9, 9), st.integers(10, 300)))
    return Picture(
        frame=np.random.default_rng(draw(st.integers(0, 99))).bytes(draw(st.sampled_from([size, size, size, size // 2]))),
        transfer_syntax=EXPLICIT_LE,
        image=image,
        rescale=draw(st.none() | st.tuples(_WIDE, _WIDE)),
        modality=draw(st.none() | _LUTS),
        window=draw(st.none() | _WINDOWS),
        voi=draw(st.none() | _LUTS),
        inverse=draw(st.booleans()),
        presentation=draw(st.none() | _LUTS),
        palette=draw(st.none() | st.tuples(_LUTS, _LUTS, _LUTS)),
        overlays=tuple(draw(st.lists(_OVERLAYS, max_size=2))),
        icc=draw(st.none() | st.binary(max_size=200)),
        padding=padding,
        aspect=(draw(st.floats(0.01, 100)), draw(st.floats(0.01, 100))),
        duration=draw(st.sampled_from([0.0, 1e-9, 40.0])),
        annotations={"patient": tuple(draw(st.lists(st.text(max_size=9), max_size=3)))},
    )


_EXTENTS = st.none() | st.floats(0.01, 20)
_REGIONS = st.builds(Region, st.floats(0, 15), st.floats(0, 15), _EXTENTS, _EXTENTS, st.booleans(), st.booleans())
_SIDES = st.none() | st.integers(1, 200)
_VIEWS = st.builds(
    View,
    media_type=st.sampled_from(["image/jpeg", "image/png", "image/png", "image/gif", "image/webp"]),
    columns=_SIDES,
    rows=_SIDES,
    region=st.none() | _REGIONS,
    relative=st.booleans(),
    window=st.none() | _WINDOWS,
    quality=st.none() | st.integers(1, 100),
    annotations=st.sampled_from([frozenset[str](), frozenset({"patient", "technique"})]),
    icc_profile=st.none() | st.sampled_from(IccProfile),
    enlarge=st.booleans(),
)


OURS = re.compile("(it|its|the|there|an?|real|Bits|pictures) ")
"""How our own sentences begin; numpy has others."""


def rendered(pictures: Sequence[Picture], view: View) -> bytes | None:
    """None for a refusal, which is exactly a ValueError; anything else fails the test."""
    try:
        return render(pictures, view)
    except ValueError as error:
        return None if type(error) is ValueError and OURS.match(str(error)) else pytest.fail(f"a refusal of another kind: {error!r}")


@settings(max_examples=300)
@given(pictures(), _VIEWS)
def test_any_picture_and_view_give_a_file_or_a_sentence(picture: Picture, view: View) -> None:
    data = rendered([picture], view)
    if data is None:
        return
    made = opened(data)
    assert view.columns is None or made.width <= view.columns
    assert view.rows is None or made.height <= view.rows
    assert rendered([picture], view) == data


@given(pictures(), st.integers(2, 3), st.sampled_from(["image/gif", "image/webp"]))
def test_any_pictures_are_an_animation_or_a_sentence(picture: Picture, count: int, media_type: str) -> None:
    data = rendered([picture] * count, View(media_type))
    assert data is None or opened(data).format in ("GIF", "WEBP")
