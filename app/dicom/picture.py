"""What it takes to show one frame: how its samples are laid out, and every step from stored values to a display (PS3.3 C.7.6.3, PS3.4 N.2).

Plain values, made from the Metadata of an instance and its small bulkdata; `pixels` carries them out. Must not know: arrays, codecs, files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.model import Uid

if TYPE_CHECKING:
    from app.dicom.softcopy import Softcopy


class Samples(StrEnum):
    """What one sample is: an integer (Pixel Data), or a number of Float or Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25)."""

    INTEGER = "integer"
    FLOAT = "float"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class ImageAttributes:
    """How the samples of a frame are laid out (PS3.3 C.7.6.3.1): in pixels and bits; `planar` is Planar Configuration."""

    rows: int
    columns: int
    samples: int = 1
    photometric: str = "MONOCHROME2"
    allocated: int = 16
    stored: int = 16
    high: int = 15
    signed: bool = False
    planar: int = 0
    frames: int = 1
    kind: Samples = Samples.INTEGER


@dataclass(frozen=True, slots=True)
class Lut:
    """A look-up table (PS3.3 C.11.1.1) for `entries` values from `first` on, each a number of `bits` (up to 16).

    `data` are bytes where `bits` is 8 and they suffice, else little endian words; if `segmented`, segments to be expanded (PS3.3 C.7.9.2).
    """

    entries: int
    first: int
    bits: int
    data: bytes
    segmented: bool = False


class WindowShape(StrEnum):
    """VOI LUT Function (PS3.3 C.11.2.1.2, C.11.2.1.3), in the words of the `window` parameter (PS3.18 8.3.5.1.4)."""

    LINEAR = "linear"
    LINEAR_EXACT = "linear-exact"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class Window:
    center: float
    width: float
    shape: WindowShape = WindowShape.LINEAR


@dataclass(frozen=True, slots=True)
class Overlay:
    """A plane of bits over the image (PS3.3 C.9.2): `data` packed from the lowest bit, or None if it lies in bit `position` of the samples.

    `top` and `left` are the origin, 1 being the image's own first row and column. `roi`: it marks a region, whose border is drawn.
    """

    rows: int
    columns: int
    top: int = 1
    left: int = 1
    data: bytes | None = None
    position: int = 0
    roi: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame and the whole pipeline of PS3.4 N.2 for it.

    `frame` is the stored frame in `transfer_syntax`. `rescale` (slope, intercept) or `modality` turn stored values into real ones; `voi`
    or `window` choose what is seen of them; `inverse` is Presentation LUT Shape INVERSE or what MONOCHROME1 asks, in one;
    `presentation` its table. `palette` holds red, green, blue. `padding` is the inclusive range of stored values that mean no pixel.
    `aspect` is the (vertical, horizontal) size of a pixel, in any unit. `duration` is how long it is shown in an animation, in
    milliseconds, 0 if nothing tells. `annotations` are lines of text by keyword (patient, technique). `softcopy` is what a presentation
    state adds: then the overlays that it shows are among its marks.
    """

    frame: bytes
    transfer_syntax: Uid
    image: ImageAttributes
    rescale: tuple[float, float] | None = None
    modality: Lut | None = None
    window: Window | None = None
    voi: Lut | None = None
    inverse: bool = False
    presentation: Lut | None = None
    palette: tuple[Lut, Lut, Lut] | None = None
    overlays: tuple[Overlay, ...] = ()
    icc: bytes | None = None
    padding: tuple[int, int] | None = None
    aspect: tuple[float, float] = (1.0, 1.0)
    duration: float = 0.0
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    softcopy: Softcopy | None = None
