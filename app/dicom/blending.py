"""Blending: two sets of grayscale images, one laid over the other in colours (PS3.3 C.11.14, PS3.4 N.2.4). Pure.

The sets are of one frame of reference and of parallel planes: what a registration object would have to bring together is not. Must not
know: arrays, where the images are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from app.dicom import references, uid
from app.dicom.attributes import tag
from app.dicom.geometry import Plane, dot, minus
from app.dicom.item import Item
from app.dicom.pipelines import Pipeline, pipeline
from app.dicom.references import Reference
from app.dicom.softcopy import Affine
from app.model import Uid

_SEQUENCE, _POSITION, _OPACITY = tag("BlendingSequence"), tag("BlendingPosition"), tag("RelativeOpacity")
_STUDY, _REGISTRATION = tag("StudyInstanceUID"), tag("ReferencedSpatialRegistrationSequence")
_PARALLEL = 1e-3
_NEAR = 0.6
"""How far the nearest plane may be, in distances between the planes of its set: a bit more than in the middle between two of them."""
_ALONE = 2.5
"""How far it may be in millimetres if its set has no other plane."""


@dataclass(frozen=True, slots=True)
class Side:
    """One item of the Blending Sequence: its images, which may be of another study than the state, and their grayscale steps."""

    study: Uid | None
    related: tuple[Reference, ...]
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Blending:
    """`opacity` is that of the superimposed images. `registered`: the sets are brought together by a registration object."""

    underlying: Side
    superimposed: Side
    opacity: float
    registered: bool


def blending(item: Item, bulk: Mapping[str, bytes]) -> Blending | None:
    """None unless there is one side of each kind."""
    sides = {each.text(_POSITION).upper(): _side(each, bulk) for each in item.items(_SEQUENCE)}
    if not {"UNDERLYING", "SUPERIMPOSED"} <= sides.keys():
        return None
    opacity = item.number(_OPACITY)
    registered = item.has(_REGISTRATION)
    return Blending(sides["UNDERLYING"], sides["SUPERIMPOSED"], min(max(1.0 if opacity is None else opacity, 0.0), 1.0), registered)


def _side(item: Item, bulk: Mapping[str, bytes]) -> Side:
    study = item.text(_STUDY)
    return Side(Uid(study) if uid.is_valid(study) else None, references.related(item), pipeline(item, bulk))


def nearest(under: Plane, candidates: Sequence[Plane]) -> int | None:
    """Which of the planes lies in the plane of the underlying image; None if none is parallel and near enough."""
    ways = [(_way(under, each), at) for at, each in enumerate(candidates) if parallel(under, each)]
    if not ways:
        return None
    places = sorted({round(way, 3) for way, _ in ways})
    gaps = [after - before for before, after in pairwise(places)]
    allowed = _NEAR * median(gaps) if gaps else _ALONE
    way, at = min(ways, key=lambda each: abs(each[0]))
    return at if abs(way) <= allowed else None


def across(under: Plane, over: Plane) -> Affine:
    """From pixels of the one image to those of the other, which lies in its plane; (0, 0) is the corner of the first pixel."""
    away = minus(under.position, over.position)
    rows: list[float] = []
    for direction, size in ((over.row, over.between_columns), (over.column, over.between_rows)):
        right = dot(under.row, direction) * under.between_columns / size
        down = dot(under.column, direction) * under.between_rows / size
        rows += (right, down, dot(away, direction) / size + 0.5 - (right + down) / 2)
    a, b, c, d, e, f = rows
    return a, b, c, d, e, f


def parallel(one: Plane, other: Plane) -> bool:
    """Whether they face the same way, or opposite ways."""
    return abs(dot(one.normal, other.normal)) > 1 - _PARALLEL


def _way(under: Plane, over: Plane) -> float:
    return dot(minus(over.position, under.position), under.normal)
