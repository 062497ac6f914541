"""One picture to be looked at, as an object in every transfer syntax that still images have: grayscale of 12 bits, and colours of 8.

The encoders are imagecodecs', called directly, and pydicom's. The picture tells up from down, left from right, and red from blue.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import UID, RLELossless

from app.dicom import transfer_syntax as syntaxes
from app.model import Uid
from app.pixels.syntaxes import DEFLATED_FRAMES, JPEG_FULL_PROGRESSION
from tests.builders import dataset, encapsulated, instance, part10

Pixels = NDArray[Any]
ROWS, COLUMNS = 96, 128

LOSSY = {syntaxes.JPEG_BASELINE, syntaxes.JPEG_EXTENDED, syntaxes.JPEG_LS_NEAR_LOSSLESS, syntaxes.JPEG_2000, syntaxes.JPEG_XL} | {
    syntaxes.HTJ2K, syntaxes.JPEG_XL_JPEG_RECOMPRESSION, JPEG_FULL_PROGRESSION,
}  # fmt: skip


def gray() -> Pixels:
    """12 bits: a ramp, an ellipse with a smooth edge, bars, and a word."""
    down, across = np.mgrid[0:ROWS, 0:COLUMNS]
    values = across * 1500.0 / COLUMNS
    values += 1800 / (1 + np.exp((np.hypot((down - 52) / 30, (across - 70) / 40) - 1) * 12))
    values[84:92, 8:120] = (across[84:92, 8:120] // 8 % 2) * 3800
    values += _word("CT", (10, 6)) * 2000
    return np.asarray(np.clip(values, 0, 4095), "<u2")


def colour() -> Pixels:
    """8 bits: fields of red, green, blue, yellow, cyan and magenta, a ramp of greys, and words."""
    made = np.zeros((ROWS, COLUMNS, 3), "u1")
    fields = [(255, 40, 40), (40, 220, 40), (60, 60, 255), (240, 240, 30), (30, 220, 220), (230, 50, 230)]
    for number, field in enumerate(fields):
        left = 4 + number * 20
        made[34:70, left : left + 18] = field
    made[76:90, 4:124] = np.linspace(0, 255, 120).astype("u1")[np.newaxis, :, np.newaxis]
    made[_word("RED", (4, 4))] = (255, 0, 0)
    made[_word("BLUE", (66, 4))] = (80, 80, 255)
    return made


def _word(text: str, place: tuple[int, int]) -> NDArray[np.bool_]:
    image = Image.new("L", (COLUMNS, ROWS))
    ImageDraw.Draw(image).text(place, text, fill=255, font=ImageFont.load_default(22))
    return np.asarray(image) > 127


Encode = Callable[[Pixels], bytes]


def _jpeg(bits: int | None = None, **options: Any) -> Encode:
    return lambda samples: bytes(imagecodecs.jpeg8_encode(_narrow(samples, bits), bitspersample=bits, **options))


def _narrow(samples: Pixels, bits: int | None) -> Pixels:
    """Grayscale of 8 bits where the syntax has no more."""
    return (samples >> 4).astype("u1") if bits == 8 and samples.dtype.itemsize == 2 else samples


def _deflated(samples: Pixels) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(samples.tobytes()) + deflate.flush()


def _rle(**keywords: Any) -> bytes:
    """By pydicom, which writes the whole object."""
    made = dataset(**keywords)
    made.compress(RLELossless, generate_instance_uid=False)
    return part10(made)


def _progressive(samples: Pixels) -> bytes:
    stream = BytesIO()
    Image.fromarray(_narrow(samples, 8)).save(stream, "JPEG", quality=95, subsampling=0, progressive=True)
    return stream.getvalue()


def _recompressed(samples: Pixels) -> bytes:
    return bytes(imagecodecs.jpegxl_encode_jpeg(imagecodecs.jpeg8_encode(_narrow(samples, 8), 95, subsampling="444")))


ENCODERS: dict[Uid, Encode] = {
    DEFLATED_FRAMES: _deflated,
    syntaxes.ENCAPSULATED_UNCOMPRESSED: lambda samples: samples.tobytes(),
    syntaxes.JPEG_BASELINE: _jpeg(8, level=95, subsampling="444"),
    syntaxes.JPEG_EXTENDED: _jpeg(12, level=95),
    JPEG_FULL_PROGRESSION: _progressive,
    syntaxes.JPEG_LOSSLESS: _jpeg(lossless=True, predictor=4),
    syntaxes.JPEG_LOSSLESS_SV1: _jpeg(lossless=True, predictor=1),
    syntaxes.JPEG_LS_LOSSLESS: lambda samples: bytes(imagecodecs.jpegls_encode(samples)),
    syntaxes.JPEG_LS_NEAR_LOSSLESS: lambda samples: bytes(imagecodecs.jpegls_encode(samples, 2)),
    syntaxes.JPEG_2000_LOSSLESS: lambda samples: bytes(imagecodecs.jpeg2k_encode(samples, codecformat="J2K", reversible=True)),
    syntaxes.JPEG_2000: lambda samples: bytes(imagecodecs.jpeg2k_encode(samples, 75, codecformat="J2K", reversible=False)),
    syntaxes.HTJ2K_LOSSLESS: lambda samples: bytes(imagecodecs.htj2k_encode(samples, reversible=True)),
    syntaxes.HTJ2K_LOSSLESS_RPCL: lambda samples: bytes(imagecodecs.htj2k_encode(samples, reversible=True, tlm=True)),
    syntaxes.HTJ2K: lambda samples: bytes(imagecodecs.htj2k_encode(samples, 0.002, reversible=False)),
    syntaxes.JPEG_XL_LOSSLESS: lambda samples: bytes(imagecodecs.jpegxl_encode(samples, lossless=True)),
    syntaxes.JPEG_XL_JPEG_RECOMPRESSION: _recompressed,
    syntaxes.JPEG_XL: lambda samples: bytes(imagecodecs.jpegxl_encode(samples, distance=0.5)),
}
_EIGHT_BITS = {syntaxes.JPEG_BASELINE, JPEG_FULL_PROGRESSION, syntaxes.JPEG_XL_JPEG_RECOMPRESSION}
_FULL_YCC = {syntaxes.JPEG_BASELINE, JPEG_FULL_PROGRESSION, syntaxes.JPEG_XL_JPEG_RECOMPRESSION}
_MIXED = {syntaxes.JPEG_2000_LOSSLESS: "YBR_RCT", syntaxes.JPEG_2000: "YBR_ICT"}
_MIXED |= {syntaxes.HTJ2K_LOSSLESS: "YBR_RCT", syntaxes.HTJ2K_LOSSLESS_RPCL: "YBR_RCT", syntaxes.HTJ2K: "YBR_ICT"}
NATIVE = (syntaxes.IMPLICIT_LE, syntaxes.EXPLICIT_LE, syntaxes.DEFLATED_LE, syntaxes.EXPLICIT_BE)


def _encapsulated(syntax: Uid, frame: bytes, **keywords: Any) -> bytes:
    if UID(syntax).is_transfer_syntax:
        return encapsulated([frame], syntax, **keywords)
    # pydicom writes no file in a syntax that it does not know: one of the same length in its place.
    known = next(each for each in (syntaxes.JPEG_BASELINE, syntaxes.HTJ2K_LOSSLESS) if len(_padded(each)) == len(_padded(syntax)))
    return encapsulated([frame], known, **keywords).replace(_padded(known), _padded(syntax))


def _padded(uid: Uid) -> bytes:
    return uid.encode() + bytes(len(uid) % 2)


def grays() -> Iterator[tuple[Uid, bytes]]:
    """Part 10 files of `gray`, of 8 bits where the syntax has no more."""
    layout: dict[str, Any] = {"rows": ROWS, "columns": COLUMNS, "BitsStored": 12, "HighBit": 11}
    for syntax in NATIVE:
        swapped = gray().astype(">u2") if syntax == syntaxes.EXPLICIT_BE else gray()
        yield syntax, instance(transfer_syntax=syntax, pixels=swapped.tobytes(), bits=16, **layout)
    yield syntaxes.RLE_LOSSLESS, _rle(pixels=gray().tobytes(), bits=16, **layout)
    for syntax, encode in ENCODERS.items():
        narrow: dict[str, Any] = {"bits": 8, "BitsStored": 8, "HighBit": 7} if syntax in _EIGHT_BITS else {"bits": 16}
        yield syntax, _encapsulated(syntax, encode(gray()), **layout | narrow)


def colours() -> Iterator[tuple[Uid, bytes]]:
    """Part 10 files of `colour`."""
    layout: dict[str, Any] = {"modality": "OT", "rows": ROWS, "columns": COLUMNS, "bits": 8, "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    for syntax in NATIVE:
        yield (
            syntax,
            instance(transfer_syntax=syntax, pixels=colour().tobytes(), PhotometricInterpretation="RGB", **layout),
        )
    yield syntaxes.RLE_LOSSLESS, _rle(pixels=colour().tobytes(), PhotometricInterpretation="RGB", **layout)
    for syntax, encode in ENCODERS.items():
        if syntax == syntaxes.JPEG_EXTENDED:
            continue  # is for more than 8 bits
        photometric = "YBR_FULL" if syntax in _FULL_YCC else _MIXED.get(syntax, "RGB")
        yield syntax, _encapsulated(syntax, encode(colour()), PhotometricInterpretation=photometric, **layout)
