"""What a presentation state makes of the picture of one frame (PS3.4 N.2). Pure.

A state defines the whole grayscale pipeline anew: a step that it does not have is an identity, whatever the image says, and neither
MONOCHROME1 nor the image's own shutter count any more. A colour image keeps its own pipeline and takes the spatial part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from app.dicom.item import Item
from app.dicom.overlay_activation import of_group
from app.dicom.picture import ImageAttributes, Lut, Picture, Samples, Window, WindowShape
from app.dicom.pipelines import Pipeline, Scope
from app.dicom.presentation_state import Area, Kind, PresentationState
from app.dicom.references import covers
from app.dicom.softcopy import MarkOf, Plane, Softcopy
from app.model import JsonObject

_INSTANCE = "00080018"
_NOWHERE = Area(None, None)
_Part = TypeVar("_Part")


def presented(state: PresentationState, picture: Picture, dataset: JsonObject, frame: int, bulk: Mapping[str, bytes]) -> Picture:
    """The picture of the frame (from 1) of the image in `dataset` under the state; the frames of its mask are the caller's to fill in."""
    item = Item(dataset)
    instance = item.text(_INSTANCE)
    grey = picture.image.samples == 1 and picture.image.photometric != "PALETTE COLOR" and state.kind is not Kind.COLOR
    mask = mask_of(state, frame, picture.image.frames) if grey else None
    if grey:
        picture = in_grey(picture, state.pipeline, instance, frame, subtracted=mask is not None)
        picture = replace(picture, inverse=state.inverse, presentation=state.presentation)
    coloured = grey and state.kind is Kind.PSEUDO_COLOR
    area = _first(state.areas, instance, frame) or _NOWHERE
    return replace(
        picture,
        overlays=(),
        icc=(state.icc or picture.icc) if coloured or not grey or state.kind is Kind.BLENDING else None,
        aspect=area.aspect or picture.aspect,
        softcopy=Softcopy(
            palette=state.palette if coloured else None,
            shutter=state.shutter,
            rotation=state.rotation,
            flip=state.flip,
            area=area.area,
            marks=tuple(_marks(state, item, instance, picture.image, frame, bulk)),
        ),
    )


def in_grey(picture: Picture, pipeline: Pipeline, instance: str, frame: int, *, subtracted: bool = False) -> Picture:
    """The picture with the modality and VOI steps of a state in place of its own; `subtracted`, if a mask comes between them."""
    modality = _first(pipeline.modality, instance, frame)
    table = modality if isinstance(modality, Lut) else None
    rescale = modality if isinstance(modality, tuple) else None
    bounds = _range(picture.image, rescale, table)
    if bounds is not None and subtracted:
        bounds = bounds[0] - bounds[1], bounds[1] - bounds[0]
    voi = _first(pipeline.voi, instance, frame) or _whole(bounds)
    return replace(
        picture,
        rescale=rescale,
        modality=_reached(table, _range(picture.image, None, None)),
        window=voi if isinstance(voi, Window) else None,
        voi=_reached(voi, bounds) if isinstance(voi, Lut) else None,
    )


def mask_of(state: PresentationState, frame: int, count: int) -> tuple[tuple[int, ...], tuple[float, float]] | None:
    """Numbers of the frames that are subtracted from this one of `count`, and their shift; None if there are none."""
    return next(((frames, each.shift) for each in state.masks if (frames := each.of(frame, count))), None)


def _first(parts: Sequence[tuple[Scope, _Part]], instance: str, frame: int) -> _Part | None:
    return next((part for scope, part in parts if covers(scope, instance, frame)), None)


def _range(image: ImageAttributes, rescale: tuple[float, float] | None, table: Lut | None) -> tuple[float, float] | None:
    """The least and the greatest value that may come out of the modality step; None for floats, which have no bounds."""
    if table is not None:
        return 0, (1 << table.bits) - 1
    if image.kind is not Samples.INTEGER:
        return None
    half = 1 << image.stored - 1
    low, high = (-half, half - 1) if image.signed else (0, 2 * half - 1)
    slope, intercept = rescale or (1.0, 0.0)
    first, last = sorted((low * slope + intercept, high * slope + intercept))
    return first, last


def _whole(bounds: tuple[float, float] | None) -> Window | None:
    """The identity as a window: all that may come in is spread over all that goes out."""
    if bounds is None:
        return None
    return Window((bounds[0] + bounds[1]) / 2, bounds[1] - bounds[0], WindowShape.LINEAR_EXACT)


def _reached(lut: Lut | None, bounds: tuple[float, float] | None) -> Lut | None:
    """Of a table whose descriptor was written unsigned, for input that is signed, the first value as it was meant (PS3.3 C.11.1.1)."""
    signed = bounds is not None and bounds[0] < 0
    return replace(lut, first=lut.first - 0x10000) if lut is not None and signed and lut.first > 0x7FFF else lut


def _marks(
    state: PresentationState, item: Item, instance: str, image: ImageAttributes, frame: int, bulk: Mapping[str, bytes]
) -> Iterator[MarkOf]:
    """Overlays and annotations in order of their layers; within a layer the overlays lie below."""
    layered: list[tuple[int, MarkOf]] = []
    own = dict(state.overlays)
    for group, layer in state.activated:
        overlay = own.get(group) or of_group(item, group, image, frame, bulk)
        if overlay is not None:
            layered.append((layer.order, Plane(overlay, layer.colour)))
    for each in state.annotations:
        if covers(each.references, instance, frame):
            layered += [(each.order, mark) for mark in each.marks]
    yield from (mark for _, mark in sorted(layered, key=lambda pair: pair[0]))
