"""Colour spaces (PS3.18 8.3.5.1.5): ICC profiles of the well-known ones, and pictures brought into them. Must not know: files, views.

The profiles are made here, from primaries, white and transfer curve, so that they are the same bytes everywhere: ICC.1:2010 version 4,
three-component matrix-based.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from app.dicomweb.rendering import IccProfile

Numbers = NDArray[np.float64]

_D50 = np.array([0.9642, 1.0, 0.8249])
"""The profile connection space's white (ICC.1 6.3.4.3)."""
_D65 = (0.3127, 0.3290)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB_CURVE = (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


@dataclass(frozen=True, slots=True)
class _Space:
    """Primaries and white as CIE xy; the curve as function type and parameters of a parametricCurveType (ICC.1 10.18)."""

    name: str
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    white: tuple[float, float]
    curve: tuple[int, tuple[float, ...]]


_SPACES = {
    IccProfile.SRGB: _Space("sRGB IEC61966-2.1", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), _D65, _SRGB_CURVE),
    IccProfile.ADOBE_RGB: _Space("Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, (0, (2.19921875,))),
    IccProfile.DISPLAY_P3: _Space("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), _D65, _SRGB_CURVE),
    IccProfile.ROMM_RGB: _Space(
        "ROMM RGB", ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), (3, (1.8, 1.0, 0.0, 1 / 16, 1 / 32))
    ),
}


@cache
def profile(space: IccProfile) -> bytes:
    """The ICC profile of a well-known space. KeyError for `yes` and `no`, which are none."""
    found = _SPACES[space]
    white = _xyz(found.white)
    primaries = np.stack([_xyz(each) for each in found.primaries], axis=1)
    adapted = _adaptation(white) @ (primaries * np.linalg.solve(primaries, white))
    kind, parameters = found.curve
    curve = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(_fixed(each) for each in parameters)
    tags = {
        b"desc": _text(found.name),
        b"cprt": _text("Public domain"),
        b"wtpt": _triple(_D50),
        b"chad": b"sf32\0\0\0\0" + b"".join(map(_fixed, _adaptation(white).ravel())),
        b"rXYZ": _triple(adapted[:, 0]),
        b"gXYZ": _triple(adapted[:, 1]),
        b"bXYZ": _triple(adapted[:, 2]),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _file(tags)


def converted(canvas: NDArray[np.uint8], source: bytes, to: IccProfile) -> NDArray[np.uint8]:
    """(rows, columns, 3) in the colours of the profile `source`, brought into the space. ValueError if that profile cannot be used."""
    transform = _transform(source, to)
    made = ImageCms.applyTransform(Image.fromarray(np.ascontiguousarray(canvas)), transform)
    return np.asarray(made)


@lru_cache(maxsize=8)
def _transform(source: bytes, to: IccProfile) -> ImageCms.ImageCmsTransform:
    try:
        return ImageCms.buildTransform(BytesIO(source), BytesIO(profile(to)), "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError, ValueError):
        raise ValueError("the ICC profile of the image cannot be used; iccprofile=no leaves it aside") from None


def _xyz(chromaticity: tuple[float, float]) -> Numbers:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation(white: Numbers) -> Numbers:
    """From this white to D50 (ICC.1 Annex E)."""
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD)


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(float(number) * 65536))


def _triple(numbers: Numbers) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, numbers))


def _text(text: str) -> bytes:
    """A multiLocalizedUnicodeType with one record (ICC.1 10.15)."""
    encoded = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">LL4sLL", 1, 12, b"enUS", len(encoded), 28) + encoded


def _file(tags: dict[bytes, bytes]) -> bytes:
    """Header (ICC.1 7.2), table of tags, their data; equal data once."""
    start = 128 + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    table, data = b"", b""
    for name, value in tags.items():
        if value not in places:
            places[value] = start + len(data)
            data += value + bytes(-len(value) % 4)
        table += name + struct.pack(">LL", places[value], len(value))
    head = struct.pack(
        ">L4sL4s4s4s6H4s4sLLLQL12s4s",
        start + len(data), b"\0\0\0\0", 0x04200000, b"mntr", b"RGB ", b"XYZ ", 2024, 1, 1, 0, 0, 0, b"acsp", b"\0\0\0\0", 0, 0, 0, 0, 1,
        b"".join(map(_fixed, _D50)), b"\0\0\0\0",
    )  # fmt: skip
    return head.ljust(128, b"\0") + struct.pack(">L", len(tags)) + table + data
