"""Frames and image attributes for the tests of `app.pixels`, and what a second decoder (pydicom with pylibjpeg, pyjpegls) makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder

from app.dicom.picture import ImageAttributes, Samples
from app.model import Uid
from tests.builders import corpus

Array = NDArray[Any]


def image_of(dataset: Dataset) -> ImageAttributes:
    """The Image Pixel attributes of a data set, as it has them."""
    kind = Samples.FLOAT if "FloatPixelData" in dataset else Samples.DOUBLE if "DoubleFloatPixelData" in dataset else Samples.INTEGER
    return ImageAttributes(
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples=dataset.SamplesPerPixel,
        photometric=dataset.PhotometricInterpretation,
        allocated=dataset.BitsAllocated,
        stored=dataset.get("BitsStored", dataset.BitsAllocated),
        high=dataset.get("HighBit", dataset.BitsAllocated - 1),
        signed=bool(dataset.get("PixelRepresentation", 0)),
        planar=dataset.get("PlanarConfiguration", 0) or 0,
        frames=int(dataset.get("NumberOfFrames", None) or 1),
        kind=kind,
    )


def syntax_of(dataset: Dataset) -> Uid:
    return Uid(str(dataset.file_meta.TransferSyntaxUID))


def frames_of(dataset: Dataset) -> Iterator[bytes]:
    """The frames of encapsulated Pixel Data."""
    return generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", None) or 1))


@cache
def compressed() -> tuple[Path, ...]:
    """The files of the corpus whose pixel data are encapsulated."""
    return tuple(path for path in corpus() if _is_compressed(path))


def _is_compressed(path: Path) -> bool:
    try:
        # Of a data set whose fragments break off pydicom gives nothing at all: there is no second opinion.
        return read(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_encapsulated and "PixelData" in read(path)
    except (AttributeError, pydicom.errors.InvalidDicomError, EOFError, ValueError):
        return False


def read(path: Path, **options: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, **options)


def second_opinion(dataset: Dataset, *, raw: bool = False) -> Iterator[Array]:
    """Each frame as pydicom's decoders see it, colours turned to RGB unless `raw`."""
    syntax = dataset.file_meta.TransferSyntaxUID
    decoder = get_decoder(syntax)
    plugin = "" if not syntax.is_encapsulated or "1.2.4.5" not in syntax else "pylibjpeg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index in range(int(dataset.get("NumberOfFrames", None) or 1)):
            array, _ = decoder.as_array(dataset, index=index, raw=raw, decoding_plugin=plugin)
            yield np.asarray(array)


def image(rows: int, columns: int, allocated: int, stored: int, *, samples: int = 1, **changes: Any) -> ImageAttributes:
    """Attributes of a frame whose samples lie in the lowest bits of their words."""
    described: dict[str, Any] = {"photometric": "RGB" if samples == 3 else "MONOCHROME2"} | changes
    return ImageAttributes(rows, columns, samples, allocated=allocated, stored=stored, high=stored - 1, **described)


def frame_words(attributes: ImageAttributes, kind: str = "noise", seed: int = 0) -> Array:
    """Words of such a frame, a sign carried on through all allocated bits. Kinds: noise, ramp, flat, extremes."""
    rng = np.random.default_rng(seed)
    shape = (attributes.rows, attributes.columns, attributes.samples)[: 2 + (attributes.samples > 1)]
    low = -(1 << attributes.stored - 1) if attributes.signed else 0
    high = low + (1 << attributes.stored)
    if kind == "noise":
        values = rng.integers(low, high, shape)
    elif kind == "ramp":
        values = low + (np.add.outer(np.arange(shape[0]), np.arange(int(np.prod(shape[1:])))).reshape(shape) * 7) % (high - low)
    elif kind == "flat":
        values = np.full(shape, rng.integers(low, high))
    else:
        values = rng.choice([low, high - 1], shape)
    unsigned = np.dtype(f"<u{max(attributes.allocated, 8) // 8}")
    return values.astype(f"<i{unsigned.itemsize}" if attributes.signed else unsigned).view(unsigned)
