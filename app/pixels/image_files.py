"""Pictures of 8 bits as files of the rendered media types (PS3.18 8.7.4); several as an animation.

Equal pictures give equal bytes. Must not know: DICOM, views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.pixels import gif

Levels = NDArray[np.uint8]

DEFAULT_QUALITY = 90
_FULL_CHROMA = 90
"""From this quality on colours keep their full resolution (4:4:4), below it a quarter of it (4:2:0)."""
LOSSY = frozenset({"image/jpeg", "image/webp", "image/avif", "image/jxl", "image/jp2"})
PROFILED = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})
"""Files that can hold an ICC profile."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a file is written: 1 to 100, the profile it shall hold, and how long each picture is shown, in milliseconds."""

    quality: int = DEFAULT_QUALITY
    icc: bytes | None = None
    durations: tuple[float, ...] = ()


def write(media_type: str, pictures: Sequence[Levels], how: Writing) -> bytes:
    """(rows, columns) or (rows, columns, 3) each, all of one size. ValueError for what the media type cannot be."""
    if media_type not in _WRITERS:
        raise ValueError(f"{media_type} is no media type that pictures are rendered in")
    if len(pictures) > 1 and media_type not in _ANIMATED:
        raise ValueError(f"a file of {media_type} holds one picture; an animation can be {', '.join(sorted(_ANIMATED))}")
    if media_type == "image/webp" and max(pictures[0].shape[:2]) > 16383:
        raise ValueError("a WebP picture has at most 16383 rows and columns; choose a viewport or another media type")
    return _WRITERS[media_type](pictures, how)


def _jpeg(pictures: Sequence[Levels], how: Writing) -> bytes:
    subsampling = 0 if how.quality >= _FULL_CHROMA else 2
    return _pillow(pictures, "JPEG", quality=how.quality, subsampling=subsampling, **_profile(how))


def _png(pictures: Sequence[Levels], how: Writing) -> bytes:
    if how.icc is None:
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pictures[0]), level=3))
    return _pillow(pictures, "PNG", compress_level=3, icc_profile=how.icc)


def _gif(pictures: Sequence[Levels], how: Writing) -> bytes:
    return gif.write(pictures, how.durations)


def _webp(pictures: Sequence[Levels], how: Writing) -> bytes:
    return _pillow(pictures, "WEBP", quality=how.quality, method=2, **_profile(how), **_animation(pictures, how))


def _avif(pictures: Sequence[Levels], how: Writing) -> bytes:
    subsampling = "4:0:0" if pictures[0].ndim == 2 else "4:4:4" if how.quality >= _FULL_CHROMA else "4:2:0"
    return _pillow(
        pictures, "AVIF", quality=how.quality, speed=8, subsampling=subsampling, max_threads=1, **_profile(how), **_animation(pictures, how)
    )


def _jxl(pictures: Sequence[Levels], how: Writing) -> bytes:
    # As JPEG XL's own tool translates a quality; 100 is without loss.
    distance = 0.0 if how.quality == 100 else 0.1 + (100 - how.quality) * 0.09
    made = imagecodecs.jpegxl_encode(
        np.ascontiguousarray(pictures[0]), distance=distance, lossless=how.quality == 100, effort=3, numthreads=1
    )
    return bytes(made)


def _jp2(pictures: Sequence[Levels], how: Writing) -> bytes:
    layers = {"irreversible": True, "quality_mode": "dB", "quality_layers": [25 + how.quality * 0.3]} if how.quality < 100 else {}
    return _pillow(pictures, "JPEG2000", no_jp2=False, **layers)


def _pillow(pictures: Sequence[Levels], form: str, **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(np.ascontiguousarray(pictures[0])).save(stream, form, **options)
    return stream.getvalue()


def _profile(how: Writing) -> dict[str, bytes]:
    return {} if how.icc is None else {"icc_profile": how.icc}


def _animation(pictures: Sequence[Levels], how: Writing) -> dict[str, object]:
    if len(pictures) == 1:
        return {}
    rest = [Image.fromarray(np.ascontiguousarray(each)) for each in pictures[1:]]
    return {"save_all": True, "append_images": rest, "duration": [round(each) for each in how.durations], "loop": 0}


_WRITERS: dict[str, Callable[[Sequence[Levels], Writing], bytes]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/avif": _avif,
    "image/jxl": _jxl,
    "image/jp2": _jp2,
}
_ANIMATED = frozenset({"image/gif", "image/webp", "image/avif"})
