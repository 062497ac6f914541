"""Where frames and volumes lie in the patient (PS3.3 C.7.6.2, C.7.6.16.2.1 to .2.4): planes, and grids of voxels, in millimetres.

Coordinates are the Reference Coordinate System's: x grows to the patient's left, y to the back, z to the head. Pure. Must not know: pixels,
which frames belong together (`stacks`), what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import isfinite, sqrt

from app.dicom.functional_groups import macro
from app.dicom.item import Item

Vector = tuple[float, float, float]

FARTHEST = 1e5
"""Millimetres from the origin beyond which a position is no position."""

_UNEVEN = 0.01
"""By how much direction cosines may fail to be of length 1 and at right angles: what devices round them to."""

_BEHIND = 0.1
"""Sine of the angle under which one looks along an axis."""

_POSITION, _ORIENTATION, _MEASURES = "00209113", "00209116", "00289110"
_IMAGE_POSITION, _IMAGE_ORIENTATION, _PIXEL_SPACING = "00200032", "00200037", "00280030"
_OFFSETS = "3004000C"


def plus(a: Vector, b: Vector, factor: float = 1.0) -> Vector:
    """a + factor * b"""
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


def minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def times(a: Vector, factor: float) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor


def dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def length(a: Vector) -> float:
    return sqrt(dot(a, a))


def unit(a: Vector) -> Vector:
    """ValueError for a vector of no length."""
    size = length(a)
    if size < 1e-9:
        raise ValueError("a vector without length has no direction")
    return times(a, 1 / size)


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a frame lies: `position` is the centre of its first pixel; `row` points along a row, to greater columns, `column` down one.

    `between_rows` and `between_columns` are distances of pixel centres: the two values of Pixel Spacing, in this order.
    """

    position: Vector
    row: Vector
    column: Vector
    between_rows: float
    between_columns: float
    rows: int
    columns: int

    @property
    def normal(self) -> Vector:
        return cross(self.row, self.column)


@dataclass(frozen=True, slots=True)
class Grid:
    """Voxels in the patient: that of column i, row j, slice k has its centre at origin + i * across + j * down + k * through.

    The three need not be at right angles: `through` leans where the gantry was tilted.
    """

    columns: int
    rows: int
    slices: int
    origin: Vector
    across: Vector
    down: Vector
    through: Vector

    @property
    def voxels(self) -> int:
        return self.columns * self.rows * self.slices

    @property
    def finest(self) -> float:
        """The least distance of neighbouring voxels, in millimetres."""
        return min(length(self.across), length(self.down), length(self.through))

    def finest_across(self, forward: Vector) -> float:
        """The least distance of neighbours that do not lie behind one another for who looks `forward` (of length 1)."""
        axes = (self.across, self.down, self.through)
        return min(length(axis) for axis in axes if length(cross(axis, forward)) > _BEHIND * length(axis))

    @property
    def centre(self) -> Vector:
        return self.at((self.columns - 1) / 2, (self.rows - 1) / 2, (self.slices - 1) / 2)

    def at(self, i: float, j: float, k: float) -> Vector:
        return plus(plus(plus(self.origin, self.across, i), self.down, j), self.through, k)

    def corners(self) -> list[Vector]:
        """The eight outer corners: half a voxel beyond the outermost centres."""
        ends = ((-0.5, count - 0.5) for count in (self.columns, self.rows, self.slices))
        return [self.at(*place) for place in product(*ends)]

    def inverse(self) -> tuple[Vector, Vector, Vector]:
        """Three rows such that (i, j, k) are their products with (point - origin)."""
        bound = (cross(self.down, self.through), cross(self.through, self.across), cross(self.across, self.down))
        size = dot(self.across, bound[0])
        return times(bound[0], 1 / size), times(bound[1], 1 / size), times(bound[2], 1 / size)

    def index(self, point: Vector) -> Vector:
        """The (i, j, k), in fractions, at which a point lies."""
        away = minus(point, self.origin)
        i, j, k = self.inverse()
        return dot(i, away), dot(j, away), dot(k, away)


def plane(dataset: Item, number: int) -> Plane | None:
    """Where frame `number` (from 1) lies; None if the object does not tell, or nothing that could be so."""
    rows, columns, frames = (dataset.integer(tag, default) for tag, default in (("00280010", 0), ("00280011", 0), ("00280008", 1)))
    place, towards, measures = (macro(dataset, number, tag) for tag in (_POSITION, _ORIENTATION, _MEASURES))
    if frames > 1 and place is None and not dataset.has(_OFFSETS):
        return None  # one position for many frames is that of none
    position = _vector((place or dataset).numbers(_IMAGE_POSITION))
    cosines = (towards or dataset).numbers(_IMAGE_ORIENTATION)
    spacing = (measures if measures is not None and measures.has(_PIXEL_SPACING) else dataset).numbers(_PIXEL_SPACING)
    directions = _directions(cosines)
    if position is None or directions is None or len(spacing) != 2 or not all(1e-4 <= each <= FARTHEST for each in spacing):
        return None
    if not 0 < rows <= 65535 or not 0 < columns <= 65535:
        return None
    row, column = directions
    found = Plane(position, row, column, spacing[0], spacing[1], rows, columns)
    return _offset(found, dataset, number) if frames > 1 and place is None else found


def _offset(found: Plane, dataset: Item, number: int) -> Plane | None:
    """A frame of a dose grid, which lies off the first one along the normal (PS3.3 C.8.8.3.2); offsets that begin at 0 alone are read."""
    offsets = dataset.numbers(_OFFSETS)
    if not 0 < number <= len(offsets) or offsets[0] != 0 or not all(abs(each) <= FARTHEST for each in offsets):
        return None
    position = plus(found.position, found.normal, offsets[number - 1])
    return Plane(position, found.row, found.column, found.between_rows, found.between_columns, found.rows, found.columns)


def _vector(numbers: list[float]) -> Vector | None:
    if len(numbers) != 3 or not all(isfinite(each) and abs(each) <= FARTHEST for each in numbers):
        return None
    return numbers[0], numbers[1], numbers[2]


def _directions(cosines: list[float]) -> tuple[Vector, Vector] | None:
    """Row and column, made of length 1 and at right angles exactly; None if they are far from it."""
    row, column = _vector(cosines[:3]), _vector(cosines[3:])
    if row is None or column is None:
        return None
    uneven = (length(row) - 1, length(column) - 1, dot(row, column))
    if any(abs(each) > _UNEVEN for each in uneven):
        return None
    row = unit(row)
    return row, unit(plus(column, row, -dot(row, column)))
