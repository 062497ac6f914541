"""The oracle: what a search finds, and in which order (PS3.4 C.2.2.2)."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicom.attributes import tag, vr_of
from app.dicomweb.matching import search, wildcard
from app.dicomweb.query import decode, parse
from app.model import Blob, Form, InstanceRecord, JsonObject, Level, Target, Uid


def attributes(**values: Any) -> JsonObject:
    """DICOM JSON from keywords; a list is multi-valued, a dict a sequence item."""
    found: JsonObject = {}
    for keyword, value in values.items():
        name = tag(keyword)
        several = value if isinstance(value, list) else [value]
        if vr_of(name) == "SQ":
            found[name] = {"vr": "SQ", "Value": [attributes(**item) for item in several]}
        elif vr_of(name) == "PN":
            found[name] = {
                "vr": "PN",
                "Value": [dict(zip(("Alphabetic", "Ideographic", "Phonetic"), one.split("="), strict=False)) for one in several],
            }
        else:
            found[name] = {"vr": vr_of(name), "Value": several}
    return found


def record(
    study: str, series: str = "1", instance: str = "1", *, of_study: Any = None, of_series: Any = None, **own: Any
) -> InstanceRecord:
    study_uid, series_uid = Uid(f"1.{study}"), Uid(f"1.{study}.{series}")
    instance_uid, sop_class = Uid(f"1.{study}.{series}.{instance}"), Uid(own.pop("SOPClassUID", "1.2.3"))
    return InstanceRecord(
        study_uid=study_uid,
        series_uid=series_uid,
        instance_uid=instance_uid,
        sop_class_uid=sop_class,
        transfer_syntax=Uid("1.2.840.10008.1.2.1"),
        blob=Blob("key", 1),
        digest="00",
        form=Form("key", Uid("1.2.840.10008.1.2.1"), 1, ()),
        study=attributes(StudyInstanceUID=study_uid, **(of_study or {})),
        series=attributes(SeriesInstanceUID=series_uid, **(of_series or {})),
        attributes=attributes(SOPInstanceUID=instance_uid, SOPClassUID=sop_class, **own),
    )


def studies(text: str, *records: InstanceRecord) -> list[str]:
    """The numbers of the studies that a query finds."""
    return [str(target.study)[2:] for target in found(text, Level.STUDY, *records)]


def found(text: str, level: Level, *records: InstanceRecord, target: Target | None = None) -> list[Target]:
    return search(parse(decode(text), level=level, target=target or Target(), wildcards=16), records)


def study(number: str, **values: Any) -> InstanceRecord:
    return record(number, of_study=values)


def test_single_values_are_exact_and_case_sensitive() -> None:
    records = [study("1", PatientID="A1"), study("2", PatientID="a1"), study("3", PatientID="A12"), study("4")]
    assert studies("PatientID=A1", *records) == ["1"]
    assert studies("PatientID=%20A1%20", *records) == ["1"]


def test_the_universal_term_matches_what_is_absent_and_a_wildcard_does_not() -> None:
    records = [study("1", PatientID="A"), study("2")]
    assert studies("PatientID=*", *records) == ["2", "1"]
    assert studies("PatientID=A*", *records) == ["1"]
    assert studies("PatientID=%3F*", *records) == ["1"]


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("A*", ["A", "AB", "A%", "AxB", "A_B", "A\\"]),
        ("*A", ["A", "BA"]),
        ("A?B", ["AxB", "A_B"]),
        ("*%*", ["A%"]),
        ("*_*", ["A_B"]),
        ("*\\*", ["A\\"]),
        ("*[*", ["[a]"]),
    ],
)
def test_q6_only_star_and_question_mark_are_wildcards(pattern: str, values: list[str]) -> None:
    texts = ["A", "AB", "A%", "BA", "AxB", "A_B", "A\\", "[a]"]
    assert [text for text in texts if wildcard(pattern, text)] == values


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_wildcards_agree_with_brute_force(pattern: str, text: str) -> None:
    assert wildcard(pattern, text) == bool(re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text))
    assert wildcard(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_a_wildcard_stays_fast_on_the_worst_text() -> None:
    assert not wildcard("*a" * 16 + "b", "a" * 512)


def test_q10_q11_ranges_include_their_ends() -> None:
    records = [study(str(day), StudyDate=f"2024010{day}", StudyTime=f"1{day}5959.999999") for day in range(1, 5)] + [study("9")]
    assert studies("StudyDate=20240102-20240103", *records) == ["3", "2"]
    assert studies("StudyDate=-20240101", *records) == ["1"]
    assert studies("StudyDate=20240104-", *records) == ["4"]
    assert studies("StudyDate=20240103-20240102", *records) == []
    assert studies("StudyTime=10-12", *records) == ["2", "1"]
    assert studies("StudyTime=12", *records) == ["2"]


def test_q12_date_and_time_are_one_range_over_midnight() -> None:
    records = [
        study("1", StudyDate="20240101", StudyTime="1159"),
        study("2", StudyDate="20240101", StudyTime="1200"),
        study("3", StudyDate="20240102", StudyTime="0300"),
        study("4", StudyDate="20240103", StudyTime="1300"),
        study("5", StudyDate="20240103", StudyTime="1301"),
        study("6", StudyDate="20240103"),
        study("7", StudyTime="1230"),
    ]
    assert studies("StudyDate=20240101-20240103&StudyTime=1200-1300", *records) == ["4", "6", "3", "2"]
    assert studies("StudyDate=20240102-&StudyTime=0400-", *records) == ["5", "4", "6"]


def test_q13_instants_compare_across_offsets() -> None:
    records = [record("1", instance=str(hour), AcquisitionDateTime=f"202401010{hour}0000+0100") for hour in range(1, 4)]
    matches = found("AcquisitionDateTime=2024010100%2B0000-2024010101%2B0000", Level.INSTANCE, *records)
    assert [str(target.instance) for target in matches] == ["1.1.1.1", "1.1.1.2"]


@pytest.mark.parametrize("value", ["muller*", "MÜLLER^JÜRGEN", "*jurgen", "山田^太郎", "=山田*", "Müller^Jürgen=山田^太郎", "やまだ*"])
def test_q15_a_name_is_found_in_any_way_of_writing(value: str) -> None:
    records = [study("1", PatientName="Müller^Jürgen=山田^太郎=やまだ^たろう"), study("2", PatientName="Doe^John")]
    assert studies(f"PatientName={value}", *records) == ["1"]


def test_q15_every_group_of_the_query_has_to_match() -> None:
    assert studies("PatientName=Yamada=田中", study("1", PatientName="Yamada=山田")) == []


def test_q16_fuzzy_matching_finds_beginnings_of_words_in_any_order() -> None:
    records = [study("1", PatientName="Doe^John^Q"), study("2", PatientName="Johnson^Doris")]
    assert studies("fuzzymatching=true&PatientName=john%20do", *records) == ["2", "1"]
    assert studies("fuzzymatching=true&PatientName=John^Q", *records) == ["1"]
    assert studies("fuzzymatching=true&PatientName=ohn", *records) == []


def test_q17_modalities_in_study_are_those_of_any_series() -> None:
    records = [
        record("1", "1", of_series={"Modality": "CT"}),
        record("1", "2", of_series={"Modality": "PT"}),
        record("2", of_series={"Modality": "CT"}),
    ]
    assert studies("ModalitiesInStudy=CT", *records) == ["2", "1"]
    assert studies("ModalitiesInStudy=P*", *records) == ["1"]
    assert studies("ModalitiesInStudy=CT%5CPT&multiplevaluematching=true", *records) == ["1"]
    assert studies("SOPClassesInStudy=1.2.3", *records) == ["2", "1"]
    assert [target.series for target in found("ModalitiesInStudy=PT", Level.SERIES, *records)] == ["1.1.1", "1.1.2"]


def test_q18_terms_of_one_sequence_hold_in_one_item() -> None:
    split = [
        {"ScheduledProcedureStepID": "S1", "RequestedProcedureID": "R1"},
        {"ScheduledProcedureStepID": "S2", "RequestedProcedureID": "R2"},
    ]
    records = [record("1", of_series={"RequestAttributesSequence": split})]
    name = "RequestAttributesSequence"
    assert found(f"{name}.00400009=S1&{name}.00401001=R1", Level.SERIES, *records)
    assert not found(f"{name}.00400009=S1&{name}.00401001=R2", Level.SERIES, *records)
    assert found(f"{name}.00400009=S1&{name}.00401001=", Level.SERIES, *records)
    assert found(f"{name}.00400009=", Level.SERIES, record("2"))


def test_q34_numbers_compare_as_numbers() -> None:
    records = [
        record("1", instance="1", InstanceNumber="007"),
        record("1", instance="2", InstanceNumber=7),
        record("1", instance="3", InstanceNumber=70),
    ]
    assert len(found("InstanceNumber=07", Level.INSTANCE, *records)) == 2


def test_q35_any_value_of_a_multi_valued_attribute_matches() -> None:
    records = [record("1", ImageType=["DERIVED", "SECONDARY"])]
    assert found("ImageType=SECONDARY", Level.INSTANCE, *records)
    assert not found("ImageType=PRIMARY", Level.INSTANCE, *records)


def test_q33_the_first_stored_value_of_a_study_counts() -> None:
    records = [study("1", PatientID="A"), record("1", instance="2", of_study={"PatientID": "B", "StudyID": "S"})]
    assert studies("PatientID=A&StudyID=S", *records) == ["1"]
    assert studies("PatientID=B", *records) == []


def test_terms_below_the_level_hold_together_for_one_child() -> None:
    records = [
        record("1", "1", of_series={"Modality": "CT", "SeriesDescription": "Head"}),
        record("1", "2", of_series={"Modality": "MR", "SeriesDescription": "Chest"}),
    ]
    assert studies("Modality=CT&SeriesDescription=Head", *records) == ["1"]
    assert studies("Modality=CT&SeriesDescription=Chest", *records) == []


def test_the_target_narrows_the_search_and_its_uids_match_as_a_whole() -> None:
    records = [record("1", "1"), record("1", "2"), record("2", "1")]
    assert found("", Level.SERIES, *records, target=Target(Uid("1.1"))) == [
        Target(Uid("1.1"), Uid("1.1.1")),
        Target(Uid("1.1"), Uid("1.1.2")),
    ]
    assert found("", Level.INSTANCE, *records, target=Target(Uid("1.2"), Uid("1.1.1"))) == []


def test_studies_come_newest_first_and_undated_ones_last() -> None:
    records = [
        study("1", StudyDate="20240101", StudyTime="1200"),
        study("2", StudyDate="20240101"),
        study("3", StudyDate="20240202"),
        study("4"),
        study("5"),
        study("6", StudyDate="20240101", StudyTime="130000"),
    ]
    assert studies("", *records) == ["3", "6", "1", "2", "5", "4"]


def test_series_and_instances_come_by_number_then_uid() -> None:
    series = [
        record("1", uid, of_series={"SeriesNumber": number} if number else {})
        for uid, number in (("1", None), ("2", 10), ("3", 9), ("4", 10))
    ]
    assert [str(target.series)[-1] for target in found("", Level.SERIES, *series)] == ["3", "2", "4", "1"]
    instances = [
        record("1", "1", uid, **({"InstanceNumber": number} if number is not None else {}))
        for uid, number in (("1", None), ("2", 3), ("3", -1))
    ]
    assert [str(target.instance)[-1] for target in found("", Level.INSTANCE, *instances)] == ["3", "2", "1"]
