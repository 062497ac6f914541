"""The texts of a presentation state, drawn in their boxes (PS3.3 C.10.5.1.1): in the layer's colour, with an edge that sets them off.

Text is as large as its box lets it be, within what can be read; a box that is too small does not cut it. Must not know: codecs, views.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from app.dicom.softcopy import Box, Colour, Point, Text
from app.pixels import graphics, lettering
from app.pixels.orientation import Onto
from app.pixels.painting import Coverage, Levels, paint

_SMALLEST, _LARGEST = 8, 96
_PLAIN = 36
_SHARE = 32
"""A text without a box is one of so many lines that would fit into the picture."""
_LEADING = 1.25
_EDGE = 1


def draw(made: Levels, text: Text, onto: Onto) -> None:
    """Text, and the line to its anchor, on the picture in its final size; changed in place."""
    rows, columns = made.shape[:2]
    if text.box is not None:
        turns = onto.quarter_turns(text.box)
        left, top, right, bottom = _rectangle(text.box, onto)
    else:
        turns = 0
        left, top, right, bottom = _beside(text, onto, rows, columns)
    if text.anchor is not None and text.anchor.visible:
        point = onto.place(text.anchor.point, text.anchor.units)
        nearest = min(max(point[0], left), right), min(max(point[1], top), bottom)
        graphics.line(made, point, nearest, text.colour)
    width, height = (bottom - top, right - left) if turns % 2 else (right - left, bottom - top)
    letters, edges = (np.rot90(each, -turns) for each in _set(text, width, height))
    at = _corner(text, turns, (left, top, right, bottom), letters.shape, (rows, columns))
    paint(made, edges, _contrast(text.colour), 1.0, at)
    paint(made, letters, text.colour, 1.0, at)


def _set(text: Text, width: float, height: float) -> tuple[Coverage, Coverage]:
    """Letters, and letters with their edge, as they are before they are turned."""
    lines, size = _fitted(text.lines, width, height)
    step = round(size * _LEADING)
    widths = [math.ceil(font.getlength(line)) for font, line in lines]
    across = max(widths) + 2 * _EDGE
    sheets = [Image.new("L", (across, step * len(lines) + 2 * _EDGE)) for _ in range(2)]
    for sheet, edge in zip(sheets, (0, _EDGE), strict=True):
        pen = ImageDraw.Draw(sheet)
        for number, ((font, line), own) in enumerate(zip(lines, widths, strict=True)):
            room = across - 2 * _EDGE - own
            indent = {"CENTER": room // 2, "RIGHT": room}.get(text.across, 0)
            pen.text((_EDGE + indent, _EDGE + number * step), line, fill=255, font=font, stroke_width=edge)
    letters, edges = (np.asarray(sheet, np.float32) / np.float32(255) for sheet in sheets)
    return letters, edges


def _fitted(lines: Sequence[str], width: float, height: float) -> tuple[list[tuple[lettering.Font, str]], int]:
    size = int(min(max(height / _LEADING / len(lines), _SMALLEST), _LARGEST))
    while True:
        made = [lettering.readable(line, size) for line in lines]
        widest = max(font.getlength(line) for font, line in made)
        if widest <= width or size <= _SMALLEST:
            return made, size
        size = max(_SMALLEST, min(size - 1, int(size * width / widest)))


def _corner(
    text: Text, turns: int, box: tuple[float, float, float, float], shape: Sequence[int], picture: tuple[int, int]
) -> tuple[int, int]:
    """Row and column of the turned letters: justified within the box, and within the picture if the box is seen there."""
    left, top, right, bottom = box
    share = {"CENTER": 0.5, "RIGHT": 1.0, "BOTTOM": 1.0}
    across, down = share.get(text.across, 0.0), share.get(text.down, 0.0)
    for _ in range(turns):
        across, down = 1.0 - down, across
    row, column = top + (bottom - top - shape[0]) * down, left + (right - left - shape[1]) * across
    if left < picture[1] and right > 0 and top < picture[0] and bottom > 0:
        row, column = max(min(row, picture[0] - shape[0]), 0), max(min(column, picture[1] - shape[1]), 0)
    return round(row), round(column)


def _rectangle(box: Box, onto: Onto) -> tuple[float, float, float, float]:
    (x, y), (to_x, to_y) = (onto.place(point, box.units) for point in (box.first, box.last))
    return min(x, to_x), min(y, to_y), max(x, to_x), max(y, to_y)


def _beside(text: Text, onto: Onto, rows: int, columns: int) -> tuple[float, float, float, float]:
    """To the right of the anchor, at its height."""
    point: Point = onto.place(text.anchor.point, text.anchor.units) if text.anchor is not None else (0.0, 0.0)
    size = min(max(min(rows, columns) / _SHARE, _SMALLEST), _PLAIN)
    height = size * _LEADING * len(text.lines)
    return point[0] + size / 2, point[1] - height / 2, float(columns), point[1] + height / 2


def _contrast(colour: Colour) -> Colour:
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 100
    return (0, 0, 0) if bright else (255, 255, 255)
