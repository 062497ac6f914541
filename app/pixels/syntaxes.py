"""Which transfer syntaxes can be decoded and encoded, and by what: the one table that `decode`, `encode` and their document go by.

The server's own process reads it: it must not know arrays or codecs, which only workers load.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes, Samples
from app.model import Uid

DEFLATED_FRAMES = Uid("1.2.840.10008.1.2.8.1")
JPEG_SPECTRAL_SELECTION = Uid("1.2.840.10008.1.2.4.53")
JPEG_FULL_PROGRESSION = Uid("1.2.840.10008.1.2.4.55")
JPEG_2000_PART_2_LOSSLESS = Uid("1.2.840.10008.1.2.4.92")
JPEG_2000_PART_2 = Uid("1.2.840.10008.1.2.4.93")


class Codec(StrEnum):
    """The module of this package that reads or writes a frame."""

    NATIVE = "native"
    DEFLATE = "deflate"
    RLE = "rle"
    JPEG = "jpeg"
    JPEG_LS = "jpeg_ls"
    JPEG_2000 = "jpeg_2000"
    HTJ2K = "htj2k"
    JPEG_XL = "jpeg_xl"


DECODERS: dict[Uid, Codec] = {
    syntaxes.IMPLICIT_LE: Codec.NATIVE,
    syntaxes.EXPLICIT_LE: Codec.NATIVE,
    syntaxes.ENCAPSULATED_UNCOMPRESSED: Codec.NATIVE,
    DEFLATED_FRAMES: Codec.DEFLATE,
    syntaxes.RLE_LOSSLESS: Codec.RLE,
    syntaxes.JPEG_BASELINE: Codec.JPEG,
    syntaxes.JPEG_EXTENDED: Codec.JPEG,
    JPEG_SPECTRAL_SELECTION: Codec.JPEG,
    JPEG_FULL_PROGRESSION: Codec.JPEG,
    syntaxes.JPEG_LOSSLESS: Codec.JPEG,
    syntaxes.JPEG_LOSSLESS_SV1: Codec.JPEG,
    syntaxes.JPEG_LS_LOSSLESS: Codec.JPEG_LS,
    syntaxes.JPEG_LS_NEAR_LOSSLESS: Codec.JPEG_LS,
    syntaxes.JPEG_2000_LOSSLESS: Codec.JPEG_2000,
    syntaxes.JPEG_2000: Codec.JPEG_2000,
    JPEG_2000_PART_2_LOSSLESS: Codec.JPEG_2000,
    JPEG_2000_PART_2: Codec.JPEG_2000,
    syntaxes.HTJ2K_LOSSLESS: Codec.JPEG_2000,
    syntaxes.HTJ2K_LOSSLESS_RPCL: Codec.JPEG_2000,
    syntaxes.HTJ2K: Codec.JPEG_2000,
    syntaxes.JPEG_XL_LOSSLESS: Codec.JPEG_XL,
    syntaxes.JPEG_XL_JPEG_RECOMPRESSION: Codec.JPEG_XL,
    syntaxes.JPEG_XL: Codec.JPEG_XL,
}

ENCODERS: dict[Uid, Codec] = {
    syntaxes.EXPLICIT_LE: Codec.NATIVE,
    syntaxes.RLE_LOSSLESS: Codec.RLE,
    syntaxes.JPEG_LOSSLESS_SV1: Codec.JPEG,
    syntaxes.JPEG_LS_LOSSLESS: Codec.JPEG_LS,
    syntaxes.JPEG_2000_LOSSLESS: Codec.JPEG_2000,
    syntaxes.HTJ2K_LOSSLESS: Codec.HTJ2K,
    syntaxes.HTJ2K_LOSSLESS_RPCL: Codec.HTJ2K,
    syntaxes.JPEG_XL_LOSSLESS: Codec.JPEG_XL,
}

DECODABLE = frozenset(DECODERS)
ENCODABLE = frozenset(ENCODERS)

_COLOURS = frozenset({"RGB", "YBR_FULL"})


def fitting(image: ImageAttributes, source: Uid) -> frozenset[Uid]:
    """The syntaxes in which frames can be encoded that are stored in `source` with these attributes."""
    if image.samples == 3:
        image = replace(image, photometric=_decoded_colours(image.photometric, source))
    return frozenset(syntax for syntax in ENCODERS if not misfit(image, syntax))


def _decoded_colours(photometric: str, source: Uid) -> str:
    """What Photometric Interpretation is once the frame is decoded."""
    codec = DECODERS.get(source)
    if codec is Codec.JPEG_XL or (codec is Codec.JPEG and syntaxes.lookup(source).lossy) or photometric in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return photometric.removesuffix("_422")


def misfit(image: ImageAttributes, syntax: Uid) -> str:
    """Why no decoded frame of such an image can be encoded in `syntax` without loss, as the rest of a sentence; nothing if it can.

    (PS3.5 8.2, tables of valid values.)
    """
    codec = ENCODERS.get(syntax)
    if codec is None:
        return "there is no encoder for that transfer syntax"
    if image.photometric == "YBR_PARTIAL":
        return "YBR_PARTIAL_422 has no name of its own once it is no longer subsampled"
    if codec is Codec.NATIVE:
        return ""
    if image.kind is not Samples.INTEGER:
        return "real numbers have no compressed form"
    if image.allocated == 1:
        return "samples of one bit have no compressed form here"
    if codec is Codec.RLE:
        return "" if image.samples * image.allocated <= 15 * 8 else "RLE Lossless has no more than 15 segments"
    if image.allocated > 32 or image.stored > 16:
        return "more than 16 bits in a sample are beyond what the encoders here do without loss"
    if image.samples not in (1, 3) or (image.samples == 3 and image.photometric not in _COLOURS):
        return "compressed frames have one sample in a pixel, or the three of RGB and YBR_FULL"
    return _particular(image, codec)


def _particular(image: ImageAttributes, codec: Codec) -> str:
    if codec in (Codec.JPEG, Codec.JPEG_LS) and image.allocated > 16:
        return "JPEG and JPEG-LS have no words of more than 16 bits"
    if codec in (Codec.JPEG, Codec.JPEG_LS, Codec.JPEG_2000) and image.stored < 2:
        return "a sample of one bit is too short for its encoder"
    if codec is Codec.JPEG_XL and image.signed:
        return "JPEG XL has no signed samples"
    if codec is Codec.JPEG_XL and image.photometric == "YBR_FULL":
        return "JPEG XL without loss has colours as RGB only"
    return ""


LIBRARIES: dict[Codec, str] = {
    Codec.NATIVE: "NumPy",
    Codec.DEFLATE: "zlib",
    Codec.RLE: "PackBits of imagecodecs",
    Codec.JPEG: "libjpeg-turbo",
    Codec.JPEG_LS: "CharLS",
    Codec.JPEG_2000: "OpenJPEG, OpenJPH",
    Codec.HTJ2K: "OpenJPH",
    Codec.JPEG_XL: "libjxl",
}
"""Who does the work, all but the first two through imagecodecs."""


def remark(syntax: syntaxes.TransferSyntax) -> str:
    """What is to be known of the syntax: why it cannot be decoded, why not encoded, or how."""
    if syntax.uid in _REMARKS:
        return _REMARKS[syntax.uid]
    if syntax.uid in ENCODERS:
        return _ENCODED[ENCODERS[syntax.uid]]
    if syntax.uid in DECODERS:
        return "Encoding would lose what was not lost before"
    if syntax.video:
        return "A video is given as the stream that it is; its frames cannot be addressed"
    if syntax.name.startswith("JPIP"):
        return "The pixels are elsewhere: nothing is fetched from addresses that an object names"
    if syntax.rewritten:
        return "Rewritten as Explicit VR Little Endian when it is stored, and decoded as that"
    if syntax.name.startswith("JPEG"):
        return "Retired in 2001; no decoder for its hierarchical or arithmetic process"
    if syntax.name.startswith("SMPTE"):
        return "For live streams (PS3.22): no pixels in the object"
    return "For objects without pixels"


_ONE_CODESTREAM = "Decoded where a codestream is one frame; not where frames are the components of one codestream"
_REMARKS = {
    syntaxes.IMPLICIT_LE: "Given as Explicit VR Little Endian",
    Uid("1.2.840.10008.1.20"): "Private, a form of Implicit VR Little Endian: kept, not decoded",
    syntaxes.ENCAPSULATED_UNCOMPRESSED: "Not encoded: Explicit VR Little Endian says the same",
    DEFLATED_FRAMES: "Not encoded: no client is known that asks for it",
    syntaxes.JPEG_LOSSLESS: "All selection values; not encoded, since .70 is the same with the one that all readers know",
    JPEG_2000_PART_2_LOSSLESS: _ONE_CODESTREAM,
    JPEG_2000_PART_2: _ONE_CODESTREAM,
    syntaxes.JPEG_XL_JPEG_RECOMPRESSION: "Decoded as the JPEG that it was, bit for bit",
}
_ENCODED = {
    Codec.NATIVE: "By pixel (Planar Configuration 0); frames with loss too, as they are decoded",
    Codec.RLE: "Up to 15 segments; bits beside Bits Stored are kept",
    Codec.JPEG: "Selection value 1, 2 to 16 bits; negative values as two's complement of all allocated bits",
    Codec.JPEG_LS: "2 to 16 bits, in words of all allocated bits; negative values as two's complement; colours by pixel",
    Codec.JPEG_2000: "2 to 16 bits, signed or not; RGB becomes YBR_RCT",
    Codec.HTJ2K: "1 to 16 bits, signed or not; RGB becomes YBR_RCT; RPCL, TLM, a tile-part for each resolution, down to 64 pixels",
    Codec.JPEG_XL: "1 to 16 bits, unsigned; RGB stays RGB",
}
