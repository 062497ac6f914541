"""Where compressed frames begin and end, told by the first and last bytes of their codestreams.

JPEG and JPEG-LS: SOI and EOI (ITU-T T.81 B.1.1.3); JPEG 2000: SOC with SIZ, and EOC (ITU-T T.800 A.4); JPEG XL: ISO/IEC 18181-1.
Must not know: what stands between.
"""

from __future__ import annotations

import re

from app.dicom import transfer_syntax as syntaxes
from app.dicom.window import WINDOW, Window
from app.model import Uid

_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  ")
_LONGEST_START = 8
_BORDER = re.compile(rb"\xff\xd9\0?(?=\xff\xd8\xff|\xff\x4f\xff\x51)")
_BORDER_LENGTH = 7
_CHUNK = 1024 * 1024
_TINY = 4096
_MOST_CUTS = 1_000_000
"""Codestreams looked for in one fragment: a border is seven bytes, and each costs ten times as much memory."""

_FRAME_HEADERS = {
    0xC0: syntaxes.JPEG_BASELINE,
    0xC1: syntaxes.JPEG_EXTENDED,
    0xC3: syntaxes.JPEG_LOSSLESS,
    0xF7: syntaxes.JPEG_LS_NEAR_LOSSLESS,
}


def is_start(head: bytes) -> bool:
    """Whether a codestream begins with these bytes (8 of them are enough)."""
    return head.startswith(_STARTS)


def transfer_syntax(head: bytes) -> Uid | None:
    """The widest transfer syntax that the first bytes (a few KiB) of a codestream fit, None if they fit none of the common ones."""
    if head.startswith(b"\xff\x4f\xff\x51"):
        return syntaxes.JPEG_2000
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        return syntaxes.JPEG_XL
    pos = 2 if head.startswith(b"\xff\xd8\xff") else len(head)
    while pos + 4 <= len(head) and head[pos] == 0xFF:
        if head[pos + 1] in _FRAME_HEADERS:
            return _FRAME_HEADERS[head[pos + 1]]
        pos += 2 + int.from_bytes(head[pos + 2 : pos + 4], "big")
    return None


def starts(window: Window, fragments: list[tuple[int, int]]) -> list[int]:
    """The indexes of the fragments (offset, length) with which a codestream begins."""
    ahead = _ahead(fragments)
    return [at for at, (offset, length) in enumerate(fragments) if is_start(_head(window, offset, length, ahead))]


def ends(window: Window, fragments: list[tuple[int, int]]) -> list[int]:
    """The indexes of the fragments (offset, length) with which a codestream ends, one byte of padding allowed."""
    ahead = _ahead(fragments)
    return [at for at, (offset, length) in enumerate(fragments) if length >= 3 and b"\xff\xd9" in _tail(window, offset, length, ahead)]


def _ahead(fragments: list[tuple[int, int]]) -> int:
    """How much to read at a time: many tiny fragments are read together, large ones are stepped over."""
    return 0 if not fragments or sum(fragments[-1]) - fragments[0][0] > _TINY * len(fragments) else WINDOW


def _head(window: Window, offset: int, length: int, ahead: int = 0) -> bytes:
    size = min(length, _LONGEST_START)
    at = window.seek(offset, size, max(size, ahead))
    return window.data[at : at + size]


def _tail(window: Window, offset: int, length: int, ahead: int) -> bytes:
    at = window.seek(offset + length - 3, 3, max(3, ahead))
    tail = window.data[at : at + 3]
    return tail if tail[2] in (0, 0xD9) else b""


def cut(window: Window, start: int, length: int, count: int) -> list[tuple[int, int]]:
    """The codestreams in one fragment, as (offset, length), if there are exactly `count` of them; else none, and none for over a million.

    A border is an end with a start right behind it: within a codestream that cannot stand but in a comment. Reads the fragment once, in
    chunks of 1 MiB.
    """
    if count > _MOST_CUTS or not is_start(_head(window, start, length)):
        return []
    borders, pos, end = [start], start, start + length
    while pos < end and len(borders) <= count:
        data = window.source.read(pos, min(_CHUNK + _BORDER_LENGTH, end - pos))
        borders += [pos + found.end() for found in _BORDER.finditer(data) if found.start() < _CHUNK]
        pos += _CHUNK
    if len(borders) != count:
        return []
    return [(first, last - first) for first, last in zip(borders, [*borders[1:], end], strict=True)]
