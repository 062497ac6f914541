"""Depictions as pictures: charts and icons, segments in their colours, doses as a wash. What comes out goes through the same last steps as
any picture: region, flips, size, ICC, annotation, file.

Must not know: metadata, which instance is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.dicom.depiction import Chart, Depiction, Plane, Sheet, Wash
from app.dicom.drawing import PER_MM, Drawing
from app.dicom.picture import ImageAttributes, Picture
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicom.waveform_chart import chart
from app.dicomweb.rendering import View
from app.dicomweb.svg import svg
from app.pixels.decode import decode
from app.pixels.drawings import rastered
from app.pixels.grayscale import windowed
from app.pixels.render import render

Levels = NDArray[np.uint8]
Numbers = NDArray[np.float64]

SVG = "image/svg+xml"

_STOPS = (
    (0.0, (0, 0, 0)),
    (0.1, (24, 12, 90)),
    (0.25, (0, 60, 220)),
    (0.4, (0, 170, 190)),
    (0.55, (30, 190, 60)),
    (0.7, (235, 225, 30)),
    (0.85, (245, 130, 20)),
    (1.0, (220, 20, 30)),
)
"""Shares of the way from low to high, and their colours: black, blue, green, yellow, red, as dose is shown everywhere."""


def depict(depictions: Sequence[Depiction], view: View) -> bytes:
    """The file in the view's media type: one picture, an animation of several, or a drawing as SVG. ValueError as `render`."""
    first = depictions[0] if depictions else None
    if view.media_type == SVG:
        if not isinstance(first, Sheet | Chart):
            raise ValueError("only drawings have a form as vectors")
        return svg(_drawing(first, view), view)
    return render([_picture(each, view) for each in depictions], _settled(view))


def extremes(pictures: Sequence[Picture], outliers: float = 0.0) -> tuple[float, float]:
    """The smallest and the largest finite value of these frames as their `rescale` makes them, without the share `outliers` at either end
    unless they are equal then; (0, 0) if there is none."""
    found = [values[np.isfinite(values)] for values in map(_values, pictures)]
    values = np.concatenate(found) if found else np.zeros(0)
    if not values.size:
        return 0.0, 0.0
    low, high = np.quantile(values, [outliers, 1.0 - outliers], method="inverted_cdf") if outliers else (values.min(), values.max())
    return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))


def _settled(view: View) -> View:
    """What is left for the last steps: a window was used up, or means nothing here."""
    return replace(view, window=None)


def _picture(depiction: Depiction, view: View) -> Picture:
    match depiction:
        case Sheet() | Chart():
            drawing = _drawing(depiction, view)
            return _coloured(np.asarray(rastered(drawing, _per_mm(drawing, view))))
        case Plane():
            made = _labelled(depiction) if depiction.labels is not None else _blended(depiction)
            return replace(_coloured(made), aspect=depiction.aspect, annotations=depiction.annotations)
        case Wash():
            picture = depiction.picture
            made = _washed(depiction, view)
            return replace(_coloured(made), aspect=picture.aspect, annotations=picture.annotations, duration=picture.duration)


def _drawing(depiction: Sheet | Chart, view: View) -> Drawing:
    if isinstance(depiction, Sheet):
        return depiction.drawing
    # Written on the sheet itself: the letters of pictures are made to be read over dark images.
    lines = depiction.annotations.get("patient", ()) if "patient" in view.annotations else ()
    return chart(depiction.waveform, lines, findings="technique" in view.annotations)


def _per_mm(drawing: Drawing, view: View) -> float:
    """Drawn as large as it will be shown; but a source region is one of pixels of PER_MM."""
    if view.columns is None or view.rows is None or view.region is not None:
        return PER_MM
    wanted = min(view.columns / drawing.width, view.rows / drawing.height)
    return wanted if view.enlarge else min(wanted, PER_MM)


def _coloured(levels: Levels) -> Picture:
    rows, columns, _ = levels.shape
    image = ImageAttributes(rows, columns, samples=3, photometric="RGB", allocated=8, stored=8, high=7)
    return Picture(np.ascontiguousarray(levels).tobytes(), EXPLICIT_LE, image)


def _blended(plane: Plane) -> Levels:
    made: Numbers = np.zeros((plane.image.rows, plane.image.columns, 3))
    for frame, colour in zip(plane.frames, plane.colours, strict=True):
        samples, _ = decode(frame, plane.image, plane.transfer_syntax)
        share = np.clip(samples.reshape(made.shape[:2]).astype(np.float64) / plane.most, 0.0, 1.0)[:, :, np.newaxis]
        made = made * (1.0 - share) + np.array(colour, np.float64) * share
    return np.asarray(np.floor(made + 0.5), np.uint8)


def _labelled(plane: Plane) -> Levels:
    samples, _ = decode(plane.frames[0], plane.image, plane.transfer_syntax)
    numbers = samples.reshape(plane.image.rows, plane.image.columns).astype(np.int64)
    made = np.zeros((*numbers.shape, 3), np.uint8)
    present = set(np.unique(numbers).tolist())
    for number, colour in (plane.labels or {}).items():
        if number in present:
            made[numbers == number] = colour
    return made


def _washed(wash: Wash, view: View) -> Levels:
    values = _values(wash.picture)
    if view.window is not None:
        shares = windowed(values, view.window)
    else:
        shares = (values - wash.low) / (wash.high - wash.low) if wash.high > wash.low else np.zeros_like(values)
    shares = np.nan_to_num(np.clip(shares, 0.0, 1.0))
    stops, colours = zip(*_STOPS, strict=True)
    made = [np.interp(shares, stops, [colour[channel] for colour in colours]) for channel in range(3)]
    return np.asarray(np.floor(np.stack(made, axis=-1) + 0.5), np.uint8)


def _values(picture: Picture) -> Numbers:
    samples, image = decode(picture.frame, picture.image, picture.transfer_syntax)
    slope, intercept = picture.rescale or (1.0, 0.0)
    return np.asarray(samples.reshape(image.rows, image.columns).astype(np.float64) * slope + intercept)
