"""What a presentation state adds to one frame beyond its grayscale pipeline: shutter, mask, orientation, area, marks (PS3.4 N.2).

Plain values, made by `presentation_state`; `pixels` carries them out. Coordinates are those of the standard: rows and columns of shutters
and areas begin at 1; annotations in PIXEL units have 0.0\\0.0 at the top left corner of the first pixel, x before y. Must not know: arrays,
codecs, files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.dicom.picture import Lut, Overlay, Picture

Colour = tuple[int, int, int]
"""Red, green, blue in sRGB, 0 to 255; a P-Value has all three alike."""

Point = tuple[float, float]
"""x (column) and y (row)."""

WHITE: Colour = (255, 255, 255)


class Units(StrEnum):
    """Relative to the pixels of the image, or to the displayed area, of which 1.0 is the whole (PS3.3 C.10.5)."""

    PIXEL = "PIXEL"
    DISPLAY = "DISPLAY"


class GraphicType(StrEnum):
    """PS3.3 C.10.5.1.2; CIRCLE is centre and a point on it, ELLIPSE the ends of the major and of the minor axis."""

    POINT = "POINT"
    POLYLINE = "POLYLINE"
    INTERPOLATED = "INTERPOLATED"
    CIRCLE = "CIRCLE"
    ELLIPSE = "ELLIPSE"


@dataclass(frozen=True, slots=True)
class Shutter:
    """What hides all of the image outside of every shape given (PS3.3 C.7.6.11, C.7.6.15), showing `colour` instead.

    `rectangle` is the first and last visible column, then the first and last visible row; `circle` is row, column and radius in columns;
    `polygon` has (row, column) vertices; set bits of `bitmap` are hidden.
    """

    rectangle: tuple[float, float, float, float] | None = None
    circle: tuple[float, float, float] | None = None
    polygon: tuple[tuple[float, float], ...] = ()
    bitmap: Overlay | None = None
    colour: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class DisplayedArea:
    """The Specified Displayed Area (PS3.3 C.10.4): first and last column and row, before the spatial transformation.

    It may reach beyond the image. `magnification`, of the MAGNIFY mode, is display pixels for an image pixel; None fits it to the view.
    """

    left: int
    top: int
    right: int
    bottom: int
    magnification: float | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """Frames whose mean is subtracted from the frame after the modality LUT (PS3.3 C.7.6.10), moved by `shift` (rows, columns)."""

    frames: tuple[bytes, ...]
    shift: tuple[float, float] = (0.0, 0.0)


Affine = tuple[float, float, float, float, float, float]
"""x' = a x + b y + c, y' = d x + e y + f, as (a, b, c, d, e, f)."""

IDENTITY: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Blend:
    """A picture laid over another one in the colours of `palette` (PS3.4 N.2.4); `across` leads from pixels of the lower one to its own."""

    picture: Picture
    palette: tuple[Lut, Lut, Lut]
    opacity: float
    across: Affine = IDENTITY


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn (PS3.3 C.10.5, Line Style): thickness in display pixels, opacity up to 1.0; `dashes` alternate on and off."""

    colour: Colour = WHITE
    thickness: float = 1.0
    opacity: float = 1.0
    dashes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Graphic:
    """One item of the Graphic Object Sequence. `fill` is the colour within and its opacity; None leaves the inside alone."""

    kind: GraphicType
    points: tuple[Point, ...]
    units: Units = Units.PIXEL
    stroke: Stroke = Stroke()
    fill: tuple[Colour, float] | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box: its unrotated top left and bottom right corner, from whose places the rotation of the text follows."""

    first: Point
    last: Point
    units: Units = Units.PIXEL


@dataclass(frozen=True, slots=True)
class Anchor:
    """The point that a text is about; if `visible`, a line leads there."""

    point: Point
    units: Units = Units.PIXEL
    visible: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """One item of the Text Object Sequence. `across` is LEFT, CENTER or RIGHT, `down` is TOP, CENTER or BOTTOM of the box."""

    lines: tuple[str, ...]
    box: Box | None = None
    anchor: Anchor | None = None
    colour: Colour = WHITE
    across: str = "LEFT"
    down: str = "TOP"


@dataclass(frozen=True, slots=True)
class Plane:
    """An overlay that the state activates, in the colour of its layer (PS3.3 C.11.7)."""

    overlay: Overlay
    colour: Colour = WHITE


MarkOf = Graphic | Text | Plane


@dataclass(frozen=True, slots=True)
class Softcopy:
    """`rotation` is 0, 90, 180 or 270 degrees clockwise, before the horizontal `flip` (PS3.3 C.10.6). `marks` are in order of painting.

    `palette` colours the output of the VOI LUT (Pseudo-Color, PS3.3 A.33.3), whose whole range is spread over all of its entries.
    """

    mask: Mask | None = None
    blend: Blend | None = None
    palette: tuple[Lut, Lut, Lut] | None = None
    shutter: Shutter | None = None
    rotation: int = 0
    flip: bool = False
    area: DisplayedArea | None = None
    marks: tuple[MarkOf, ...] = ()
