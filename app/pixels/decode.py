"""Frames of every transfer syntax to arrays (PS3.5 8.2, annex A).

`words` gives samples with all allocated bits, as Pixel Data in native form would hold them; `decode` gives stored values, which is what
everything else calculates with. Both say what the samples now are: the colours may be others than in the codestream, and samples stand by
pixel. Must not know: rendering, encoders.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from app.dicom.picture import ImageAttributes, Samples
from app.errors import TooLarge
from app.model import Uid
from app.pixels import jpeg, jpeg_2000, jpeg_ls, jpeg_xl, native, rle
from app.pixels.native import Array
from app.pixels.syntaxes import DECODERS, Codec

Read = Callable[[bytes, ImageAttributes], tuple[Array, ImageAttributes]]
ReadCodestream = Callable[[bytes, ImageAttributes], tuple[Array, int, ImageAttributes]]


def codecs() -> set[Codec]:
    """Those that can read a frame."""
    return {*_READERS, *_CODESTREAMS}


class _Limits:
    samples = 128 * 1024 * 1024


def limit(samples: int) -> None:
    """How many samples a frame may have from now on; for the worker to say before its first job."""
    _Limits.samples = samples


def decode(frame: bytes, image: ImageAttributes, syntax: Uid) -> tuple[Array, ImageAttributes]:
    """The stored values of a frame, shape (rows, columns) or (rows, columns, samples), and what they are.

    `photometric` is what the samples are now (RGB after JPEG's YCbCr and JPEG 2000's transforms), `planar` 0, `high` one below `stored`.
    The type is the one of `allocated` bits (8 for 1), signed or not, or a float; the array may be read-only. ValueError if it cannot be,
    with the rest of a sentence that begins with the frame ("it ...", "its ..."); TooLarge before anything is decoded.
    """
    return stored_values(*words(frame, image, syntax))


def words(frame: bytes, image: ImageAttributes, syntax: Uid) -> tuple[Array, ImageAttributes]:
    """As `decode`, but unsigned words of `allocated` bits, with what may stand beside the stored ones (overlays, PS3.3 C.9.2)."""
    image = checked(image)
    codec = DECODERS.get(syntax)
    if codec is None:
        raise ValueError("there is no decoder for its transfer syntax")
    if codec in _READERS:
        return _READERS[codec](frame, image)
    if image.kind is not Samples.INTEGER:
        raise ValueError("real numbers have no compressed form")
    samples, bits, image = _CODESTREAMS[codec](frame, image)
    return _as_words(samples, bits, image)


def stored_values(samples: Array, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """Words to stored values: what lies beside the stored bits is cut off, and the highest of them is the sign (PS3.5 8.1.1)."""
    if image.kind is not Samples.INTEGER or image.allocated == 1:
        return samples, image
    size = samples.dtype.itemsize * 8
    below = image.high + 1 - image.stored
    above = size - image.stored - below
    values: Array = samples.view(samples.dtype.str.replace("u", "i")) if image.signed else samples
    if above:
        values = np.left_shift(values, above)
    if above + below:
        values = np.right_shift(values, above + below)
    return values, replace(image, high=image.stored - 1)


def checked(image: ImageAttributes) -> ImageAttributes:
    """The image, if a frame of it may be decoded. ValueError for what no image is, TooLarge for too large a one."""
    if min(image.rows, image.columns, image.samples) < 1:
        raise ValueError("it has no rows, no columns or no samples")
    if image.rows * image.columns * image.samples > _Limits.samples:
        sentence = f"A frame of the image has more than {_Limits.samples} samples (setting pixels.frame_samples)"
        raise TooLarge(sentence, clause="RFC 9110 15.5.14")
    if image.kind is not Samples.INTEGER:
        return image
    native.word(image)
    if not 0 < image.stored <= image.allocated:
        raise ValueError("Bits Stored is zero or more than Bits Allocated")
    # A High Bit that cannot be is no reason to show nothing: it is said to be where the standard has it by now (PS3.5 8.1.1).
    return image if image.stored - 1 <= image.high < image.allocated else replace(image, high=image.stored - 1)


def _as_words(samples: Array, bits: int, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """What a codestream of `bits` holds in words of the image, which has at least as many.

    The codestream tells how many bits there are (PS3.5 8.2.1): a sign is the highest of them even where Bits Stored says more, and they
    are the lowest ones of a word even where High Bit says otherwise.
    """
    kind = native.word(image)
    if bits > image.allocated:
        raise ValueError("its codestream has more bits than Bits Allocated")
    found = samples.astype(kind, copy=False)
    if bits <= image.high:
        image = replace(image, high=image.stored - 1)
    unused = kind.itemsize * 8 - bits
    if image.signed and samples.dtype.kind == "u" and unused:
        signed = kind.str.replace("u", "i")
        found = np.right_shift(np.left_shift(found.view(signed), unused), unused).view(kind)
    return found, image


def _deflated(frame: bytes, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """A raw deflate stream (RFC 1951) of the native frame."""
    most = image.rows * image.columns * image.samples * max(image.allocated, 8) // 8
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflate.decompress(frame, most + 1)
    except zlib.error:
        raise ValueError("its deflate stream is damaged") from None
    return native.read(plain, image)


_READERS: dict[Codec, Read] = {Codec.NATIVE: native.read, Codec.DEFLATE: _deflated, Codec.RLE: rle.read}

_CODESTREAMS: dict[Codec, ReadCodestream] = {
    Codec.JPEG: jpeg.read,
    Codec.JPEG_LS: jpeg_ls.read,
    Codec.JPEG_2000: jpeg_2000.read,
    Codec.JPEG_XL: jpeg_xl.read,
}
