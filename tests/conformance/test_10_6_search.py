"""PS3.18 10.6 and 8.3.4: Search over HTTP, one test or more for each statement Q."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import Dataset

from app.model import Access, Action, Caller, Uid
from tests.api.conftest import Site
from tests.builders import instance
from tests.conformance.searching import found, one
from tests.parts import parts_of

SIX = ("/studies", "/series", "/instances", "/studies/1.2.3/series", "/studies/1.2.3/instances", "/studies/1.2.3/series/1.2.3.1/instances")
XML = 'multipart/related; type="application/dicom+xml"'


@pytest.mark.parametrize("path", SIX)
async def test_q1_nothing_found_is_200_and_an_empty_list(site: Site, path: str) -> None:
    answer = await site.get(path)
    assert (answer.status_code, answer.text) == (200, "[]")


@pytest.mark.parametrize("path", SIX)
async def test_q2_all_six_resources_answer_with_and_without_parameters(site: Site, path: str) -> None:
    await one(site)
    assert len(await site.objects(path)) == 1
    assert len(await site.objects(f"{path}?PatientID=PID1&limit=5&includefield=all")) == 1
    assert await site.objects(f"{path}?PatientID=other") == []


@pytest.mark.parametrize(
    "name", ["PatientID", "00100020", "0020000d", "ReferencedStudySequence.00081155", "00081110.ReferencedSOPInstanceUID"]
)
async def test_q3_keywords_tags_in_any_case_and_dotted_paths_name_attributes(site: Site, name: str) -> None:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", "1.2.3"
    await one(site, PatientID="1.2.3", ReferencedStudySequence=[reference])
    assert await found(site, f"{name}=1.2.3") == ["1.2.3"]
    assert await found(site, f"{name}=1.2.4") == []


async def test_q3_an_unknown_keyword_is_400_and_another_parameter_is_ignored(site: Site) -> None:
    assert (await site.get("/studies?PatientNickname=x")).status_code == 400
    answer = await site.get("/studies?_session=x")
    assert (answer.status_code, "session" in answer.headers["warning"]) == (200, True)


async def test_q4_an_attribute_that_stands_twice_is_400(site: Site) -> None:
    assert (await site.get("/studies?PatientID=A&00100020=A")).status_code == 400


async def test_q5_an_empty_value_matches_all_and_returns_the_attribute(site: Site) -> None:
    await one(site, StudyDescription="Thorax", PatientComments="quiet")
    (obj,) = await site.objects("/studies?PatientComments=&PatientWeight=*")
    assert obj["00104000"]["Value"] == ["quiet"]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [("*", ["1.3", "1.2", "1.1"]), ("A*", ["1.2", "1.1"]), ("*B", ["1.2", "1.1"]), ("A%3FB", ["1.2", "1.1"]), ("A%25B", ["1.1"]),
     ("%25", []), ("A_B", ["1.2"]), ("%5C*", []), ("?%3F?", ["1.2", "1.1"])],
)  # fmt: skip
async def test_q6_only_star_and_question_mark_are_wildcards(site: Site, pattern: str, wanted: list[str]) -> None:
    for uid, value in (("1.1", "A%B"), ("1.2", "A_B"), ("1.3", "")):
        await one(site, uid, AccessionNumber=value)
    assert await found(site, f"AccessionNumber={pattern}") == wanted


async def test_q7_uids_and_dates_know_no_wildcards(site: Site) -> None:
    await one(site)
    assert await found(site, "StudyInstanceUID=1.2.*") == []
    assert (await site.get("/studies?StudyDate=2024*")).status_code == 400


@pytest.mark.parametrize("separator", [",", "%5C"])
async def test_q8_500_uids_in_one_list(site: Site, separator: str) -> None:
    await one(site)
    assert await found(site, "StudyInstanceUID=" + separator.join(f"1.2.{n}" for n in range(500))) == ["1.2.3"]


async def test_q9_a_comma_in_a_name_is_no_list(site: Site) -> None:
    await one(site, patient_name="Doe, John")
    assert await found(site, "PatientName=Doe,%20John") == ["1.2.3"]
    assert await found(site, "PatientName=Doe") == []


@pytest.mark.parametrize(
    ("value", "there"),
    [("20240229", True), ("20240101-20240301", True), ("20240229-", True), ("-20240229", True), ("20240301-", False),
     ("20240301-20240101", False)],
)  # fmt: skip
async def test_q10_ranges_of_dates(site: Site, value: str, there: bool) -> None:
    await one(site)
    assert await found(site, f"StudyDate={value}") == ["1.2.3"] * there
    assert (await site.get("/studies?StudyDate=20240230")).status_code == 400


@pytest.mark.parametrize(("value", "there"), [("10-12", True), ("12", True), ("1200-1259", True), ("-125958", False), ("13-", False)])
async def test_q11_a_time_of_less_precision_covers_all_of_it(site: Site, value: str, there: bool) -> None:
    await one(site, StudyTime="125959.999999")
    assert await found(site, f"StudyTime={value}") == ["1.2.3"] * there


async def test_q12_date_and_time_ranges_are_one_range_across_midnight(site: Site) -> None:
    for uid, date, time in (("1.1", "20240101", "2300"), ("1.2", "20240102", "0100"), ("1.3", "20240102", "0300")):
        await one(site, uid, StudyDate=date, StudyTime=time)
    assert await found(site, "StudyDate=20240101-20240102&StudyTime=2200-0200") == ["1.2", "1.1"]


@pytest.mark.parametrize(
    ("value", "there"),
    [("20240101110000%2B0000", True), ("20240101120000%2B0100", True), ("20240101060000-0500", True), ("20240101120000%2B0000-", False),
     ("-20240101-1200", True), ("20240101-", True)],
)  # fmt: skip
async def test_q13_date_times_compare_as_instants(site: Site, value: str, there: bool) -> None:
    await one(site, AcquisitionDateTime="20240101120000+0100")
    assert await found(site, f"AcquisitionDateTime={value}", "/instances") == ["1.2.3"] * there


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ("StudyDate=20240229&StudyTime=2330", True),
        ("StudyDate=20240229&StudyTime=2330&TimezoneOffsetFromUTC=-0500", True),
        ("StudyDate=20240301&StudyTime=0430&TimezoneOffsetFromUTC=%2B0000", True),
        ("StudyDate=20240301&StudyTime=0530&TimezoneOffsetFromUTC=+0100", True),
        ("StudyDate=20240229&TimezoneOffsetFromUTC=+0100", False),
        ("StudyDate=20240301-&TimezoneOffsetFromUTC=+0100", True),
        ("PatientBirthDate=19700101&TimezoneOffsetFromUTC=+1400", True),
    ],
)
async def test_q14_dates_and_times_are_read_in_the_timezone_of_the_query(site: Site, query: str, there: bool) -> None:
    await one(site, StudyTime="233000", TimezoneOffsetFromUTC="-0500")
    assert await found(site, query) == ["1.2.3"] * there


async def test_q14_a_date_time_without_an_offset_is_in_that_of_its_object(site: Site) -> None:
    await one(site, AcquisitionDateTime="20240101120000", TimezoneOffsetFromUTC="+0100")
    assert await found(site, "AcquisitionDateTime=20240101110000%2B0000", "/instances") == ["1.2.3"]
    assert await found(site, "AcquisitionDateTime=20240101060000&TimezoneOffsetFromUTC=-0500", "/instances") == ["1.2.3"]


async def test_q14_a_time_alone_cannot_be_shifted_which_a_warning_says(site: Site) -> None:
    await one(site)
    answer = await site.get("/studies?StudyTime=1015&TimezoneOffsetFromUTC=%2B0100")
    assert len(answer.json()) == 1
    assert "TimezoneOffsetFromUTC was not applied to StudyTime" in answer.headers["warning"]
    assert (await site.get("/studies?TimezoneOffsetFromUTC=CET")).status_code == 400


@pytest.mark.parametrize(
    "name", ["doe*", "DÖE^JANÉ", "Doe^Jane^^", "%E5%B1%B1*", "=%E5%B1%B1%E7%94%B0", "==yamada", "doe^jane=%E5%B1%B1%E7%94%B0"]
)
async def test_q15_names_match_in_any_case_accent_and_group(site: Site, name: str) -> None:
    await one(site, patient_name="Döe^Jane=山田=Yamada", SpecificCharacterSet="ISO_IR 192")
    await one(site, "1.9", patient_name="Doeman^John")
    assert "1.2.3" in await found(site, f"PatientName={name}")
    assert ("1.9" in await found(site, f"PatientName={name}")) is (name == "doe*")


async def test_q16_fuzzy_matching_compares_the_beginnings_of_words(site: Site) -> None:
    await one(site, patient_name="van der Berg^Jan")
    assert await found(site, "PatientName=jan%20berg&fuzzymatching=true") == ["1.2.3"]
    assert await found(site, "PatientName=jan%20berg&fuzzymatching=false") == []
    assert (await site.get("/studies?fuzzymatching=1")).status_code == 400


async def test_q17_modalities_in_study(site: Site) -> None:
    await one(site, "1.1", modality="CT")
    await site.store(instance(study_uid="1.1", modality="MR"))
    await one(site, "1.2", modality="CT")
    assert await found(site, "ModalitiesInStudy=MR") == ["1.1"]
    assert await found(site, "ModalitiesInStudy=C*") == ["1.2", "1.1"]
    assert await found(site, "ModalitiesInStudy=CT%5CMR&multiplevaluematching=true") == ["1.1"]
    assert await found(site, "ModalitiesInStudy=CT%5CMR") == []


async def test_q18_keys_of_one_sequence_hold_in_the_same_item(site: Site) -> None:
    items = [Dataset(), Dataset()]
    for number, item in enumerate(items):
        item.RequestedProcedureID, item.ScheduledProcedureStepID = f"P{number}", f"S{number}"
    await one(site, RequestAttributesSequence=items)
    both = "RequestAttributesSequence.RequestedProcedureID={}&RequestAttributesSequence.ScheduledProcedureStepID={}"
    assert await found(site, both.format("P1", "S1"), "/series") == ["1.2.3"]
    assert await found(site, both.format("P1", "S0"), "/series") == []


EMPTIED = """
    StudyDescription PatientWeight OtherPatientIDs ReferringPhysicianName StudyTime Laterality AcquisitionDateTime ContentLabel
    RequestAttributesSequence.RequestedProcedureID
"""


@pytest.mark.parametrize("name", EMPTIED.split())
async def test_q19_two_quotation_marks_match_what_is_absent_or_empty(site: Site, name: str) -> None:
    item = Dataset()
    item.RequestedProcedureID = "P"
    await one(site, "1.1", StudyDescription="", ReferringPhysicianName=None, StudyTime=None)
    full = {"StudyDescription": "x", "PatientWeight": "70", "OtherPatientIDs": ["a"], "Laterality": "L", "ContentLabel": "L"}
    await one(site, "1.2", **full, RequestAttributesSequence=[item], AcquisitionDateTime="2024")
    assert await found(site, f"emptyvaluematching=true&{name}=%22%22") == ["1.1"]


async def test_q19_without_being_asked_for_quotation_marks_stand_for_themselves(site: Site) -> None:
    await one(site, StudyDescription="")
    assert await found(site, "StudyDescription=%22%22") == []
    assert await found(site, "StudyDescription=%22%22&emptyvaluematching=false") == []


async def test_q28_a_key_that_cannot_be_matched_is_returned_and_named(site: Site) -> None:
    await one(site, PatientComments="quiet")
    answer = await site.get("/studies?PatientComments=loud&00091001=x&includefield=Nonsense")
    assert [obj["00104000"]["Value"] for obj in answer.json()] == [["quiet"]]
    for name in ("PatientComments", "00091001", "Nonsense"):
        assert name in answer.headers["warning"]
    assert "loud" not in answer.headers["warning"]


@pytest.mark.parametrize(
    "value", ["' OR 1=1--", "'; DROP TABLE study;--", "\\' OR ''='", "%' OR '%'='", "1) UNION SELECT 1--", "$1", "?", ":a"]
)
@pytest.mark.parametrize("name", ["PatientID", "PatientName", "OtherPatientIDs", "StudyInstanceUID"])
async def test_q29_sql_in_a_value_is_a_value(site: Site, name: str, value: str) -> None:
    await one(site)
    answer = await site.http.get("/studies", params={name: value})
    assert (answer.status_code, answer.json()) == (200, [])
    assert (await site.http.get("/studies", params={"orderby": value})).status_code == 400
    assert await found(site, "") == ["1.2.3"]


class SomeStudies:
    """A policy that shows only these studies."""

    def __init__(self, *studies: str) -> None:
        self._studies = frozenset(map(Uid, studies))

    async def grant(self, _caller: Caller, _action: Action) -> Access:
        return Access(self._studies)


async def test_q30_what_is_hidden_is_in_no_answer_count_total_page_or_patient(site: Site) -> None:
    for number in range(6):
        await one(site, f"1.{number}", PatientID=f"P{number % 2}", PatientName=f"N{number}", modality="CT" if number else "MR")
    service = site.app.state.service
    site.app.state.service = replace(service, archive=replace(service.archive, policy=SomeStudies("1.1", "1.3", "1.4")))
    for query in ("", "orderby=-PatientName", "orderby=PatientID,PatientName", "PatientName=N*"):
        assert sorted(await found(site, query)) == ["1.1", "1.3", "1.4"]
        answer = await site.get(f"/studies?limit=1&count=true&{query}")
        assert "There are 2 additional results" in answer.headers["warning"]
        assert answer.headers["x-total-count"] == "3"
        second = await site.http.get(answer.headers["link"].partition(">")[0].lstrip("<"))
        assert "There are 1 additional results" in second.headers["warning"]
    assert await found(site, "ModalitiesInStudy=MR") == []
    assert await site.objects("/studies/1.0/series") == await site.objects("/studies/9.9/series") == []
    assert len(await site.objects("/instances?emptyvaluematching=true&StudyDescription=%22%22")) == 3
    assert [(p["00100020"]["Value"], p["00201200"]["Value"]) for p in await site.objects("/patients")] == [(["P0"], [1]), (["P1"], [2])]
    assert (await site.get("/patients?limit=1&count=true&PatientName=N0")).headers["x-total-count"] == "0"


async def test_q31_an_xml_answer_has_one_part_for_each_match(site: Site) -> None:
    for number in range(3):
        await one(site, f"1.{number}")
    parts = parts_of(await site.get("/studies", XML))
    assert len(parts) == 3
    assert all(b"StudyInstanceUID" in part.body for part in parts)


async def test_q33_the_first_stored_value_of_a_study_counts(site: Site) -> None:
    await one(site, PatientID="A", StudyDescription="")
    await site.store(instance(study_uid="1.2.3", PatientID="B", StudyDescription="Thorax"))
    assert await found(site, "PatientID=A&StudyDescription=Thorax") == ["1.2.3"]
    assert await found(site, "PatientID=B") == []


@pytest.mark.parametrize("value", ["7", "007", "+7"])
async def test_q34_numbers_match_by_value(site: Site, value: str) -> None:
    await one(site, InstanceNumber="007", PatientWeight="70.50")
    assert await found(site, f"InstanceNumber={value}", "/instances") == ["1.2.3"]
    assert await found(site, "PatientWeight=70.5") == ["1.2.3"]


async def test_q35_any_value_of_a_multi_valued_attribute_matches(site: Site) -> None:
    await one(site, ImageType=["DERIVED", "SECONDARY", "MPR"])
    assert await found(site, "ImageType=SECONDARY", "/instances") == ["1.2.3"]
    assert await found(site, "ImageType=DERIVED%5CMPR&multiplevaluematching=true", "/instances") == ["1.2.3"]
    assert await found(site, "ImageType=DERIVED%5CLOCALIZER&multiplevaluematching=true", "/instances") == []


@pytest.mark.parametrize("true", ["true", "TRUE", "True"])
async def test_q36_true_may_be_written_in_any_case(site: Site, true: str) -> None:
    await one(site)
    assert await found(site, f"PatientName=jane&fuzzymatching={true}") == ["1.2.3"]
    assert await found(site, f"StudyDescription=%22%22&emptyvaluematching={true}") == ["1.2.3"]
