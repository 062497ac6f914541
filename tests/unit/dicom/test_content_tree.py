"""The content tree of an SR document, beside what pydicom and DCMTK's dsrdump read of the same bytes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from app.dicom.content_tree import DEPTH, Code, ContentItem, tree
from app.dicom.item import Item
from tests.builders import corpus
from tests.reports import code, document, item, metadata, number, reference

CT = "1.2.840.10008.5.1.4.1.1.2"


def flat(found: ContentItem) -> list[ContentItem]:
    return [found, *(each for child in found.children for each in flat(child))]


def only(made: Dataset) -> ContentItem:
    """The item read back as the only child of a document."""
    (found,) = tree(metadata(document("Report", made))).children
    return found


@pytest.mark.parametrize(
    ("value_type", "keyword", "stored", "text"),
    [
        ("TEXT", "TextValue", "Two\r\nlines", "Two\nlines"),
        ("DATE", "Date", "20240229", "2024-02-29"),
        ("TIME", "Time", "101500", "10:15:00"),
        ("DATETIME", "DateTime", "20240229101500", "2024-02-29 10:15:00"),
        ("UIDREF", "UID", "1.2.3", "1.2.3"),
        ("PNAME", "PersonName", "Doe^Jane", "Doe, Jane"),
    ],
)
def test_a_value_that_is_text_is_written_as_people_do(value_type: str, keyword: str, stored: str, text: str) -> None:
    found = only(item(value_type, "Concept", **{keyword: stored}))
    assert (found.value_type, found.text, found.relationship) == (value_type, text, "CONTAINS")
    assert found.concept == Code("T1", "99TEST", "Concept")


def test_a_measurement_has_value_unit_and_qualifier() -> None:
    found = only(number("Length", "12.50", code("millimeter", "mm", "UCUM"), NumericValueQualifierCodeSequence=[code("Estimated")]))
    assert found.number is not None
    assert (found.number.value, found.number.unit) == ("12.5", Code("mm", "UCUM", "millimeter"))
    assert found.number.qualifier == Code("T1", "99TEST", "Estimated")


def test_a_measurement_may_have_no_value() -> None:
    found = only(number("Length", None, NumericValueQualifierCodeSequence=[code("Not a number", "114000", "DCM")]))
    assert found.number is not None
    assert (found.number.value, found.number.unit) == ("", None)
    assert found.number.qualifier == Code("114000", "DCM", "Not a number")


def test_a_reference_names_instance_frames_segments_channels_and_state() -> None:
    state = reference("1.2.840.10008.5.1.4.1.1.11.1", "1.2.9")
    found = only(
        item("IMAGE", None, ReferencedSOPSequence=reference(CT, "1.2.3", ReferencedFrameNumber=[2, 5], ReferencedSOPSequence=state))
    )
    assert found.reference is not None
    assert (found.reference.sop_class, found.reference.instance, found.reference.frames) == (CT, "1.2.3", (2, 5))
    assert found.reference.presentation == "1.2.9"
    wave = only(item("WAVEFORM", None, ReferencedSOPSequence=reference(CT, "1.2.3", ReferencedWaveformChannels=[1, 2, 1, 3])))
    assert wave.reference is not None
    assert wave.reference.channels == ("1/2", "1/3")


def test_coordinates_are_told_with_their_kind_and_unit() -> None:
    plane = only(item("SCOORD", None, GraphicType="POLYLINE", GraphicData=[1, 2, 3.5, 4])).coordinates
    assert plane is not None
    assert (plane.kind, plane.points, plane.per_point) == ("POLYLINE", ("1", "2", "3.5", "4"), 2)
    space = only(item("SCOORD3D", None, GraphicType="POINT", GraphicData=[1, 2, 3])).coordinates
    assert space is not None
    assert (space.points, space.per_point) == (("1", "2", "3"), 3)
    time = only(item("TCOORD", None, TemporalRangeType="SEGMENT", ReferencedTimeOffsets=["1", "2.5"])).coordinates
    assert time is not None
    assert (time.points, time.unit) == (("1", "2.5"), "seconds")


def test_long_coordinates_are_kept_out_of_the_metadata_and_told_so() -> None:
    found = only(item("SCOORD", None, GraphicType="POLYLINE", GraphicData=[float(n) for n in range(2000)]))
    assert found.coordinates is not None
    assert found.coordinates.points is None


def test_positions_are_content_item_identifiers_and_references_lead_to_them() -> None:
    pointing = Dataset()
    pointing.RelationshipType, pointing.ReferencedContentItemIdentifier = "SELECTED FROM", [1, 1]
    root = tree(metadata(document("Report", item("TEXT", "First", TextValue="a"), item("TEXT", "Second", pointing, TextValue="b"))))
    assert [each.position for each in flat(root)] == ["1", "1.1", "1.2", "1.2.1"]
    assert flat(root)[3].target == "1.1"


def test_the_language_of_an_item_is_the_code_of_its_modifier() -> None:
    language = item(
        "CODE", code("Language", "121049", "DCM"), relationship="HAS CONCEPT MOD", ConceptCodeSequence=[code("Arabic", "ar", "RFC5646")]
    )
    assert tree(metadata(document("Report", language))).language == "ar"


def test_nesting_is_bounded() -> None:
    deep: dict[str, Any] = {"0040A040": {"vr": "CS", "Value": ["CONTAINER"]}}
    for _ in range(DEPTH + 50):
        deep = {"0040A040": {"vr": "CS", "Value": ["CONTAINER"]}, "0040A730": {"vr": "SQ", "Value": [deep]}}
    found = flat(tree(Item(deep)))
    assert len(found) == DEPTH
    assert [each.deeper for each in found] == [False] * (DEPTH - 1) + [True]


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"0040A730": {"vr": "SQ", "Value": [None, 7, {}]}},
        {"0040A730": {"vr": "LO", "Value": "x"}},
        {"0040A040": {"vr": "CS", "Value": [3]}},
    ],
)
def test_nonsense_is_read_without_an_error(nonsense: dict[str, object]) -> None:
    assert flat(tree(Item(nonsense)))[0].position == "1"


def content(path: Path) -> Dataset:
    return pydicom.dcmread(path)


def walk(found: Dataset) -> list[Dataset]:
    return [found, *(each for child in found.get("ContentSequence", []) for each in walk(child))]


REPORTS = [pytest.param(path, id=path.name) for path in corpus() if path.name in ("test-SR.dcm", "reportsi.dcm")]


@pytest.mark.parametrize("path", REPORTS)
def test_the_corpus_is_read_as_pydicom_reads_it(path: Path) -> None:
    made = content(path)
    ours, theirs = flat(tree(metadata(made))), walk(made)
    assert len(ours) == len(theirs) > 5
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.value_type == other.get("ValueType", "")
        assert mine.relationship == other.get("RelationshipType", "")
        if "ConceptNameCodeSequence" in other:
            assert mine.concept is not None
            assert mine.concept.meaning == other.ConceptNameCodeSequence[0].CodeMeaning
        if "TextValue" in other:
            assert mine.text.split() == other.TextValue.split()


@pytest.mark.parametrize("path", REPORTS)
def test_the_corpus_has_the_nesting_that_dcmtk_prints(path: Path) -> None:
    """`dsrdump +Pn` numbers every line of the tree as PS3.3 C.17.3.2.5 does."""
    printed = subprocess.run(["dsrdump", "-Ph", "-Ee", "+Pn", path], capture_output=True, check=True).stdout.decode("latin-1")
    lines = re.findall(r"^([\d.]+) +<(?:(?:contains|has|inferred|selected)[a-z ]*?)? ?([A-Z]+(?:3D)?|(?=[1-9]))", printed, re.MULTILINE)
    ours = [(each.position, each.value_type) for each in flat(tree(metadata(content(path))))]
    assert ours == lines
