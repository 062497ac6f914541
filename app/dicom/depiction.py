"""What is shown by other means than the grayscale or colour pipeline of PS3.4 N.2: values that `pixels` makes pictures of. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.dicom.drawing import Drawing
from app.dicom.picture import ImageAttributes, Picture
from app.dicom.softcopy import Colour
from app.dicom.waveform import Waveform
from app.model import Uid


@dataclass(frozen=True, slots=True)
class Sheet:
    """A drawing that is there already, such as an icon."""

    drawing: Drawing


@dataclass(frozen=True, slots=True)
class Chart:
    """A waveform that is to be drawn; `annotations` are lines of text by keyword, as those of a Picture."""

    waveform: Waveform
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plane:
    """Segments that lie in one plane, over black: each of `frames` in the colour at the same place in `colours`.

    A sample counts as its share of `most` (1 in a binary segmentation, Maximum Fractional Value in a fractional one). Of a label map
    there is one frame, and `labels` has the colour of each value; what is not in it is background.
    """

    frames: tuple[bytes, ...]
    transfer_syntax: Uid
    image: ImageAttributes
    colours: tuple[Colour, ...] = ()
    most: float = 1.0
    labels: dict[int, Colour] | None = None
    aspect: tuple[float, float] = (1.0, 1.0)
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wash:
    """A frame of which each value is shown as a colour, from `low` to `high` as its `rescale` makes them; the view's window goes before."""

    picture: Picture
    low: float
    high: float


Depiction = Sheet | Chart | Plane | Wash
