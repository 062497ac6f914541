"""Where the elements of the outermost data set lie, found as the bytes of an outgoing file stream by (PS3.5 7.1, PS3.10 7.1).

For files that go out, which are Explicit VR Little Endian and sound (`explicit.pieces`, `Form`): no damage is forgiven. Values are stepped
over and never held; of sequences of undefined length the items are walked, for nothing else tells where they end. Must not know: what
values mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from app.dicom.elements import ITEM, ITEM_DELIMITER, PIXEL_DATA, SEQUENCE_DELIMITER, UNDEFINED, Malformed
from app.dicom.vr import STORED

_EXPLICIT = Struct("<HH2sHL")
_IMPLICIT = Struct("<HHL")
_LONGEST = 12
_PREAMBLE = 132
_DEPTH = 1024


@dataclass(frozen=True, slots=True)
class Place:
    """An element: `start` of its header, `value` the start of its value, `length` of that (UNDEFINED if it is), from the file's start."""

    tag: int
    vr: str
    start: int
    value: int
    length: int


class Outermost:
    """Fed a file from its first byte on. `places` are the elements before Pixel Data, group 0002 included; `pixels` is Pixel Data."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.pixels: Place | None = None
        self._held = b""
        self._base = 0
        self._skip = _PREAMBLE
        # What is open: (between the items of a sequence?, explicit?). The outermost data set is never closed.
        self._open: list[tuple[bool, bool]] = [(False, True)]

    def feed(self, chunk: bytes) -> bool:
        """Whether the header of Pixel Data was found; then nothing more is needed. Malformed."""
        data = self._held + chunk if self._held else chunk
        at, end = 0, len(data)
        while self.pixels is None:
            if self._skip:
                step = min(self._skip, end - at)
                at += step
                self._skip -= step
                if self._skip:
                    break
            if end - at < _LONGEST:  # Pixel Data follows, whose header alone is as long
                break
            at += self._items(data, at) if self._open[-1][0] else self._element(data, at)
        self._held = data[at:]
        self._base += at
        return self.pixels is not None

    def _items(self, data: bytes, at: int) -> int:
        group, element, length = _IMPLICIT.unpack_from(data, at)
        tag = group << 16 | element
        if tag == SEQUENCE_DELIMITER:
            self._open.pop()
        elif tag != ITEM:
            raise Malformed("A sequence holds something that is no item (PS3.5 7.5)")
        elif length == UNDEFINED:
            self._descend(between_items=False, explicit=self._open[-1][1])
        else:
            self._skip = length
        return _IMPLICIT.size

    def _element(self, data: bytes, at: int) -> int:
        explicit = self._open[-1][1]
        group, element, raw_vr, narrow, length = _EXPLICIT.unpack_from(data, at)
        tag = group << 16 | element
        if tag == ITEM_DELIMITER and len(self._open) > 1:
            self._open.pop()
            return _IMPLICIT.size
        vr, size = "", _IMPLICIT.size
        if explicit:
            if raw_vr not in STORED:
                raise Malformed("An element has no VR that PS3.5 6.2 knows")
            vr, wide = STORED[raw_vr]
            size, length = (12, length) if wide else (8, narrow)
        else:
            length = _IMPLICIT.unpack_from(data, at)[2]
        if len(self._open) == 1:
            start = self._base + at
            place = Place(tag, vr, start, start + size, length)
            if tag == PIXEL_DATA:
                self.pixels = place
                return size
            self.places.append(place)
        if length == UNDEFINED:
            # What is stored as UN is implicit inside (PS3.5 6.2.2 note 6).
            self._descend(between_items=True, explicit=explicit and vr != "UN")
        else:
            self._skip = length
        return size

    def _descend(self, *, between_items: bool, explicit: bool) -> None:
        if len(self._open) >= _DEPTH:
            raise Malformed("Sequences are nested too deeply")
        self._open.append((between_items, explicit))
