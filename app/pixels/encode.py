"""Arrays of words to frames of another transfer syntax, without loss (PS3.5 8.2, annex A).

What a codec cannot hold bit for bit is refused, never rounded, shifted or left out. Must not know: decoders, rendering.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.dicom.picture import ImageAttributes
from app.model import Uid
from app.pixels import jpeg, jpeg_2000, jpeg_ls, jpeg_xl, native, rle, syntaxes
from app.pixels.decode import stored_values
from app.pixels.native import Array
from app.pixels.syntaxes import ENCODERS, Codec

Write = Callable[[Array, ImageAttributes], tuple[bytes, ImageAttributes]]


def codecs() -> set[Codec]:
    """Those that can write a frame."""
    return {Codec.NATIVE, Codec.RLE, *_WRITERS}


def encode(words: Array, image: ImageAttributes, syntax: Uid) -> tuple[bytes, ImageAttributes]:
    """The frame, and what its samples are in there: of `decode.words`, whose samples stand by pixel, no bit is lost.

    A codestream may have an odd length; what encloses it in a fragment makes it even. ValueError, with the rest of a sentence, if the
    image does not fit.
    """
    why = syntaxes.misfit(image, syntax)
    if why:
        raise ValueError(why)
    codec = ENCODERS[syntax]
    if codec is Codec.NATIVE:
        return native.write(words, image), image
    if codec is Codec.RLE:
        return rle.write(words, image), image
    values, image = _alone(words, image)
    return _WRITERS[codec](values, image)


def _alone(words: Array, image: ImageAttributes) -> tuple[Array, ImageAttributes]:
    """The stored values, if nothing else stands in the words: codestreams have no room for it.

    What may stand there without being anything is a sign carried on, or zeros.
    """
    values, now = stored_values(words, image)
    below = image.high + 1 - image.stored
    rest = np.bitwise_and(words, ~np.array(((1 << image.stored) - 1) << below, words.dtype))
    if rest.any() and not (below == 0 and image.signed and np.array_equal(values.view(words.dtype), words)):
        raise ValueError("it has overlays or other bits beside Bits Stored, which only native and RLE frames can hold")
    return values, now


_WRITERS: dict[Codec, Write] = {
    Codec.JPEG: jpeg.write,
    Codec.JPEG_LS: jpeg_ls.write,
    Codec.JPEG_2000: jpeg_2000.write,
    Codec.HTJ2K: jpeg_2000.write_high_throughput,
    Codec.JPEG_XL: jpeg_xl.write,
}
