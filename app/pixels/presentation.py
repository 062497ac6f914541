"""A picture under a presentation state, from its levels on: shutter, marks, spatial transformation, displayed area (PS3.4 N.2.3).

What is said in colour makes a grayscale picture one of colours. Marks are drawn last, in the size of the picture that is made: so lines
are as sharp in a thumbnail as in print. Must not know: codecs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np

from app.dicom.picture import ImageAttributes, Picture, Window
from app.dicom.placement import placement
from app.dicom.softcopy import Colour, Graphic, Plane, Softcopy, Text
from app.dicomweb.rendering import View
from app.pixels import geometry, graphics, grayscale, planes, texts
from app.pixels.blending import blended
from app.pixels.colour import spread_palette
from app.pixels.decode import decode
from app.pixels.grayscale import real
from app.pixels.native import Array
from app.pixels.orientation import Onto, framed, turned
from app.pixels.painting import Levels, in_colour, is_grey, paint
from app.pixels.shutter import shut
from app.pixels.subtraction import difference


def levels(samples: Array, image: ImageAttributes, picture: Picture, window: Window | None) -> Levels:
    """Stored values of one sample as levels: by the mask if the state has one, in colours if it has a palette."""
    softcopy = picture.softcopy
    if softcopy is not None and softcopy.mask is not None:
        frame = real(samples, picture)
        masks = [real(decode(each, picture.image, picture.transfer_syntax)[0], picture) for each in softcopy.mask.frames]
        samples = difference(frame, masks, softcopy.mask.shift)
        picture = replace(picture, rescale=None, modality=None, padding=None)
    made = grayscale.levels(samples, image, picture, window)
    if softcopy is None:
        return made
    if softcopy.blend is not None:
        return blended(made, softcopy.blend)
    return made if softcopy.palette is None else spread_palette(made, softcopy.palette)


def presented(made: Levels, words: Array, picture: Picture, softcopy: Softcopy, view: View) -> Levels:
    """The levels of the whole image as they are displayed in the view; `words` are its samples with all their bits."""
    if not all(is_grey(colour) for colour in _colours(softcopy)):
        made = in_colour(made)
    if softcopy.shutter is not None:
        made = shut(made, softcopy.shutter, picture.aspect)
    placed = placement(picture.image, picture.aspect, softcopy)
    frame = framed(view, placed, softcopy, picture.aspect)
    region = view.region
    flips = (region.flip_horizontal, region.flip_vertical) if region is not None else (False, False)
    onto = Onto(placed, frame, *flips)
    shown = np.array(geometry.apply(turned(made, placed), view, frame))
    for kind, marks in groupby(softcopy.marks, key=type):
        if kind is Graphic:
            graphics.draw(shown, [mark for mark in marks if isinstance(mark, Graphic)], onto)
            continue
        for mark in marks:
            if isinstance(mark, Plane):
                _overlay(shown, mark, words, picture, view, onto)
            elif isinstance(mark, Text):
                texts.draw(shown, mark, onto)
    return shown


def _overlay(shown: Levels, mark: Plane, words: Array, picture: Picture, view: View, onto: Onto) -> None:
    bits = planes.spread(mark.overlay, words, picture.image.rows, picture.image.columns)
    covered = geometry.apply(turned(bits.astype(np.uint8) * np.uint8(255), onto.placed), view, onto.frame)
    paint(shown, covered.astype(np.float32) / np.float32(255), mark.colour)


def _colours(softcopy: Softcopy) -> list[Colour]:
    found = [softcopy.shutter.colour] if softcopy.shutter is not None else []
    for mark in softcopy.marks:
        found.append(mark.stroke.colour if isinstance(mark, Graphic) else mark.colour)
        if isinstance(mark, Graphic) and mark.fill is not None:
            found.append(mark.fill[0])
    return found
