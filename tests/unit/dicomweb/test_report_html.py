"""SR documents as HTML, read by Python's HTML parser and by an XML parser."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from app.dicom.item import Item
from app.dicom.report import report
from app.dicomweb import report_html
from app.dicomweb.resources import with_base
from tests.reports import code, document, evidence, item, metadata, number, reference
from tests.unit.dicom.corpus_files import corpus_file
from tests.unit.dicomweb.html_reader import Seen, read

CT = "1.2.840.10008.5.1.4.1.1.2"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "<!-- --><?php ?><![CDATA[x]]>",
    "&lt;b&gt; &amp; &#60;",
]


def drawn(made: Dataset) -> bytes:
    return with_base(report_html.html(report(metadata(made))), "https://pacs.example.org/dicom-web")


def seen(made: Dataset) -> Seen:
    text = drawn(made)
    ElementTree.fromstring(text.partition(b"\n")[2])
    return read(text)


def test_the_head_tells_who_what_when_and_whether_it_is_verified() -> None:
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerifyingOrganization = "Roe^Richard^^Dr", "St. Nowhere"
    observer.VerificationDateTime = "20240301120000"
    found = seen(
        document(
            "Chest CT Report",
            patient_name="Yamada^Tarou=山田^太郎",
            StudyDescription="CT chest",
            ContentDate="20240301",
            ContentTime="1130",
            CompletionFlag="COMPLETE",
            VerificationFlag="VERIFIED",
            VerifyingObserverSequence=[observer],
        )
    )
    assert ["Patient", "Yamada, Tarou (山田 太郎)"] in found.cells
    assert ["Patient ID", "PID1"] in found.cells
    assert ["Born", "1970-01-01"] in found.cells
    assert ["Sex", "female"] in found.cells
    assert ["Document date", "2024-03-01 11:30"] in found.cells
    assert ["Verified by", "Roe, Dr Richard, St. Nowhere, 2024-03-01 12:00:00"] in found.cells
    assert found.words.startswith("Chest CT Report Chest CT Report Complete Verified Patient")


@pytest.mark.parametrize(("flag", "words"), [("UNVERIFIED", "Not verified"), ("SOMETHING", "SOMETHING")])
def test_a_document_that_is_not_verified_says_so(flag: str, words: str) -> None:
    assert f'<span class="flag bad">{words}</span>'.encode() in drawn(document("Report", VerificationFlag=flag))


def test_items_stand_under_their_headings_with_how_they_relate() -> None:
    site = item("CODE", "Finding Site", relationship="HAS CONCEPT MOD", ConceptCodeSequence=[code("Lung", "39607008", "SCT")])
    found = seen(document("Report", item("CONTAINER", "Findings", item("TEXT", "Finding", site, TextValue="A nodule"))))
    assert found.words.endswith("Findings Finding A nodule has concept modifier Finding Site : Lung (39607008, SCT)")
    assert {"item-1.1", "item-1.1.1", "item-1.1.1.1"} <= set(found.ids)


def test_measurements_are_a_table() -> None:
    group = item(
        "CONTAINER",
        code("Measurement Group", "125007", "DCM"),
        item("TEXT", "Tracking Identifier", relationship="HAS OBS CONTEXT", TextValue="Lesion 1"),
        number("Length", "12.5"),
        number("Volume", "40", code("cubic centimeter", "cm3", "UCUM")),
        number("Ratio", "0.5", code("no units", "1", "UCUM")),
        number("Count", "3", code("counts", "{counts}", "UCUM")),
        number("Density", None, NumericValueQualifierCodeSequence=[code("Value unknown")]),
        number("Area", "7", None, item("CODE", "Derivation", relationship="HAS CONCEPT MOD", ConceptCodeSequence=[code("Mean")])),
    )
    cells = seen(document("Report", item("CONTAINER", "Imaging Measurements", group))).cells
    start = cells.index(["Measurement", "Value", "Unit", "Details"])
    assert cells[start + 1 :] == [
        ["Length", "12.5", "mm", ""],
        ["Volume", "40", "cm3", ""],
        ["Ratio", "0.5", "", ""],
        ["Count", "3", "counts", ""],
        ["Density", "Value unknown", "", ""],
        ["Area", "7", "mm", "has concept modifier Derivation: Mean (T1, 99TEST)"],
    ]


def test_continuous_content_is_running_text() -> None:
    text = item(
        "CONTAINER",
        "Findings",
        item("TEXT", None, TextValue="A mass of"),
        number("Diameter", "3"),
        item("TEXT", None, TextValue="was seen."),
    )
    text.ContinuityOfContent = "CONTINUOUS"
    assert seen(document("Report", text)).words.endswith("Findings A mass of 3 mm was seen.")


def test_references_are_links_where_the_document_says_where_they_lie() -> None:
    found = seen(
        document(
            "Report",
            item("IMAGE", "Key image", ReferencedSOPSequence=reference(CT, "1.2.3.4", ReferencedFrameNumber=[2, 7])),
            item("COMPOSITE", "Elsewhere", ReferencedSOPSequence=reference(CT, "9.9.9")),
            CurrentRequestedProcedureEvidenceSequence=evidence("1.2", "1.2.3", (CT, "1.2.3.4")),
        )
    )
    root = "https://pacs.example.org/dicom-web/studies/1.2/series/1.2.3/instances/1.2.3.4"
    assert found.links == [f"{root}/rendered", f"{root}/frames/2/rendered", f"{root}/frames/7/rendered", f"{root}/rendered"]
    assert "CT Image 9.9.9" in found.words


def test_key_objects_are_listed_in_sight() -> None:
    listed = evidence("1.2", "1.2.3", (CT, "1.2.3.4"), (CT, "1.2.3.5"))
    text = drawn(document("Of Interest", SOPClassUID=KEY_OBJECTS, CurrentRequestedProcedureEvidenceSequence=listed))
    assert b'<details open="open"><summary>Evidence: 2 instances</summary>' in text
    assert len(read(text).links) == 2
    hidden = drawn(document("Report", CurrentRequestedProcedureEvidenceSequence=listed))
    assert b"<details><summary>Evidence: 2 instances</summary>" in hidden


def test_a_by_reference_item_leads_to_its_target() -> None:
    pointing, lost = Dataset(), Dataset()
    pointing.RelationshipType = lost.RelationshipType = "INFERRED FROM"
    pointing.ReferencedContentItemIdentifier, lost.ReferencedContentItemIdentifier = [1, 1], [1, 77]
    found = seen(document("Report", item("TEXT", "First", TextValue="a"), item("TEXT", "Second", pointing, lost, TextValue="b")))
    assert found.links == ["#item-1.1"]
    assert "item-1.1" in found.ids
    assert "inferred from Item : item 1.77" in found.words


def test_values_of_any_script_keep_their_own_direction() -> None:
    text = drawn(document("تقرير", item("TEXT", "ملاحظة", TextValue="قبّاني لنزار")))
    assert '<h1 dir="auto">تقرير</h1>'.encode() in text
    assert '<span class="text" dir="auto">قبّاني لنزار</span>'.encode() in text


@pytest.mark.parametrize(("value", "shown"), [("ar", True), ("de-CH", True), ('x" onclick="y', False), ("", False)])
def test_the_language_is_told_if_it_is_one(value: str, shown: bool) -> None:
    language = item(
        "CODE",
        code("Language", "121049", "DCM"),
        relationship="HAS CONCEPT MOD",
        ConceptCodeSequence=[code("a language", value, "RFC5646")],
    )
    text = drawn(document("Report", language))
    assert (f'<main lang="{value}"'.encode() in text) is shown


def evil(text: str) -> Dataset:
    """A document with this text in every place that can hold it."""
    kind = code(text, text, text)
    return document(
        text,
        item("TEXT", kind, item("CODE", kind, relationship="HAS CONCEPT MOD", ConceptCodeSequence=[kind]), TextValue=text),
        number(text, "1", kind, NumericValueQualifierCodeSequence=[kind]),
        item("PNAME", kind, PersonName=text),
        item("CONTAINER", kind, item("CODE", kind, relationship=text[:16], ConceptCodeSequence=[kind])),
        patient_name=text,
        PatientID=text,
        StudyDescription=text,
        AccessionNumber=text[:16],
        CompletionFlagDescription=text,
        InstitutionName=text,
    )


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_t12_nothing_that_a_data_set_says_becomes_active(text: str) -> None:
    found = seen(evil(text))
    assert found.links == []
    assert text in found.words
    assert text in found.attributes


def test_t12_hostile_json_cannot_break_out_of_attributes_either() -> None:
    """Values that no Store lets through, put straight into the JSON: UIDs, languages, identifiers."""
    bad = '"><script>alert(1)</script>'
    made = metadata(
        document(
            "Report",
            item("IMAGE", "Image", ReferencedSOPSequence=reference(CT, "1.2.3.4")),
            CurrentRequestedProcedureEvidenceSequence=evidence("1.2", "1.2.3", (CT, "1.2.3.4")),
        )
    )

    def poisoned(value: object) -> object:
        if isinstance(value, dict):
            return {key: poisoned(each) for key, each in value.items()}
        if isinstance(value, list):
            return [poisoned(each) for each in value]
        return bad if value in ("1.2.3.4", "1.2.3", "1.2", CT, "CONTAINS") else value

    attributes = poisoned(made.attributes)
    assert isinstance(attributes, dict)
    found = read(report_html.html(report(Item(attributes))))
    assert found.links == []
    assert bad in found.words


UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@given(st.text(), st.text(), st.lists(st.text(min_size=1), max_size=4))
def test_any_text_at_all_comes_back_from_the_parser(title: str, name: str, values: list[str]) -> None:
    coded = {"vr": "SQ", "Value": [{"00080104": {"vr": "LO", "Value": [title]}}]}
    children = [{"0040A040": {"vr": "CS", "Value": ["TEXT"]}, "0040A160": {"vr": "UT", "Value": [value]}} for value in values]
    root = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
        "0040A040": {"vr": "CS", "Value": ["CONTAINER"]},
        "0040A043": coded,
        "0040A730": {"vr": "SQ", "Value": children},
    }
    text = report_html.html(report(Item(root)))
    ElementTree.fromstring(text.partition(b"\n")[2])
    rows = [row for row in read(text).cells if row[0] == "Text"]
    written = [UNWRITABLE.sub("\ufffd", value.replace("\r\n", "\n").replace("\r", "\n").strip("\n")) for value in values]
    assert [row[1] for row in rows] == [value or "no value" for value in written]


def test_the_style_is_the_only_one_that_the_policy_allows() -> None:
    text = drawn(document("Report")).decode()
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in report_html.CONTENT_SECURITY_POLICY
    assert report_html.CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "style=" not in text
    assert "<script" not in text
    assert "&" not in style
    assert text.startswith('<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/>')


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm", "reportsi_with_empty_number_tags.dcm"])
def test_the_reports_of_the_corpus_can_be_read(name: str) -> None:
    import pydicom

    made = pydicom.dcmread(corpus_file(name))
    found = seen(made)
    elements = (each for child in made.ContentSequence for each in child.iterall())
    texts = [str(each.value) for each in elements if each.keyword in ("TextValue", "CodeMeaning") and each.value]
    assert len(texts) > 3
    for text in texts:
        assert " ".join(text.split()) in found.words or text in " ".join(found.attributes)


def test_nothing_at_all_is_a_document_too() -> None:
    assert read(report_html.html(report(Item({})))).words == "Structured report Structured report"
