"""SOP classes: names and families."""

import pytest
from pydicom.uid import UID

from app.dicom import sop_classes
from app.dicom.sop_classes import Family

STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("2", Family.IMAGE),
        ("4.2", Family.OTHER),
        ("9.1.1", Family.WAVEFORM),
        ("9.4.2", Family.WAVEFORM),
        ("11.1", Family.STATE),
        ("30", Family.IMAGE),
        ("66", Family.OTHER),
        ("66.1", Family.OTHER),
        ("66.4", Family.SEGMENTATION),
        ("66.7", Family.SEGMENTATION),
        ("66.5", Family.MODEL),
        ("88.11", Family.REPORT),
        ("88.40", Family.REPORT),
        ("88.59", Family.REPORT),
        ("104.1", Family.DOCUMENT),
        ("104.3", Family.MODEL),
        ("481.1", Family.IMAGE),
        ("481.2", Family.DOSE),
        ("481.3", Family.PLAN),
        ("481.5", Family.PLAN),
        ("481.23", Family.IMAGE),
        ("7.1", Family.IMAGE),
        ("77.1.5.3", Family.OTHER),
    ],
)
def test_each_class_has_its_family(tail: str, expected: Family) -> None:
    assert sop_classes.family(STORAGE + tail) is expected


def test_a_private_class_may_be_an_image() -> None:
    assert sop_classes.family("1.3.12.2.1107.5.9.1") is Family.IMAGE


def test_every_class_whose_name_tells_is_in_that_family() -> None:
    """PS3.6's own names as the second opinion."""
    from pydicom._uid_dict import UID_dictionary

    for number, (name, kind, *_) in UID_dictionary.items():
        if kind == "SOP Class" and number.startswith(STORAGE) and "Storage" in name:
            told = Family.WAVEFORM if "Waveform Storage" in name else Family.STATE if "Presentation State" in name else None
            told = Family.REPORT if " SR Storage" in name else Family.DOSE if name == "RT Dose Storage" else told
            assert told is None or sop_classes.family(number) is told, name
            assert "Image Storage" not in name or sop_classes.family(number) is Family.IMAGE, name


@pytest.mark.parametrize("tail", ["2", "66.4", "88.59", "481.3"])
def test_a_name_is_that_of_the_registry_without_storage(tail: str) -> None:
    assert sop_classes.name(STORAGE + tail) == UID(STORAGE + tail).name.removesuffix(" Storage")


@pytest.mark.parametrize("unknown", ["", "1.2.3", "no uid", "1.2.840.10008.5.1.4.1.1.99999"])
def test_an_unknown_class_has_no_name(unknown: str) -> None:
    assert sop_classes.name(unknown) == ""
