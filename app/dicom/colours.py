"""Colours of annotations and shutters, as presentation states encode them, in sRGB (PS3.3 C.10.7.1.1, PS3.14 P-Values). Pure."""

from __future__ import annotations

from app.dicom.item import Item
from app.dicom.softcopy import Colour

_D50 = (0.9642, 1.0, 0.8249)
_TO_LINEAR_SRGB = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)
"""From XYZ under D50, which PCS-Values refer to, by Bradford's adaptation to the D65 of sRGB."""


def grey(p_value: float) -> Colour:
    """A P-Value from 0 to FFFFH."""
    level = round(min(max(p_value, 0), 65535) * 255 / 65535)
    return level, level, level


def cielab(encoded: list[float]) -> Colour:
    """L* 0 to 100, a* and b* -128 to 127, each as 0 to FFFFH."""
    lightness, a, b = encoded[0] * 100 / 65535, encoded[1] * 255 / 65535 - 128, encoded[2] * 255 / 65535 - 128
    y = (lightness + 16) / 116
    xyz = [white * _inverse(f) for white, f in zip(_D50, (y + a / 500, y, y - b / 200), strict=True)]
    red, green, blue = (_gamma(sum(factor * value for factor, value in zip(row, xyz, strict=True))) for row in _TO_LINEAR_SRGB)
    return red, green, blue


def colour(item: Item, cielab_tag: str, grey_tag: str = "") -> Colour | None:
    """The colour that the item gives, else its grey, else None."""
    numbers = item.numbers(cielab_tag)
    if len(numbers) == 3:
        return cielab(numbers)
    level = item.number(grey_tag) if grey_tag else None
    return None if level is None else grey(level)


def _inverse(f: float) -> float:
    return float(f**3) if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29)


def _gamma(linear: float) -> int:
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(min(max(value, 0.0), 1.0) * 255)
