"""Data elements written byte by byte, for what pydicom would not write."""

from __future__ import annotations

import struct

from app.dicom import elements, part10
from tests.builders import MemorySource

WIDE = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UN", "UT", "UC", "UR", "SV", "UV"}
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = 0xFFFFFFFF


def explicit(tag: int, vr: str, value: bytes = b"", length: int | None = None, *, order: str = "<") -> bytes:
    size = len(value) if length is None else length
    if vr in WIDE:
        return struct.pack(f"{order}HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, size) + value
    return struct.pack(f"{order}HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), size) + value


def implicit(tag: int, value: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(value: bytes, length: int | None = None) -> bytes:
    return implicit(0xFFFEE000, value, length)


UIDS = explicit(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0") + explicit(0x00080018, "UI", b"1.2.3.4\0")


def meta(transfer_syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    body = explicit(0x00020001, "OB", b"\0\1") + explicit(0x00020002, "UI", b"1.2.840.10008.5.1.4.1.1.7\0")
    body += explicit(0x00020003, "UI", b"1.2.3.4\0") + explicit(0x00020010, "UI", transfer_syntax)
    return explicit(0x00020000, "UL", struct.pack("<L", len(body))) + body


def file(dataset: bytes, transfer_syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    return bytes(128) + b"DICM" + meta(transfer_syntax) + dataset


def walk(data: bytes, *, is_explicit: bool = True, little: bool = True, nesting: int = 64, count: int = 10_000) -> elements.Walked:
    return elements.walk(MemorySource(data), start=0, explicit=is_explicit, little=little, nesting=nesting, elements=count)


def header(data: bytes) -> part10.Header:
    return part10.read_header(MemorySource(data))
