"""The schema of the Native DICOM Model (PS3.19 A.1.6), as code: what an element may hold, in which order, with which attributes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

XMLNS = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
SPACE = "{http://www.w3.org/XML/1998/namespace}space"
VR = re.compile("A[EST]|CS|D[AST]|F[DL]|IS|L[OT]|O[BDFLVW]|PN|S[HLQSTV]|TM|U[CILNRSTV]")
ALLOWED = {"SQ": {"Item"}, "PN": {"PersonName"}}
GROUPS = ["Alphabetic", "Ideographic", "Phonetic"]
COMPONENTS = ["FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"]


def validate(document: bytes) -> None:
    """AssertionError for what the schema does not allow."""
    root = ElementTree.fromstring(document)
    assert root.tag == XMLNS + "NativeDicomModel"
    assert set(root.attrib) <= {SPACE}
    _data_set(root)


def _data_set(parent: ElementTree.Element) -> None:
    for attribute in parent:
        assert attribute.tag == XMLNS + "DicomAttribute"
        assert {"tag", "vr"} <= set(attribute.attrib) <= {"tag", "vr", "keyword", "privateCreator"}
        assert re.fullmatch("[0-9A-F]{8}", attribute.get("tag", ""))
        assert VR.fullmatch(attribute.get("vr", ""))
        _content(attribute)


def _content(attribute: ElementTree.Element) -> None:
    kinds = [child.tag.removeprefix(XMLNS) for child in attribute]
    assert len(set(kinds)) <= 1
    kind = kinds[0] if kinds else ""
    assert kind in {"", *ALLOWED.get(attribute.get("vr", ""), {"Value", "InlineBinary", "BulkData"})}
    if kind in {"BulkData", "InlineBinary"}:
        assert len(kinds) == 1
        assert set(attribute[0].attrib) == ({"uri"} if kind == "BulkData" else set())
        return
    assert [child.attrib for child in attribute] == [{"number": str(number)} for number in range(1, len(kinds) + 1)]
    for child in attribute:
        if kind == "Item":
            _data_set(child)
        elif kind == "PersonName":
            _in_order(child, GROUPS)
            for group in child:
                _in_order(group, COMPONENTS)
        else:
            assert len(child) == 0


def _in_order(parent: ElementTree.Element, names: list[str]) -> None:
    """Each at most once, in this order, without attributes."""
    found = [child.tag.removeprefix(XMLNS) for child in parent]
    assert found == [name for name in names if name in found]
    assert all(not child.attrib for child in parent)
