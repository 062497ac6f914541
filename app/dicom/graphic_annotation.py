"""Graphic layers and what is drawn in them, as marks in order of painting (PS3.3 C.10.5, C.10.7). Pure, and lenient.

Compound graphics are drawn by the plain graphics and texts that stand for them in every state (PS3.4 N.3); what is placed in the Total
Pixel Matrix of a tiled image is left out. Must not know: pixels, fonts.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from app.dicom.attributes import tag
from app.dicom.colours import colour
from app.dicom.item import Item
from app.dicom.references import Reference, images
from app.dicom.softcopy import WHITE, Anchor, Box, Colour, Graphic, GraphicType, Point, Stroke, Text, Units

MOST_POINTS = 200_000
"""Points of one graphic that are read; longer ones are contours that no display state needs."""

_LAYERS, _LAYER, _ORDER = tag("GraphicLayerSequence"), tag("GraphicLayer"), tag("GraphicLayerOrder")
_LAYER_GREY, _LAYER_COLOUR = tag("GraphicLayerRecommendedDisplayGrayscaleValue"), tag("GraphicLayerRecommendedDisplayCIELabValue")
_ANNOTATIONS, _TEXTS, _GRAPHICS = tag("GraphicAnnotationSequence"), tag("TextObjectSequence"), tag("GraphicObjectSequence")
_TYPE, _DATA, _FILLED, _UNITS = tag("GraphicType"), tag("GraphicData"), tag("GraphicFilled"), tag("GraphicAnnotationUnits")
_LINE_STYLE, _FILL_STYLE, _TEXT_STYLE = tag("LineStyleSequence"), tag("FillStyleSequence"), tag("TextStyleSequence")
_ON_COLOUR, _ON_OPACITY = tag("PatternOnColorCIELabValue"), tag("PatternOnOpacity")
_THICKNESS, _DASHING, _PATTERN = tag("LineThickness"), tag("LineDashingStyle"), tag("LinePattern")
_TEXT_VALUE, _TEXT_COLOUR = tag("UnformattedTextValue"), tag("TextColorCIELabValue")
_ACROSS, _DOWN = tag("HorizontalAlignment"), tag("VerticalAlignment")
_BOX_UNITS, _BOX_FIRST, _BOX_LAST = (
    tag("BoundingBoxAnnotationUnits"),
    tag("BoundingBoxTopLeftHandCorner"),
    tag("BoundingBoxBottomRightHandCorner"),
)
_JUSTIFIED = tag("BoundingBoxTextHorizontalJustification")
_ANCHOR, _ANCHOR_UNITS, _ANCHOR_VISIBLE = tag("AnchorPoint"), tag("AnchorPointAnnotationUnits"), tag("AnchorPointVisibility")
_LINE_ENDS = re.compile("\r\n|\n|\r|\f|\v")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_SPACE = frozenset(Units)


@dataclass(frozen=True, slots=True)
class Layer:
    """Layers of a lower order are painted first; `colour` is the recommended one."""

    order: int
    colour: Colour


@dataclass(frozen=True, slots=True)
class Annotation:
    """The marks of one item, for the images that it speaks of."""

    references: tuple[Reference, ...]
    order: int
    marks: tuple[Graphic | Text, ...]


def layers(dataset: Item) -> dict[str, Layer]:
    """Graphic layers by name."""
    return {
        item.text(_LAYER): Layer(item.integer(_ORDER), colour(item, _LAYER_COLOUR, _LAYER_GREY) or WHITE) for item in dataset.items(_LAYERS)
    }


def annotated(dataset: Item, known: Mapping[str, Layer], bulk: Mapping[str, bytes]) -> tuple[Annotation, ...]:
    """All of the Graphic Annotation Sequence; what names no known layer is painted last, in white."""
    last = Layer(max((layer.order for layer in known.values()), default=0) + 1, WHITE)
    found = []
    for item in dataset.items(_ANNOTATIONS):
        layer = known.get(item.text(_LAYER), last)
        marks: tuple[Graphic | Text, ...] = (*_graphics(item, layer.colour, bulk), *_texts(item, layer.colour))
        if marks:
            found.append(Annotation(images(item), layer.order, marks))
    return tuple(found)


def _graphics(annotation: Item, layer: Colour, bulk: Mapping[str, bytes]) -> Iterator[Graphic]:
    for item in annotation.items(_GRAPHICS):
        kind, units = item.text(_TYPE).upper(), _units(item, _UNITS)
        points = _points(item, bulk)
        if kind not in _NEEDS or units is None or len(points) < _NEEDS[kind]:
            continue
        closed = kind in (GraphicType.CIRCLE, GraphicType.ELLIPSE) or points[0] == points[-1]
        fill = _fill(item, layer) if closed and item.text(_FILLED).upper() == "Y" else None
        yield Graphic(GraphicType(kind), points, units, _stroke(item.item(_LINE_STYLE), layer), fill)


_NEEDS: dict[str, int] = {"POINT": 1, "POLYLINE": 2, "INTERPOLATED": 2, "CIRCLE": 2, "ELLIPSE": 4}


def _points(item: Item, bulk: Mapping[str, bytes]) -> tuple[Point, ...]:
    """Pairs of x and y; a long list is bulkdata, of 32-bit floats."""
    numbers = item.numbers(_DATA)
    if not numbers:
        octets = item.octets(_DATA, bulk) or b""
        numbers = list(struct.unpack(f"<{len(octets) // 4}f", octets[: len(octets) // 4 * 4]))
    if len(numbers) > 2 * MOST_POINTS or not all(abs(number) < 1e6 for number in numbers):
        return ()
    return tuple(zip(numbers[::2], numbers[1::2], strict=False))


def _units(item: Item, key: str) -> Units | None:
    """None for the Total Pixel Matrix; old states leave the units of their boxes out."""
    units = item.text(key).upper() or Units.PIXEL.value
    return Units(units) if units in _SPACE else None


def _stroke(style: Item | None, layer: Colour) -> Stroke:
    if style is None:
        return Stroke(layer)
    thickness = min(max(style.number(_THICKNESS) or 1.0, 0.5), 100.0)
    dashes = _dashes(style.integer(_PATTERN), thickness) if style.text(_DASHING).upper() == "DASHED" else ()
    return Stroke(colour(style, _ON_COLOUR) or layer, thickness, _opacity(style), dashes)


def _fill(item: Item, layer: Colour) -> tuple[Colour, float]:
    style = item.item(_FILL_STYLE)
    return (layer, 1.0) if style is None else (colour(style, _ON_COLOUR) or layer, _opacity(style))


def _opacity(style: Item) -> float:
    number = style.number(_ON_OPACITY)
    return 1.0 if number is None else min(max(number, 0.0), 1.0)


def _dashes(pattern: int, thickness: float) -> tuple[float, ...]:
    """Runs of set and of unset bits of the 32, from the highest; a pattern that begins unset is turned until it does not."""
    bits = f"{pattern & 0xFFFFFFFF:032b}"
    if len(set(bits)) == 1:
        return ()
    turn = next(at for at in range(32) if bits[at] == "1" and bits[at - 1] == "0")
    bits = bits[turn:] + bits[:turn]
    return tuple(len(list(run)) * thickness for _, run in groupby(bits))


def _texts(annotation: Item, layer: Colour) -> Iterator[Text]:
    for item in annotation.items(_TEXTS):
        lines = tuple(_CONTROLS.sub("", line) for line in _LINE_ENDS.split(item.text(_TEXT_VALUE)))
        box, anchor = _box(item), _anchor(item)
        if not any(lines) or (box is None and anchor is None):
            continue
        style = item.item(_TEXT_STYLE) or Item({})
        across = style.text(_ACROSS).upper() or item.text(_JUSTIFIED).upper() or "LEFT"
        yield Text(lines, box, anchor, colour(style, _TEXT_COLOUR) or layer, across, style.text(_DOWN).upper() or "TOP")


def _box(item: Item) -> Box | None:
    first, last, units = _point(item, _BOX_FIRST), _point(item, _BOX_LAST), _units(item, _BOX_UNITS)
    return Box(first, last, units) if first and last and units is not None else None


def _anchor(item: Item) -> Anchor | None:
    point, units = _point(item, _ANCHOR), _units(item, _ANCHOR_UNITS)
    return Anchor(point, units, item.text(_ANCHOR_VISIBLE).upper() == "Y") if point and units is not None else None


def _point(item: Item, key: str) -> Point | None:
    numbers = item.numbers(key)
    return (numbers[0], numbers[1]) if len(numbers) == 2 and all(abs(number) < 1e6 for number in numbers) else None
