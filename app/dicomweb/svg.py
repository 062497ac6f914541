"""A Drawing as SVG: vector graphics that a browser shows at any size. No script, no style sheet, nothing from outside; text is escaped."""

from __future__ import annotations

from itertools import pairwise

from app.dicom.drawing import PER_MM, Anchor, Box, Drawing, Grid, Line, Mark, Words
from app.dicomweb.markup import Markup, element
from app.dicomweb.rendering import View

_FINE = 100
"""Hundredths of a millimetre, in which strokes are counted."""


def svg(drawing: Drawing, view: View) -> bytes:
    """UTF-8. The view's region is one of pixels of PER_MM; the box of its viewport is the size at which it is shown."""
    left, top, width, height = _region(drawing, view)
    shown_width, shown_height = f"{width:.2f}mm", f"{height:.2f}mm"
    if view.columns is not None and view.rows is not None:
        scale = min(view.columns / width, view.rows / height)
        shown_width, shown_height = f"{width * scale:.2f}", f"{height * scale:.2f}"
    picture = element(
        "g",
        element("rect", width=_number(drawing.width), height=_number(drawing.height), fill="#ffffff"),
        *map(_mark, drawing.marks),
        font_family="sans-serif",
        transform=_flips(view, 2 * left + width, 2 * top + height),
    )
    document = element(
        "svg",
        element("title", drawing.title),
        picture,
        xmlns="http://www.w3.org/2000/svg",
        width=shown_width,
        height=shown_height,
        viewBox=" ".join(map(_number, (left, top, width, height))),
    )
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + document.encode("utf-8")


def _region(drawing: Drawing, view: View) -> tuple[float, float, float, float]:
    region = view.region
    if region is None:
        return 0.0, 0.0, drawing.width, drawing.height
    across, down = (drawing.width, drawing.height) if view.relative else (1 / PER_MM, 1 / PER_MM)
    left, top = min(region.left * across, drawing.width), min(region.top * down, drawing.height)
    width = drawing.width - left if region.width is None else min(region.width * across, drawing.width - left)
    height = drawing.height - top if region.height is None else min(region.height * down, drawing.height - top)
    return left, top, max(width, 0.25), max(height, 0.25)


def _flips(view: View, across: float, down: float) -> str | None:
    horizontal = view.region is not None and view.region.flip_horizontal
    vertical = view.region is not None and view.region.flip_vertical
    if not horizontal and not vertical:
        return None
    moved = f"translate({_number(across if horizontal else 0)} {_number(down if vertical else 0)})"
    return f"{moved} scale({-1 if horizontal else 1} {-1 if vertical else 1})"


def _mark(mark: Mark) -> Markup:
    match mark:
        case Line():
            look = {"fill": "none", "stroke": mark.colour, "stroke-width": _number(mark.width * _FINE), "stroke-linejoin": "round"}
            return element("path", transform=f"scale({1 / _FINE})", d=_strokes(mark), **look)
        case Grid():
            return element("path", d=_grid(mark), stroke=mark.colour, stroke_width=_number(mark.stroke))
        case Box():
            size = {"x": mark.left, "y": mark.top, "width": mark.width, "height": mark.height}
            return element("rect", **{name: _number(value) for name, value in size.items()}, fill=mark.colour)
        case Words():
            anchor = None if mark.anchor is Anchor.START else mark.anchor.value
            place = {"x": _number(mark.x), "y": _number(mark.y), "font-size": _number(mark.size)}
            return element("text", mark.text, **place, fill=mark.colour, text_anchor=anchor)


def _strokes(line: Line) -> str:
    """Steps from point to point in hundredths: half as long as coordinates."""
    points = [(round(x * _FINE), round(y * _FINE)) for x, y in line.points]
    steps = (f"{x - before_x} {y - before_y}" for (before_x, before_y), (x, y) in pairwise(points))
    return f"M{points[0][0]} {points[0][1]}l{' '.join(steps)}" if len(points) > 1 else ""


def _grid(grid: Grid) -> str:
    right, bottom = _number(grid.left + grid.width), _number(grid.top + grid.height)
    across = [
        f"M{_number(grid.left)} {_number(grid.top + step * grid.step)}H{right}" for step in range(int(grid.height / grid.step + 1.001))
    ]
    down = [f"M{_number(grid.left + step * grid.step)} {_number(grid.top)}V{bottom}" for step in range(int(grid.width / grid.step + 1.001))]
    return "".join(across + down)


def _number(value: float) -> str:
    """To a hundredth of a millimetre, without zeros at the end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
