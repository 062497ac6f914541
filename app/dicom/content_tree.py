"""The content tree of an SR document (PS3.3 C.17.3, C.18): what each Content Item says, from the Metadata.

Knows value types, relationships and the sequences they live in; reads leniently: an item that lacks what its type demands has no value.
Must not know: how it is shown, which instances are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from app.dicom import attributes, readable
from app.dicom.item import Item

DEPTH = 64
"""Levels of nesting that are read; no template comes near, and nothing deeper is stored by default (`limits.nesting`)."""

tag = lru_cache(maxsize=256)(attributes.tag)


@dataclass(frozen=True, slots=True)
class Code:
    """A coded entry (PS3.3 8.8): `meaning` is what people read."""

    value: str
    scheme: str
    meaning: str

    @property
    def words(self) -> str:
        return self.meaning or self.value


@dataclass(frozen=True, slots=True)
class Numeric:
    """NUM (C.18.1): `value` as text, its unit; `qualifier` tells why there is none, or what is odd about it."""

    value: str
    unit: Code | None
    qualifier: Code | None


@dataclass(frozen=True, slots=True)
class Reference:
    """COMPOSITE, IMAGE, WAVEFORM (C.18.3 to C.18.5): an instance, and which frames, segments, channels (group/channel) of it."""

    sop_class: str
    instance: str
    frames: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    presentation: str = ""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """SCOORD, SCOORD3D, TCOORD (C.18.6, C.18.7, C.18.9): `points` are numbers in groups of `per_point`; `unit` says of what.

    None as `points` means that they are too many to stand in the Metadata.
    """

    kind: str
    points: tuple[str, ...] | None
    per_point: int
    unit: str


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One node. `position` is its Content Item identifier (`1.2.3`); `target` that of the item to which a by-reference relationship leads.

    `text` is a value that is text as people write it; `children` come in the order of the document. `deeper` tells that children beyond
    DEPTH were left out.
    """

    position: str
    relationship: str = ""
    value_type: str = ""
    concept: Code | None = None
    text: str = ""
    code: Code | None = None
    number: Numeric | None = None
    reference: Reference | None = None
    coordinates: Coordinates | None = None
    continuous: bool = False
    observed: str = ""
    language: str = ""
    target: str = ""
    children: tuple[ContentItem, ...] = field(default=())
    deeper: bool = False


def tree(dataset: Item) -> ContentItem:
    """The root Content Item with all below it."""
    return _item(dataset, "1", 1)


def code(item: Item, keyword: str) -> Code | None:
    """The first item of a Code Sequence, None if there is none or if it is empty."""
    entry = item.item(tag(keyword))
    if entry is None:
        return None
    value = next((text for word in ("CodeValue", "LongCodeValue", "URNCodeValue") if (text := entry.text(tag(word)))), "")
    found = Code(value, entry.text(tag("CodingSchemeDesignator")), entry.text(tag("CodeMeaning")))
    return found if found.words else None


def _item(item: Item, position: str, depth: int) -> ContentItem:
    target = item.values(tag("ReferencedContentItemIdentifier"))
    if target:
        return ContentItem(position, item.text(tag("RelationshipType")), target=".".join(map(str, target)))
    below = item.items(tag("ContentSequence"))
    value_type = item.text(tag("ValueType"))
    children = tuple(_item(child, f"{position}.{at}", depth + 1) for at, child in enumerate(below, 1)) if depth < DEPTH else ()
    return ContentItem(
        position,
        item.text(tag("RelationshipType")),
        value_type,
        code(item, "ConceptNameCodeSequence"),
        text=_TEXTS[value_type](item) if value_type in _TEXTS else "",
        code=code(item, "ConceptCodeSequence") if value_type == "CODE" else None,
        number=_number(item) if value_type == "NUM" else None,
        reference=_reference(item) if value_type in ("IMAGE", "WAVEFORM", "COMPOSITE") else None,
        coordinates=_coordinates(item, value_type),
        continuous=item.text(tag("ContinuityOfContent")) == "CONTINUOUS",
        observed=readable.date_time(item.text(tag("ObservationDateTime"))),
        language=_language(children),
        children=children,
        deeper=bool(below) and not children,
    )


def _plain(item: Item) -> str:
    """Text as it was written, save for the way in which lines end."""
    text = "\n".join(value for value in item.values(tag("TextValue")) if isinstance(value, str))
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


_TEXTS: dict[str, Callable[[Item], str]] = {
    "TEXT": _plain,
    "DATE": lambda item: readable.date(item.text(tag("Date"))),
    "TIME": lambda item: readable.time(item.text(tag("Time"))),
    "DATETIME": lambda item: readable.date_time(item.text(tag("DateTime"))),
    "UIDREF": lambda item: item.text(tag("UID")),
    "PNAME": lambda item: "; ".join(filter(None, map(readable.name, item.values(tag("PersonName"))))),
}


def _number(item: Item) -> Numeric:
    measured = item.item(tag("MeasuredValueSequence"))
    qualifier = code(item, "NumericValueQualifierCodeSequence")
    if measured is None:
        return Numeric("", None, qualifier)
    values = measured.texts(tag("NumericValue")) or measured.texts(tag("FloatingPointValue"))
    return Numeric("\\".join(values), code(measured, "MeasurementUnitsCodeSequence"), qualifier)


def _reference(item: Item) -> Reference | None:
    found = item.item(tag("ReferencedSOPSequence"))
    if found is None:
        return None
    channels = list(map(str, _whole(found, "ReferencedWaveformChannels")))
    presentation = found.item(tag("ReferencedSOPSequence"))
    return Reference(
        found.text(tag("ReferencedSOPClassUID")),
        found.text(tag("ReferencedSOPInstanceUID")),
        _whole(found, "ReferencedFrameNumber"),
        _whole(found, "ReferencedSegmentNumber"),
        tuple("/".join(channels[at : at + 2]) for at in range(0, len(channels), 2)),
        "" if presentation is None else presentation.text(tag("ReferencedSOPInstanceUID")),
    )


def _whole(item: Item, keyword: str) -> tuple[int, ...]:
    return tuple(int(number) for number in item.numbers(tag(keyword)))


def _coordinates(item: Item, value_type: str) -> Coordinates | None:
    if value_type == "TCOORD":
        kind = item.text(tag("TemporalRangeType"))
        for keyword, unit in (
            ("ReferencedSamplePositions", "samples"),
            ("ReferencedTimeOffsets", "seconds"),
            ("ReferencedDateTime", "date and time"),
        ):
            if item.has(tag(keyword)):
                return Coordinates(kind, _points(item, keyword), 1, unit)
        return Coordinates(kind, (), 1, "")
    if value_type == "SCOORD":
        return Coordinates(item.text(tag("GraphicType")), _points(item, "GraphicData"), 2, "column, row in pixels")
    if value_type == "SCOORD3D":
        return Coordinates(item.text(tag("GraphicType")), _points(item, "GraphicData"), 3, "x, y, z in mm")
    return None


def _points(item: Item, keyword: str) -> tuple[str, ...] | None:
    element = item.attributes.get(tag(keyword))
    if isinstance(element, dict) and "BulkDataURI" in element:
        return None
    if keyword == "ReferencedDateTime":
        return tuple(map(readable.date_time, item.texts(tag(keyword))))
    return tuple(f"{number:.10g}" for number in item.numbers(tag(keyword)))


def _language(children: tuple[ContentItem, ...]) -> str:
    """Language of Content Item and Descendants (TID 1204): a code of RFC 5646."""
    for child in children:
        if child.concept is not None and (child.concept.value, child.concept.scheme) == ("121049", "DCM") and child.code is not None:
            return child.code.value
    return ""
