"""DICOM JSON that a user agent sends (PS3.18 Annex F): untrusted text in, sound DICOM JSON objects out.

Lenient where the meaning is plain: tags in lower case and any order, a missing `vr` of a known attribute, a single object without its
array. Strict where it is not: a key that occurs twice, several forms of one value. Raises `elements.Malformed` only, with a sentence that
holds no value. Must not know: what refers to which bulkdata, bytes of Part 10.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from app.dicom import vr as representations
from app.dicom.elements import Malformed
from app.dicom.encode import shown
from app.model import JsonObject

FORMS = ("Value", "BulkDataURI", "InlineBinary")

_KEY = re.compile("[0-9A-Fa-f]{8}")
_KNOWN = representations.WIDE | representations.NARROW
_PIXEL_REPRESENTATION = "00280103"
_BRACKETS = 4
"""An attribute has one object and one array; a name has one object more, and some stand in strings."""


class _Repeated(dict[str, Any]):
    """An object in which a key stands twice; which one is meant nobody can know."""


def documents(text: bytes, *, elements: int) -> list[Any]:
    """The instances of a metadata part, not yet looked into: `data_set` does that for each.

    Malformed if it is no JSON, or if it has far more objects and arrays than `elements` attributes would: parsed, they take twenty times
    the room of their text.
    """
    if text.count(b"{") + text.count(b"[") > _BRACKETS * elements:
        raise Malformed("The part of type application/dicom+json has more elements than this server takes")
    try:
        parsed = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        # The parser's own message quotes nothing of the text but positions; still, ours tells what to do.
        raise Malformed("The part of type application/dicom+json is not JSON in UTF-8") from error
    return parsed if isinstance(parsed, list) else [parsed]


def data_set(document: Any, *, nesting: int, elements: int) -> JsonObject:
    """The object with keys in upper case and ascending, each with a VR and at most one form of value. Malformed beyond the two bounds."""
    return _Reading(nesting, elements).data_set(document, 0, None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(found)


@dataclass(slots=True)
class _Reading:
    nesting: int
    left: int

    def data_set(self, document: Any, depth: int, signed: bool | None) -> JsonObject:
        if not isinstance(document, dict):
            raise Malformed("A data set in the DICOM JSON is not an object (PS3.18 F.2.2)")
        if depth > self.nesting:
            raise Malformed("The data set has sequences nested deeper than this server takes")
        attributes = self.attributes(document)
        signed = _signed(attributes, signed)
        creators = _creators(attributes)
        return {tag: self.attribute(tag, attributes[tag], creators, depth, signed) for tag in sorted(attributes)}

    def attributes(self, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for key, attribute in document.items():
            if not _KEY.fullmatch(key):
                raise Malformed("A key of the DICOM JSON is not a tag of 8 hexadecimal digits (PS3.18 F.2.2)")
            tag = key.upper()
            if tag in found or isinstance(document, _Repeated):
                raise Malformed("A tag stands twice in one data set of the DICOM JSON")
            if not isinstance(attribute, dict) or isinstance(attribute, _Repeated):
                raise Malformed(f"The attribute {shown(tag)} is not an object with vr and at most one of {', '.join(FORMS)}")
            self.left -= 1
            if self.left < 0:
                raise Malformed("The data set has more elements than this server takes")
            found[tag] = attribute
        return found

    def attribute(self, tag: str, attribute: dict[str, Any], creators: dict[str, str], depth: int, signed: bool | None) -> JsonObject:
        forms = [name for name in FORMS if attribute.get(name) not in (None, [])]
        if len(forms) > 1:
            raise Malformed(f"The attribute {shown(tag)} has more than one of {', '.join(FORMS)}")
        vr = _vr(tag, attribute, forms, creators, signed)
        if not forms:
            return {"vr": vr}
        (form,) = forms
        content = attribute[form]
        if form != "Value":
            if not isinstance(content, str):
                raise Malformed(f"The {form} of {shown(tag)} is not a string")
            return {"vr": vr, form: content}
        values = content if isinstance(content, list) else [content]
        if vr == "SQ":
            values = [self.data_set(item or {}, depth + 1, signed) for item in values]
        return {"vr": vr, "Value": values}


def _signed(attributes: dict[str, dict[str, Any]], inherited: bool | None) -> bool | None:
    values = attributes.get(_PIXEL_REPRESENTATION, {}).get("Value")
    return str(values[0]) == "1" if isinstance(values, list) and values else inherited


def _creators(attributes: dict[str, dict[str, Any]]) -> dict[str, str]:
    found = {}
    for tag, attribute in attributes.items():
        if int(tag[3], 16) & 1 and tag[4:6] == "00" and tag[6:] >= "10":
            values = attribute.get("Value")
            if isinstance(values, list) and values and isinstance(values[0], str):
                found[tag[:4] + tag[6:]] = values[0].strip()
    return found


def _vr(tag: str, attribute: dict[str, Any], forms: list[str], creators: dict[str, str], signed: bool | None) -> str:
    """What the attribute says; else what the dictionaries say."""
    said = attribute.get("vr")
    said = said.strip().upper() if isinstance(said, str) else ""
    if said in _KNOWN:
        return said
    number = int(tag, 16)
    known = representations.of_tag(number) or representations.of_private_tag(number, creators.get(tag[:6], ""))
    if said and said != known.upper():
        raise Malformed(f"The attribute {shown(tag)} has a vr that is none of PS3.5 6.2")
    if " or " in known:
        if "OW" in known and (forms != ["Value"] or not known.startswith("US")):
            return "OW"
        return "SS" if signed and "SS" in known else "US"
    if not known and forms == ["Value"]:
        raise Malformed(f"The attribute {shown(tag)} has no vr, and the dictionary does not know it")
    return known or "UN"
