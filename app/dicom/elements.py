"""The walker over raw data elements (PS3.5 7): a tree of where each value lies, not of what it means.

Pure: it is given a `Source` and reads from it by offset. It steps over damage where it can; what it had to forgive is listed in
`Walked.repairs`. Depth, element count and lengths are bounded, and a value that nobody asked for is never read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from app.dicom import vr as representations
from app.dicom.repairs import Repair
from app.dicom.window import Source, Window

__all__ = ["DataSet", "Element", "Malformed", "Source", "TooMany", "Walked", "find", "number", "text", "value", "walk"]

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
LUT_DATA = 0x00283006
LUT_DESCRIPTOR = 0x00283002
PIXEL_REPRESENTATION = 0x00280103

_EXPLICIT = {True: Struct("<HH2sHL"), False: Struct(">HH2sHL")}
_IMPLICIT = {True: Struct("<HHL"), False: Struct(">HHL")}
_FRAGMENTS_AHEAD = 2048
_TEXT_LIMIT = 64 * 1024
_MANY = 1000
"""Elements of one data set from which a table of them is quicker than looking through them for each tag."""


class Malformed(ValueError):
    """Nothing sensible can be read, or a bound is exceeded. The message is fit for people and holds no value of the data set."""


class TooMany(Malformed):
    """There are more elements, items and fragments than were asked for."""


@dataclass(slots=True, eq=False)
class DataSet:
    """The elements of one data set or item, in the order found. `explicit` and `little` tell how its values are encoded.

    `sound`, set on the outermost only: the bytes keep to PS3.5, so that they may go out as they are.
    """

    elements: list[Element]
    explicit: bool
    little: bool
    sound: bool = True
    _last: dict[int, Element] | None = None

    def last(self) -> dict[int, Element]:
        """The last element of each tag, in the order of the file; to be asked for once the data set is complete."""
        if self._last is None:
            last: dict[int, Element] = {}
            for element in self.elements:
                last.pop(element.tag, None)
                last[element.tag] = element
            self._last = last
        return self._last


@dataclass(slots=True, eq=False)
class Element:
    """One data element: `tag` as 32 bits, `vr` resolved (never "UN" for a tag that the dictionary knows), `start` and `length` of the
    value in the Source.

    `stored_vr` is what stood in the bytes ("" in Implicit VR, or where the bytes were no VR). Values stored as "UN" are little endian
    in every transfer syntax (PS3.5 6.2.2). A sequence has `items` and no value of its own; encapsulated pixel data has `fragments`
    (offset, length of each fragment's value, the offset table item first). `undefined` marks undefined length; then `length` reaches
    up to the delimiter.
    """

    tag: int
    vr: str
    stored_vr: str
    start: int
    length: int
    undefined: bool = False
    items: list[DataSet] | None = None
    fragments: list[tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class Walked:
    """The outermost data set, the offset behind its last element, what had to be forgiven (each kind once), and the count of all
    elements, items and fragments."""

    dataset: DataSet
    end: int
    repairs: tuple[Repair, ...]
    count: int


def walk(source: Source, *, start: int, explicit: bool, little: bool, nesting: int, elements: int) -> Walked:
    """The data set that begins at `start`.

    `nesting` bounds the depth of sequences, `elements` the count of elements, items and fragments together (TooMany). Malformed if a
    bound is exceeded or the first element is none. Time and memory are linear in the count of elements, whatever the size of their values.
    """
    walker = _Walker(Window(source), nesting, elements)
    dataset, end = walker.data_set(start, source.size, explicit, little)
    if not dataset.elements and source.size - start >= 8:
        raise Malformed("The data set does not begin with a data element (PS3.5 7.1)")
    walker.settle(dataset, 0, outermost=True)
    if end < source.size:
        walker.repairs[Repair.TRAILING_BYTES] = None
    dataset.sound = not walker.repairs
    return Walked(dataset, end, tuple(walker.repairs), elements - walker.left)


def find(dataset: DataSet, tag: int) -> Element | None:
    """The element with this tag, not looking into sequences; of several the last one, which alone counts in the metadata too."""
    if len(dataset.elements) > _MANY:
        return dataset.last().get(tag)
    for element in reversed(dataset.elements):
        if element.tag == tag:
            return element
    return None


def value(source: Source, element: Element) -> bytes:
    """The bytes of the value as they are stored."""
    return source.read(element.start, element.length)


def text(source: Source, dataset: DataSet, tag: int) -> str:
    """The value as Latin-1 text without padding, "" if absent; at most 64 KiB of it. Fit for UI, CS, DS and IS: ASCII."""
    element = find(dataset, tag)
    if element is None or element.items is not None or element.fragments is not None:
        return ""
    return source.read(element.start, min(element.length, _TEXT_LIMIT)).decode("latin-1").strip(" \0\t\r\n")


def number(source: Source, dataset: DataSet, tag: int) -> int | None:
    """The first value of an unsigned binary element (US, UL), None if absent or empty."""
    element = find(dataset, tag)
    if element is None or element.items is not None or element.length < 2:
        return None
    width = 4 if element.length >= 4 and element.vr == "UL" else 2
    little = dataset.little or element.stored_vr == "UN"
    return int.from_bytes(source.read(element.start, width), "little" if little else "big")


@dataclass(slots=True)
class _Walker:
    window: Window
    nesting: int
    left: int
    repairs: dict[Repair, None] = field(default_factory=dict)
    unsettled: list[Element] = field(default_factory=list)

    def data_set(self, pos: int, end: int, explicit: bool, little: bool, depth: int = 0, *, undefined: bool = False) -> tuple[DataSet, int]:
        """The elements from `pos` up to `end` or, with `undefined`, the item delimiter; and where they end, delimiter included."""
        found: list[Element] = []
        dataset = DataSet(found, explicit, little)
        mark = len(self.unsettled)
        creators: dict[int, str] = {}
        window, stored = self.window, representations.STORED
        explicit_header, implicit_header = _EXPLICIT[little].unpack_from, _IMPLICIT[little].unpack_from
        while end - pos >= 8:
            at = pos - window.base
            if at < 0 or at + 12 > len(window.data):
                at = window.seek(pos, 12)
            group, element, raw_vr, narrow, length = explicit_header(window.data, at)
            tag = group << 16 | element
            if group == 0xFFFE and element in (0xE000, 0xE00D, 0xE0DD):
                if undefined:
                    if tag == ITEM_DELIMITER:
                        pos += 8
                    else:
                        self.repairs[Repair.MISSING_DELIMITER] = None
                    undefined = False
                    break
                self.repairs[Repair.STRAY_DELIMITER] = None
                self.count()
                pos += 8
                continue
            stored_vr = ""
            known = stored.get(raw_vr) if explicit else None
            if known is not None:
                stored_vr, wide = known
                start = pos + 12 if wide else pos + 8
                if not wide:
                    length = narrow
                vr = stored_vr if stored_vr != "UN" else _vr(tag, length, creators)
            else:
                if explicit:
                    start, length, stored_vr = _of_invalid_vr(pos, end, raw_vr, narrow, window.data[at + 4 : at + 12], little)
                else:
                    start, length = pos + 8, implicit_header(window.data, at)[2]
                if (not tag and not length) or not _is_sensible(tag, length, end - start, explicit):
                    break
                if explicit:
                    self.repairs[Repair.INVALID_VR] = None
                vr = _vr(tag, length, creators)
            if start > end:
                break
            self.count()
            made = Element(tag, vr, stored_vr, start, length)
            found.append(made)
            if length == UNDEFINED:
                pos = self.undefined_length(made, end, explicit and stored_vr not in ("", "UN"), little or stored_vr == "UN", depth)
            else:
                if length > end - start:
                    length = made.length = end - start
                    self.repairs[Repair.TRUNCATED] = None
                if length & 1:
                    self.repairs[Repair.ODD_LENGTH] = None
                pos = start + length
                if vr == "SQ":
                    self.defined_sequence(made, explicit, little, depth)
                elif len(vr) > 2:
                    self.unsettled.append(made)
                elif group & 1 and 0x10 <= element <= 0xFF:
                    creators[tag] = window.take(start, min(length, 64)).decode("latin-1").strip(" \0")
        if undefined:
            self.repairs[Repair.MISSING_DELIMITER] = None
        if len(self.unsettled) > mark and depth:
            self.settle(dataset, mark)
        return dataset, pos

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooMany("The data set has more elements than this server takes")

    def undefined_length(self, made: Element, end: int, explicit: bool, little: bool, depth: int) -> int:
        """Fill in the items or fragments of an element of undefined length; the offset behind its delimiter."""
        made.undefined = True
        if made.tag == PIXEL_DATA or made.vr in ("OB", "OW", "OL", "OV", "OF", "OD"):
            made.vr = made.stored_vr if made.stored_vr not in ("", "UN") else "OB"
            made.fragments, closed, pos = self.fragments(made.start, end)
        else:
            if made.vr not in ("SQ", "UN"):
                self.repairs[Repair.INVALID_VR] = None
            made.vr = "SQ"
            made.items, closed, pos = self.items(made.start, end, explicit, little, depth, undefined=True)
        if not closed:
            self.repairs[Repair.MISSING_DELIMITER] = None
        made.length = pos - made.start - (8 if closed else 0)
        return pos

    def defined_sequence(self, made: Element, explicit: bool, little: bool, depth: int) -> None:
        """Fill in the items of a sequence of defined length. Bytes that are no items make it an element of VR UN again."""
        end = made.start + made.length
        guessed = made.stored_vr == "UN" or (made.stored_vr == "" and bool(made.tag >> 16 & 1))
        before, mark = self.repairs, len(self.unsettled)
        self.repairs = {}
        in_explicit = explicit and made.stored_vr not in ("", "UN")
        items, _, pos = self.items(made.start, end, in_explicit, little or made.stored_vr == "UN", depth, undefined=False)
        if (pos != end and not items) or (guessed and (self.repairs or pos != end)):
            made.vr = "UN"
            del self.unsettled[mark:]
            self.repairs = before if guessed else before | {Repair.INVALID_SEQUENCE: None}
            return
        if pos != end:
            self.repairs[Repair.INVALID_SEQUENCE] = None
        made.items = items
        self.repairs = before | self.repairs

    def items(self, pos: int, end: int, explicit: bool, little: bool, depth: int, *, undefined: bool) -> tuple[list[DataSet], bool, int]:
        """The items from `pos`, whether a sequence delimiter closed them, and the offset behind."""
        if depth >= self.nesting:
            raise Malformed("The data set has sequences nested deeper than this server takes")
        items: list[DataSet] = []
        while end - pos >= 8:
            at = self.window.seek(pos, 12)
            group, element, length = _IMPLICIT[little].unpack_from(self.window.data, at)
            tag = group << 16 | element
            if tag == ITEM:
                item, pos = self.item(pos + 8, end, length, explicit, little, depth)
                items.append(item)
                continue
            if tag not in (SEQUENCE_DELIMITER, ITEM_DELIMITER):
                break
            pos += 8
            if tag == SEQUENCE_DELIMITER and undefined:
                return items, True, pos
            self.count()
            self.repairs[Repair.STRAY_DELIMITER] = None
        return items, False, pos

    def item(self, pos: int, end: int, length: int, explicit: bool, little: bool, depth: int) -> tuple[DataSet, int]:
        """One item whose value begins at `pos`, and the offset behind it."""
        self.count()
        if length == UNDEFINED:
            explicit = explicit or self.is_explicit(pos, end, little)
            return self.data_set(pos, end, explicit, little, depth + 1, undefined=True)
        if length > end - pos:
            self.repairs[Repair.TRUNCATED] = None
            length = end - pos
        explicit = explicit or self.is_explicit(pos, pos + length, little)
        item, stop = self.data_set(pos, pos + length, explicit, little, depth + 1)
        if stop != pos + length:
            self.repairs[Repair.INVALID_SEQUENCE] = None
        return item, pos + length

    def is_explicit(self, pos: int, end: int, little: bool) -> bool:
        """Whether an item that ought to be in Implicit VR is in Explicit VR, as some devices write below UN."""
        if end - pos < 8:
            return False
        at = self.window.seek(pos, 12)
        length = _IMPLICIT[little].unpack_from(self.window.data, at)[2]
        if self.window.data[at + 4 : at + 6] not in representations.STORED or length <= end - pos - 8:
            return False
        self.repairs[Repair.INVALID_VR] = None
        return True

    def fragments(self, pos: int, end: int) -> tuple[list[tuple[int, int]], bool, int]:
        """The values of the items of encapsulated pixel data (PS3.5 A.4), whether they are closed, and the offset behind."""
        found: list[tuple[int, int]] = []
        while end - pos >= 8:
            at = self.window.seek(pos, 8, _FRAGMENTS_AHEAD)
            group, element, length = _IMPLICIT[True].unpack_from(self.window.data, at)
            tag = group << 16 | element
            if tag == SEQUENCE_DELIMITER:
                return found, True, pos + 8
            if tag != ITEM:
                break
            self.count()
            pos += 8
            if length > end - pos:
                self.repairs[Repair.TRUNCATED] = None
                length = end - pos
            if length & 1:
                self.repairs[Repair.ODD_LENGTH] = None
            found.append((pos, length))
            pos += length
        return found, False, pos

    def settle(self, dataset: DataSet, mark: int, *, outermost: bool = False) -> None:
        """Settle the ambiguous VRs found since `mark`, by the nearest data set that has a Pixel Representation (PS3.3 C.7.6.3.1)."""
        signed = number(self.window.source, dataset, PIXEL_REPRESENTATION)
        open_still: list[Element] = []
        for element in self.unsettled[mark:]:
            if element.tag == LUT_DATA:
                element.vr = "US" if number(self.window.source, dataset, LUT_DESCRIPTOR) == 1 else "OW"
            elif signed is None and not outermost:
                open_still.append(element)
            else:
                element.vr = "SS" if signed == 1 else "US"
        self.unsettled[mark:] = open_still


def _vr(tag: int, length: int, creators: dict[int, str]) -> str:
    """The VR by the dictionaries; for OB or OW the one that PS3.5 A.1 asks for in Implicit VR, and that Explicit VR allows as well."""
    vr = representations.of_tag(tag)
    if vr:
        return "OW" if vr.endswith(" or OW") and tag != LUT_DATA else vr
    creator = creators.get(tag & 0xFFFF0000 | tag >> 8 & 0xFF) if creators else None
    if creator is None:
        return "UN"
    vr = representations.of_private_tag(tag, creator)
    return vr if vr and length % representations.UNIT.get(vr, 1) == 0 else "UN"


def _is_sensible(tag: int, length: int, room: int, explicit: bool) -> bool:
    """Whether a header without a VR may be one: its value has room, or it is a known tag of a data set that was cut off."""
    if length <= room or length == UNDEFINED:
        return not explicit or length != UNDEFINED or representations.of_tag(tag) == "SQ"
    return not explicit and (bool(tag >> 16 & 1) or representations.of_tag(tag) != "")


def _of_invalid_vr(pos: int, end: int, raw_vr: bytes, narrow: int, rest: bytes, little: bool) -> tuple[int, int, str]:
    """Start, length and stored VR of an element whose two bytes are no known VR.

    Two capital letters are a VR of a later edition, to be taken as UN (PS3.5 6.2.2); anything else is a header in Implicit VR.
    """
    order = "little" if little else "big"
    if not (raw_vr.isalpha() and raw_vr.isupper()):
        return pos + 8, int.from_bytes(rest[:4], order), ""  # type: ignore[arg-type]
    wide = int.from_bytes(rest[4:], order)  # type: ignore[arg-type]
    if narrow == 0 and wide <= end - pos - 12:
        return pos + 12, wide, "UN"
    return pos + 8, narrow, "UN"
