"""Images whose values mean something by themselves: RT Dose as a wash of colours, Parametric Maps in grayscale.

All frames of an instance are shown over the same range, so that equal values look equal. It is found once, over all frames together, as
long as these are not too large; a window that the user agent gives goes before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.dicom import dose, sop_classes
from app.dicom import frames as frame_table
from app.dicom.depiction import Wash
from app.dicom.item import Item
from app.dicom.picture import Picture, Window, WindowShape
from app.dicom.sop_classes import Family
from app.dicomweb.rendering import RENDERER, View
from app.studies.pictures import described, pictures
from app.studies.rendered_images import ensure_region, image_renderer, plainly
from app.studies.showing import Showing

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"

LARGEST = 64 * 1024 * 1024
"""Bytes of stored frames that are read to find the range of all values; where there are more, each picture has its own."""

OUTLIERS = 0.001
"""The share of pixels at either end of a Parametric Map that may be too dark or too bright to be told apart."""


@dataclass(frozen=True, slots=True)
class _Range:
    low: float
    high: float


def _is_dose(showing: Showing) -> bool:
    return plainly(showing) and sop_classes.family(showing.record.sop_class_uid) is Family.DOSE


def _is_map(showing: Showing) -> bool:
    return plainly(showing) and showing.record.sop_class_uid == PARAMETRIC_MAP


async def _washed(showing: Showing, view: View, numbers: Sequence[int]) -> bytes:
    await ensure_region(showing, view)
    dataset = Item(await described(showing.archive, showing.record, showing.access))
    steps = dose.scaling(dataset)
    drawn = [replace(each, rescale=(steps, 0.0)) for each in await pictures(showing.archive, showing.record, numbers, showing.access)]
    found = await _range(showing, drawn, (steps, 0.0), 0.0)
    low, high = min(found.low, 0.0), found.high
    if view.window is not None:
        low, high = view.window.center - view.window.width / 2, view.window.center + view.window.width / 2
    lines = dose.legend(dataset, low, high)
    told = [replace(each, annotations=each.annotations | {"technique": (*each.annotations.get("technique", ()), *lines)}) for each in drawn]
    return await showing.archive.pixels.depict([Wash(each, low, high) for each in told], view)


async def _mapped(showing: Showing, view: View, numbers: Sequence[int]) -> bytes:
    await ensure_region(showing, view)
    drawn = await pictures(showing.archive, showing.record, numbers, showing.access)
    if view.window is None and all(each.window is None and each.voi is None and each.palette is None for each in drawn):
        found = await _range(showing, drawn, drawn[0].rescale, OUTLIERS)
        width = found.high - found.low
        window = Window((found.low + found.high) / 2, width, WindowShape.LINEAR_EXACT) if width > 0 else None
        drawn = [replace(each, window=window) for each in drawn]
    return await showing.archive.pixels.render(drawn, view)


async def _range(showing: Showing, drawn: Sequence[Picture], rescale: tuple[float, float] | None, outliers: float) -> _Range:
    """The range of all values of the instance, kept with what is derived of it; of these frames alone if all of them are too large."""
    table = showing.record.frames
    every = range(1, table.count + 1)
    pixels = table.count * drawn[0].image.rows * drawn[0].image.columns
    if pixels > showing.archive.limits.rendered_pixels or sum(frame_table.span(table, number).length for number in every) > LARGEST:
        return _Range(*await showing.archive.pixels.extremes(drawn, outliers))
    form = f"range {RENDERER} {rescale} {outliers}"
    made = await showing.archive.derived.made(showing.record.blob.key, form, partial(_found, showing, every, rescale, outliers))
    return _Range(**json.loads(made))


async def _found(showing: Showing, numbers: Sequence[int], rescale: tuple[float, float] | None, outliers: float) -> bytes:
    read = await pictures(showing.archive, showing.record, numbers, showing.access)
    low, high = await showing.archive.pixels.extremes([replace(each, rescale=rescale) for each in read], outliers)
    return json.dumps({"low": low, "high": high}).encode()


DOSE = image_renderer(_is_dose, _washed)
MAP = image_renderer(_is_map, _mapped)
