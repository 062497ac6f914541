"""The Native DICOM Model as a user agent sends it (PS3.19 A.1): untrusted XML in, one DICOM JSON object out.

No document type, hence no entity and nothing fetched from elsewhere; depth and counts are bounded while reading. Names in any letter
case, with or without the namespace: the standard's own examples differ. Raises `elements.Malformed` only, with a sentence that holds no
value. Must not know: what refers to which bulkdata, bytes of Part 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from app.dicom.charset import DEFAULT_REPERTOIRE
from app.dicom.elements import Malformed
from app.dicom.names import GROUPS
from app.dicomweb.dicom_xml import COMPONENTS
from app.dicomweb.json_values import CONVERTERS
from app.model import JsonObject

_WHOLE = frozenset({"US", "SS", "UL", "SL", "UV", "SV"})
_REAL = frozenset({"FL", "FD"})
_SAFE_INTEGER = 2**53
_GROUPS = {name.lower(): name for name in GROUPS}
_COMPONENTS = {name.lower(): at for at, name in enumerate(COMPONENTS)}
_TEXTS = frozenset({"value", "inlinebinary", *_COMPONENTS})
_CHILDREN = {
    "": frozenset({"nativedicommodel"}),
    "nativedicommodel": frozenset({"dicomattribute"}),
    "item": frozenset({"dicomattribute"}),
    "dicomattribute": frozenset({"value", "inlinebinary", "bulkdata", "item", "personname"}),
    "personname": frozenset(_GROUPS),
    **dict.fromkeys(_GROUPS, frozenset(_COMPONENTS)),
}
"""What may stand in what (PS3.19 A.1.6), in lower case."""


def read(text: bytes, *, nesting: int, elements: int) -> JsonObject:
    """The data set as DICOM JSON, fit for `dicom_json_reader.data_set`. Malformed for anything but one such document within the bounds."""
    reading = _Reading(nesting, elements)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Malformed("The part of type application/dicom+xml is not well-formed XML") from error
    except (LookupError, UnicodeError) as error:
        raise Malformed("The part of type application/dicom+xml is in an unknown character encoding; send UTF-8") from error
    return reading.root


def _refuse_doctype(*_declaration: object) -> NoReturn:
    raise Malformed("The XML has a document type declaration, which is not taken: the Native DICOM Model needs none")


@dataclass(slots=True)
class _DataSet:
    """A data set that is being read: `private` holds (group, element, creator, attribute) whose block is not known before its end."""

    attributes: JsonObject = field(default_factory=dict)
    private: list[tuple[str, str, str, JsonObject]] = field(default_factory=list)

    def add(self, tag: str, attribute: JsonObject) -> None:
        if tag in self.attributes:
            raise Malformed("A tag stands twice in one data set of the XML")
        self.attributes[tag] = attribute

    def closed(self) -> JsonObject:
        blocks: dict[tuple[str, str], str] = {}
        for group, element, creator, attribute in self.private:
            block = blocks.get((group, creator)) or self.block(group, creator)
            blocks[group, creator] = block
            self.add(group + block + element, attribute)
        return self.attributes

    def block(self, group: str, creator: str) -> str:
        """The block that this creator has reserved in the group; else the first free one is reserved for it (PS3.5 7.8.1)."""
        free = ""
        for number in range(0x10, 0x100):
            block = f"{number:02X}"
            reserved = self.attributes.get(f"{group}00{block}")
            if reserved is None:
                free = free or block
            elif [str(value).strip() for value in reserved.get("Value", ())] == [creator.strip()]:
                return block
        if not free:
            raise Malformed("The XML has more private creators in one group than PS3.5 7.8.1 has room for")
        self.attributes[f"{group}00{free}"] = {"vr": "LO", "Value": [creator]}
        return free


@dataclass(slots=True)
class _Reading:
    nesting: int
    left: int
    root: JsonObject = field(default_factory=dict)
    names: list[str] = field(default_factory=lambda: [""])
    datasets: list[_DataSet] = field(default_factory=list)
    headers: list[tuple[str, str, str]] = field(default_factory=list)
    contents: list[JsonObject] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    person: dict[str, str] = field(default_factory=dict)
    components: dict[int, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)

    def start(self, qualified: str, given: dict[str, str]) -> None:
        name = qualified.rpartition(" ")[2].lower()
        if name not in _CHILDREN.get(self.names[-1], ()):
            raise Malformed("The XML is not a Native DICOM Model: an element stands where PS3.19 A.1.6 has none")
        self.left -= 1
        if self.left < 0:
            raise Malformed("The data set has more elements than this server takes")
        self.names.append(name)
        attributes = {key.rpartition(" ")[2].lower(): value for key, value in given.items()}
        opening = _OPENINGS.get(name)
        if opening is not None:
            opening(self, attributes)
        self.text.clear()

    def end(self, _qualified: str) -> None:
        name = self.names.pop()
        closing = _CLOSINGS.get(name)
        if closing is not None:
            closing(self)
        elif name in _COMPONENTS:
            self.components[_COMPONENTS[name]] = "".join(self.text)
        elif name in _GROUPS:
            self.group(_GROUPS[name])
        self.text.clear()

    def characters(self, text: str) -> None:
        if self.names[-1] in _TEXTS:
            self.text.append(text)
        elif text.strip() and self.names[-1] in _GROUPS:
            # Some writers put the whole name here instead of its components.
            self.components[0] = self.components.get(0, "") + text.strip()
        elif text.strip():
            raise Malformed("The XML is not a Native DICOM Model: text stands outside of the values")

    def open_data_set(self, attributes: dict[str, str]) -> None:
        if len(self.datasets) > self.nesting:
            raise Malformed("The data set has sequences nested deeper than this server takes")
        if self.datasets:
            self.number(attributes)
        self.datasets.append(_DataSet())

    def close_model(self) -> None:
        self.root = self.datasets.pop().closed()

    def close_item(self) -> None:
        self.put(self.datasets.pop().closed())

    def open_attribute(self, attributes: dict[str, str]) -> None:
        tag = attributes.get("tag", "").strip().upper()
        if len(tag) != 8 or set(tag) - set("0123456789ABCDEF"):
            raise Malformed("A DicomAttribute of the XML has no tag of 8 hexadecimal digits (PS3.19 A.1.5)")
        self.headers.append((tag, attributes.get("vr", "").strip().upper(), attributes.get("privatecreator", "")))
        self.contents.append({})

    def close_attribute(self) -> None:
        tag, vr, creator = self.headers.pop()
        content = self.contents.pop()
        attribute = {"vr": vr, **content} if vr else content
        if creator.strip() and tag[4:6] == "00":
            self.datasets[-1].private.append((tag[:4], tag[6:], creator, attribute))
        else:
            self.datasets[-1].add(tag, attribute)

    def number(self, attributes: dict[str, str]) -> None:
        """Where the value goes: its number, or the next place if it has none."""
        values = self.contents[-1].setdefault("Value", [])
        said = attributes.get("number", "").strip()
        number = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else len(values) + 1
        if not len(values) < number <= len(values) + 1 + self.left:
            raise Malformed("The numbers of the values in the XML do not ascend from 1 (PS3.19 A.1.5)")
        self.left -= number - len(values) - 1
        self.numbers.append(number)

    def put(self, value: Any) -> None:
        number = self.numbers.pop()
        values = self.contents[-1]["Value"]
        gap: JsonObject | None = {} if isinstance(value, dict) and self.headers[-1][1] == "SQ" else None
        values.extend(gap for _ in range(number - len(values) - 1))
        values.append(value)

    def close_value(self) -> None:
        self.put(_typed(self.headers[-1][1], "".join(self.text)))

    def close_inline(self) -> None:
        self.contents[-1]["InlineBinary"] = "".join("".join(self.text).split())

    def open_bulkdata(self, attributes: dict[str, str]) -> None:
        uri, uuid = attributes.get("uri", "").strip(), attributes.get("uuid", "").strip()
        if not uri and not uuid:
            raise Malformed("A BulkData element of the XML has neither uri nor uuid (PS3.19 A.1.5)")
        self.contents[-1]["BulkDataURI"] = uri or f"uuid:{uuid}"

    def open_person(self, attributes: dict[str, str]) -> None:
        self.number(attributes)
        self.person = {}

    def group(self, name: str) -> None:
        text = "^".join(self.components.get(at, "") for at in range(max(self.components, default=-1) + 1))
        self.components = {}
        if text:
            self.person[name] = text

    def close_person(self) -> None:
        self.put(self.person or None)


_OPENINGS: dict[str, Callable[[_Reading, dict[str, str]], None]] = {
    "nativedicommodel": _Reading.open_data_set,
    "item": _Reading.open_data_set,
    "dicomattribute": _Reading.open_attribute,
    "value": _Reading.number,
    "bulkdata": _Reading.open_bulkdata,
    "personname": _Reading.open_person,
}
_CLOSINGS: dict[str, Callable[[_Reading], None]] = {
    "nativedicommodel": _Reading.close_model,
    "item": _Reading.close_item,
    "dicomattribute": _Reading.close_attribute,
    "value": _Reading.close_value,
    "inlinebinary": _Reading.close_inline,
    "personname": _Reading.close_person,
}


def _typed(vr: str, text: str) -> str | int | float | None:
    """A number where the VR has numbers and the text is one (PS3.18 F.2.3); what is none stays text, for the encoder to judge."""
    if not text:
        return None
    plain = text.strip()
    if vr in ("DS", "IS"):
        values, _ = CONVERTERS[vr](plain.encode("utf-8", "replace"), True, DEFAULT_REPERTOIRE)
        return values[0] if len(values) == 1 else text
    try:
        if vr in _WHOLE:
            number = int(plain)
            return number if -_SAFE_INTEGER <= number <= _SAFE_INTEGER else plain
        if vr in _REAL and plain not in ("NaN", "Infinity", "-Infinity"):
            return float(plain)
    except ValueError:
        return text
    return text
