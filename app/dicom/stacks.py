"""Which frames make up one volume, and how (PS3.3 C.11.23.1): parallel, of one size, one behind the other, each place once.

A series may hold more than that: localizers, several phases or echoes at the same places, two runs with a gap between them. One volume is
chosen by rule, and what was left out is said. Pure. Must not know: pixels, what is asked.

The rule: frames of one series, frame of reference, pixel description, size, spacing and orientation are sorted along their normal. Where
they lie in the same places more than once, they are parted by the first attribute of PHASES that tells them apart, else by Instance Number
and frame number. Where a gap is wider than GAP times the usual one, they are parted again. The part with the most frames is the volume;
of several, the first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from app.dicom import geometry
from app.dicom.functional_groups import first_with, macro
from app.dicom.geometry import Grid, Plane, dot, minus, plus, times
from app.dicom.item import Item
from app.errors import TooLarge, Unprocessable
from app.model import JsonObject, Uid

CLAUSE = "PS3.3 C.11.23.1"
GAP = 3.5
"""A gap up to so many times the usual one is filled by interpolation, which is said; a wider one ends the volume."""

SAME = 0.01
"""Millimetres along the normal within which two frames are in one place."""

EVEN = 0.1
"""The part of a step by which a slice may be out of its place in an even grid."""

MOST_GROUPS = 64
_PARALLEL = 1e-3
_LEANING = 0.5
_FILLED = 4
"""A volume of uneven spacing becomes an even grid of at most so many times its slices."""

PHASES = (
    ("Stack ID", "00209111", "00209056"),
    ("Temporal Position Index", "00209111", "00209128"),
    ("Temporal Position Identifier", "", "00200100"),
    ("Nominal Percentage of Cardiac Phase", "00189118", "00209241"),
    ("Nominal Cardiac Trigger Delay Time", "00189118", "00209153"),
    ("Cardiac R-R Interval Specified", "00189118", "00189070"),
    ("Trigger Time", "", "00181060"),
    ("Diffusion b-value", "00189117", "00189087"),
    ("Diffusion b-value", "", "00189087"),
    ("Effective Echo Time", "00189114", "00189082"),
    ("Echo Time", "", "00180081"),
    ("Echo Number", "", "00180086"),
    ("Inversion Time", "", "00180082"),
    ("Complex Image Component", "00189226", "00089208"),
    ("Image Type", "", "00080008"),
    ("Acquisition Number", "", "00200012"),
    ("Acquisition Time", "", "00080032"),
    ("Content Time", "", "00080033"),
)
"""What tells frames of one place apart: name, functional group ("": the data set itself), tag; the first that does so is used."""

Mark = tuple[int, float, str]
"""The value of such an attribute, so that numbers stand before text and text before nothing."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One frame that lies somewhere: `kind` has to be the same in one volume, `order` tells frames of one place apart.

    `rescale` is slope and intercept, None where a table stands for them.
    """

    instance: Uid
    number: int
    plane: Plane
    kind: tuple[Hashable, ...]
    order: tuple[float, int, int] = (0.0, 0, 0)
    marks: tuple[Mark, ...] = ()
    rescale: tuple[float, float] | None = (1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Place:
    """A slice of the grid: between two slices of the stack, by `weight` nearer to the upper; both are the same where it is given."""

    lower: int
    upper: int
    weight: float = 0.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A volume: its slices along the normal, and the even grid that they make; `notes` are sentences on what was left out or filled in."""

    slices: tuple[Slice, ...]
    grid: Grid
    places: tuple[Place, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Group:
    first: Plane
    slices: list[Slice] = field(default_factory=list)


def slices_of(dataset: JsonObject, instance: Uid, at: int, numbers: Iterable[int] | None = None) -> list[Slice]:
    """The frames of an instance that may belong to a volume, or those of them with these numbers; `at` is its place among the instances.

    None of an object that has no grayscale pixels.
    """
    item = Item(dataset)
    photometric, samples = item.text("00280004").upper(), item.integer("00280002", 1)
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        return []
    frames = max(item.integer("00280008", 1), 1)
    kind = (item.text("0020000E"), item.text("00200052"), photometric, *(item.integer(tag) for tag in _PIXEL_DESCRIPTION))
    found = []
    for number in range(1, frames + 1) if numbers is None else sorted(numbers):
        plane = geometry.plane(item, number) if number <= frames else None
        if plane is not None:
            order = (item.number("00200013") or 0.0, at, number)
            found.append(Slice(instance, number, plane, kind, order, _marks(item, number), _rescale(item, number)))
    return found


def _rescale(item: Item, number: int) -> tuple[float, float] | None:
    found = first_with([macro(item, number, "00289145"), item], "00281053", "00281052")
    if found is None:
        return None if item.has("00283000") else (1.0, 0.0)
    return found.number("00281053") or 1.0, found.number("00281052") or 0.0


_PIXEL_DESCRIPTION = ("00280100", "00280101", "00280102", "00280103")


def assemble(slices: Sequence[Slice], *, voxels: int) -> Stack:
    """The volume that these frames make, of at most so many voxels. Unprocessable, with the reason, if they make none."""
    groups = [group for group in _groups(slices) if len(group) > 1]
    runs = [(run, said) for group in groups for part, said in _phases(group) for run in _runs(part) if len(run) > 1]
    if not runs:
        raise Unprocessable(_why_none(slices), clause=CLAUSE)
    best, said = max(runs, key=lambda each: len(each[0]))
    grid, places, filled = _even(best, voxels)
    notes = [said] if said else []
    if len(best) < len(slices) and not said:
        notes.append(
            f"{len(slices) - len(best)} of {len(slices)} images are no part of this volume: they lie in other planes or apart from it"
        )
    return Stack(tuple(best), grid, places, (*notes, *filled))


def _why_none(slices: Sequence[Slice]) -> str:
    if len(slices) < 2:
        return "A volume needs at least two grayscale images that tell where they lie in the patient; there are not so many here"
    return "These images make no volume: no two of them are parallel, of one size and series, and in different places"


def _groups(slices: Sequence[Slice]) -> list[list[Slice]]:
    by_kind: dict[tuple[Hashable, ...], list[_Group]] = {}
    for each in slices:
        groups = by_kind.setdefault(each.kind, [])
        group = next((group for group in groups if _alike(group.first, each.plane)), None)
        if group is None and len(groups) < MOST_GROUPS:
            group = _Group(each.plane)
            groups.append(group)
        if group is not None:
            group.slices.append(each)
    return [group.slices for groups in by_kind.values() for group in groups]


def _alike(a: Plane, b: Plane) -> bool:
    """Of one size and spacing, and parallel."""
    if (a.rows, a.columns) != (b.rows, b.columns):
        return False
    spacings = ((a.between_rows, b.between_rows), (a.between_columns, b.between_columns))
    if any(abs(one - other) > _PARALLEL * one for one, other in spacings):
        return False
    return all(abs(each) <= _PARALLEL for pair in ((a.row, b.row), (a.column, b.column)) for each in minus(*pair))


def _marks(item: Item, number: int) -> tuple[Mark, ...]:
    found = []
    for _, group, tag in PHASES:
        holder = macro(item, number, group) if group else item
        number_of, text = (holder.number(tag), "\\".join(holder.texts(tag))) if holder is not None else (None, "")
        found.append((0, number_of, "") if number_of is not None else (1, 0.0, text) if text else (2, 0.0, ""))
    return tuple(found)


def _phases(group: list[Slice]) -> list[tuple[list[Slice], str]]:
    """The group, or its parts, if it is in some places more than once: each along the normal, with a sentence that tells of the others."""
    ordered = _along(group)
    if not _doubled(ordered):
        return [(ordered, "")]
    for at, (name, *_) in enumerate(PHASES):
        parts = _parted(group, lambda each, at=at: each.marks[at])  # type: ignore[misc]
        if len(parts) > 1 and not any(_doubled(_along(part)) for part in parts):
            said = f"The series is in the same places more than once: of its {len(parts)} volumes, told apart by {name}, one was taken"
            return [(_along(part), said) for part in parts]
    first: list[Slice] = []
    for each in ordered:
        if not first or _apart(first[-1], each) > SAME:
            first.append(each)
    said = "The series is in the same places more than once, and nothing tells its volumes apart: of each place the first image was taken"
    return [(first, said)]


def _parted(group: list[Slice], key: Callable[[Slice], Mark]) -> list[list[Slice]]:
    parts: dict[Mark, list[Slice]] = {}
    for each in group:
        parts.setdefault(key(each), []).append(each)
    return [parts[mark] for mark in sorted(parts)]


def _along(group: list[Slice]) -> list[Slice]:
    normal = group[0].plane.normal
    placed = sorted((round(dot(each.plane.position, normal) / SAME) * SAME, each.order, at) for at, each in enumerate(group))
    return [group[at] for *_, at in placed]


def _apart(a: Slice, b: Slice) -> float:
    return dot(minus(b.plane.position, a.plane.position), a.plane.normal)


def _doubled(ordered: list[Slice]) -> bool:
    return any(_apart(a, b) <= SAME for a, b in pairwise(ordered))


def _runs(ordered: list[Slice]) -> list[list[Slice]]:
    gaps = [_apart(a, b) for a, b in pairwise(ordered)]
    if not gaps:
        return [ordered]
    widest = GAP * median(gaps)
    ends = [0, *(at for at, gap in enumerate(gaps, 1) if gap > widest), len(ordered)]
    return [ordered[start:end] for start, end in pairwise(ends)]


def _even(run: list[Slice], voxels: int) -> tuple[Grid, tuple[Place, ...], list[str]]:
    """The grid of equal steps for these slices, its places, and a sentence if some of them had to be interpolated."""
    first, last = run[0].plane, run[-1].plane
    whole = geometry.length(minus(last.position, first.position))
    towards = times(minus(last.position, first.position), 1 / whole)
    if dot(towards, first.normal) < _LEANING:
        raise Unprocessable("These images make no volume: they lie beside one another rather than behind", clause=CLAUSE)
    ways = [dot(minus(each.plane.position, first.position), towards) for each in run]
    allowed = max(0.05, min(first.between_rows, first.between_columns) / 2)
    if any(
        geometry.length(minus(each.plane.position, plus(first.position, towards, way))) > allowed
        for each, way in zip(run, ways, strict=True)
    ):
        raise Unprocessable("These images make no volume: their first pixels do not lie on one line", clause=CLAUSE)
    step, at = _steps(ways)
    count = at[-1] + 1 if at else int(whole / step + 1e-6) + 1
    if count * first.rows * first.columns > voxels:
        raise TooLarge(
            f"The volume would have more than {voxels} voxels; ask for some of its images with volumeinputreference", clause=CLAUSE
        )
    across, down = times(first.row, first.between_columns), times(first.column, first.between_rows)
    grid = Grid(first.columns, first.rows, count, first.position, across, down, times(towards, step))
    if not at:
        return grid, _between(ways, step, count), ["The images are unevenly spaced; even ones were interpolated"]
    missing = count - len(run)
    return grid, _at_slices(at), [f"Between the images {missing} are missing; they were interpolated"] if missing else []


def _steps(ways: list[float]) -> tuple[float, list[int]]:
    """The distance of the grid's slices, and in which of its places each slice stands; no places if the slices are not so even."""
    gaps = [after - before for before, after in pairwise(ways)]
    for guess in (median(gaps), min(gaps)):
        at = [0]
        for gap in gaps:
            at.append(at[-1] + round(gap / guess))
        step = ways[-1] / max(at[-1], 1)
        distinct = all(before < after for before, after in pairwise(at))
        if (
            distinct
            and at[-1] < _FILLED * len(ways)
            and all(abs(way - place * step) <= EVEN * step for way, place in zip(ways, at, strict=True))
        ):
            return step, at
    return max(min(gaps), ways[-1] / (_FILLED * len(ways))), []


def _at_slices(at: list[int]) -> tuple[Place, ...]:
    """The slices in their places, and between them what is interpolated."""
    places = [Place(0, 0)]
    for upper, (before, after) in enumerate(pairwise(at), 1):
        places += (Place(upper - 1, upper, step / (after - before)) for step in range(1, after - before))
        places.append(Place(upper, upper))
    return tuple(places)


def _between(ways: list[float], step: float, count: int) -> tuple[Place, ...]:
    places, lower = [], 0
    for k in range(count):
        way = min(k * step, ways[-1])
        while lower + 2 < len(ways) and ways[lower + 1] <= way:
            lower += 1
        weight = (way - ways[lower]) / (ways[lower + 1] - ways[lower])
        places.append(
            Place(lower, lower) if weight < 1e-6 else Place(lower + 1, lower + 1) if weight > 1 - 1e-6 else Place(lower, lower + 1, weight)
        )
    return tuple(places)
