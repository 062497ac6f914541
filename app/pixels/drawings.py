"""A Drawing as pixels: drawn larger than it is shown and brought down, so that strokes are smooth; text in the fonts of `lettering`.

Must not know: what is drawn, media types.
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from app.dicom.drawing import Anchor, Box, Drawing, Grid, Line, Words
from app.pixels.lettering import readable

LARGEST = 16_000_000
"""Pixels of a drawing."""
FINEST = 16.0
"""Pixels of a millimetre at most: what is to be larger is enlarged."""

_OVER = 3
"""Drawn so many times as large in each direction."""
_READABLE = 4.5
"""Pixels below which text is a smear, and is left out."""
_CLOSE = 3.0
"""Pixels below which the lines of a grid would be a grey area."""

_ANCHORS = {Anchor.START: "ls", Anchor.MIDDLE: "ms", Anchor.END: "rs"}


def rastered(drawing: Drawing, per_mm: float) -> Image.Image:
    """RGB, at about so many pixels a millimetre, fewer if it would have more than LARGEST."""
    per_mm = min(per_mm, FINEST, (LARGEST / (drawing.width * drawing.height)) ** 0.5)
    columns, rows = max(1, round(drawing.width * per_mm)), max(1, round(drawing.height * per_mm))
    scale = _OVER * per_mm
    sheet = Image.new("RGB", (columns * _OVER, rows * _OVER), "#ffffff")
    pen = ImageDraw.Draw(sheet)
    for mark in drawing.marks:
        match mark:
            case Line():
                width = max(2, round(mark.width * scale))
                pen.line(
                    [(x * scale, y * scale) for x, y in mark.points], fill=mark.colour, width=width, joint="curve" if width > 3 else None
                )
            case Grid():
                if mark.step * per_mm >= _CLOSE:
                    _grid(pen, mark, scale)
            case Box():
                pen.rectangle(_corners(mark.left * scale, mark.top * scale, mark.width * scale, mark.height * scale), fill=mark.colour)
            case Words():
                if mark.size * per_mm >= _READABLE:
                    place = (mark.x * scale, mark.y * scale)
                    font, text = readable(mark.text, round(mark.size * scale))
                    pen.text(place, text, fill=mark.colour, font=font, anchor=_ANCHORS[mark.anchor])
    return sheet.reduce(_OVER)


def _corners(left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
    return left, top, left + max(width, 1) - 1, top + max(height, 1) - 1


def _grid(pen: ImageDraw.ImageDraw, grid: Grid, scale: float) -> None:
    stroke = max(1, round(grid.stroke * scale))
    left, top, right, bottom = (number * scale for number in (grid.left, grid.top, grid.left + grid.width, grid.top + grid.height))
    for step in range(int(grid.height / grid.step + 1.001)):
        pen.line([(left, top + step * grid.step * scale), (right, top + step * grid.step * scale)], fill=grid.colour, width=stroke)
    for step in range(int(grid.width / grid.step + 1.001)):
        pen.line([(left + step * grid.step * scale, top), (left + step * grid.step * scale, bottom)], fill=grid.colour, width=stroke)
