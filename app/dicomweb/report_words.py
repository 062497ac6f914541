"""What a Content Item says in words, the same for every form of a rendered report (PS3.3 C.18). Must not know: markup."""

from __future__ import annotations

from app.dicom import sop_classes
from app.dicom.content_tree import Code, ContentItem, Coordinates, Numeric, Reference

POINTS = 24
"""Coordinates are written out up to so many points; what has more is for machines."""

RELATIONSHIPS = {
    "CONTAINS": "contains",
    "HAS CONCEPT MOD": "has concept modifier",
    "HAS OBS CONTEXT": "has observation context",
    "HAS ACQ CONTEXT": "has acquisition context",
    "HAS PROPERTIES": "has properties",
    "INFERRED FROM": "inferred from",
    "SELECTED FROM": "selected from",
}

_VALUE_TYPES = {
    "CONTAINER": "Section",
    "TEXT": "Text",
    "NUM": "Measurement",
    "CODE": "Finding",
    "DATE": "Date",
    "TIME": "Time",
    "DATETIME": "Date and time",
    "UIDREF": "UID",
    "PNAME": "Person",
    "IMAGE": "Image",
    "WAVEFORM": "Waveform",
    "COMPOSITE": "Object",
    "SCOORD": "Region",
    "SCOORD3D": "Region in space",
    "TCOORD": "Span of time",
    "TABLE": "Table",
}
"""What stands where an item has no Concept Name."""


def relationship(item: ContentItem) -> str:
    """How the item relates to the one above it; "" for what is simply contained in it, which nesting shows."""
    words = RELATIONSHIPS.get(item.relationship, item.relationship.lower())
    return "" if item.relationship == "CONTAINS" else words


def concept(item: ContentItem) -> str:
    return item.concept.words if item.concept else _VALUE_TYPES.get(item.value_type, item.value_type or "Item")


def coded(code: Code) -> str:
    """The code itself, for whoever must know which one: `T-62000, SRT`."""
    return ", ".join(part for part in (code.value, code.scheme) if part)


def unit(number: Numeric) -> str:
    """The unit as it is written beside a number: UCUM's own sign where it is one that people read."""
    if number.unit is None:
        return ""
    legible = number.unit.scheme == "UCUM" and number.unit.value and number.unit.value != "1" and "{" not in number.unit.value
    return number.unit.value if legible else "" if number.unit.value == "1" else number.unit.words


def value(item: ContentItem) -> str:
    """The value in one text, where it is not a reference; "" if the item has none."""
    if item.code is not None:
        return item.code.words
    if item.number is not None:
        amount = " ".join(filter(None, (item.number.value, unit(item.number) if item.number.value else "")))
        return " ".join(filter(None, (amount, f"({item.number.qualifier.words})" if item.number.qualifier else "")))
    if item.coordinates is not None:
        return coordinates(item.coordinates)
    return item.text


def coordinates(found: Coordinates) -> str:
    kind = found.kind.lower()
    if found.points is None:
        return f"{kind}, too many points to be written out"
    groups = [found.points[at : at + found.per_point] for at in range(0, len(found.points), found.per_point)]
    if len(groups) > POINTS:
        return f"{kind} of {len(groups)} points"
    points = [f"({', '.join(group)})" if found.per_point > 1 else ", ".join(group) for group in groups]
    return " ".join(filter(None, (f"{kind}:" if points else kind, "; ".join(points), f"[{found.unit}]" if found.unit and points else "")))


def referenced(found: Reference) -> str:
    """What is referred to: `CT Image`, and which parts of it."""
    parts = [sop_classes.name(found.sop_class) or "Instance"]
    for word, numbers in (("frame", found.frames), ("segment", found.segments), ("channel", found.channels)):
        if numbers:
            more = f" and {len(numbers) - POINTS} more" if len(numbers) > POINTS else ""
            parts.append(f"{word}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:POINTS]))}{more}")
    return ", ".join(parts)
