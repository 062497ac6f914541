"""A DICOM JSON object as a Part 10 file (PS3.10 7.1, PS3.18 10.5): literal bytes, and Spans of values that lie elsewhere.

Explicit VR Little Endian, or the syntax of the encapsulated frames that come with it. `dataset` is as `dicom_json_reader` makes it.
Raises `Malformed` only, with a sentence that names the tag and holds no value. Must not know: where the Spans lie, JSON text, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from app.dicom import encode_values, file_meta
from app.dicom.charset import repertoire
from app.dicom.elements import Malformed
from app.dicom.part10 import Header
from app.dicom.transfer_syntax import EXPLICIT_LE
from app.dicom.vr import WIDE, ZERO_PADDED
from app.model import JsonObject, Span, Uid

PIXEL_DATA = "7FE00010"
CHARACTER_SET = "00080005"
AVAILABLE_TRANSFER_SYNTAX = "00083002"
UTF_8 = "ISO_IR 192"

_OFFSET_TABLES = frozenset({"7FE00001", "7FE00002"})
"""They tell of fragments as they lay in another file."""

_WITH_ESCAPES = frozenset({"euc_kr", "gb2312", "shift_jis"})
"""Codecs of repertoires that cannot be written without escape sequences, or (ISO IR 13) not by this codec alone."""

_LONGEST = 0xFFFFFFFE
_NARROW_LIMIT = 65534
_NARROW = Struct("<HH2sH")
_WIDE = Struct("<HH2sHL")
_ITEM_HEAD = Struct("<4sL")
_ITEM = b"\xfe\xff\x00\xe0"
_ITEM_OPEN = _ITEM + b"\xff\xff\xff\xff"
_ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

Piece = bytes | Span
Resolve = Callable[[str, str], Span]
"""(tag, BulkDataURI) -> where its value lies; Malformed if nowhere."""


@dataclass(frozen=True, slots=True)
class Encapsulated:
    """Compressed Pixel Data: one Span for each frame, or one for a whole video."""

    transfer_syntax: Uid
    frames: tuple[Span, ...]
    video: bool = False


def encode(dataset: JsonObject, resolve: Resolve, pixels: Encapsulated | Sequence[Span] | None = None) -> list[Piece]:
    """The file in pieces. `pixels` stands in for the BulkDataURI of the outermost Pixel Data: encapsulated, or native frames in a row."""
    syntax = pixels.transfer_syntax if isinstance(pixels, Encapsulated) else EXPLICIT_LE
    header = Header(None, {}, syntax, 0, ())
    head = file_meta.head(header, sop_class=_uid(dataset, "00080016"), sop_instance=_uid(dataset, "00080018"), transfer_syntax=syntax)
    for declared, codec in _repertoires(dataset):
        try:
            return _merged(head, _Writing(codec, declared, resolve, pixels).data_set(dataset, top=True))
        except UnicodeEncodeError:
            continue
    raise Malformed("The text of the data set is in no character repertoire")


def _repertoires(dataset: JsonObject) -> Iterator[tuple[str, str]]:
    """Specific Character Set and codec to try in turn: ASCII under any declaration, the declared one, at last UTF-8.

    DICOM JSON is UTF-8 whatever (0008,0005) says (PS3.18 F.2.2): the declaration is kept as long as it can hold the text.
    """
    yield "", "ascii"
    values = dataset.get(CHARACTER_SET, {}).get("Value", ())
    if len(values) == 1 and isinstance(values[0], str):
        codec = repertoire(values[0].encode("utf-8", "replace")).codec
        if codec and codec not in _WITH_ESCAPES:
            yield values[0], codec
    yield UTF_8, "utf_8"


def _uid(dataset: JsonObject, tag: str) -> str:
    values = dataset.get(tag, {}).get("Value", ())
    text = values[0] if values and isinstance(values[0], str) else ""
    return text.strip()[:64] if text.isascii() else ""


@dataclass(frozen=True, slots=True)
class _Writing:
    """One try; `declared` "" leaves Specific Character Set as it stands."""

    codec: str
    declared: str
    resolve: Resolve
    pixels: Encapsulated | Sequence[Span] | None

    def data_set(self, dataset: JsonObject, *, top: bool = False) -> Iterator[Piece]:
        if self.declared and (top or CHARACTER_SET in dataset):
            dataset = dict(sorted({**dataset, CHARACTER_SET: {"vr": "CS", "Value": [self.declared]}}.items()))
        for tag, attribute in dataset.items():
            if tag[:4] in ("0000", "0002", "FFFE", "FFFC") or tag[4:] == "0000" or tag == AVAILABLE_TRANSFER_SYNTAX:
                continue
            if top and self.pixels is not None and tag in _OFFSET_TABLES:
                continue
            if tag == PIXEL_DATA and top and self.pixels is not None:
                yield from self.pixel_data(attribute["vr"], self.pixels)
            elif attribute["vr"] == "SQ":
                yield from self.sequence(tag, attribute)
            else:
                yield from self.element(tag, attribute)

    def pixel_data(self, vr: str, pixels: Encapsulated | Sequence[Span]) -> Iterator[Piece]:
        if isinstance(pixels, Encapsulated):
            yield _header(PIXEL_DATA, "OB", 0xFFFFFFFF)
            yield from _fragments(pixels)
            yield _SEQUENCE_END
        else:
            length = sum(span.length for span in pixels)
            yield _header(PIXEL_DATA, vr, length + length % 2)
            yield from pixels
            yield bytes(length % 2)

    def sequence(self, tag: str, attribute: JsonObject) -> Iterator[Piece]:
        if "Value" not in attribute:
            if len(attribute) > 1:
                raise Malformed(f"The sequence {shown(tag)} is not given by its items")
            yield _header(tag, "SQ", 0)
            return
        yield _header(tag, "SQ", 0xFFFFFFFF)
        for item in attribute["Value"]:
            yield _ITEM_OPEN
            yield from self.data_set(item)
            yield _ITEM_END
        yield _SEQUENCE_END

    def element(self, tag: str, attribute: JsonObject) -> Iterator[Piece]:
        vr = attribute["vr"]
        value = self.value(tag, attribute)
        length = value.length if isinstance(value, Span) else len(value)
        yield _header(tag, vr, length + length % 2)
        yield value
        if length % 2:
            yield b"\0" if vr in ZERO_PADDED else b" "

    def value(self, tag: str, attribute: JsonObject) -> Piece:
        try:
            if "BulkDataURI" in attribute:
                return self.resolve(tag, attribute["BulkDataURI"])
            if "InlineBinary" in attribute:
                return encode_values.inline(attribute["InlineBinary"])
            if "Value" not in attribute:
                return b""
            if attribute["vr"] not in encode_values.ENCODERS:
                raise Malformed("Unknown content has no values of its own, only bytes")
            return encode_values.value(attribute["vr"], attribute["Value"], self.codec)
        except Malformed as error:
            raise Malformed(f"The attribute {shown(tag)} cannot be stored: {error}") from None


def _fragments(pixels: Encapsulated) -> Iterator[Piece]:
    """Basic Offset Table and one fragment for each frame (PS3.5 A.4); the table is empty where 32 bits do not reach, and for video."""
    offsets, at = [], 0
    for frame in pixels.frames:
        if not 0 < frame.length <= _LONGEST - 1:
            raise Malformed("A compressed frame is empty or does not fit into one fragment (PS3.5 A.4)")
        offsets.append(at)
        at += 8 + frame.length + frame.length % 2
    table = b"" if pixels.video or offsets[-1] > 0xFFFFFFFF else Struct(f"<{len(offsets)}L").pack(*offsets)
    yield _ITEM_HEAD.pack(_ITEM, len(table)) + table
    for frame in pixels.frames:
        yield _ITEM_HEAD.pack(_ITEM, frame.length + frame.length % 2)
        yield frame
        yield bytes(frame.length % 2)


def _header(tag: str, vr: str, length: int) -> bytes:
    if length > _LONGEST and length != 0xFFFFFFFF:
        raise Malformed(f"The value of {shown(tag)} is longer than an element can be (PS3.5 7.1)")
    if vr not in WIDE and length > _NARROW_LIMIT:
        vr = "UN"
    number = int(tag, 16)
    if vr in WIDE:
        return _WIDE.pack(number >> 16, number & 0xFFFF, vr.encode(), 0, length)
    return _NARROW.pack(number >> 16, number & 0xFFFF, vr.encode(), length)


def shown(tag: str) -> str:
    """The tag as the standard writes it: (gggg,eeee)."""
    return f"({tag[:4]},{tag[4:]})"


def _merged(head: bytes, pieces: Iterator[Piece]) -> list[Piece]:
    found: list[Piece] = []
    literal = bytearray(head)
    for piece in pieces:
        if isinstance(piece, bytes):
            literal += piece
            continue
        if literal:
            found.append(bytes(literal))
            literal.clear()
        found.append(piece)
    if literal:
        found.append(bytes(literal))
    return found
