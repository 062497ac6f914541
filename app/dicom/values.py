"""Normal forms of attribute values for matching (PS3.4 C.2.2.2, PS3.5 6.2). Total: None or an empty value when there is none.

Two values match if their normal forms are equal; ranges compare normal forms as text in code point order. Must not know: queries, levels.
Stored values and search values go through the same functions.
"""

from __future__ import annotations

import math
import re
import struct
from calendar import monthrange
from datetime import datetime, timedelta
from typing import Any

from app.dicom import names

LENGTH = names.LENGTH
"""Characters of a normal form; the rest of a longer text is not searched, because a b-tree's entry has a limit (2.7 KB)."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DATE = re.compile(r"(\d{4})(\.?)(\d{2})\2(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?:(:?)(\d{2})(?:\2(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DATETIME = re.compile(r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d{1,32}(\.\d{0,32})?|\.\d{1,32})([eE][+-]?\d{1,3})?", re.ASCII)

Bounds = tuple[str, str]
"""The first and the last normal form that a value of partial precision covers."""


def text(value: Any) -> str:
    """Text without surrounding spaces and without what no database can hold, at most LENGTH characters; "" if there is none."""
    if isinstance(value, str) and len(value) <= LENGTH and value.isascii() and "\0" not in value:
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write very long integers
        return ""
    return _UNSTORABLE.sub("", str(value)[: 4 * LENGTH]).strip()[:LENGTH].rstrip()


def uid(value: Any) -> str:
    """A UID without padding; "" if there is none. Anything else than a UID stays as it is and equals nothing."""
    return text(value)


def date(value: Any) -> str | None:
    """`20240131` or the old `2024.01.31` -> `20240131`; None if it is no day of the calendar (PS3.5 6.2, DA)."""
    found = _DATE.fullmatch(text(value))
    if found is None:
        return None
    year, month, day = int(found[1]), int(found[3]), int(found[4])
    return found[1] + found[3] + found[4] if _is_day(year, month, day) else None


def time(value: Any) -> str | None:
    """The first instant that a time of any precision covers: `1230` -> `123000.000000`; None if it is no time (PS3.5 6.2, TM)."""
    bounds = time_bounds(value)
    return bounds[0] if bounds else None


def time_bounds(value: Any) -> Bounds | None:
    """First and last instant that a time covers: `12` -> (`120000.000000`, `125959.999999`)."""
    found = _TIME.fullmatch(text(value))
    if found is None or not _is_time(found[1], found[3], found[4]):
        return None
    return _fill(found[1], found[3], found[4], found[5])


def instant(value: Any, minutes: int | None = None) -> str | None:
    """The first instant that a date-time covers, as `datetime_bounds` writes it."""
    bounds = datetime_bounds(value, minutes)
    return bounds[0] if bounds else None


def datetime_bounds(value: Any, minutes: int | None = None) -> Bounds | None:
    """First and last instant of a DT as `YYYYMMDDHHMMSS.FFFFFF`; None if it is none (PS3.5 6.2, DT).

    With a UTC offset it is brought to UTC, else with the `minutes` of its data set's or its query's Timezone Offset From UTC; without
    either it is compared as it stands.
    """
    found = _DATETIME.fullmatch(text(value))
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if not _is_day(int(year), int(month or 1), int(day or 1)) or not _is_time(hour or "00", minute, second):
        return None
    last = str(monthrange(int(year), int(month or 12))[1])
    low, high = _fill(hour, minute, second, fraction)
    bounds = f"{year}{month or '01'}{day or '01'}{low}", f"{year}{month or '12'}{day or last}{high}"
    if offset:
        minutes = utc_offset(offset)
        if minutes is None:
            return None
    return _to_utc(bounds, minutes) if minutes is not None else bounds


def utc_offset(value: Any) -> int | None:
    """Minutes east of UTC: `+0100` -> 60; None if it is no offset (PS3.3 C.12.1.1.8)."""
    found = _OFFSET.fullmatch(text(value))
    if found is None or found[2] > "14" or found[3] > "59":
        return None
    return (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)


def shifted(stamp: str, minutes: int) -> str:
    """An instant `YYYYMMDDHHMMSS.FFFFFF` so many minutes later; beyond the calendar it stays where it is."""
    try:
        return _stamp(datetime.strptime(_without_leap(stamp), "%Y%m%d%H%M%S.%f") + timedelta(minutes=minutes))
    except OverflowError:
        return stamp


def sortable(number: int | float) -> str:
    """A number as text of fixed length: equal and ordered in code point order as the numbers are."""
    if isinstance(number, int):
        return f"{number + 2**63:020}"
    bits: int = struct.unpack(">Q", struct.pack(">d", number + 0.0))[0]
    return f"{bits ^ (2**64 - 1) if bits >> 63 else bits | 2**63:016x}"


def integer(value: Any) -> int | None:
    """An integer of at most 63 bits: `007` -> 7; None if it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = text(value)
    if not _INTEGER.fullmatch(found):
        return None
    number = int(found)
    return number if -(2**63) <= number < 2**63 else None


def decimal(value: Any) -> float | None:
    """A finite number: `1.50` -> 1.5; None if it is none."""
    found = text(value)
    if not _DECIMAL.fullmatch(found):
        return None
    number = float(found)
    return number + 0.0 if math.isfinite(number) else None


def _is_day(year: int, month: int, day: int) -> bool:
    return year > 0 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _is_time(hour: str, minute: str | None, second: str | None) -> bool:
    return hour <= "23" and (minute or "00") <= "59" and (second or "00") <= "60"


def _fill(hour: str | None, minute: str | None, second: str | None, fraction: str | None) -> Bounds:
    low = f"{hour or '00'}{minute or '00'}{second or '00'}.{(fraction or '').ljust(6, '0')}"
    return low, f"{hour or '23'}{minute or '59'}{second or '59'}.{(fraction or '').ljust(6, '9')}"


def _to_utc(bounds: Bounds, minutes: int) -> Bounds | None:
    try:
        low, high = (datetime.strptime(_without_leap(end), "%Y%m%d%H%M%S.%f") - timedelta(minutes=minutes) for end in bounds)
    except OverflowError:
        return None
    return _stamp(low), _stamp(high)


def _without_leap(stamp: str) -> str:
    return stamp[:12] + "59" + stamp[14:] if stamp[12:14] == "60" else stamp


def _stamp(moment: datetime) -> str:
    return f"{moment.year:04}{moment.month:02}{moment.day:02}{moment.hour:02}{moment.minute:02}{moment.second:02}.{moment.microsecond:06}"
