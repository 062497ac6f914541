"""A drawing as a list of marks on a sheet: what is to be seen, before anybody makes SVG or pixels of it. Pure.

Lengths are millimetres from the top left corner; colours are `#rrggbb`. Must not know: what is drawn, in which format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PER_MM = 4
"""Pixels of one millimetre where a drawing is an image (about 100 to the inch), and in which a source region is counted."""


class Anchor(StrEnum):
    """Which end of a text stands at its place."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Line:
    """Straight strokes from point to point."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Horizontal and vertical lines at each `step` of a rectangle, its edges included."""

    left: float
    top: float
    width: float
    height: float
    step: float
    colour: str
    stroke: float


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    left: float
    top: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `y` is its base line, `size` the height of the font."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "#000000"
    anchor: Anchor = Anchor.START


Mark = Line | Grid | Box | Words


@dataclass(frozen=True, slots=True)
class Drawing:
    """Marks in the order in which they cover one another, on a white sheet. `title` says in one line what it is."""

    width: float
    height: float
    marks: tuple[Mark, ...]
    title: str = ""
