"""From what is asked of a volume to the pictures that are made of it: where each lies in the patient, its pixels, its size.

PS3.18 8.3.5.3 and PS3.3 C.11.30: the camera looks from its position to its look-at point, which is the middle of the picture (PS3.17
XXX.8); projection is orthographic, so the position tells the direction alone. Pixels are square. Pure. Must not know: voxels' values.

Where the request leaves it open, the camera sees the patient from the front, and looks at the middle of the volume; for a reconstruction
that is parallel to stored planes, at the nearest of them, so that it shows what was acquired. A picture is as large as the whole volume
seen from there. Its pixels are as fine as the voxels that lie side by side in it, and at most SIDE a side unless a viewport asks for more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, cos, floor, radians, sin

from app.dicom.geometry import Grid, Vector, cross, dot, length, minus, plus, times, unit
from app.dicomweb.rendering import Region
from app.dicomweb.volume import CLAUSE, Asked, Orientation, Reformatting
from app.errors import InvalidQuery, TooLarge

SIDE = 2048
PICTURES = 360
"""Of one animation, at most."""

STEPS = 36
"""Pictures of a swivel whose step is not given; of a way along a curve, at most."""

RATE = 10.0
"""Pictures a second, if none is given."""

_LITTLE = 1e-3
"""Of a pixel: so much beyond a whole number is floating point, not picture."""

_CAMERAS: dict[Orientation, tuple[Vector, Vector]] = {
    Orientation.ANTERIOR: ((0, 1, 0), (0, 0, 1)),
    Orientation.POSTERIOR: ((0, -1, 0), (0, 0, 1)),
    Orientation.RIGHT: ((1, 0, 0), (0, 0, 1)),
    Orientation.LEFT: ((-1, 0, 0), (0, 0, 1)),
    Orientation.HEAD: ((0, 0, -1), (0, -1, 0)),
    Orientation.FEET: ((0, 0, 1), (0, -1, 0)),
}
"""Where the camera looks, and what is up (PS3.18 8.3.5.3.4)."""


@dataclass(frozen=True, slots=True)
class Camera:
    """`forward`, `right` and `up` are of length 1 and at right angles."""

    position: Vector
    look_at: Vector
    forward: Vector
    right: Vector
    up: Vector


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: `right` and `down` are the directions of its rows and columns, `spacing` the distance of pixels, `centre` its middle.

    `forward` is where the camera looks, also of a picture that is flipped.
    """

    centre: Vector
    right: Vector
    down: Vector
    forward: Vector
    columns: int
    rows: int
    spacing: float

    @property
    def first(self) -> Vector:
        """The centre of the first pixel."""
        across = plus(self.centre, self.right, -self.spacing * (self.columns - 1) / 2)
        return plus(across, self.down, -self.spacing * (self.rows - 1) / 2)


@dataclass(frozen=True, slots=True)
class Sequel:
    """The pictures of an answer; one, or an animation, whose step (degrees or mm) and rate (pictures a second) are then given."""

    camera: Camera
    shots: tuple[Shot, ...]
    step: float | None = None
    rate: float | None = None


def views(asked: Asked, grid: Grid, *, pixels: int) -> Sequel:
    """All pictures that are asked for. InvalidQuery if they would show nothing of the volume; TooLarge beyond so many `pixels` in all."""
    camera = _camera(asked, grid)
    step: float | None = None
    if asked.swivel is not None:
        step = asked.step or max(1.0, asked.swivel / STEPS)
        cameras = [_turned(camera, angle) for angle in _angles(asked.swivel, step)]
    elif asked.curve:
        path = _path(asked, grid)
        way = sum(length(minus(b, a)) for a, b in pairwise(path))
        step = asked.step or max(grid.finest, way / (STEPS - 1))
        cameras = [_moved(camera, point) for point in _along(path, step)]
        camera = cameras[0]
    else:
        cameras = [camera]
    _check(asked, grid, cameras)
    shots = _shots(asked, grid, cameras)
    if sum(shot.columns * shot.rows for shot in shots) > pixels:
        raise TooLarge(f"The answer would have more than {pixels} pixels in all; ask for a smaller viewport or fewer steps", clause=CLAUSE)
    return Sequel(camera, shots, step, (asked.rate or RATE) if step is not None else None)


def _camera(asked: Asked, grid: Grid) -> Camera:
    look_at = asked.look_at or grid.centre
    if asked.position is not None:
        forward = unit(minus(look_at, asked.position)) if length(minus(look_at, asked.position)) > 1e-6 else (0.0, 1.0, 0.0)
        upright = (0.0, 0.0, 1.0) if abs(forward[2]) < 0.999 else (0.0, -1.0, 0.0)
    else:
        forward, upright = _CAMERAS[asked.orientation or Orientation.ANTERIOR]
    up = asked.up or upright
    right = cross(forward, up)
    if length(right) < 1e-6 * length(up):
        raise InvalidQuery("viewpointup points where the camera looks: it has to stand across", clause=f"{CLAUSE}.7")
    right = unit(right)
    if asked.look_at is None and asked.reformatting is Reformatting.MPR:
        look_at = _at_a_plane(look_at, forward, grid)
    # Rounded, since these numbers are told and may be asked with again.
    away = max(length(minus(corner, grid.centre)) for corner in grid.corners())
    position = asked.position or plus(look_at, forward, -away)
    return Camera(_rounded(position), _rounded(look_at), forward, right, cross(right, forward))


def _rounded(point: Vector) -> Vector:
    x, y, z = (round(each, 6) + 0.0 for each in point)
    return x, y, z


def _at_a_plane(point: Vector, forward: Vector, grid: Grid) -> Vector:
    """The point, moved along the view to the nearest plane of voxels that is parallel to the picture, if any is; of two the lower."""
    for index, row in zip(grid.index(point), grid.inverse(), strict=True):
        towards = dot(row, forward)
        if abs(towards) > (1 - 1e-6) * length(row):
            return plus(point, forward, (ceil(index - 0.5 - 1e-6) - index) / towards)
    return point


def _angles(swivel: float, step: float) -> Iterator[float]:
    """One whole swing in range / step pictures: from the initial view to one end, to the other and back; 360 degrees are one turn."""
    count = _counted(swivel / step)
    for at in range(count):
        phase = at / count
        swing = 2 * phase if phase <= 0.25 else 1 - 2 * phase if phase <= 0.75 else 2 * phase - 2
        yield phase * 360 if swivel >= 360 else swing * swivel


def _counted(pictures: float) -> int:
    count = max(1, floor(pictures + 1e-6))
    if count > PICTURES:
        raise TooLarge(f"An animation has at most {PICTURES} pictures; ask for larger steps", clause=f"{CLAUSE}.11")
    return count


def _turned(camera: Camera, degrees: float) -> Camera:
    """The camera, gone round the axis through its look-at point along up (PS3.18 8.3.5.3.9)."""
    angle = radians(degrees)
    forward = plus(times(camera.forward, cos(angle)), camera.right, -sin(angle))
    right = plus(times(camera.right, cos(angle)), camera.forward, sin(angle))
    away = length(minus(camera.position, camera.look_at))
    return Camera(plus(camera.look_at, forward, -away), camera.look_at, forward, right, camera.up)


def _moved(camera: Camera, look_at: Vector) -> Camera:
    away = minus(camera.position, camera.look_at)
    return Camera(_rounded(plus(look_at, away)), _rounded(look_at), camera.forward, camera.right, camera.up)


def _path(asked: Asked, grid: Grid) -> list[Vector]:
    """Straight from point to point; it begins at the look-at point, if that is given or there is but one point."""
    if asked.look_at is None and len(asked.curve) > 1:
        return list(asked.curve)
    return [asked.look_at or grid.centre, *asked.curve]


def _along(path: Sequence[Vector], step: float) -> Iterator[Vector]:
    """Points on the path, `step` apart, from its beginning (PS3.17 XXX.3.4)."""
    count = _counted(sum(length(minus(b, a)) for a, b in pairwise(path)) / step + 1)
    left = 0.0
    segments = iter(pairwise(path))
    start, end = next(segments)
    for _ in range(count):
        while left > (size := length(minus(end, start))) + 1e-6 and (following := next(segments, None)) is not None:
            left -= size
            start, end = following
        yield plus(start, minus(end, start), min(left / size, 1.0)) if size else start
        left += step


def _check(asked: Asked, grid: Grid, cameras: Sequence[Camera]) -> None:
    """That there is something to see."""
    centre = grid.centre
    reach = max(length(minus(corner, centre)) for corner in grid.corners())
    if any(length(minus(camera.look_at, centre)) > 2 * reach for camera in cameras):
        raise InvalidQuery("The camera looks past the volume: its look-at point lies far outside of it", clause=f"{CLAUSE}.6")
    if asked.reformatting is Reformatting.MPR and not asked.moves:
        depths = [dot(minus(corner, cameras[0].look_at), cameras[0].forward) for corner in grid.corners()]
        if min(depths) > (asked.slab or 0) / 2 or max(depths) < -(asked.slab or 0) / 2:
            raise InvalidQuery("The plane does not meet the volume: its look-at point lies outside of it", clause=f"{CLAUSE}.6")


def _shots(asked: Asked, grid: Grid, cameras: Sequence[Camera]) -> tuple[Shot, ...]:
    """All of one size, which holds the whole volume as each camera sees it."""
    halves = [_half(grid, camera) for camera in cameras]
    wide, high = max(wide for wide, _ in halves), max(high for _, high in halves)
    spacing = max(min(grid.finest_across(camera.forward) for camera in cameras), 2 * max(wide, high) / SIDE)
    columns, rows = (max(1, ceil(2 * half / spacing - _LITTLE)) for half in (wide, high))
    left, top, width, height, mirrored, upside = _region(asked.view.region, columns, rows)
    box = asked.view.columns, asked.view.rows
    scale = min(box[0] / width, box[1] / height) if box[0] is not None and box[1] is not None else 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    across, along = (left + width / 2 - columns / 2) * spacing, (top + height / 2 - rows / 2) * spacing
    found = []
    for camera in cameras:
        down = times(camera.up, -1)
        centre = plus(plus(camera.look_at, camera.right, across), down, along)
        right, below = times(camera.right, -1 if mirrored else 1), times(down, -1 if upside else 1)
        found.append(Shot(centre, right, below, camera.forward, *size, spacing / scale))
    return tuple(found)


def _half(grid: Grid, camera: Camera) -> tuple[float, float]:
    """How far the volume reaches from the middle of the picture, to the sides and up and down."""
    seen = [minus(corner, camera.look_at) for corner in grid.corners()]
    return max(abs(dot(each, camera.right)) for each in seen), max(abs(dot(each, camera.up)) for each in seen)


def _region(region: Region | None, columns: int, rows: int) -> tuple[float, float, float, float, bool, bool]:
    """The part of the picture that the viewport shows (PS3.18 8.3.5.1.3), cut to the picture. InvalidQuery if it lies beside it."""
    if region is None:
        return 0.0, 0.0, float(columns), float(rows), False, False
    if region.left >= columns or region.top >= rows:
        raise InvalidQuery(f"The source region lies outside of the picture, which has {columns} x {rows} pixels", clause="PS3.18 8.3.5.1.3")
    width, height = columns - region.left, rows - region.top
    width, height = min(region.width or width, width), min(region.height or height, height)
    return region.left, region.top, width, height, region.flip_horizontal, region.flip_vertical
