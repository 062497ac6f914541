"""Pictures rendered from frames: by our function, through a worker, and the file alone, written out of finished pixels."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.dicom.picture import Picture, Window
from app.dicomweb.rendering import IccProfile, View
from app.pixels.pool import Pool
from app.pixels.render import render
from tests.bench.timing import Row, shortest, shortest_awaited
from tests.builders import corpus
from tests.rendering import read
from tests.shown import shown

Pixels = NDArray[np.uint8]

CT, ULTRASOUND, CINE = "693_UNCR.dcm", "US1_UNCR.dcm", "color3d_jpeg_baseline.dcm"
RADIOGRAPH, RADIOGRAPH_2000 = "RG3_UNCR.dcm", "RG3_J2KI.dcm"


@dataclass(frozen=True, slots=True)
class Case:
    """`direct` is the least that must be done: write these pixels, which are finished already."""

    name: str
    pictures: Sequence[Picture]
    view: View
    direct: Callable[[Pixels], object]
    by: str = "Pillow"


def frames(name: str, count: int = 1) -> list[Picture]:
    examined = shown(next(path for path in corpus() if path.name == name).read_bytes())
    return [examined.picture(number) for number in range(1, count + 1)]


def saved(form: str, **options: Any) -> Callable[[Pixels], object]:
    return lambda pixels: Image.fromarray(pixels).save(io.BytesIO(), form, **options)


def cases() -> Iterator[Case]:
    ct, ultrasound, radiograph, radiograph_2000 = (frames(name) for name in (CT, ULTRASOUND, RADIOGRAPH, RADIOGRAPH_2000))
    cine = frames(CINE, 10)
    jpeg, small = saved("JPEG", quality=90), View(columns=128, rows=128)
    jxl: Callable[[Pixels], object] = lambda pixels: imagecodecs.jpegxl_encode(pixels, distance=1, effort=3, numthreads=1)  # noqa: E731
    colour = saved("JPEG", quality=90, subsampling=0)
    png: Callable[[Pixels], object] = lambda pixels: imagecodecs.png_encode(pixels, level=3)  # noqa: E731
    yield Case("CT 512x512 as JPEG", ct, View(), jpeg)
    yield Case("CT 512x512 as PNG", ct, View("image/png"), png, "imagecodecs")
    yield Case("CT 512x512 as WebP", ct, View("image/webp"), saved("WEBP", quality=90, method=2))
    yield Case("CT 512x512 as AVIF", ct, View("image/avif"), saved("AVIF", quality=90, speed=8, subsampling="4:0:0", max_threads=1))
    yield Case("CT 512x512 as JPEG XL", ct, View("image/jxl"), jxl, "imagecodecs")
    yield Case("CT 512x512 at 1024x1024 as JPEG", ct, View(columns=1024, rows=1024), jpeg)
    yield Case("CT 512x512, thumbnail of 128", ct, small, jpeg)
    yield Case("colour 480x640 as JPEG", ultrasound, View(), colour)
    yield Case("colour 480x640 as PNG", ultrasound, View("image/png"), png, "imagecodecs")
    yield Case("colour 480x640 in Display P3", ultrasound, View(icc_profile=IccProfile.DISPLAY_P3), colour)
    yield Case("radiograph 1760x1760 as JPEG", radiograph, View(), jpeg)
    yield Case("radiograph 1760x1760, thumbnail of 128", radiograph, small, jpeg)
    yield Case("radiograph 1760x1760 in JPEG 2000, thumbnail of 128", radiograph_2000, small, jpeg)
    yield Case("cine of 10 frames 480x640 in JPEG, thumbnail as GIF", cine, replace(small, media_type="image/gif"), saved("GIF"))


def measure() -> Iterator[Row]:
    with asyncio.Runner() as runner:
        pool = runner.run(_made())
        try:
            for case in cases():
                yield from _case(runner, pool, case)
            yield _fresh_windows()
        finally:
            runner.run(pool.close())


async def _made() -> Pool:
    return Pool(workers=1)


def _case(runner: asyncio.Runner, pool: Pool, case: Case) -> Iterator[Row]:
    finished = read(render(case.pictures, replace(case.view, media_type="image/gif" if len(case.pictures) > 1 else "image/png")))
    limit = shortest(lambda: [case.direct(finished) for _ in case.pictures])
    yield Row("rendering", case.name, shortest(lambda: render(case.pictures, case.view)), limit, case.by)
    took = runner.run(shortest_awaited(lambda: pool.run("render", tuple(case.pictures), case.view)))
    yield Row("rendering", f"in a worker: {case.name}", took, limit, case.by)


def _fresh_windows() -> Row:
    """As when somebody drags the window: no table of levels is there yet."""
    ct, widths = frames(CT), itertools.count(100)
    took = shortest(lambda: render(ct, View(window=Window(40, next(widths)))))
    return Row("rendering", "CT 512x512 as JPEG, another window each time", took)
