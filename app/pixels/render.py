"""One picture, or several as an animation, for a view: the pixel transformation sequence of PS3.4 N.2, then what PS3.18 8.3.5 asks for.

decode -> modality -> VOI -> presentation, or colours to red, green, blue -> overlays -> region, flips, size -> ICC -> annotation -> file.
Each step is a module of its own; here is their order. ValueError, with a sentence, for what cannot be shown.

Without `iccprofile` a picture with a profile is brought into sRGB, which is what a file without one means on the web, and nothing is
embedded (PS3.18 leaves it open); `no` leaves colours as they are stored; `yes` embeds the picture's own profile (sRGB if it has none); a
named space is converted to and embedded. Grayscale has no profile.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.dicom.picture import ImageAttributes, Picture, Window
from app.dicomweb.rendering import IccProfile, View
from app.pixels import colour, geometry, grayscale, image_files, lettering, planes, presentation, profiles, reduced
from app.pixels.decode import decode, stored_values, words
from app.pixels.image_files import Writing
from app.pixels.native import Array
from app.pixels.painting import in_colour

Levels = NDArray[np.uint8]

DEFAULT_DURATION = 100.0
"""Milliseconds for a picture of an animation, where nothing tells."""


def render(pictures: Sequence[Picture], view: View) -> bytes:
    """The file in the view's media type. ValueError if there is no picture, or if one cannot be shown."""
    if not pictures:
        raise ValueError("there is no picture to be shown")
    window = view.window or _one_window(pictures)
    made = [_finished(each, view, window) for each in pictures]
    if len({each.ndim for each in made}) > 1:
        made = [in_colour(each) for each in made]  # marks of a presentation state may be coloured in some frames only
    shapes = {each.shape for each in made}
    if len(shapes) > 1:
        raise ValueError("the pictures of an animation are of one size and kind")
    icc = _embedded(pictures[0], view, made[0])
    durations = tuple(each.duration or DEFAULT_DURATION for each in pictures)
    return image_files.write(view.media_type, made, Writing(view.quality or image_files.DEFAULT_QUALITY, icc, durations))


def canvas(picture: Picture, window: Window | None) -> Levels:
    """The picture in its own size: (rows, columns) levels, or (rows, columns, 3) of red, green, blue; overlays drawn."""
    made, whole = _levels(picture, window)
    return planes.draw(made, picture.overlays, whole)


def _levels(picture: Picture, window: Window | None) -> tuple[Levels, Array]:
    """As `canvas`, without overlays; and the samples with all their bits, in which overlays may lie."""
    whole, image = words(picture.frame, picture.image, picture.transfer_syntax)
    return _of_values(*stored_values(whole, image), picture, window), whole


def _of_values(samples: Array, image: ImageAttributes, picture: Picture, window: Window | None) -> Levels:
    if image.samples == 3:
        return colour.rgb(samples, image)
    if image.samples != 1:
        raise ValueError(f"it has {image.samples} samples per pixel")
    if image.photometric == "PALETTE COLOR":
        if picture.palette is None:
            raise ValueError("its palette is missing")
        return colour.from_palette(samples, picture.palette)
    return presentation.levels(samples, image, picture, window or picture.window)


def _finished(picture: Picture, view: View, window: Window | None) -> Levels:
    if picture.softcopy is not None:
        made, whole = _levels(picture, window)
        made = presentation.presented(_coloured(made, picture, view), whole, picture, picture.softcopy, view)
        return _lettered(made, picture, view)
    shown = geometry.frame(view, picture.image.rows, picture.image.columns, picture.aspect)
    known = window is not None or picture.window is not None or picture.voi is not None
    small = reduced.read(picture, reduced.halvings(shown.shrink), windowed=known)
    if small is None:
        made = geometry.apply(canvas(picture, window), view, shown)
    else:
        made = _of_values(small.samples, small.image, picture, window)
        made = geometry.apply(made, view, shown.halved(small.times, small.shift, made.shape))
    return _lettered(_coloured(made, picture, view), picture, view)


def _lettered(made: Levels, picture: Picture, view: View) -> Levels:
    top = picture.annotations.get("patient", ()) if "patient" in view.annotations else ()
    bottom = picture.annotations.get("technique", ()) if "technique" in view.annotations else ()
    return lettering.write(made, top, bottom)


def _one_window(pictures: Sequence[Picture]) -> Window | None:
    """For frames without a window of their own that are shown one after another, one over all of them, so that they do not flicker."""
    if len(pictures) == 1 or any(each.window is not None or each.voi is not None or each.image.samples != 1 for each in pictures):
        return None
    windows = []
    for each in pictures:
        samples, image = decode(each.frame, each.image, each.transfer_syntax)
        if image.photometric != "PALETTE COLOR" and (found := grayscale.spread(samples, image, each)) is not None:
            windows.append(found)
    return grayscale.union(windows)


def _coloured(made: Levels, picture: Picture, view: View) -> Levels:
    if made.ndim == 2 or view.icc_profile in (IccProfile.NO, IccProfile.YES):
        return made
    if view.icc_profile is None:
        try:
            return made if picture.icc is None else profiles.converted(made, picture.icc, IccProfile.SRGB)
        except ValueError:
            return made  # a profile that cannot be used is as good as none, unless it is asked for
    if picture.icc is None and view.icc_profile is IccProfile.SRGB:
        return made
    return profiles.converted(made, picture.icc or profiles.profile(IccProfile.SRGB), view.icc_profile)


def _embedded(picture: Picture, view: View, made: Levels) -> bytes | None:
    if made.ndim == 2 or view.icc_profile in (None, IccProfile.NO):
        return None
    icc = profiles.profile(IccProfile.SRGB if view.icc_profile is IccProfile.YES else view.icc_profile)
    if view.icc_profile is IccProfile.YES and picture.icc is not None:
        icc = picture.icc
    if view.media_type in image_files.PROFILED:
        return icc
    if icc == profiles.profile(IccProfile.SRGB):
        return None  # what the file means without a profile
    raise ValueError(f"a file of {view.media_type} cannot hold an ICC profile; choose image/jpeg, image/png, image/webp or image/avif")
