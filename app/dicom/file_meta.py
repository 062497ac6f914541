"""The head of an outgoing file: preamble, prefix and File Meta Information (PS3.10 7.1). Must not know: how the data set is encoded."""

from __future__ import annotations

import struct

from app.dicom.part10 import MEDIA_STORAGE_SOP_CLASS, MEDIA_STORAGE_SOP_INSTANCE, TRANSFER_SYNTAX, Header
from app.dicom.vr import WIDE
from app.model import Uid

IMPLEMENTATION_CLASS = "2.25.167638710325202145414162197793846225298"
IMPLEMENTATION_VERSION = "RADIOLUCENT"
PREAMBLE = bytes(128)

_KEPT = {
    0x00020016: "AE",
    0x00020017: "AE",
    0x00020018: "AE",
    0x00020026: "UR",
    0x00020027: "UR",
    0x00020028: "UR",
    0x00020100: "UI",
    0x00020102: "OB",
}
"""What is passed on of the received File Meta Information: where it came from, and private information."""

_HARMLESS = (b"II*\0", b"MM\0*")
"""A preamble may hold a TIFF directory (PS3.10 7.1 note 3); one that holds anything else could make the file a program as well."""


def is_harmless(preamble: bytes) -> bool:
    """Whether a preamble may go out as it came in."""
    return not any(preamble) or preamble.startswith(_HARMLESS)


def head(header: Header, *, sop_class: str, sop_instance: str, transfer_syntax: Uid) -> bytes:
    """Zero preamble, DICM and File Meta Information for this instance; empty UIDs are taken from the received head."""
    values = {
        0x00020001: b"\0\1",
        MEDIA_STORAGE_SOP_CLASS: sop_class.encode("latin-1") or header.meta.get(MEDIA_STORAGE_SOP_CLASS, b""),
        MEDIA_STORAGE_SOP_INSTANCE: sop_instance.encode("latin-1") or header.meta.get(MEDIA_STORAGE_SOP_INSTANCE, b""),
        TRANSFER_SYNTAX: transfer_syntax.encode(),
        0x00020012: IMPLEMENTATION_CLASS.encode(),
        0x00020013: IMPLEMENTATION_VERSION.encode(),
    }
    vrs = dict.fromkeys(values, "UI") | {0x00020001: "OB", 0x00020013: "SH"} | _KEPT
    values |= {tag: header.meta[tag] for tag in _KEPT if tag in header.meta}
    body = b"".join(_element(tag, vrs[tag], values[tag]) for tag in sorted(values))
    return PREAMBLE + b"DICM" + _element(0x00020000, "UL", struct.pack("<L", len(body))) + body


def _element(tag: int, vr: str, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB") else b" "
    if vr in WIDE:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, len(value)) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), min(len(value), 0xFFFE)) + value[:0xFFFE]
