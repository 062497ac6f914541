"""Images rendered under presentation states, put together as the server does it, without a server."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset

from app.dicom import geometry, presentation_state
from app.dicom.blending import across
from app.dicom.item import Item
from app.dicom.picture import Picture
from app.dicom.presented import in_grey, mask_of, presented
from app.dicom.softcopy import Blend, Mask
from app.dicomweb.rendering import View
from app.pixels.render import render
from tests import states
from tests.builders import dataset, part10
from tests.shown import shown

PNG = View("image/png")

RAMP = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20)
"""No two pixels are alike."""


def picture(image: Dataset, made: Dataset, frame: int = 1) -> Picture:
    """As `studies` puts it together: the state read, applied, the frames of the mask filled in."""
    found, described = shown(part10(made)), shown(part10(image))
    bulk = {each.path: found.blob[each.span.offset : each.span.end] for each in presentation_state.needed(found.record.bulkdata)}
    state = presentation_state.read(found.metadata, bulk)
    assert state is not None
    shown_picture = presented(state, described.picture(frame), described.metadata, frame, described.bulk)
    mask = mask_of(state, frame, described.record.frames.count)
    assert shown_picture.softcopy is not None
    if mask is None:
        return shown_picture
    numbers, shift = mask
    softcopy = replace(shown_picture.softcopy, mask=Mask(tuple(described.frame(number) for number in numbers), shift))
    return replace(shown_picture, softcopy=softcopy)


def blended(under: Dataset, over: Dataset, made: Dataset) -> np.ndarray:
    """Two images in one plane, under a blending state."""
    below, above, found = (shown(part10(each)) for each in (under, over, made))
    bulk = {each.path: found.blob[each.span.offset : each.span.end] for each in presentation_state.needed(found.record.bulkdata)}
    state = presentation_state.read(found.metadata, bulk)
    assert state is not None
    assert state.blending is not None
    assert state.palette is not None
    upper = in_grey(above.picture(), state.blending.superimposed.pipeline, over.SOPInstanceUID, 1)
    planes = [geometry.plane(Item(each.metadata), 1) for each in (below, above)]
    assert planes[0] is not None
    assert planes[1] is not None
    lower = presented(state, below.picture(), below.metadata, 1, below.bulk)
    assert lower.softcopy is not None
    blend = Blend(upper, state.palette, state.blending.opacity, across(planes[0], planes[1]))
    picture = replace(lower, softcopy=replace(lower.softcopy, blend=blend))
    return np.array(Image.open(io.BytesIO(render([picture], PNG))))


def rendered(image: Dataset, made: Dataset, view: View = PNG, frame: int = 1) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(render([picture(image, made, frame)], view))))


def under(pixels: np.ndarray, view: View = PNG, **keywords: Any) -> np.ndarray:
    image = grey(pixels)
    return rendered(image, states.state(image, **keywords), view)


def grey(pixels: np.ndarray, **keywords: Any) -> Dataset:
    """An image of 8 or 16 bits, signed or not, as the array is."""
    made = dataset(
        frames=len(pixels) if pixels.ndim == 3 else 1,
        rows=pixels.shape[-2],
        columns=pixels.shape[-1],
        bits=pixels.dtype.itemsize * 8,
        pixels=pixels.tobytes() + bytes(pixels.nbytes % 2),
        **keywords,
    )
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    return made
