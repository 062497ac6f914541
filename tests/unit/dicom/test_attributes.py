"""The tables of attributes: complete, at the right level, with usable columns."""

from __future__ import annotations

import pytest

from app.dicom import modules
from app.dicom.attributes import ALWAYS, KEY_BY_PATH, KEYS, REQUIRED, Key, Kind, level_of, tag, vr_of
from app.model import Level

BY_KEYWORD = {key.keyword: key for key in KEYS}


@pytest.mark.parametrize(
    ("level", "keywords"),
    [
        (
            Level.STUDY,
            "StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName PatientName PatientID StudyInstanceUID StudyID",
        ),
        (
            Level.SERIES,
            "Modality SeriesInstanceUID SeriesNumber PerformedProcedureStepStartDate PerformedProcedureStepStartTime "
            "RequestAttributesSequence.ScheduledProcedureStepID RequestAttributesSequence.RequestedProcedureID",
        ),
        (Level.INSTANCE, "SOPClassUID SOPInstanceUID InstanceNumber"),
    ],
)
def test_the_required_matching_keys_of_each_level_are_there(level: Level, keywords: str) -> None:
    assert all(BY_KEYWORD[keyword].level is level for keyword in keywords.split())


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.keyword)
def test_a_key_stands_at_the_level_of_its_tag(key: Key) -> None:
    assert level_of(key.path[0]) is key.level


def test_no_two_keys_share_a_path_or_a_column() -> None:
    assert len(KEY_BY_PATH) == len(KEYS)
    columns = [(key.level, key.column) for key in KEYS if key.column]
    assert len(set(columns)) == len(columns)


def test_names_nested_multi_valued_and_computed_keys_have_no_column() -> None:
    for keyword in (
        "PatientName",
        "OperatorsName",
        "ImageType",
        "OtherPatientIDs",
        "ModalitiesInStudy",
        "ConceptNameCodeSequence.CodeValue",
    ):
        assert BY_KEYWORD[keyword].column is None
    assert BY_KEYWORD["SOPInstanceUID"].column == "sop_instance_uid"
    assert BY_KEYWORD["IssuerOfPatientID"].column == "issuer_of_patient_id"


def test_kinds_follow_the_vr() -> None:
    kinds = {BY_KEYWORD[name].kind for name in ("StudyDate", "StudyTime", "PatientName", "Rows", "PatientWeight", "AcquisitionDateTime")}
    assert kinds == {Kind.DATE, Kind.TIME, Kind.NAME, Kind.INTEGER, Kind.DECIMAL, Kind.DATETIME}


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("00100010", Level.STUDY),
        ("00081030", Level.STUDY),
        ("00080080", Level.SERIES),
        ("00200052", Level.SERIES),
        ("00080018", Level.INSTANCE),
        ("00091001", Level.INSTANCE),
        ("00280010", Level.INSTANCE),
    ],
)
def test_any_tag_has_a_level(name: str, level: Level) -> None:
    assert level_of(name) is level


def test_no_attribute_stands_in_modules_of_two_levels() -> None:
    upper, lower = (modules.PATIENT + modules.STUDY).split(), (modules.SERIES + modules.EQUIPMENT).split()
    assert len(set(upper + lower)) == len(upper + lower)


def test_return_attributes_include_those_of_the_tables_of_the_standard() -> None:
    study = "00080020 00080030 00080050 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010 00201206 00201208"
    assert set(study.split()) <= set(REQUIRED[Level.STUDY])
    assert {"00080060", "00081190", "0020000E", "00200011", "00201209"} <= set(REQUIRED[Level.SERIES])
    assert {"00080016", "00080018", "00081190", "00200013"} <= set(REQUIRED[Level.INSTANCE])
    assert {"00081030", "00080201"} <= set(ALWAYS[Level.STUDY])
    assert {"0008103E", "00400275", "00400244", "00400245"} <= set(ALWAYS[Level.SERIES])
    assert {"00280008", "00280010", "00280011", "00280100", "00083002"} <= set(ALWAYS[Level.INSTANCE])


def test_a_tag_comes_from_its_keyword_and_an_unknown_keyword_is_an_error() -> None:
    assert tag("PatientID") == "00100020"
    assert (vr_of("00100020"), vr_of("7FE00010"), vr_of("00091001")) == ("LO", "OB", "UN")
    with pytest.raises(KeyError):
        tag("NoSuchKeyword")
