"""Values of the DICOM JSON Model as the bytes of a value field (PS3.5 6.2, PS3.18 F.2.3): the way back of `dicomweb.json_values`.

Explicit VR Little Endian. Lenient: numbers may be strings and strings numbers. Raises `Malformed` only, with a sentence that holds no
value. Must not know: tags, sequences, bulkdata, padding.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from app.dicom.elements import Malformed
from app.dicom.names import GROUPS

Encoder = Callable[[Sequence[Any], str], bytes]
"""(values, Python codec of the data set's text) -> the value field, not yet of even length."""

_DS_LENGTH = 16
_HEX = re.compile("[0-9A-Fa-f]{8}")
_SPACE = re.compile(r"\s+")


def inline(text: str) -> bytes:
    """The bytes of an InlineBinary (PS3.18 F.2.7); white space in it does not count."""
    try:
        return binascii.a2b_base64(_SPACE.sub("", text).encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise Malformed("An InlineBinary is not base64") from error


def value(vr: str, values: Sequence[Any], codec: str) -> bytes:
    """The value field of one element that has values."""
    return ENCODERS[vr](values, codec)


def _text(text: str, codec: str) -> bytes:
    # A lone surrogate is in no repertoire at all.
    return text.encode(codec, "replace" if codec == "utf_8" else "strict")


def _string(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Malformed("A value that must be a string is none")


def _strings(values: Sequence[Any], codec: str) -> bytes:
    return b"\\".join(_text(_string(value), codec) for value in values)


def _names(values: Sequence[Any], codec: str) -> bytes:
    return b"\\".join(_name(value, codec) for value in values)


def _name(value: Any, codec: str) -> bytes:
    if not isinstance(value, dict):
        return _text(_string(value), codec)
    groups = [_text(_string(value.get(group)), codec) for group in GROUPS]
    return b"=".join(groups).rstrip(b"=")


def _decimals(values: Sequence[Any], codec: str) -> bytes:
    return _strings([_decimal(value) if isinstance(value, float) else value for value in values], codec)


def _decimal(number: float) -> str:
    """The shortest text of the number; the nearest one of 16 characters where that is too long for a DS."""
    if not isfinite(number):
        raise Malformed("A decimal string is not a finite number")
    text = repr(number)
    digits = _DS_LENGTH
    while len(text) > _DS_LENGTH:
        text = f"{number:.{digits}g}"
        digits -= 1
    return text


def _integers(values: Sequence[Any], codec: str) -> bytes:
    return _strings([int(value) if isinstance(value, float) and value.is_integer() else value for value in values], codec)


def _tags(values: Sequence[Any], _codec: str) -> bytes:
    found = []
    for value in values:
        if not isinstance(value, str) or not _HEX.fullmatch(value):
            raise Malformed("An attribute tag is not a string of 8 hexadecimal digits")
        found.append(struct.pack("<HH", int(value[:4], 16), int(value[4:], 16)))
    return b"".join(found)


def _packed(code: str, parse: Callable[[Any], int | float]) -> Encoder:
    def encode(values: Sequence[Any], _codec: str) -> bytes:
        try:
            return struct.pack(f"<{len(values)}{code}", *map(parse, values))
        except (struct.error, OverflowError, TypeError, ValueError) as error:
            raise Malformed("A number is none, or does not fit its value representation") from error

    return encode


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


ENCODERS: dict[str, Encoder] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"), _strings),
    "PN": _names,
    "DS": _decimals,
    "IS": _integers,
    "AT": _tags,
    **{vr: _packed(code, _whole) for vr, code in {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q"}.items()},
    **{vr: _packed(code, float) for vr, code in {"FL": "f", "FD": "d", "OF": "f", "OD": "d"}.items()},
    **{vr: _packed(code, _whole) for vr, code in {"OB": "B", "OW": "H", "OL": "L", "OV": "Q"}.items()},
}
"""What each VR makes of a `Value`. The binary ones have none in the standard; older servers write arrays of numbers all the same."""
