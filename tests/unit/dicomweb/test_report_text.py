"""SR documents as plain text."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from app.dicom.item import Item
from app.dicom.report import report
from app.dicomweb.report_text import plain
from tests.reports import code, document, evidence, item, metadata, number, reference
from tests.unit.dicom.corpus_files import corpus_file

CT = "1.2.840.10008.5.1.4.1.1.2"


def lines(made: Dataset) -> list[str]:
    return plain(report(metadata(made))).decode("utf-8").splitlines()


def test_every_item_is_a_line_indented_by_its_depth() -> None:
    pointing = Dataset()
    pointing.RelationshipType, pointing.ReferencedContentItemIdentifier = "INFERRED FROM", [1, 1, 1]
    site = item("CODE", "Finding Site", relationship="HAS CONCEPT MOD", ConceptCodeSequence=[code("Lung", "39607008", "SCT")])
    found = lines(
        document(
            "Chest Report",
            item(
                "CONTAINER",
                "Findings",
                item("TEXT", "Finding", site, TextValue="Two\nlines"),
                number("Length", "12.5", None, pointing, NumericValueQualifierCodeSequence=[code("Estimated")]),
                item("IMAGE", None, ReferencedSOPSequence=reference(CT, "1.2.3.4", ReferencedFrameNumber=[2, 7])),
                item("TEXT", "Empty"),
            ),
            CompletionFlag="PARTIAL",
            CurrentRequestedProcedureEvidenceSequence=evidence("1.2", "1.2.3", (CT, "1.2.3.4")),
        )
    )
    assert found[:3] == ["Chest Report", "============", ""]
    assert "Patient: Doe, Jane" in found
    assert "Status: Partial: not complete" in found
    assert found[found.index("Findings") :] == [
        "Findings",
        "  Finding: Two",
        "      lines",
        "    [has concept modifier] Finding Site: Lung (39607008, SCT)",
        "  Length: 12.5 mm (Estimated)",
        "    [inferred from] see item 1.1.1, Finding",
        "  Image: CT Image, frames 2, 7 1.2.3.4",
        "  Empty: (no value)",
        "",
        "Evidence:",
        "  CT Image 1.2.3.4",
    ]


def test_t12_controls_and_turns_of_direction_cannot_leave_their_value() -> None:
    text = plain(report(Item({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "a\x1b[2J\u202eb\rc\x9b"}]}})))
    assert b"Patient: a\xef\xbf\xbd[2J\xef\xbf\xbdb\xef\xbf\xbdc\xef\xbf\xbd\n" in text


@pytest.mark.parametrize("name", ["test-SR.dcm"])
def test_what_dcmtk_prints_of_the_corpus_stands_in_ours(name: str) -> None:
    path: Path = corpus_file(name)
    printed = subprocess.run(["dsr2html", path], capture_output=True, check=True).stdout.decode("latin-1")
    assert "Sample Code 1" in printed
    ours = "\n".join(lines(pydicom.dcmread(path)))
    for words in (
        "A mass of",
        "was detected.",
        "Sample Code 1",
        "Sample Code 2",
        "Sample Text 2",
        "Inferred Sample Text",
        "This document is completed!",
    ):
        assert words in printed
        assert words in ours
