"""app.dicomweb.volume_matching: which frames an attribute of the request lets into a volume."""

from __future__ import annotations

from typing import Any

import pytest

from app.dicom.item import Item
from app.dicomweb.query import path_of
from app.dicomweb.volume_matching import holds, term
from app.errors import InvalidQuery

CARDIAC = {
    "00189118": {"vr": "SQ", "Value": [{"00189070": {"vr": "FD", "Value": [150.5]}}]},
}
DATASET: dict[str, Any] = {
    "00180081": {"vr": "DS", "Value": ["4.50"]},
    "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", "M"]},
    "0008103E": {"vr": "LO", "Value": ["T2 sag fast"]},
    "00080032": {"vr": "TM", "Value": ["101530.250"]},
    "00080022": {"vr": "DA", "Value": ["20240229"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
    "00200012": {"vr": "IS"},
    "52009229": {"vr": "SQ", "Value": [{"00289110": {"vr": "SQ", "Value": [{"00180050": {"vr": "DS", "Value": [2.5]}}]}}]},
    "52009230": {"vr": "SQ", "Value": [CARDIAC, {}]},
}


def matches(name: str, value: str, number: int = 1) -> bool:
    path = path_of(name)
    assert path is not None
    return holds(term(path, name, value), Item(DATASET), number)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EchoTime", "4.5", True),
        ("EchoTime", "4.50", True),
        ("EchoTime", "5", False),
        ("EchoTime", "4-5", True),
        ("EchoTime", "5-6", False),
        ("EchoTime", "-1-9", True),
        ("00180081", "4.5", True),
        ("ImageType", "M", True),
        ("ImageType", "P", False),
        ("ImageType", "PRIM*", True),
        ("SeriesDescription", "t2*", False),
        ("SeriesDescription", "T2 ??? fast", True),
        ("AcquisitionTime", "1015", True),
        ("AcquisitionTime", "1014-1016", True),
        ("AcquisitionTime", "1016-", False),
        ("AcquisitionDate", "20240101-20241231", True),
        ("AcquisitionDate", "-20231231", False),
        ("SeriesInstanceUID", "1.2.4,1.2.3", True),
        ("SeriesInstanceUID", "1.2", False),
        ("PatientName", "doe*", True),
        ("AcquisitionNumber", "1", False),
        ("SliceThickness", "2.5", True),
        ("PixelMeasuresSequence.SliceThickness", "2.5", True),
        ("PixelMeasuresSequence.SliceThickness", "3", False),
        ("CardiacRRIntervalSpecified", "140-260", True),
    ],
)
def test_any_value_that_holds_for_the_frame_may_match(name: str, value: str, expected: bool) -> None:
    assert matches(name, value) is expected


def test_what_holds_for_another_frame_does_not_match() -> None:
    assert matches("CardiacRRIntervalSpecified", "140-260", 1)
    assert not matches("CardiacRRIntervalSpecified", "140-260", 2)
    assert matches("SliceThickness", "2.5", 2)


@pytest.mark.parametrize(
    ("name", "value"), [("EchoTime", "*"), ("AcquisitionDate", "today"), ("PixelData", "1"), ("PixelMeasuresSequence", "1")]
)
def test_values_that_the_attribute_cannot_have_are_refused(name: str, value: str) -> None:
    path = path_of(name)
    assert path is not None
    with pytest.raises(InvalidQuery, match=name):
        term(path, name, value)
