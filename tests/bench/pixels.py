"""Frames decoded and encoded: by our functions, through the pool of workers, and by the libraries called directly."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from app.dicom import transfer_syntax
from app.dicom.picture import ImageAttributes
from app.model import Uid
from app.pixels import decode as decoding
from app.pixels.encode import encode
from app.pixels.pool import Pool
from app.pixels.syntaxes import ENCODERS, misfit
from tests.bench.timing import Row, shortest, shortest_awaited
from tests.builders import corpus
from tests.pixels import Array, frames_of, image_of, read, syntax_of

GRAY, COLOUR, JPEG = "693_UNCR.dcm", "US1_UNCR.dcm", "color3d_jpeg_baseline.dcm"

_EXPLICIT_LE = transfer_syntax.EXPLICIT_LE

Direct = tuple[Callable[[Array], Any], Callable[[bytes], Any], str]

DIRECT: dict[Uid, Direct] = {
    transfer_syntax.JPEG_LOSSLESS_SV1: (
        lambda a: imagecodecs.jpeg8_encode(a, lossless=True, **_gray(a)),
        imagecodecs.jpeg8_decode,
        "libjpeg-turbo",
    ),
    transfer_syntax.JPEG_LS_LOSSLESS: (imagecodecs.jpegls_encode, imagecodecs.jpegls_decode, "CharLS"),
    transfer_syntax.JPEG_2000_LOSSLESS: (
        lambda a: imagecodecs.jpeg2k_encode(a, codecformat="J2K", reversible=True, numthreads=1),
        lambda data: imagecodecs.jpeg2k_decode(data, numthreads=1),
        "OpenJPEG",
    ),
    transfer_syntax.HTJ2K_LOSSLESS_RPCL: (
        lambda a: imagecodecs.htj2k_encode(a, planar=False, tlm=True, tilepart=1),
        lambda data: imagecodecs.htj2k_decode(data, planar=False),
        "OpenJPH",
    ),
    transfer_syntax.JPEG_XL_LOSSLESS: (
        lambda a: imagecodecs.jpegxl_encode(a, lossless=True, effort=1 if a.itemsize == 1 else 2, numthreads=1),
        lambda data: imagecodecs.jpegxl_decode(data, numthreads=1),
        "libjxl",
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    words: Array
    image: ImageAttributes


def _gray(array: Array) -> dict[str, Any]:
    colour = {"colorspace": "RGB", "outcolorspace": "RGB"} if array.ndim == 3 else {}
    return {"bitspersample": array.dtype.itemsize * 8, "predictor": 1, **colour}


def cases() -> list[Case]:
    found = []
    for name in (GRAY, COLOUR):
        dataset = read(next(path for path in corpus() if path.name == name))
        words, image = decoding.words(dataset.PixelData, image_of(dataset), _EXPLICIT_LE)
        found.append(Case("x".join(map(str, words.shape)) + f", {image.stored} bits", words, image))
    # JPEG XL has no signed samples.
    gray = found[0]
    values = decoding.stored_values(gray.words, gray.image)[0]
    shifted = (values.astype(int) - int(values.min())).astype("u2")
    unsigned = ImageAttributes(gray.image.rows, gray.image.columns, stored=13, high=12)
    return [*found, Case(f"{gray.name.split(',')[0]}, 13 bits unsigned", shifted, unsigned)]


def measure() -> Iterator[Row]:
    with asyncio.Runner() as runner:
        pool = runner.run(_made())
        try:
            yield from _overhead(runner, pool)
            for case in cases():
                yield from _case(runner, pool, case)
            yield from _jpeg(runner, pool)
        finally:
            runner.run(pool.close())


async def _made() -> Pool:
    return Pool(workers=1)


def _pooled(runner: asyncio.Runner, pool: Pool, frame: bytes, image: ImageAttributes, source: Uid, to: Uid) -> float:
    return runner.run(shortest_awaited(lambda: pool.run("transcode", frame, image, source, to)))


def _overhead(runner: asyncio.Runner, pool: Pool) -> Iterator[Row]:
    for size in (0, 512 * 1024, 8 * 1024**2):
        took = _pooled(runner, pool, bytes(size), ImageAttributes(1, 1), _EXPLICIT_LE, _EXPLICIT_LE)
        yield Row("pixels", f"a worker's round trip, {size // 1024} KiB each way", took)


def _case(runner: asyncio.Runner, pool: Pool, case: Case) -> Iterator[Row]:
    native = case.words.tobytes()
    values, _ = decoding.stored_values(case.words, case.image)
    for syntax in ENCODERS:
        if syntax in (_EXPLICIT_LE, transfer_syntax.HTJ2K_LOSSLESS) or misfit(case.image, syntax):
            continue
        frame, within = encode(case.words, case.image, syntax)
        name = f"{transfer_syntax.lookup(syntax).name.split(',')[0].split(' with')[0]} {case.name}"
        encode_limit, decode_limit, by = _direct(syntax, values)
        yield Row("pixels", f"encode {name}", shortest(lambda s=syntax: encode(case.words, case.image, s)), encode_limit, by)  # type: ignore[misc]
        took = _pooled(runner, pool, native, case.image, transfer_syntax.ENCAPSULATED_UNCOMPRESSED, syntax)
        yield Row("pixels", f"encode in a worker {name}", took, encode_limit, by)
        took = shortest(lambda f=frame, w=within, s=syntax: decoding.decode(f, w, s))  # type: ignore[misc]
        yield Row("pixels", f"decode {name}", took, decode_limit, by)
        yield Row("pixels", f"decode in a worker {name}", _pooled(runner, pool, frame, within, syntax, _EXPLICIT_LE), decode_limit, by)


def _direct(syntax: Uid, values: Array) -> tuple[float | None, float | None, str]:
    if syntax not in DIRECT:
        return None, None, ""
    encoder, decoder, by = DIRECT[syntax]
    samples = values.view(f"u{values.dtype.itemsize}") if by in ("libjpeg-turbo", "CharLS") else values
    encoded = bytes(encoder(samples))
    return shortest(lambda: encoder(samples)), shortest(lambda: decoder(encoded)), by


def _jpeg(runner: asyncio.Runner, pool: Pool) -> Iterator[Row]:
    dataset = read(next(path for path in corpus() if path.name == JPEG))
    frame, image, syntax = next(frames_of(dataset)), image_of(dataset), syntax_of(dataset)
    limit = shortest(lambda: np.asarray(Image.open(io.BytesIO(frame)).convert("RGB")))
    name = f"JPEG Baseline {image.rows}x{image.columns}x3"
    yield Row("pixels", f"decode {name}", shortest(lambda: decoding.decode(frame, image, syntax)), limit, "Pillow")
    yield Row("pixels", f"decode in a worker {name}", _pooled(runner, pool, frame, image, syntax, _EXPLICIT_LE), limit, "Pillow")
