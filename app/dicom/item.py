"""A data set, or an item of a sequence, as DICOM JSON (PS3.18 F.2), read leniently: what is absent or nonsense is simply not there.

Knows where it stands, so that what is kept out of the Metadata is found by its path. Must not know what any attribute means.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from struct import pack

from app.model import JsonObject

_WORDS = {"US": "H", "SS": "H", "OW": "H", "UL": "L", "SL": "L"}
_MASKS = {"H": 0xFFFF, "L": 0xFFFFFFFF}


@dataclass(frozen=True, slots=True)
class Item:
    """`path` is "" for the data set of an instance, else that of the item with a slash at its end: `52009230/3/00289145/1/`."""

    attributes: JsonObject
    path: str = ""

    def has(self, tag: str) -> bool:
        """Present with a value, wherever that is kept."""
        element = self.attributes.get(tag)
        return isinstance(element, dict) and any(key in element for key in ("Value", "InlineBinary", "BulkDataURI"))

    def values(self, tag: str) -> list[object]:
        element = self.attributes.get(tag)
        found = element.get("Value") if isinstance(element, dict) else None
        return found if isinstance(found, list) else []

    def texts(self, tag: str) -> list[str]:
        """Each value as text; of a person name its first group; "" for an empty one."""
        return [_text(value) for value in self.values(tag)]

    def text(self, tag: str) -> str:
        return next(iter(self.texts(tag)), "")

    def numbers(self, tag: str) -> list[float]:
        """Finite numbers, also those written as text; all of them, or none if one is no number, since pairs belong together."""
        found = [_number(value) for value in self.values(tag)]
        return [each for each in found if each is not None] if None not in found else []

    def number(self, tag: str) -> float | None:
        return next((_number(value) for value in self.values(tag)), None)

    def integer(self, tag: str, default: int = 0) -> int:
        number = self.number(tag)
        return default if number is None else int(number)

    def items(self, tag: str) -> list[Item]:
        found = enumerate(self.values(tag), 1)
        return [Item(value, f"{self.path}{tag}/{at}/") for at, value in found if isinstance(value, dict)]

    def item(self, tag: str) -> Item | None:
        """The first item of a sequence."""
        return next(iter(self.items(tag)), None)

    def octets(self, tag: str, bulk: Mapping[str, bytes]) -> bytes | None:
        """A value as bytes, little endian: inline, out of `bulk` by its path, or made from numbers."""
        element = self.attributes.get(tag)
        if not isinstance(element, dict):
            return None
        if (inline := element.get("InlineBinary")) is not None:
            try:
                return a2b_base64(inline)
            except (Error, TypeError, ValueError):
                return None
        if "BulkDataURI" in element:
            return bulk.get(f"{self.path}{tag}")
        numbers = self.numbers(tag)
        form = _WORDS.get(str(element.get("vr")), "H")
        return pack(f"<{len(numbers)}{form}", *(int(number) & _MASKS[form] for number in numbers)) if numbers else None


def _text(value: object) -> str:
    if isinstance(value, dict):
        groups = (value.get(group) for group in ("Alphabetic", "Ideographic", "Phonetic"))
        return next((group for group in groups if isinstance(group, str) and group), "")
    return "" if value is None else str(value).strip()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) else None
