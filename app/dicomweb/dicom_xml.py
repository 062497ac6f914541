"""The Native DICOM Model as XML (PS3.19 A.1): one DICOM JSON object in, the text of one document out.

Says exactly what the JSON says, with two limits that XML sets: characters that XML 1.0 has no room for are left out, and a number is its
decimal text. Must not know: where the object comes from, multipart, HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydicom.datadict import keyword_for_tag

from app.dicom.names import GROUPS
from app.model import JsonObject

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")

_HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">\n'
_TAIL = "</NativeDicomModel>\n"
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPECIAL = re.compile('[&<>"\r\n\t]')
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': '"', "\r": "&#13;", "\n": "\n", "\t": "\t"}
_ATTRIBUTE = {**_TEXT, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
"""A carriage return would be read as a line feed, and line breaks in an attribute as spaces, if they were not written as references."""


def write(dataset: JsonObject) -> bytes:
    """The document, UTF-8, the same for the same object. `dataset` as our encoder makes it: keys ascending, each element with its `vr`."""
    return "".join((_HEAD, *_data_set(dataset), _TAIL)).encode("utf-8")


def _data_set(dataset: JsonObject) -> Iterator[str]:
    creators = _creators(dataset)
    for tag, attribute in dataset.items():
        yield _opening(tag, attribute["vr"], creators)
        content = "".join(_content(attribute))
        yield f">{content}</DicomAttribute>\n" if content else "/>\n"


def _opening(tag: str, vr: str, creators: Mapping[str, str]) -> str:
    """Private elements go by group, element and creator, without their block (PS3.19 A.1.5), where that says which one is meant."""
    creator = creators.get(tag[:6]) if int(tag[:4], 16) & 1 else None
    if creator is None:
        keyword = _keyword(tag)
        named = f' keyword="{keyword}"' if keyword else ""
        return f'<DicomAttribute tag="{tag}" vr="{vr}"{named}'
    same = sum(block[:4] == tag[:4] and name == creator for block, name in creators.items())
    written = f"{tag[:4]}00{tag[6:]}" if same == 1 else tag
    return f'<DicomAttribute tag="{written}" vr="{vr}" privateCreator="{_attribute(creator)}"'


def _creators(dataset: JsonObject) -> dict[str, str]:
    """Group and block (6 digits) of each Private Creator that can be written in XML -> its value."""
    found = {}
    for tag, attribute in dataset.items():
        if tag[4:6] == "00" and tag[6:] >= "10" and int(tag[3], 16) & 1:
            values = attribute.get("Value")
            name = values[0] if values else None
            if isinstance(name, str) and len(values) == 1 and not _UNSPEAKABLE.search(name):
                found[tag[:4] + tag[6:]] = name
    return found


def _content(attribute: Mapping[str, Any]) -> Iterator[str]:
    if "BulkDataURI" in attribute:
        yield f'<BulkData uri="{_attribute(attribute["BulkDataURI"])}"/>'
    elif "InlineBinary" in attribute:
        yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
    elif attribute["vr"] == "SQ":
        for number, item in enumerate(attribute.get("Value", ()), 1):
            yield f'<Item number="{number}">\n'
            yield from _data_set(item)
            yield "</Item>\n"
    elif attribute["vr"] == "PN":
        for number, name in enumerate(attribute.get("Value", ()), 1):
            yield f'<PersonName number="{number}">{_name(name or {})}</PersonName>'
    else:
        for number, value in enumerate(attribute.get("Value", ()), 1):
            if value is None:
                # It stays as an empty element, so that those behind it keep their numbers.
                yield f'<Value number="{number}"/>'
            else:
                yield f'<Value number="{number}">{_text(value) if isinstance(value, str) else value}</Value>'


def _name(groups: Mapping[str, str]) -> str:
    return "".join(f"<{group}>{_components(groups[group])}</{group}>" for group in GROUPS if group in groups)


def _components(text: str) -> str:
    """An empty component has no element, but for the last one: it tells that a delimiter stood there."""
    parts = text.split("^", len(COMPONENTS) - 1)
    last = len(parts) - 1
    named = zip(COMPONENTS, parts, strict=False)
    return "".join(f"<{name}>{_text(part)}</{name}>" for at, (name, part) in enumerate(named) if part or at == last)


@lru_cache(maxsize=8192)
def _keyword(tag: str) -> str:
    return str(keyword_for_tag(int(tag, 16)))


def _text(text: str) -> str:
    if text.isalnum():
        return text
    return _SPECIAL.sub(lambda found: _TEXT[found[0]], _UNSPEAKABLE.sub("", text))


def _attribute(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ATTRIBUTE[found[0]], _UNSPEAKABLE.sub("", text))
