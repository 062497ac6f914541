"""Values of the DICOM JSON Model (PS3.18 F.2.2, F.2.3): the raw bytes of one value field in, a list for `Value` out.

Pure functions chosen by VR; none ever raises. Each returns the list and whether everything in it is what its VR demands. An empty list
means that the element is empty. Must not know: tags, sequences, where the bytes come from, bulkdata.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from decimal import Decimal
from math import isfinite, isnan
from typing import Any

from app.dicom.charset import NAMES, STRINGS, TEXT, Repertoire, decode
from app.dicom.names import GROUPS

Converted = tuple[list[Any], bool]
Converter = Callable[[bytes, bool, Repertoire], Converted]
"""(raw value, little endian?, repertoire) -> (values, sound?)"""

_PADDING = " \0"
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,9})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DIGITS = re.compile(r"-?\d{1,15}", re.ASCII)
"""Integers that any form of number holds as they are."""
_SAFE_DIGITS = 15
"""Any decimal of up to 15 significant digits survives the way through an IEEE double."""
_LONGEST_NUMBER = 64
_SAFE_INTEGER = 2**53
"""Beyond this JavaScript rounds integers silently."""


def _strings(raw: bytes, _little: bool, active: Repertoire) -> Converted:
    text = decode(raw, active, STRINGS)
    if "\\" not in text:
        single = text.strip(_PADDING)
        if "\0" not in single:
            return ([single] if single else []), True
        return _clean([single])
    return _clean([part.strip(_PADDING) or None for part in text.split("\\")])


def _codes(raw: bytes, little: bool, active: Repertoire) -> Converted:
    """VRs outside the reach of Specific Character Set: other characters are kept, but they are not sound."""
    if raw.isascii() and b"\x1b" not in raw and b"\\" not in raw and "\0" not in (single := raw.decode("ascii").strip(_PADDING)):
        return ([single] if single else []), True
    values, sound = _strings(raw, little, active)
    return values, sound and raw.isascii()


def _one_code(raw: bytes, _little: bool, active: Repertoire) -> Converted:
    text = decode(raw, active, TEXT).strip(_PADDING)
    values, sound = _clean([text] if text else [])
    return values, sound and raw.isascii()


def _text(raw: bytes, _little: bool, active: Repertoire) -> Converted:
    text = decode(raw, active, TEXT).rstrip(_PADDING)
    return _clean([text] if text else [])


def _unlimited(raw: bytes, _little: bool, active: Repertoire) -> Converted:
    text = decode(raw, active, STRINGS)
    parts: list[str | None] = [part.rstrip(_PADDING) or None for part in text.split("\\")]
    return _clean(parts) if parts != [None] else ([], True)


def _clean(values: list[Any]) -> Converted:
    """NUL inside a value is in no repertoire, and databases choke on it."""
    sound = True
    for at, value in enumerate(values):
        if value is not None and "\0" in value:
            values[at] = value.replace("\0", "\ufffd")
            sound = False
    return values, sound


def _names(raw: bytes, _little: bool, active: Repertoire) -> Converted:
    text = decode(raw, active, NAMES)
    sound = True
    names: list[dict[str, str] | None] = []
    for part in text.split("\\"):
        groups, whole = _clean([group.strip(_PADDING) for group in part.split("=", 2)])
        # A fourth group does not exist; it stays where it was found, in the third.
        sound = sound and whole and (len(groups) < 3 or "=" not in groups[2])
        names.append({label: group for label, group in zip(GROUPS, groups, strict=False) if group} or None)
    return ([], sound) if names == [None] else (names, sound)


def _decimals(raw: bytes, little: bool, active: Repertoire) -> Converted:
    values, sound = _strings(raw, little, active)
    for at, value in enumerate(values):
        if value is None:
            continue
        if _DIGITS.fullmatch(value) is not None:
            values[at] = int(value)
        elif len(value) > _LONGEST_NUMBER or _DECIMAL.fullmatch(value) is None:
            sound = False
        else:
            values[at] = _decimal(value)
    return values, sound


def _decimal(text: str) -> int | float | str:
    """The number, or the text itself if the number would not be the same decimal any more (PS3.18 F.2.3)."""
    number = float(text)
    doubtful = len(text) > _SAFE_DIGITS or "e" in text or "E" in text
    # An overflow is infinite, an underflow differs from the text: both stay text.
    if doubtful and (not isfinite(number) or Decimal(text) != Decimal(repr(number))):
        return text
    return int(text) if _INTEGER.fullmatch(text) is not None else number


def _integers(raw: bytes, little: bool, active: Repertoire) -> Converted:
    values, sound = _strings(raw, little, active)
    for at, value in enumerate(values):
        if value is None:
            continue
        if len(value) > _LONGEST_NUMBER or _INTEGER.fullmatch(value) is None:
            sound = False
            continue
        number = int(value)
        values[at] = number if -_SAFE_INTEGER <= number <= _SAFE_INTEGER else value
    return values, sound


def _binary(code: str, finish: Callable[[tuple[Any, ...]], list[Any]]) -> Converter:
    """A converter of numbers of one width; a rest that does not make up a whole number is left out, and is not sound."""
    unit = struct.calcsize("<" + code)

    def convert(raw: bytes, little: bool, _active: Repertoire) -> Converted:
        count, rest = divmod(len(raw), unit)
        if rest:
            raw = raw[: count * unit]
        return finish(struct.unpack(f"{'<' if little else '>'}{count}{code}", raw)), not rest

    return convert


def _numbers(numbers: tuple[Any, ...]) -> list[Any]:
    return list(numbers)


def _long_numbers(numbers: tuple[Any, ...]) -> list[Any]:
    return [number if -_SAFE_INTEGER <= number <= _SAFE_INTEGER else str(number) for number in numbers]


def _doubles(numbers: tuple[Any, ...]) -> list[Any]:
    return [number if isfinite(number) else _not_finite(number) for number in numbers]


def _floats(numbers: tuple[Any, ...]) -> list[Any]:
    """The shortest decimals that mean the same 32-bit floats: 0.1, not 0.10000000149011612."""
    return [_shortest(number) if isfinite(number) else _not_finite(number) for number in numbers]


def _shortest(number: float) -> float:
    # Six digits always name a 32-bit float, nine always suffice; whole numbers are short already.
    if number.is_integer() and -16777216.0 <= number <= 16777216.0:
        return number
    for digits in (".6g", ".7g", ".8g"):
        candidate = float(format(number, digits))
        if _FLOAT.unpack(_FLOAT.pack(candidate))[0] == number:
            return candidate
    return float(format(number, ".9g"))


_FLOAT = struct.Struct("<f")


def _not_finite(number: float) -> str:
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _tags(halves: tuple[Any, ...]) -> list[Any]:
    return [f"{group:04X}{element:04X}" for group, element in zip(halves[::2], halves[1::2], strict=False)]


def _attribute_tags(raw: bytes, little: bool, active: Repertoire) -> Converted:
    whole = len(raw) // 4 * 4
    values, _ = _HALVES(raw[:whole], little, active)
    return values, whole == len(raw)


_HALVES = _binary("H", _tags)

CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), _codes),
    **dict.fromkeys(("LO", "SH"), _strings),
    **dict.fromkeys(("LT", "ST", "UT"), _text),
    "UC": _unlimited,
    "UR": _one_code,
    "PN": _names,
    "DS": _decimals,
    "IS": _integers,
    "US": _binary("H", _numbers),
    "SS": _binary("h", _numbers),
    "UL": _binary("I", _numbers),
    "SL": _binary("i", _numbers),
    "UV": _binary("Q", _long_numbers),
    "SV": _binary("q", _long_numbers),
    "FL": _binary("f", _floats),
    "FD": _binary("d", _doubles),
    "AT": _attribute_tags,
}
"""How the bytes of each VR become values. What is not here has no `Value`: binary VRs, UN, SQ, and VRs that nobody knows."""
