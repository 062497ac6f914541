"""The DICOM JSON Model of a data set (PS3.18 Annex F), encoded from its raw data elements, once, when it is stored.

Knows the tree of elements and where each value lies; big values are never read. It never raises for what stands in a data set: what
cannot be converted is kept as text or bytes and listed. Must not know: who asks, URLs of the service, the index.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass, field
from itertools import islice

from app.dicom.charset import DEFAULT_REPERTOIRE, Repertoire, repertoire
from app.dicom.elements import DataSet, Element, Source, text
from app.dicom.window import Window
from app.dicomweb import json_text
from app.dicomweb.json_values import CONVERTERS
from app.dicomweb.media_types import OCTET_STREAM
from app.model import BASE_MARK, Bulkdata, JsonObject, Span, Uid

_SPECIFIC_CHARACTER_SET = 0x00080005
_ENCAPSULATED_DOCUMENT = 0x00420011
_MIME_TYPE_OF_ENCAPSULATED_DOCUMENT = 0x00420012
_DATA_SET_TRAILING_PADDING = 0xFFFCFFFC
_LEFT_OUT = frozenset({0x0002, 0xFFFE})
"""Groups of File Meta Information and of items."""
_AVAILABLE_TRANSFER_SYNTAX = "00083002"
_PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_LOOKUP_TABLES = frozenset({0x00281201, 0x00281202, 0x00281203, 0x00281221, 0x00281222, 0x00281223, 0x00283006})

_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_BULK_TEXT = frozenset({"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"})
"""Beside the binary ones, the VRs that may be given by BulkDataURI (PS3.18 F.2.2)."""

INLINE_BINARY = 1024
"""Binary values up to this many bytes are inline (overlays of that size are read inline by viewers, PS3.18 leaves the choice to us)."""
INLINE_LOOKUP_TABLE = 4096
"""Palettes and LUTs up to this many bytes are inline: viewers need them before the first image, and some read nothing else."""
INLINE_TEXT = 4096
"""Text and numbers up to this many bytes are inline; what is longer (contours, curves) would swell the metadata of each opening."""
INLINE_SHORT = 65534
"""No value of the remaining VRs can be longer in Explicit VR, where it goes out as UN (PS3.18 8.7.3); so too here."""
INLINE_TOTAL = 128 * 1024 * 1024
"""What one object may hold inline, in bytes, each value counting INLINE_TINY more for what it takes in memory: beyond, only tiny values
are inline, so that no object makes metadata that fills the memory."""
INLINE_TINY = 32

_AT_ONCE = 5000
"""Members that are written at a time."""

_MARK = BASE_MARK.decode("ascii")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII)
_ACTIVE = re.compile(r"html|svg|script|multipart|message")
"""What a browser would run, or take apart, in our name: never a media type that somebody else may choose for our answers."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A data set as DICOM JSON. `text` is UTF-8, compact, keys ascending, the same for the same input; `object` is the same parsed.

    `bulkdata` has one entry for each BulkDataURI, in the order of the file; `invalid` the paths (as `Bulkdata.path`) of elements whose
    value is not what its VR demands.
    """

    object: JsonObject
    text: bytes
    bulkdata: tuple[Bulkdata, ...]
    invalid: tuple[str, ...]


def encode(source: Source, dataset: DataSet, *, bulkdata_root: str, transfer_syntax: Uid) -> Encoded:
    """The metadata of the object whose tree is `dataset`, with spans into `source`.

    `bulkdata_root` is the path of the instance below the base URL; a BulkDataURI is BASE_MARK + bulkdata_root + "/bulkdata/" + path.
    Available Transfer Syntax UID (0008,3002) is `transfer_syntax`. Of elements with the same tag the last one counts, as in the readers
    that viewers use. Group lengths, File Meta Information and trailing padding are left out. Binary values are given as stored.
    """
    run = _Run(Window(source), f"{_MARK}{bulkdata_root}/bulkdata/")
    encoded = _data_set(run, dataset, "", DEFAULT_REPERTOIRE)
    encoded[_AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [transfer_syntax]}
    encoded = {key: encoded[key] for key in sorted(encoded)}
    bulkdata = tuple(each for each in run.bulkdata if each.path != _AVAILABLE_TRANSFER_SYNTAX)
    written = _text(encoded)
    if bulkdata:
        # No value can hold this: within a JSON string its quotes would be escaped.
        written = written.replace(b'"BulkDataURI":"\\u0001', b'"BulkDataURI":"' + BASE_MARK)
    return Encoded(encoded, written, bulkdata, tuple(run.invalid))


@dataclass(slots=True)
class _Run:
    """What one encoding gathers. Values are read in the order of the file, so one window saves a read for each of them."""

    window: Window
    root: str
    bulkdata: list[Bulkdata] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    room: int = INLINE_TOTAL


def _data_set(run: _Run, dataset: DataSet, path: str, inherited: Repertoire) -> JsonObject:
    elements, ascending = _distinct(dataset)
    active = _repertoire(run, elements, inherited)
    encoded: JsonObject = {}
    window, little = run.window, dataset.little
    for element in elements:
        tag, vr, length = element.tag, element.vr, element.length
        group = tag >> 16
        if not tag & 0xFFFF or group in _LEFT_OUT or tag == _DATA_SET_TRAILING_PADDING:
            continue
        key = f"{tag:08X}"
        if element.items is not None:
            encoded[key] = _sequence(run, element.items, path + key, active)
        elif vr not in CONVERTERS or element.fragments is not None or (tag in _PIXEL_DATA and not path):
            encoded[key] = _binary(run, dataset, element, path + key, top=not path)
        elif not length:
            encoded[key] = {"vr": vr}
        elif length > INLINE_TEXT or run.room < length:
            encoded[key] = _long(run, dataset, element, path + key, active)
        else:
            raw = window.data[at : at + length] if 0 <= (at := element.start - window.base) <= len(window.data) - length else None
            values, sound = CONVERTERS[vr](raw or window.take(element.start, length), little or element.stored_vr == "UN", active)
            run.room -= length + INLINE_TINY * len(values)
            if not sound:
                run.invalid.append(path + key)
            encoded[key] = {"vr": vr, "Value": values} if values else {"vr": vr}
    return encoded if ascending else {key: encoded[key] for key in sorted(encoded)}


def _text(encoded: JsonObject) -> bytes:
    """Written piece by piece: the encoder lets nobody else do anything until it comes to its end."""
    if len(encoded) <= _AT_ONCE:
        return json_text.text(encoded)
    members = iter(encoded.items())
    pieces: list[bytes] = []
    while some := dict(islice(members, _AT_ONCE)):
        pieces.append(json_text.text(some)[1:-1])
    return b"{" + b",".join(pieces) + b"}"


def _distinct(dataset: DataSet) -> tuple[list[Element], bool]:
    """The last element of each tag in the order of the file, and whether that is also the order of tags."""
    previous = -1
    for element in dataset.elements:
        if element.tag <= previous:
            return list(dataset.last().values()), False
        previous = element.tag
    return dataset.elements, True


def _repertoire(run: _Run, elements: list[Element], inherited: Repertoire) -> Repertoire:
    for element in elements:
        if element.tag == _SPECIFIC_CHARACTER_SET:
            # An empty one declares the default repertoire. Not read through the window, which has not come that far.
            return repertoire(run.window.source.read(element.start, min(element.length, 1024)))
    return inherited


def _sequence(run: _Run, items: list[DataSet], path: str, active: Repertoire) -> JsonObject:
    if not items:
        return {"vr": "SQ"}
    return {"vr": "SQ", "Value": [_data_set(run, item, f"{path}/{number}/", active) for number, item in enumerate(items, 1)]}


def _value(run: _Run, dataset: DataSet, element: Element, path: str, active: Repertoire) -> JsonObject:
    vr, length = element.vr, element.length
    # What was sent as UN is little endian whatever the transfer syntax (PS3.5 6.2.2).
    little = dataset.little or element.stored_vr == "UN"
    values, sound = CONVERTERS[vr](run.window.take(element.start, length), little, active)
    run.room -= length + INLINE_TINY * len(values)
    if not sound:
        run.invalid.append(path)
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _long(run: _Run, dataset: DataSet, element: Element, path: str, active: Repertoire) -> JsonObject:
    """A value above the threshold, or any value when there is no room left."""
    length = element.length
    tiny = length <= INLINE_TINY
    if not tiny and element.vr in _BULK_TEXT:
        return _by_reference(run, element, path, element.vr)
    if tiny or (length <= INLINE_SHORT and length <= run.room):
        return _value(run, dataset, element, path, active)
    run.invalid.append(path)
    return _by_reference(run, element, path, "UN")


def _binary(run: _Run, dataset: DataSet, element: Element, path: str, *, top: bool) -> JsonObject:
    if element.fragments is not None:
        return _encapsulated(run, element, path)
    if element.vr == "SQ" and not element.length:
        return {"vr": "SQ"}
    vr = element.vr if element.vr in _BINARY else "UN"
    if element.vr != vr:
        run.invalid.append(path)
    if not element.length:
        return {"vr": vr}
    allowed = INLINE_LOOKUP_TABLE if element.tag in _LOOKUP_TABLES else INLINE_BINARY
    if (element.tag in _PIXEL_DATA and top) or element.length > min(allowed, max(run.room, INLINE_TINY)):
        return _by_reference(run, element, path, vr, _media_type(run, dataset, element))
    run.room -= element.length
    inline = b2a_base64(run.window.take(element.start, element.length), newline=False).decode("ascii")
    return {"vr": vr, "InlineBinary": inline}


def _encapsulated(run: _Run, element: Element, path: str) -> JsonObject:
    """Encapsulated pixel data is OB always (PS3.5 A.4); the span is that of its items, the offset table's with them."""
    if not element.fragments:
        return {"vr": "OB"}
    offset, length = element.fragments[-1]
    start = element.fragments[0][0] - 8
    run.bulkdata.append(Bulkdata(path, "OB", Span(start, offset + length - start), encapsulated=True))
    return {"vr": "OB", "BulkDataURI": run.root + path}


def _by_reference(run: _Run, element: Element, path: str, vr: str, media_type: str = OCTET_STREAM) -> JsonObject:
    run.bulkdata.append(Bulkdata(path, vr, Span(element.start, element.length), media_type))
    return {"vr": vr, "BulkDataURI": run.root + path}


def _media_type(run: _Run, dataset: DataSet, element: Element) -> str:
    """Of an Encapsulated Document what its data set says (PS3.18 8.7.3), if that is a media type at all; else octets."""
    if element.tag != _ENCAPSULATED_DOCUMENT:
        return OCTET_STREAM
    said = text(run.window.source, dataset, _MIME_TYPE_OF_ENCAPSULATED_DOCUMENT).lower()
    return said if _MEDIA_TYPE.fullmatch(said) is not None and _ACTIVE.search(said) is None else OCTET_STREAM
