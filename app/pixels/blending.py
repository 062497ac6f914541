"""One grayscale picture laid over another in colours (PS3.4 N.2.4). Must not know: where the two lie in the patient.

The upper one is interpolated in gray, then coloured; where it has no pixels the lower one is seen alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.dicom.softcopy import IDENTITY, Affine, Blend
from app.pixels import grayscale
from app.pixels.colour import spread_palette
from app.pixels.decode import decode

Levels = NDArray[np.uint8]


def blended(under: Levels, blend: Blend) -> Levels:
    """(rows, columns, 3) of red, green, blue, in the size of the lower one."""
    picture = blend.picture
    samples, image = decode(picture.frame, picture.image, picture.transfer_syntax)
    over = grayscale.levels(samples, image, picture, picture.window)
    there = np.full(over.shape, 255, np.uint8)
    if blend.across != IDENTITY or over.shape != under.shape:
        over, there = (_resampled(each, blend.across, under.shape) for each in (over, there))
    coloured = spread_palette(over, blend.palette).astype(np.float32)
    share = (there.astype(np.float32) * np.float32(blend.opacity / 255))[..., None]
    lower = under[..., None].astype(np.float32)
    return np.asarray(coloured * share + lower * (1 - share) + np.float32(0.5), np.uint8)


def _resampled(levels: Levels, across: Affine, shape: tuple[int, ...]) -> Levels:
    source = Image.fromarray(levels)
    size = shape[1], shape[0]
    return np.asarray(source.transform(size, Image.Transform.AFFINE, across, Image.Resampling.BILINEAR))
