"""A file with its Pixel Data in another transfer syntax: what goes before the frames, between them, and behind (PS3.5 A.4, PS3.10 7.1).

Changed is what is no longer true, and nothing else: Transfer Syntax UID and group length in group 0002, Photometric Interpretation and
Planar Configuration where the samples are others now, the Extended Offset Table and retired group lengths, which are left out, and the
mark of lossy compression, which is set where it was missing. All other bytes stay. Must not know: how frames are decoded or encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct, pack

from app.dicom import transfer_syntax
from app.dicom.frames import EXTENDED_LENGTHS, EXTENDED_OFFSETS
from app.dicom.outermost import Place
from app.dicom.part10 import GROUP_LENGTH, TRANSFER_SYNTAX
from app.dicom.picture import ImageAttributes
from app.model import Span, Uid

LOSSY_COMPRESSION = 0x00282110
LONGEST_VALUE = 0xFFFFFFFE
"""Bytes of one native value, at most (PS3.5 7.1.1)."""

SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

_PHOTOMETRIC, _PLANAR = 0x00280004, 0x00280006
_UNTRUE = (0x00280000, 0x7FE00000, EXTENDED_OFFSETS, EXTENDED_LENGTHS)
_NARROW = Struct("<HH2sH")
_PIXELS = Struct("<HH2sHL")
_ITEM = Struct("<4sL")
_ITEM_TAG = b"\xfe\xff\x00\xe0"


def native_bits(image: ImageAttributes) -> int:
    """The bits of one frame in native form."""
    return image.rows * image.columns * image.samples * image.allocated


def before(
    places: Sequence[Place], pixels: Place, was: ImageAttributes, now: ImageAttributes, to: Uid, *, lossy: bool
) -> tuple[bytes | Span, ...]:
    """The file up to the first frame: literal bytes, and Spans of the file as it is.

    `was` and `now` tell the samples before and after; `lossy`: lossy compression has to be marked. Native Pixel Data holds
    `now.frames` frames; an encapsulated one begins with an empty Basic Offset Table, each frame being one fragment.
    """
    changed: dict[int, bytes | None] = dict.fromkeys(_UNTRUE)
    changed[TRANSFER_SYNTAX] = _element(TRANSFER_SYNTAX, b"UI", to.encode() + bytes(len(to) % 2))
    if now.photometric != was.photometric:
        text = now.photometric.encode()
        changed[_PHOTOMETRIC] = _element(_PHOTOMETRIC, b"CS", text + b" " * (len(text) % 2))
    if now.samples > 1 and now.planar != was.planar:
        changed[_PLANAR] = _element(_PLANAR, b"US", pack("<H", now.planar))
    if lossy:
        changed[LOSSY_COMPRESSION] = _element(LOSSY_COMPRESSION, b"CS", b"01")
    changed |= _group_length(places, pixels, changed)
    return (*_edited(places, pixels.start, changed), _opening(now, to))


def item(frame: bytes) -> bytes:
    """The header of a fragment that holds this frame."""
    return _ITEM.pack(_ITEM_TAG, len(frame) + len(frame) % 2)


def padded(frame: bytes) -> bytes:
    """A fragment has an even length (PS3.5 A.4)."""
    return frame + b"\0" if len(frame) % 2 else frame


def native_length(image: ImageAttributes) -> int:
    """The bytes of the whole native value, padded to an even length."""
    size = -(-native_bits(image) * image.frames // 8)
    return size + size % 2


class Packed:
    """Frames of native Pixel Data follow one another without a gap, also where a frame of single bits ends within a byte (PS3.5 8.1.1)."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._rest = self._count = 0

    def feed(self, frame: bytes) -> bytes:
        """The bytes that are complete with this frame, which begins on a byte of its own."""
        if not self._bits % 8:
            return frame
        value = (int.from_bytes(frame, "little") & (1 << self._bits) - 1) << self._count | self._rest
        whole, self._count = divmod(self._count + self._bits, 8)
        data = value.to_bytes(whole + 1, "little")
        self._rest = data[whole]
        return data[:whole]

    def close(self) -> bytes:
        return bytes([self._rest]) if self._count else b""


def _opening(image: ImageAttributes, to: Uid) -> bytes:
    if transfer_syntax.lookup(to).encapsulated:
        return _PIXELS.pack(0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + item(b"")
    return _PIXELS.pack(0x7FE0, 0x0010, b"OW" if image.allocated > 8 else b"OB", 0, native_length(image))


def _group_length(places: Sequence[Place], pixels: Place, changed: Mapping[int, bytes | None]) -> dict[int, bytes | None]:
    """The group length of the File Meta Information as it is with these changes; none if the file has none."""
    heads = [place for place in places if place.tag >> 16 == 2]
    if not heads or heads[0].tag != GROUP_LENGTH:
        return {}
    end = next((place.start for place in places if place.tag >> 16 != 2), pixels.start)
    first = heads[0].value + heads[0].length
    pieces = _edited(heads[1:], end, {TRANSFER_SYNTAX: changed[TRANSFER_SYNTAX]}, first)
    length = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
    return {GROUP_LENGTH: _element(GROUP_LENGTH, b"UL", pack("<L", length))}


def _edited(places: Sequence[Place], end: int, changed: Mapping[int, bytes | None], at: int = 0) -> Iterator[bytes | Span]:
    """The bytes from `at` to `end` with these elements in place of the old ones, or None of them; new ones in the order of tags."""
    new = {tag: data for tag, data in changed.items() if data is not None and all(place.tag != tag for place in places)}
    for index, place in enumerate(places):
        due = sorted(tag for tag in new if tag < place.tag)
        if due or place.tag in changed:
            if place.start > at:
                yield Span(at, place.start - at)
            at = place.start
        for tag in due:
            yield new.pop(tag)
        if place.tag in changed:
            yield changed[place.tag] or b""
            at = places[index + 1].start if index + 1 < len(places) else end
    if end > at:
        yield Span(at, end - at)
    for tag in sorted(new):
        yield new[tag]


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    return _NARROW.pack(tag >> 16, tag & 0xFFFF, vr, len(value)) + value
