"""Text burnt into a picture, in its corners (PS3.18 8.3.5.1.1): white, with a black edge. The last step before the file is written.

Must not know: what the text is about. What the font at hand cannot draw becomes a question mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FALLBACKS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc")
_SMALLEST, _LARGEST = 10, 36
_SHARE = 30
"""A line is one of so many that would fit into the height of the picture, within the sizes above."""


def write(canvas: NDArray[np.uint8], top: Sequence[str], bottom: Sequence[str]) -> NDArray[np.uint8]:
    """Lines from the top left corner down, and others down to the bottom left one."""
    if not top and not bottom:
        return canvas
    image = Image.fromarray(np.ascontiguousarray(canvas))
    draw = ImageDraw.Draw(image)
    width, height = image.size
    size = min(max(min(width, height) // _SHARE, _SMALLEST), _LARGEST)
    margin, step = size // 2, size * 5 // 4
    for lines, start in ((top, margin), (bottom, height - margin - step * len(bottom))):
        for number, line in enumerate(lines):
            font, text = readable(line, size)
            # Too long a line is set smaller, as long as that can be read.
            fitted = size
            while fitted > _SMALLEST and draw.textlength(text, font=font) > width - 2 * margin:
                fitted -= 1
                font, text = readable(line, fitted)
            _draw(draw, (margin, start + step * number), text, font)
    return np.asarray(image)


def _draw(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, font: Font) -> None:
    black, white = (0, 255) if draw.mode == "L" else ((0, 0, 0), (255, 255, 255))
    draw.text(place, text, fill=white, font=font, stroke_width=1, stroke_fill=black)


def readable(text: str, size: int) -> tuple[Font, str]:
    """The first font that has all of its characters; else the first one, and what it can draw."""
    text = " ".join(text.split())
    fonts = _fonts(size)
    for font in fonts:
        if all(_has(font, size, character) for character in set(text)):
            return font, text
    return fonts[0], "".join(character if _has(fonts[0], size, character) else "?" for character in text)


@cache
def _fonts(size: int) -> tuple[Font, ...]:
    found: list[Font] = [ImageFont.load_default(size)]
    for name in _FALLBACKS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(found)


@cache
def _glyph(font: Font, character: str) -> bytes:
    return bytes(font.getmask(character))


def _has(font: Font, size: int, character: str) -> bool:
    """What a font does not have it draws as it draws a character that does not exist."""
    return character == " " or _glyph(font, character) != _glyph(font, "\uffff")
