"""Byte ranges of a representation: the Range and If-Range headers read, Content-Range written (RFC 9110 14).

A header that breaks the grammar, speaks of another unit or asks for too much is ignored: the whole is always a right answer. Must not
know what the bytes are nor where they come from.
"""

from __future__ import annotations

import re

from app.errors import RangeNotSatisfiable
from app.model import Span

MAX_RANGES = 16
"""Ranges of one request; more are a fault of the user agent, or an attack (RFC 9110 17.15)."""

MAX_TEXT = 1024

_BYTES = re.compile(r"bytes\s*+=\s*+(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]{0,19})-([0-9]{0,19})", re.ASCII)


def select(header: str | None, *, condition: str | None = None, etag: str, length: int) -> tuple[Span, ...]:
    """The parts of a representation of `length` bytes that are asked for, in the order asked; none if the whole is to be sent.

    `header` is Range, `condition` is If-Range: a strong tag that is not `etag` (or a date, which is no strong validator) makes the whole
    the answer. RangeNotSatisfiable if no range begins within the representation.
    """
    if not header or (condition is not None and (condition.strip() != etag or condition.startswith("W/"))):
        return ()
    asked = _parse(header)
    if not asked:
        return ()
    spans = [span for first, last in asked if (span := _span(first, last, length)) is not None]
    if not spans:
        raise RangeNotSatisfiable(f"The range lies outside of the {length} bytes of this resource", clause="RFC 9110 14.1.2", length=length)
    if sum(span.length for span in spans) > length:
        return ()
    return tuple(spans)


def content_range(span: Span, length: int) -> str:
    """The Content-Range value of a part of `length` bytes."""
    return f"bytes {span.offset}-{span.end - 1}/{length}"


def unsatisfied(length: int) -> str:
    """The Content-Range value of a 416 answer."""
    return f"bytes */{length}"


def _parse(header: str) -> list[tuple[int | None, int | None]]:
    """(first, last) of each range, (None, n) for the last n bytes; empty if the header is to be ignored."""
    unit = _BYTES.fullmatch(header.strip()) if len(header) <= MAX_TEXT else None
    if unit is None:
        return []
    asked: list[tuple[int | None, int | None]] = []
    for text in unit[1].split(","):
        if not text.strip():
            continue  # empty elements of a list are to be skipped (RFC 9110 5.6.1.2)
        found = _RANGE.fullmatch(text.strip())
        first, last = (int(digits) if digits else None for digits in found.groups()) if found else (None, None)
        if (first is None and last is None) or (first is not None and last is not None and last < first):
            return []
        asked.append((first, last))
    return asked if len(asked) <= MAX_RANGES else []


def _span(first: int | None, last: int | None, length: int) -> Span | None:
    if first is None:
        size = min(last or 0, length)
        return Span(length - size, size) if size else None
    if first >= length:
        return None
    end = length if last is None else min(last + 1, length)
    return Span(first, end - first)
