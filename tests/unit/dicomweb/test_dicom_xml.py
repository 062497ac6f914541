"""PS3.19 A.1: the Native DICOM Model says what the DICOM JSON says, both ways; and what is no such document is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.elements import Malformed
from app.dicom.names import GROUPS
from app.dicom.part10 import NotDicom
from app.dicomweb import dicom_json_reader, dicom_xml, dicom_xml_reader
from tests.builders import corpus
from tests.unit.dicomweb import native_model
from tests.unit.dicomweb.test_dicom_json_corpus import encoded_file

XMLNS = "http://dicom.nema.org/PS3.19/models/NativeDICOM"


def read(text: bytes | str, nesting: int = 64, elements: int = 10_000) -> dict[str, Any]:
    return dicom_xml_reader.read(text if isinstance(text, bytes) else text.encode(), nesting=nesting, elements=elements)


def there_and_back(dataset: dict[str, Any]) -> dict[str, Any]:
    return dicom_json_reader.data_set(read(dicom_xml.write(dataset), elements=10**7), nesting=64, elements=10**6)


def attributes(dataset: dict[str, Any]) -> list[minidom.Element]:
    root = minidom.parseString(dicom_xml.write(dataset)).documentElement
    assert root is not None
    assert (root.localName, root.namespaceURI) == ("NativeDicomModel", XMLNS)
    return elements_of(root)


def elements_of(node: minidom.Element) -> list[minidom.Element]:
    return [child for child in node.childNodes if isinstance(child, minidom.Element)]


def text_of(node: minidom.Element) -> str:
    return "".join(child.data for child in node.childNodes if isinstance(child, minidom.Text))


def model(content: str) -> str:
    return f'<NativeDicomModel xmlns="{XMLNS}">{content}</NativeDicomModel>'


def test_an_attribute_has_tag_vr_and_keyword_and_numbered_values() -> None:
    (found,) = attributes({"00080008": {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]}})
    assert dict(found.attributes.items()) == {"tag": "00080008", "vr": "CS", "keyword": "ImageType"}
    values = [(value.getAttribute("number"), text_of(value)) for value in elements_of(found)]
    assert values == [("1", "ORIGINAL"), ("2", ""), ("3", "AXIAL")]


def test_a_repeating_group_has_its_keyword() -> None:
    (found,) = attributes({"60020010": {"vr": "US", "Value": [4]}})
    assert found.getAttribute("keyword") == "OverlayRows"


def test_a_name_is_taken_apart_into_groups_and_components() -> None:
    name = {"Alphabetic": "Yamada^Tarou^^Dr", "Ideographic": "山田^太郎"}
    (found,) = attributes({"00100010": {"vr": "PN", "Value": [name]}})
    (person,) = elements_of(found)
    assert person.tagName == "PersonName"
    groups = {group.tagName: {part.tagName: text_of(part) for part in elements_of(group)} for group in elements_of(person)}
    assert groups == {
        "Alphabetic": {"FamilyName": "Yamada", "GivenName": "Tarou", "NamePrefix": "Dr"},
        "Ideographic": {"FamilyName": "山田", "GivenName": "太郎"},
    }


def test_a_private_attribute_goes_by_its_creator_without_its_block() -> None:
    creator, private = attributes({"00091000": {"vr": "LO", "Value": ["x"]}} | {"00090010": {"vr": "LO", "Value": ["ACME 1.0"]}})[::-1]
    assert dict(creator.attributes.items()) == {"tag": "00090010", "vr": "LO"}
    assert dict(private.attributes.items()) == {"tag": "00090000", "vr": "LO", "privateCreator": "ACME 1.0"}


def test_bulkdata_and_inline_binary_stay_what_they_are() -> None:
    dataset = {
        "00091010": {"vr": "OB", "InlineBinary": "AAEC"},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://h/dicom-web/studies/1?a=1&b=2"},
    }
    assert b'<BulkData uri="http://h/dicom-web/studies/1?a=1&amp;b=2"/>' in dicom_xml.write(dataset)
    assert there_and_back(dataset) == dataset


def test_characters_that_xml_cannot_hold_are_left_out_and_all_others_survive() -> None:
    dataset = {"00104000": {"vr": "LT", "Value": [" a\x0c\x1b<b>&\"'\r\n\tß\ud800\U0001f600 "]}}
    assert there_and_back(dataset) == {"00104000": {"vr": "LT", "Value": [" a<b>&\"'\r\n\tß\U0001f600 "]}}


def test_the_text_is_the_same_for_the_same_object() -> None:
    dataset = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}, "00200013": {"vr": "IS", "Value": [7]}}
    assert dicom_xml.write(dataset) == dicom_xml.write(json.loads(json.dumps(dataset)))


def test_two_blocks_of_one_creator_are_kept_apart() -> None:
    dataset = {
        "00090010": {"vr": "LO", "Value": ["ACME"]},
        "00090011": {"vr": "LO", "Value": ["ACME"]},
        "00091001": {"vr": "LO", "Value": ["one"]},
        "00091101": {"vr": "LO", "Value": ["two"]},
    }
    assert there_and_back(dataset) == dataset


def test_a_private_attribute_without_its_creator_element_gets_a_free_block() -> None:
    content = '<DicomAttribute tag="00090001" vr="LO" privateCreator="ACME"><Value number="1">x</Value></DicomAttribute>'
    other = '<DicomAttribute tag="00090010" vr="LO"><Value number="1">OTHER</Value></DicomAttribute>'
    assert read(model(other + content)) == {
        "00090010": {"vr": "LO", "Value": ["OTHER"]},
        "00090011": {"vr": "LO", "Value": ["ACME"]},
        "00091101": {"vr": "LO", "Value": ["x"]},
    }


def test_names_in_any_case_with_or_without_namespace_are_read() -> None:
    content = '<DicomAttribute Tag="0020000d" VR="ui" Keyword="StudyInstanceUID"><Value Number="1">1.2</Value></DicomAttribute>'
    expected = {"0020000D": {"vr": "UI", "Value": ["1.2"]}}
    for text in (
        model(content),
        f"<NativeDicomModel>{content}</NativeDicomModel>",
        model(content).replace("<", "<d:").replace("<d:/", "</d:"),
    ):
        assert read(text.replace("xmlns=", "xmlns:d=") if "<d:" in text else text) == expected


def test_gaps_in_the_numbers_are_empty_values() -> None:
    content = '<DicomAttribute tag="00080008" vr="CS"><Value number="1">A</Value><Value number="4">B</Value></DicomAttribute>'
    assert read(model(content)) == {"00080008": {"vr": "CS", "Value": ["A", None, None, "B"]}}


def test_a_name_without_components_is_read() -> None:
    content = (
        '<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic>Doe^Jane</Alphabetic></PersonName></DicomAttribute>'
    )
    assert read(model(content))["00100010"]["Value"] == [{"Alphabetic": "Doe^Jane"}]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        model("<DicomAttribute"),
        model('<DicomAttribute tag="0008" vr="CS"/>'),
        model('<DicomAttribute vr="CS"/>'),
        model('<DicomAttribute tag="00080008" vr="CS"/><DicomAttribute tag="00080008" vr="CS"/>'),
        model('<DicomAttribute tag="00080008" vr="CS"><Value number="2">A</Value><Value number="1">B</Value></DicomAttribute>'),
        model('<DicomAttribute tag="00080008" vr="CS"><Value number="999999999">A</Value></DicomAttribute>'),
        model('<DicomAttribute tag="00080008" vr="CS">text</DicomAttribute>'),
        model('<DicomAttribute tag="7FE00010" vr="OW"><BulkData/></DicomAttribute>'),
        model("<Value>1</Value>"),
        "<html/>",
        '<?xml version="1.0" encoding="no-such-encoding"?>' + model(""),
    ],
)
def test_what_is_no_native_dicom_model_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE x>",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY % e SYSTEM "http://127.0.0.1/x"> %e;]>',
    ],
)
def test_a_document_type_is_refused_whatever_it_declares(declaration: str) -> None:
    with pytest.raises(Malformed, match="document type"):
        read(declaration + model('<DicomAttribute tag="00104000" vr="LT"><Value number="1">&b;</Value></DicomAttribute>'))


def test_depth_and_count_are_bounded() -> None:
    def nested(depth: int) -> str:
        if not depth:
            return ""
        return f'<DicomAttribute tag="00081140" vr="SQ"><Item number="1">{nested(depth - 1)}</Item></DicomAttribute>'

    assert read(model(nested(5)), nesting=5)
    with pytest.raises(Malformed, match="deeper"):
        read(model(nested(6)), nesting=5)
    with pytest.raises(Malformed, match="more elements"):
        read(model("".join(f'<DicomAttribute tag="0010{n:04X}" vr="LO"/>' for n in range(300))), elements=299)


TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\^=\ufffe\uffff") | st.sampled_from(" \t\r\n<&>\"']]>"), min_size=1
)
NAMES = st.dictionaries(st.sampled_from(GROUPS), st.lists(TEXTS | st.just(""), min_size=1, max_size=7).map("^".join), min_size=1)
INTEGERS = st.integers(-(2**31), 2**31 - 1)
NUMBERS = {
    "DS": st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda number: float(f"{number:.7g}")) | INTEGERS,
    "IS": INTEGERS,
    "US": st.integers(0, 65535),
    "SL": INTEGERS,
    "UV": st.integers(0, 2**53) | st.integers(2**53 + 1, 2**64 - 1).map(str),
    "FD": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["NaN", "Infinity", "-Infinity"]),
    "AT": st.integers(0, 2**32 - 1).map("{:08X}".format),
}


def several(vr: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    found = st.lists(values | st.none(), min_size=1, max_size=4).filter(lambda found: found != [None])
    return st.fixed_dictionaries({"vr": st.just(vr), "Value": found})


def attribute(items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    made: list[st.SearchStrategy[dict[str, Any]]] = [st.fixed_dictionaries({"vr": st.sampled_from(["LO", "SQ", "OB", "PN", "US"])})]
    made += [several(vr, TEXTS) for vr in ("LO", "SH", "UC")]
    made += [several(vr, values) for vr, values in NUMBERS.items()]
    made.append(several("PN", NAMES.filter(lambda name: all(name.values()))))
    made.append(st.fixed_dictionaries({"vr": st.sampled_from(["LT", "UT", "UR"]), "Value": st.lists(TEXTS, min_size=1, max_size=1)}))
    made.append(st.fixed_dictionaries({"vr": st.just("SQ"), "Value": st.lists(items, min_size=1, max_size=3)}))
    made.append(st.fixed_dictionaries({"vr": st.just("OW"), "BulkDataURI": TEXTS.map(lambda text: f"u{text}".strip())}))
    made.append(st.fixed_dictionaries({"vr": st.just("OB"), "InlineBinary": st.sampled_from(["AA==", "AAEC"])}))
    return st.one_of(made)


TAGS = st.integers(0, 0xFFFF).flatmap(lambda group: st.integers(0, 0xFFFF).map(lambda element: f"{group:04X}{element:04X}"))
TREES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}),
    lambda items: st.dictionaries(TAGS.filter(lambda tag: int(tag[3], 16) % 2 == 0), attribute(items), max_size=5).map(
        lambda found: dict(sorted(found.items()))
    ),
    max_leaves=8,
)


@given(TREES)
def test_json_to_xml_to_json_is_the_same(dataset: dict[str, Any]) -> None:
    assert there_and_back(dataset) == dataset


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: model(text).encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        read(text)
    except Malformed:
        return


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_r8_the_xml_of_the_corpus_fits_the_schema_and_says_what_its_json_says(path: Path) -> None:
    try:
        _, result = encoded_file(path.read_bytes())
    except (NotDicom, Malformed):
        return
    dataset = json.loads(result.text.replace(b"\x01", b"http://h/dicom-web"))
    native_model.validate(dicom_xml.write(dataset))
    assert there_and_back(dataset) == json.loads(dicom_xml._UNSPEAKABLE.sub("", json.dumps(dataset, ensure_ascii=False)))
