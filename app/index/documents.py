"""How the long values of an instance are written into the database and read back: compact, exact, without a schema of their own.

Pure: knows no SQL. Form and bulkdata are JSON (bytes as Latin-1 text), the frame table is a fixed head and its entries.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence

from app.model import Bulkdata, Form, FrameTable, Span, Uid

_FRAMES = struct.Struct(">QQQBB")


def write_form(form: Form) -> bytes:
    pieces = [[piece.offset, piece.length] if isinstance(piece, Span) else piece.decode("latin-1") for piece in form.pieces]
    return _dump([form.key, form.transfer_syntax, form.length, pieces])


def read_form(stored: bytes) -> Form:
    key, transfer_syntax, length, pieces = json.loads(stored)
    return Form(key, Uid(transfer_syntax), length, tuple(p.encode("latin-1") if isinstance(p, str) else Span(p[0], p[1]) for p in pieces))


def write_frames(frames: FrameTable) -> bytes:
    return _FRAMES.pack(frames.count, frames.start, frames.bits, frames.fragmented, frames.video) + frames.entries


def read_frames(stored: bytes) -> FrameTable:
    count, start, bits, fragmented, video = _FRAMES.unpack_from(stored)
    return FrameTable(count, start, bits, stored[_FRAMES.size :], bool(fragmented), bool(video))


def write_bulkdata(bulkdata: Sequence[Bulkdata]) -> bytes:
    if not bulkdata:
        return b""
    return _dump([[b.path, b.vr, b.span.offset, b.span.length, b.media_type, b.encapsulated] for b in bulkdata])


def read_bulkdata(stored: bytes) -> tuple[Bulkdata, ...]:
    if not stored:
        return ()
    rows = json.loads(stored)
    return tuple(
        Bulkdata(path, vr, Span(offset, length), media_type, encapsulated) for path, vr, offset, length, media_type, encapsulated in rows
    )


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
