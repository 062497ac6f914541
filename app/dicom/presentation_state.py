"""Softcopy Presentation States as values (PS3.3 A.33, C.10.4, C.10.6, C.11.8, C.11.11, C.11.15). Pure, and lenient.

What they make of a picture says `presented`. Must not know: pixels, codecs, where the images are, who asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from app.dicom import lookup_tables, overlay_activation, references, shutters
from app.dicom.attributes import tag
from app.dicom.blending import Blending, blending
from app.dicom.graphic_annotation import Annotation, Layer, annotated, layers
from app.dicom.item import Item
from app.dicom.masks import MaskOperation, masks
from app.dicom.overlays import DATA, GROUPS
from app.dicom.picture import Lut, Overlay
from app.dicom.pipelines import Pipeline, Scope, pipeline
from app.dicom.references import Reference
from app.dicom.softcopy import DisplayedArea, Shutter
from app.model import Bulkdata, JsonObject, Uid

_SHAPE, _PRESENTATION = tag("PresentationLUTShape"), tag("PresentationLUTSequence")
_ROTATION, _FLIP = tag("ImageRotation"), tag("ImageHorizontalFlip")
_AREAS = tag("DisplayedAreaSelectionSequence")
_FIRST, _LAST = tag("DisplayedAreaTopLeftHandCorner"), tag("DisplayedAreaBottomRightHandCorner")
_MODE, _MAGNIFICATION, _ORIGIN = tag("PresentationSizeMode"), tag("PresentationPixelMagnificationRatio"), tag("PixelOriginInterpretation")
_SPACING, _RATIO = tag("PresentationPixelSpacing"), tag("PresentationPixelAspectRatio")
_ICC, _CLASS = tag("ICCProfile"), tag("SOPClassUID")
_NEEDED = frozenset(map(tag, ("LUTData", "ICCProfile", "GraphicData"))) | {group + DATA for group in GROUPS}
_NEEDED |= {tag(f"{name}PaletteColorLookupTableData") for name in ("Red", "Green", "Blue")}
_NEEDED |= {tag(f"Segmented{name}PaletteColorLookupTableData") for name in ("Red", "Green", "Blue")}
LARGEST_VALUES = 32 * 1024 * 1024
"""Bytes of all values of a state together that are kept out of its Metadata and still read."""

_SIDE = 65535
_MOST_STRETCHED = 100.0


class Kind(Enum):
    """The presentation states that can be applied, by SOP Class."""

    GRAYSCALE = "1.2.840.10008.5.1.4.1.1.11.1"
    COLOR = "1.2.840.10008.5.1.4.1.1.11.2"
    PSEUDO_COLOR = "1.2.840.10008.5.1.4.1.1.11.3"
    BLENDING = "1.2.840.10008.5.1.4.1.1.11.4"
    VARIABLE_MODALITY = "1.2.840.10008.5.1.4.1.1.11.12"


SOP_CLASSES = frozenset(Uid(f"1.2.840.10008.5.1.4.1.1.11.{number}") for number in range(1, 13))
"""All Presentation State Storage SOP Classes, also those that cannot be applied: XA/XRF, volumetric, advanced blending."""


@dataclass(frozen=True, slots=True)
class Area:
    """An item of the Displayed Area Selection: `aspect` is the (vertical, horizontal) size of a pixel, if that is told."""

    area: DisplayedArea | None
    aspect: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class PresentationState:
    """`related` are the images that it is for; of a blending the underlying ones, whose the `pipeline` is then, too.

    `activated` are the groups of the overlays to be shown with their layers, `overlays` those that the state brings along. `matrix`: its
    areas are those of a Total Pixel Matrix of tiles.
    """

    kind: Kind
    related: tuple[Reference, ...]
    pipeline: Pipeline
    blending: Blending | None = None
    inverse: bool = False
    presentation: Lut | None = None
    palette: tuple[Lut, Lut, Lut] | None = None
    icc: bytes | None = None
    masks: tuple[MaskOperation, ...] = ()
    shutter: Shutter | None = None
    rotation: int = 0
    flip: bool = False
    areas: tuple[tuple[Scope, Area], ...] = ()
    annotations: tuple[Annotation, ...] = ()
    activated: tuple[tuple[str, Layer], ...] = ()
    overlays: tuple[tuple[str, Overlay], ...] = ()
    matrix: bool = False


def read(dataset: JsonObject, bulk: Mapping[str, bytes]) -> PresentationState | None:
    """The state in a data set, whose values kept elsewhere are in `bulk` by path; None if it is none that can be applied."""
    item = Item(dataset)
    try:
        kind = Kind(item.text(_CLASS))
    except ValueError:
        return None
    known = layers(item)
    rotation = item.integer(_ROTATION)
    areas = item.items(_AREAS)
    blended = blending(item, bulk) if kind is Kind.BLENDING else None
    own = [(group, overlay_activation.own(item, group, bulk)) for group in GROUPS]
    return PresentationState(
        kind=kind,
        related=references.related(item) if blended is None else blended.underlying.related,
        pipeline=pipeline(item, bulk) if blended is None else blended.underlying.pipeline,
        blending=blended,
        inverse=item.text(_SHAPE).upper() == "INVERSE",
        presentation=lookup_tables.first_table(item, _PRESENTATION, bulk),
        palette=lookup_tables.palette(item, bulk) if kind in (Kind.PSEUDO_COLOR, Kind.BLENDING) else None,
        icc=item.octets(_ICC, bulk),
        masks=masks(item),
        shutter=shutters.shutter(item, bulk),
        rotation=rotation if rotation in (90, 180, 270) else 0,
        flip=item.text(_FLIP).upper() == "Y",
        areas=tuple((references.images(each), _area(each)) for each in areas),
        annotations=annotated(item, known, bulk),
        activated=tuple(overlay_activation.activated(item, known)),
        overlays=tuple((group, overlay) for group, overlay in own if overlay is not None),
        matrix=any(each.text(_ORIGIN).upper() == "VOLUME" for each in areas),
    )


def needed(bulkdata: Sequence[Bulkdata]) -> list[Bulkdata]:
    """Of the values kept out of the Metadata of a state those that `read` wants; bounded in bytes."""
    found, room = [], LARGEST_VALUES
    for each in bulkdata:
        if each.path.rpartition("/")[2] in _NEEDED and each.span.length <= room:
            room -= each.span.length
            found.append(each)
    return found


def _area(item: Item) -> Area:
    """Corners are told apart by where they come to lie, hence sorted here; nonsense is the whole image."""
    corners = [int(number) for number in (*item.numbers(_FIRST), *item.numbers(_LAST))]
    ratio = item.number(_MAGNIFICATION) if item.text(_MODE).upper() == "MAGNIFY" else None
    area = None
    if len(corners) == 4:
        left, right = sorted(corners[::2])
        top, bottom = sorted(corners[1::2])
        if right - left < _SIDE and bottom - top < _SIDE:
            area = DisplayedArea(left, top, right, bottom, ratio if ratio is not None and ratio > 0 else None)
    for key in (_SPACING, _RATIO):
        numbers = item.numbers(key)
        if len(numbers) == 2 and min(numbers) > 0 and max(numbers) / min(numbers) <= _MOST_STRETCHED:
            return Area(area, (numbers[0], numbers[1]))
    return Area(area, None)
