"""Pixel Data that comes as bulkdata parts: in which transfer syntax it will be stored, and what is to be said of it (PS3.18 10.5.2).

A compressed part is stored as the codestream that it is, never decoded. The Image Pixel attributes that the metadata leaves out are taken
from the codestream; what the metadata says is kept. Raises `elements.Malformed` only. Must not know: Part 10, HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.dicom import image_pixel, transfer_syntax
from app.dicom.elements import Malformed
from app.dicom.encode import PIXEL_DATA, Encapsulated
from app.dicom.window import Source
from app.dicomweb.media_types import OCTET_STREAM
from app.dicomweb.store_bulkdata import BulkdataPart
from app.model import JsonObject, Span, Uid

_TRANSFER_SYNTAX = "00020010"
_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = "00280002", "00280004", "00280006", "00280008"
_ROWS, _COLUMNS, _ALLOCATED, _STORED = "00280010", "00280011", "00280100", "00280101"
_HIGH_BIT, _REPRESENTATION, _LOSSY = "00280102", "00280103", "00282110"
_NEEDED = {
    _SAMPLES: "Samples per Pixel",
    _PHOTOMETRIC: "Photometric Interpretation",
    _ROWS: "Rows",
    _COLUMNS: "Columns",
    _ALLOCATED: "Bits Allocated",
}
_CODESTREAMS = frozenset({"image/jpeg", "image/jls", "image/jp2", "image/jpx", "image/jphc", "image/jxl"})
_STREAMS = {
    "image/dicom-rle": transfer_syntax.RLE_LOSSLESS,
    "video/mpeg": Uid("1.2.840.10008.1.2.4.100"),
    "video/mp4": Uid("1.2.840.10008.1.2.4.102"),
    "video/h265": Uid("1.2.840.10008.1.2.4.107"),
}
"""The transfer syntax of what tells nothing of itself, by PS3.18 Table 8.7.3-5, where the part names none."""

Described = tuple[JsonObject, Encapsulated | Sequence[Span]]
Derived = dict[str, tuple[str, int | str]]
"""Tag -> (VR, value)."""


def settle(dataset: JsonObject, parts: Sequence[BulkdataPart], source: Source) -> Described:
    """The data set with its Image Pixel description, and its Pixel Data. `source` holds the bytes of the parts."""
    media_type = parts[0].media_type
    # What the metadata says of itself counts only where the part says nothing: it may speak of the file that the picture was taken from.
    claimed = parts[0].transfer_syntax or (_claimed(dataset) if media_type == OCTET_STREAM else None)
    if any((part.media_type, part.transfer_syntax) != (media_type, parts[0].transfer_syntax) for part in parts):
        raise Malformed("The frames of the Pixel Data are of different media types or transfer syntaxes")
    if media_type == OCTET_STREAM and not (claimed and transfer_syntax.lookup(claimed).encapsulated):
        return _native(dataset, parts, claimed)
    syntax, codestream = _syntax(media_type, claimed, parts[0], source)
    known = transfer_syntax.lookup(syntax)
    if known.video and len(parts) > 1:
        raise Malformed("A video is one part, but several have its Content-Location")
    derived = _derived(dataset, codestream, len(parts))
    if known.lossy:
        derived[_LOSSY] = ("CS", "01")
    frames = tuple(_codestream_span(part.span, source) for part in parts)
    return _complete(dataset, derived), Encapsulated(syntax, frames, known.video)


def check_inline(dataset: JsonObject) -> None:
    """Malformed for Pixel Data within the metadata that is said to be compressed: where its frames begin and end, nothing would tell."""
    if (
        "InlineBinary" in dataset.get(PIXEL_DATA, {})
        and transfer_syntax.lookup(_claimed(dataset) or transfer_syntax.EXPLICIT_LE).encapsulated
    ):
        raise Malformed("Compressed Pixel Data must come as bulkdata parts, one for each frame")


def _claimed(dataset: JsonObject) -> str | None:
    values = dataset.get(_TRANSFER_SYNTAX, {}).get("Value", ())
    return values[0] if values and isinstance(values[0], str) else None


def _native(dataset: JsonObject, parts: Sequence[BulkdataPart], claimed: str | None) -> Described:
    if claimed and not transfer_syntax.lookup(claimed).little:
        raise Malformed("Uncompressed Pixel Data must be little endian (PS3.18 8.7.3.3)")
    dataset = _complete(dataset, _counted(len(parts)))
    sizes = [dataset[tag]["Value"][0] for tag in (_ROWS, _COLUMNS, _ALLOCATED)]
    if len(parts) > 1 and str(sizes[2]) == "1" and any(part.span.length * 8 != _product(sizes[:2]) for part in parts):
        raise Malformed("Frames of one bit for each pixel do not fill whole bytes; send the Pixel Data as one part")
    vr = "OB" if dataset[PIXEL_DATA]["vr"] == "OB" and _number(dataset, _ALLOCATED) <= 8 else "OW"  # PS3.5 A.2
    return {**dataset, PIXEL_DATA: {**dataset[PIXEL_DATA], "vr": vr}}, [part.span for part in parts]


def _product(sizes: Sequence[object]) -> int:
    rows, columns = (int(text) if (text := str(size)).isascii() and text.isdigit() else 0 for size in sizes)
    return rows * columns


def _syntax(media_type: str, claimed: str | None, part: BulkdataPart, source: Source) -> tuple[Uid, image_pixel.Codestream | None]:
    """The transfer syntax of compressed Pixel Data: the claimed one if the codestream bears it out, else what the codestream is."""
    if claimed and not transfer_syntax.is_known(claimed):
        raise Malformed("The transfer syntax of the Pixel Data is not one of PS3.6")
    if claimed and media_type not in (OCTET_STREAM, transfer_syntax.lookup(claimed).media_type.lower()):
        raise Malformed("The media type of the Pixel Data does not fit its transfer syntax (PS3.18 Table 8.7.3-5)")
    codestream = image_pixel.describe(source.read(part.span.offset, min(part.span.length, image_pixel.HEAD)))
    wanted = transfer_syntax.lookup(claimed).media_type.lower() if claimed else media_type
    if wanted in _STREAMS:
        return Uid(claimed) if claimed else _STREAMS[wanted], None
    if not claimed and media_type not in _CODESTREAMS:
        raise Malformed("No transfer syntax holds pixels of this media type: send JPEG, JPEG-LS, JPEG 2000, JPEG XL or uncompressed octets")
    if codestream is None:
        raise Malformed("The Pixel Data is not a codestream of its media type, or its head is damaged")
    if claimed:
        if Uid(claimed) not in codestream.legal:
            raise Malformed("The codestream of the Pixel Data is not in the transfer syntax that its part names")
        return Uid(claimed), codestream
    fitting = sorted(uid for uid in codestream.legal if transfer_syntax.lookup(uid).media_type == media_type)
    if not fitting:
        raise Malformed("The codestream of the Pixel Data is not of the media type that its part names")
    return codestream.transfer_syntax if codestream.transfer_syntax in fitting else fitting[0], codestream


def _counted(frames: int) -> Derived:
    return {_FRAMES: ("IS", frames)} if frames > 1 else {}


def _derived(dataset: JsonObject, codestream: image_pixel.Codestream | None, frames: int) -> Derived:
    """What the codestream says."""
    found = _counted(frames)
    if codestream is None:
        return found
    found |= {_ROWS: ("US", codestream.rows), _COLUMNS: ("US", codestream.columns)}
    if not codestream.samples:
        return found
    stored = _number(dataset, _STORED) or codestream.bits
    allocated = 8 if codestream.bits <= 8 else 16 if codestream.bits <= 16 else 32
    found |= {_SAMPLES: ("US", codestream.samples), _PHOTOMETRIC: ("CS", codestream.photometric)}
    found |= {_ALLOCATED: ("US", allocated), _STORED: ("US", stored), _HIGH_BIT: ("US", stored - 1)}
    found[_REPRESENTATION] = ("US", int(codestream.signed))
    if codestream.samples > 1:
        found[_PLANAR] = ("US", 0)
    return found


def _number(dataset: JsonObject, tag: str) -> int:
    values = dataset.get(tag, {}).get("Value", ())
    text = str(values[0]) if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _complete(dataset: JsonObject, derived: Derived) -> JsonObject:
    """The data set with what was derived, where it has nothing itself. Malformed if it still cannot be an image."""
    absent = {tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in derived.items() if not dataset.get(tag, {}).get("Value")}
    dataset = dict(sorted({**dataset, **absent}.items()))
    missing = [name for tag, name in _NEEDED.items() if not dataset.get(tag, {}).get("Value")]
    if missing:
        raise Malformed(f"The metadata lacks {', '.join(missing)}, and the Pixel Data does not tell (PS3.3 C.7.6.3)")
    return dataset


def _codestream_span(span: Span, source: Source) -> Span:
    """Without the boxes of a JP2 file."""
    if not source.read(span.offset, min(span.length, 12)).startswith(b"\0\0\0\x0cjP  "):
        return span
    codestream = image_pixel.describe(source.read(span.offset, min(span.length, image_pixel.HEAD)))
    if codestream is None:
        raise Malformed("A frame of the Pixel Data has no codestream that can be read")
    end = min(codestream.end or span.length, span.length)
    return Span(span.offset + codestream.start, end - codestream.start)
