"""Pictures made of numbers for the tests of rendering, and what comes out of them as numbers again, read by Pillow."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.dicom.picture import ImageAttributes, Picture
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicomweb.rendering import View
from app.pixels.render import render

Pixels = NDArray[Any]


def picture(samples: Pixels, photometric: str | None = None, *, bits: int | None = None, **steps: Any) -> Picture:
    """A native picture of these stored values: (rows, columns) or (rows, columns, 3), of the array's own type; `bits` are those stored."""
    allocated = samples.dtype.itemsize * 8
    stored = bits or allocated
    image = ImageAttributes(
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples=1 if samples.ndim == 2 else samples.shape[2],
        photometric=photometric or ("MONOCHROME2" if samples.ndim == 2 else "RGB"),
        allocated=allocated,
        stored=stored,
        high=stored - 1,
        signed=samples.dtype.kind == "i",
    )
    return Picture(np.ascontiguousarray(samples).tobytes(), EXPLICIT_LE, image, **steps)


def shown(made: Picture, **view: Any) -> NDArray[np.uint8]:
    """The picture as PNG, read again."""
    return read(render([made], View("image/png", **view)))


def read(data: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image)


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


def ramp(low: int, high: int, kind: str = "<i2") -> Pixels:
    """Every whole number from `low` to `high`, in one row."""
    return np.arange(low, high + 1).astype(kind)[np.newaxis]
