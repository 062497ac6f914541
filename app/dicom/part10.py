"""The head of a DICOM file (PS3.10 7.1): preamble, File Meta Information, and which transfer syntax the data set is really in.

Accepts what the field sends; what it had to forgive stands in `Header.repairs`. Must not know: what the data set holds.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from

from app.dicom import foreign, transfer_syntax, uid, vr
from app.dicom.elements import DataSet, text
from app.dicom.repairs import Repair
from app.dicom.window import Memory, Source, Window
from app.model import Uid

GROUP_LENGTH = 0x00020000
MEDIA_STORAGE_SOP_CLASS = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE = 0x00020003
TRANSFER_SYNTAX = 0x00020010

_META_BYTES = 1024 * 1024
_META_ELEMENTS = 256
_PROBE = 4096


class NotDicom(ValueError):
    """The bytes are no DICOM object. The message says what they seem to be, and holds none of them."""


@dataclass(frozen=True, slots=True)
class Header:
    """`preamble` None if absent; `meta` tag -> raw value; `transfer_syntax` the effective one, after looking at the data set's first
    element; `offset` of the data set's first byte; `repairs` each kind once."""

    preamble: bytes | None
    meta: dict[int, bytes]
    transfer_syntax: Uid
    offset: int
    repairs: tuple[Repair, ...]

    def text(self, tag: int) -> str:
        """A UID of the File Meta Information as text, "" if absent."""
        return _uid_text(self.meta, tag)


def read_header(source: Source) -> Header:
    """Read up to the first byte of the data set. NotDicom, with a sentence, for anything else. Reads at most about 1 MiB."""
    window = Window(source)
    preamble, start = _preamble(window)
    repairs: dict[Repair, None] = {} if preamble is not None else {Repair.NO_PREAMBLE: None}
    meta, offset = _file_meta(window, start, repairs)
    claimed = _uid_text(meta, TRANSFER_SYNTAX)
    if not start and not meta and not _is_first_element(window, 0):
        raise NotDicom(foreign.sentence(window.take(0, min(source.size, _PROBE))))
    effective = _effective(window, offset, claimed if uid.is_valid(claimed) else "", repairs, marked=start > 0)
    return Header(preamble, meta, effective, offset, tuple(repairs))


def mismatch(source: Source, header: Header, dataset: DataSet) -> bool:
    """Whether the UIDs of the File Meta Information are others than those of the data set (Repair.META_MISMATCH)."""
    pairs = ((MEDIA_STORAGE_SOP_CLASS, 0x00080016), (MEDIA_STORAGE_SOP_INSTANCE, 0x00080018))
    return any(header.text(tag) != text(source, dataset, twin) for tag, twin in pairs if tag in header.meta)


def _uid_text(meta: dict[int, bytes], tag: int) -> str:
    return meta.get(tag, b"").decode("latin-1").strip(" \0")


def _preamble(window: Window) -> tuple[bytes | None, int]:
    if window.source.size == 0:
        raise NotDicom("The file is empty")
    head = window.take(0, 132)
    if head[128:] == b"DICM":
        return head[:128], 132
    if head[:4] == b"DICM":
        return None, 4
    if not any(head[:128]) and window.take(128, 4)[:2] == b"\x02\0":
        return head[:128], 128
    return None, 0


def _file_meta(window: Window, start: int, repairs: dict[Repair, None]) -> tuple[dict[int, bytes], int]:
    """The elements of group 0002 from `start`, and where they end: by their tags, since group lengths are often wrong."""
    meta: dict[int, bytes] = {}
    pos = stop = start
    for tag, data, behind in _group_2(window, start, repairs):
        if tag == GROUP_LENGTH:
            stop = behind + int.from_bytes(data[:4], "little")
        meta[tag] = data
        pos = behind
        if pos == stop and _is_deflated(meta):
            break  # what follows is no element, and might look like one
    if not meta:
        repairs[Repair.NO_FILE_META] = None
        return meta, pos
    if not {MEDIA_STORAGE_SOP_CLASS, MEDIA_STORAGE_SOP_INSTANCE} <= meta.keys():
        repairs[Repair.META_INCOMPLETE] = None
    if pos != stop:
        repairs[Repair.META_LENGTH] = None
    return meta, pos


def _is_deflated(meta: dict[int, bytes]) -> bool:
    return transfer_syntax.lookup(_uid_text(meta, TRANSFER_SYNTAX)).deflated


def _group_2(window: Window, pos: int, repairs: dict[Repair, None]) -> Iterator[tuple[int, bytes, int]]:
    begin, count, size = pos, 0, window.source.size
    while size - pos >= 8:
        head = window.take(pos, 12)
        if head[:2] != b"\x02\0":
            return
        stored = vr.STORED.get(head[4:6])
        if stored is None:
            repairs[Repair.META_ENCODING] = None
            start, length = pos + 8, int.from_bytes(head[4:8], "little")
        elif stored[1]:
            start, length = pos + 12, int.from_bytes(head[8:12], "little")
        else:
            start, length = pos + 8, int.from_bytes(head[6:8], "little")
        count += 1
        pos = start + length
        if pos > size or pos - begin > _META_BYTES or count > _META_ELEMENTS:
            raise NotDicom("The File Meta Information (PS3.10 7.1) is damaged: it does not end where it should")
        yield 0x00020000 | int.from_bytes(head[2:4], "little"), window.take(start, length), pos


def _effective(window: Window, offset: int, claimed: str, repairs: dict[Repair, None], *, marked: bool) -> Uid:
    """The transfer syntax that the first element of the data set bears out; `marked` if the object says by "DICM" that it is one."""
    syntax = transfer_syntax.lookup(claimed) if claimed else None
    if syntax is None and Repair.NO_FILE_META not in repairs:
        repairs[Repair.NO_TRANSFER_SYNTAX] = None
    if claimed and not transfer_syntax.is_known(claimed):
        repairs[Repair.UNKNOWN_TRANSFER_SYNTAX] = None
    if syntax is not None and syntax.deflated and _inflated(window, offset):
        return syntax.uid
    if window.source.size - offset < 8:
        return syntax.uid if syntax is not None else transfer_syntax.IMPLICIT_LE
    if not _is_first_element(window, offset, lenient=marked and not claimed):
        if _is_first_element(Window(Memory(_inflated(window, offset))), 0):
            seen = transfer_syntax.DEFLATED_LE
        elif syntax is not None and not syntax.deflated:
            return syntax.uid
        else:
            raise NotDicom("No data set (PS3.5 7.1) follows the head of the file")
    else:
        seen = _seen(window.take(offset, 8), syntax)
    if syntax is None:
        return seen
    looks = transfer_syntax.lookup(seen)
    if (looks.explicit, looks.little, looks.deflated) == (syntax.explicit, syntax.little, syntax.deflated):
        return syntax.uid
    repairs[Repair.WRONG_TRANSFER_SYNTAX] = None
    return seen


def _seen(head: bytes, claimed: transfer_syntax.TransferSyntax | None) -> Uid:
    """The plainest transfer syntax in which these 8 bytes begin a data set.

    The byte order is the one in which the tag has this VR; failing that, the one in which it is of group 0008, with which nearly all
    objects begin; failing that, the claimed one, or that of the lower group.
    """
    if head[4:6] not in vr.STORED:
        return transfer_syntax.IMPLICIT_LE
    written, low, high = head[4:6].decode(), _tag(head, "<"), _tag(head, ">")
    little = claimed.little if claimed is not None else low <= high
    for sign in (low >> 16 == 8) - (high >> 16 == 8), (written in vr.of_tag(low)) - (written in vr.of_tag(high)):
        little = little if sign == 0 else sign > 0
    return transfer_syntax.EXPLICIT_LE if little else transfer_syntax.EXPLICIT_BE


def _tag(head: bytes, order: str) -> int:
    group, element = unpack_from(f"{order}HH", head)
    return int(group << 16 | element)


def _is_first_element(window: Window, offset: int, *, lenient: bool = False) -> bool:
    """Whether a data element of one of the first groups of a data set may begin here; `lenient` takes unknown tags in Implicit VR too."""
    room = window.source.size - offset - 8
    if room < 0:
        return False
    head = window.take(offset, 8)
    groups = (int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big"))
    if head[4:6] in vr.STORED:
        return min(groups) <= 0x7FE0 and min(groups) != 0
    tag = groups[0] << 16 | int.from_bytes(head[2:4], "little")
    length = int.from_bytes(head[4:], "little")
    known = vr.of_tag(tag) or ("SQ" if lenient else "")
    return known != "" and 0 < groups[0] <= 0x7FE0 and (length <= room or (length == 0xFFFFFFFF and known == "SQ"))


def _inflated(window: Window, offset: int) -> bytes:
    """The first bytes of what may be a deflate stream; empty if it is none."""
    data = window.take(offset, min(_PROBE, window.source.size - offset))
    for bits in (-15, 15):
        try:
            found = zlib.decompressobj(bits).decompress(data, 64)
        except zlib.error:
            continue
        if _is_first_element(Window(Memory(found)), 0) or (found and bits == 15):
            return found
    return b""
