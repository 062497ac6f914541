"""Element by element: is a DICOM JSON object what pydicom reads of the same file?"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

NUMBERS = {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"}
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}


def compare(theirs: Dataset, ours: dict[str, Any], path: str = "") -> Any:
    """Every difference between a data set as pydicom reads it and its DICOM JSON object."""
    tags = {f"{tag:08X}" for tag in theirs.keys() if tag.element and tag.group != 2 and tag != 0xFFFCFFFC}  # noqa: SIM118
    tags.discard("00083002" if not path else "")
    if tags != set(ours):
        yield path, "tags", tags ^ set(ours)
    for key in sorted(tags & set(ours)):
        raw = theirs.get_item(int(key, 16))
        try:
            element = theirs[int(key, 16)]
        except (ValueError, TypeError, OverflowError, IndexError):
            # pydicom cannot convert it; what stands there must still be there.
            text = raw.value.decode("latin_1").strip(" \0") if raw is not None and isinstance(raw.value, bytes) else ""
            if ours[key].get("Value", [""])[0] not in text and "InlineBinary" not in ours[key]:
                yield path + key, "unreadable", ours[key]
            continue
        yield from compare_element(element, ours[key], path + key)


def compare_element(element: DataElement, ours: dict[str, Any], path: str) -> Any:
    vr = str(element.VR)
    if path == "7FE00010" and vr == "OW" and element.is_undefined_length:
        vr = "OB"
    if ours["vr"] != vr:
        yield path, "vr", vr, ours["vr"]
        return
    if vr == "SQ":
        items = ours.get("Value", [])
        if len(items) != len(element.value):
            yield path, "items", len(element.value), len(items)
        for number, (item, our) in enumerate(zip(element.value, items, strict=False), 1):
            yield from compare(item, our, f"{path}/{number}/")
        return
    if "BulkDataURI" in ours:
        if len(element.value if isinstance(element.value, bytes | str) else element.value * 4) < 1024 and "7FE0" not in path:
            yield path, "small, but by reference"
        return
    mine, expected = ours.get("Value", []), values(element, vr)
    if vr in BINARY:
        mine, expected = (
            ours.get("InlineBinary", ""),
            pydicom.dataelem.DataElement(element.tag, vr, element.value).to_json_dict(None, 1 << 30).get("InlineBinary", ""),
        )
    if mine != expected:
        yield path, vr, expected, mine


def values(element: DataElement, vr: str) -> list[Any]:
    if element.is_empty:
        return []
    found = list(element.value) if element.VM > 1 else [element.value]
    if vr == "PN":
        return [
            {k: v.strip(" ") for k, v in zip(("Alphabetic", "Ideographic", "Phonetic"), name.components, strict=False) if v.strip(" ")}
            or None
            for name in found
        ]
    if vr == "AT":
        return [f"{tag:08X}" for tag in found]
    if vr in ("DS", "IS"):
        return [None if each in ("", None) else number_or_text(str(each).strip()) for each in found]
    if vr == "FL":
        return [Shortened(each) if isfinite(each) else str(each) for each in found]
    if vr in NUMBERS:
        return found
    stripped = [str(each).rstrip(" \0") if vr in ("ST", "LT", "UT", "UC") else str(each).strip(" \0") for each in found]
    return [] if stripped == [""] else [each or None for each in stripped]


def number_or_text(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) and Decimal(text) == Decimal(repr(number)) else text


class Shortened(float):
    """Equal to any decimal that means the same 32-bit float."""

    def __eq__(self, other: object) -> bool:
        import numpy

        return isinstance(other, float) and bool(numpy.float32(other) == numpy.float32(self))

    __hash__ = float.__hash__
