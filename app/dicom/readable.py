"""Values as people write them: names, dates, times, from their DICOM JSON form (PS3.5 6.2). Pure; what has another form stays as it is.

Dates are in ISO 8601 order, which is read alike everywhere. Must not know: languages, where the text will stand.
"""

from __future__ import annotations

import re

from app.dicom.names import GROUPS

_DATE = re.compile(r"(\d{4})(?:[.-]?(\d{2})(?:[.-]?(\d{2}))?)?", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?", re.ASCII)
_DATE_TIME = re.compile(r"(\d{4,8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?", re.ASCII)


def date(text: str) -> str:
    """`20240229` as `2024-02-29`."""
    found = _DATE.fullmatch(text)
    return "-".join(part for part in found.groups() if part) if found else text


def time(text: str) -> str:
    """`101500.5` as `10:15:00.5`."""
    found = _TIME.fullmatch(text)
    return ":".join(part for part in found.groups()[:3] if part) + (found[4] or "") if found else text


def date_time(text: str) -> str:
    """`20240229101500+0100` as `2024-02-29 10:15:00 +01:00`."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        return text
    parts = [date(found[1]), time(found[2] or ""), f"{found[3][:3]}:{found[3][3:]}" if found[3] else ""]
    return " ".join(part for part in parts if part)


def name(value: object) -> str:
    """A person name's groups: `Yamada, Tarou (山田 太郎; やまだ たろう)`; in the alphabetic one the family name comes first."""
    if isinstance(value, str):
        groups = value.split("=")[:3]
    elif isinstance(value, dict):
        groups = [group if isinstance(group := value.get(label), str) else "" for label in GROUPS]
    else:
        return ""
    alphabetic, *others = (_group(text, at == 0) for at, text in enumerate((*groups, "", "")[:3]))
    rest = "; ".join(other for other in others if other)
    return f"{alphabetic} ({rest})" if alphabetic and rest else alphabetic or rest


def _group(text: str, alphabetic: bool) -> str:
    family, given, middle, prefix, suffix, *more = (*(part.strip() for part in text.split("^")), "", "", "", "", "")
    if not alphabetic:
        return " ".join(part for part in (family, given, middle, prefix, suffix, *more) if part)
    first = " ".join(part for part in (prefix, given, middle) if part)
    return ", ".join(part for part in (family, first, suffix, *more) if part)
