"""PS3.18 10.6: Search as its users meet it, beside `test_10_6_search.py`; names begin with the number of a statement Q."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from pydicom import Dataset

from tests.api.conftest import BASE, Site
from tests.builders import instance, study

JSON = "application/dicom+json"
STUDY = {"00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00081190", "00100010", "00100020", "00100030",
         "00100040", "0020000D", "00200010", "00201206", "00201208"}  # fmt: skip
SERIES = {"00080005", "00080060", "00081190", "0020000E", "00200011", "00201209"}
INSTANCE = {"00080005", "00080016", "00080018", "00080056", "00081190", "00200013"}


def uids(found: list[dict[str, Any]], tag: str = "0020000D") -> list[str]:
    return [item[tag]["Value"][0] for item in found]


async def count(site: Site, path: str, **parameters: str) -> int:
    answer = await site.http.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return len(answer.json())


def described(number: int, **keywords: Any) -> bytes:
    return instance(study_uid=f"1.2.{number}", series_uid=f"1.2.{number}.1", instance_uid=f"1.2.{number}.1.1", **keywords)


@pytest.mark.parametrize("key", ["PatientID", "00100020", "RequestAttributesSequence.RequestedProcedureID", "00400275.00401001",
                                 "RequestAttributesSequence.00401001", "0040a730.0040a043.00080100"])  # fmt: skip
async def test_q3_every_spelling_of_a_key_is_taken(site: Site, key: str) -> None:
    assert (await site.get(f"/instances?{key}=x")).status_code == 200


@pytest.mark.parametrize("key", ["patientid", "0010002", "x-vendor", "RequestAttributesSequence.", "PatientID.StudyDate"])
async def test_q3_what_cannot_be_matched_is_ignored_and_named_in_a_warning(site: Site, key: str) -> None:
    answer = await site.get(f"/studies?{key}=x")
    assert answer.status_code == 200
    assert key in answer.headers["warning"]


async def test_q3_a_keyword_that_does_not_exist_is_400(site: Site) -> None:
    assert (await site.get("/studies?NoSuchThing=x")).status_code == 400


async def test_q5_an_empty_value_matches_all_and_returns_the_attribute(site: Site) -> None:
    await site.store(described(1, StudyDescription="Thorax"), described(2))
    found = {item["0020000D"]["Value"][0]: item for item in await site.objects("/studies?StudyDescription=")}
    assert found["1.2.1"]["00081030"]["Value"] == ["Thorax"]
    assert "1.2.2" in found


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("A*", 3), ("*C", 2), ("A?C", 2), ("ABC", 1), ("a*", 0), ("A%", 0), ("A%C", 1), ("A_C", 0), ("A\\C", 0), ("*", 4), ("?", 0),
     ("???", 2), ("*%*", 1), ("A*C*", 2), ("'; DROP TABLE studies; --", 0), ('" OR 1=1', 0)],
)  # fmt: skip
async def test_q6_wildcards_mean_themselves_and_nothing_else(site: Site, pattern: str, matches: int) -> None:
    names = ["ABC", "A%C", "AD", ""]
    await site.store(*(described(n, StudyID=name) for n, name in enumerate(names, 1)))
    assert await count(site, "/studies", StudyID=pattern) == matches


@pytest.mark.parametrize("key", ["StudyInstanceUID", "StudyDate"])
async def test_q7_wildcards_do_not_reach_into_uids_and_dates(site: Site, key: str) -> None:
    await site.store(described(1))
    answer = await site.http.get("/studies", params={key: {"StudyInstanceUID": "1.2.*", "StudyDate": "2024*"}[key]})
    assert answer.status_code == 400 or answer.json() == []


@pytest.mark.parametrize("separator", [",", "\\"])
async def test_q8_a_list_of_five_hundred_uids(site: Site, separator: str) -> None:
    await site.store(described(1), described(2), described(3))
    wanted = [f"9.9.{n}" for n in range(498)] + ["1.2.1", "1.2.3"]
    found = (await site.http.get("/studies", params={"StudyInstanceUID": separator.join(wanted)})).json()
    assert sorted(uids(found)) == ["1.2.1", "1.2.3"]
    assert await count(site, "/instances", SOPInstanceUID=separator.join(["1.2.2.1.1", "9.9"])) == 1


async def test_q9_a_comma_in_a_name_is_part_of_the_name(site: Site) -> None:
    await site.store(described(1, patient_name="Doe, John"), described(2, patient_name="Doe"))
    assert await count(site, "/studies", PatientName="Doe, John") == 1


@pytest.mark.parametrize(
    ("value", "matches"),
    [("20240101-20240131", 2), ("-20240115", 2), ("20240115-", 2), ("20240115", 1), ("20240131-20240101", 0), ("20250101-", 0)],
)
async def test_q10_date_ranges(site: Site, value: str, matches: int) -> None:
    await site.store(*(described(n, StudyDate=day) for n, day in enumerate(["20240101", "20240115", "20240301"], 1)))
    answer = await site.http.get("/studies", params={"StudyDate": value})
    assert (len(answer.json()) if answer.status_code == 200 else 0) == matches


@pytest.mark.parametrize("value", ["2024-01-01-x", "20240230", "20240101-20240102-20240103", "-", "yesterday"])
async def test_q10_dates_that_are_none_are_400(site: Site, value: str) -> None:
    assert (await site.http.get("/studies", params={"StudyDate": value})).status_code == 400


@pytest.mark.parametrize(("value", "matches"), [("10-12", 2), ("1000-1015", 1), ("-09", 0), ("1230-", 1), ("101500", 1), ("10:15:00", 1)])
async def test_q11_times_of_partial_precision(site: Site, value: str, matches: int) -> None:
    await site.store(described(1, StudyTime="101500"), described(2, StudyTime="125959.999"))
    assert await count(site, "/studies", StudyTime=value) == matches


async def test_q12_a_range_of_date_and_time_reaches_across_midnight(site: Site) -> None:
    moments = [("20240101", "1100"), ("20240101", "2300"), ("20240102", "0100"), ("20240102", "1400")]
    await site.store(*(described(n, StudyDate=date, StudyTime=time) for n, (date, time) in enumerate(moments, 1)))
    found = (await site.http.get("/studies", params={"StudyDate": "20240101-20240102", "StudyTime": "2200-0200"})).json()
    assert sorted(uids(found)) == ["1.2.2", "1.2.3"]


@pytest.mark.parametrize(
    "pattern", ["doe^john", "DOE^JOHN", "doe*", "Döé^John", "山田^太郎", "やまだ*", "*太郎", "Doe^John^^", "Doe^John=山田^太郎"]
)
async def test_q15_names_match_without_case_and_accents_in_every_group(site: Site, pattern: str) -> None:
    await site.store(
        described(1, SpecificCharacterSet="ISO_IR 192", patient_name="Doe^John=山田^太郎=やまだ^たろう"),
        described(2, patient_name="Roe^Mary"),
    )
    assert uids((await site.http.get("/studies", params={"PatientName": pattern})).json()) == ["1.2.1"]


@pytest.mark.parametrize(
    ("name", "fuzzy", "matches"),
    [("joh", "true", 1), ("doe joh", "true", 1), ("joh", "false", 0), ("ohn", "true", 0), ("Joh", "TRUE", None)],
)
async def test_q16_fuzzy_matching_is_by_the_beginnings_of_words(site: Site, name: str, fuzzy: str, matches: int | None) -> None:
    await site.store(described(1, patient_name="Doe^John"))
    answer = await site.http.get("/studies", params={"PatientName": name, "fuzzymatching": fuzzy})
    assert answer.status_code in {200, 400} if matches is None else len(answer.json()) == matches


@pytest.mark.parametrize(
    ("parameters", "matches"),
    [({"ModalitiesInStudy": "CT"}, 1), ({"ModalitiesInStudy": "C*"}, 2), ({"ModalitiesInStudy": "MR"}, 0),
     ({"ModalitiesInStudy": "CT\\SR", "multiplevaluematching": "true"}, 1),
     ({"ModalitiesInStudy": "CT\\CR", "multiplevaluematching": "true"}, 0)],
)  # fmt: skip
async def test_q17_modalities_in_study(site: Site, parameters: dict[str, str], matches: int) -> None:
    both = instance(study_uid="1.2.1", modality="SR", rows=0)
    await site.store(described(1), both, described(2, modality="CR"))
    assert await count(site, "/studies", **parameters) == matches


@pytest.mark.parametrize(
    ("path", "required"),
    [("/studies", STUDY), ("/series", SERIES | STUDY - {"00201206", "00201208", "00080061"}), ("/studies/1.2.1/series", SERIES),
     ("/instances", INSTANCE | {"0020000D", "0020000E"}), ("/studies/1.2.1/instances", INSTANCE | SERIES - {"00201209"}),
     ("/studies/1.2.1/series/1.2.1.1/instances", INSTANCE)],
)  # fmt: skip
async def test_q20_every_resource_returns_what_it_must_and_empty_ones_as_empty(site: Site, path: str, required: set[str]) -> None:
    bare = {"StudyDate": None, "AccessionNumber": "", "ReferringPhysicianName": "", "PatientBirthDate": "", "SeriesNumber": None,
            "InstanceNumber": None, "StudyID": ""}  # fmt: skip
    await site.store(described(1, rows=0, **bare))
    (found,) = await site.objects(path)
    assert required <= set(found), sorted(required - set(found))
    assert all("vr" in element and element.get("Value") != [] for element in found.values())
    assert not any(value in (None, "") for element in found.values() for value in element.get("Value", []))


async def test_q20_an_image_returns_its_measures(site: Site) -> None:
    await site.store(described(1, frames=3))
    (found,) = await site.objects("/instances")
    assert {"00280008", "00280010", "00280011", "00280100"} <= set(found)


async def test_q20_a_series_returns_its_request_and_performed_step(site: Site) -> None:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = "SPS", "RP"
    await site.store(
        described(1, SeriesDescription="Lung", PerformedProcedureStepStartDate="20240101", PerformedProcedureStepStartTime="1000",
                  RequestAttributesSequence=[item])
    )  # fmt: skip
    (found,) = await site.objects("/studies/1.2.1/series")
    assert {"0008103E", "00400244", "00400245", "00400275"} <= set(found)
    assert found["00400275"]["Value"][0]["00400009"]["Value"] == ["SPS"]
    assert found["00400275"]["Value"][0]["00401001"]["Value"] == ["RP"]


@pytest.mark.parametrize(
    ("fields", "present", "absent"),
    [
        ("includefield=StudyDescription", {"00081030"}, {"00081032"}),
        ("includefield=00081030,PatientComments", {"00081030", "00104000"}, set()),
        ("includefield=00081030&includefield=00104000", {"00081030", "00104000"}, set()),
        ("includefield=all", {"00081030", "00104000", "00081032"}, {"00080060", "00280010"}),
        ("includefield=all&includefield=Modality", {"00081030", "00104000"}, {"00280010"}),
        ("includefield=Rows,SeriesDescription", set(), {"00280010", "0008103E"}),
        ("includefield=ProcedureCodeSequence", {"00081032"}, set()),
        ("includefield=ProcedureCodeSequence.CodeValue", {"00081032"}, set()),
    ],
)
async def test_q21_includefield(site: Site, fields: str, present: set[str], absent: set[str]) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "X", "99", "Y"
    await site.store(
        described(1, StudyDescription="Thorax", PatientComments="none", ProcedureCodeSequence=[code], SeriesDescription="Lung")
    )
    (found,) = await site.objects(f"/studies?{fields}")
    assert present <= set(found)
    assert not absent & set(found)


async def test_q22_counts_follow_every_store_and_delete(site: Site) -> None:
    await site.store(*study(series=2, instances=2, study_uid="1.2.9"))
    series = uids(await site.objects("/studies/1.2.9/series"), "0020000E")
    instances = uids(await site.objects("/studies/1.2.9/instances"), "00080018")
    for number, uid in enumerate(instances[:-1], 1):
        (item,) = await site.objects(f"/instances?SOPInstanceUID={uid}")
        owner = item["0020000E"]["Value"][0]
        assert (await site.http.delete(f"/studies/1.2.9/series/{owner}/instances/{uid}")).status_code == 204
        (found,) = await site.objects("/studies")
        left = await site.objects("/studies/1.2.9/series")
        assert found["00201208"]["Value"] == [4 - number]
        assert found["00201206"]["Value"] == [len(left)]
        assert sum(item["00201209"]["Value"][0] for item in left) == 4 - number
    assert len(series) == 2


async def test_q23_every_retrieve_url_is_absolute_and_can_be_retrieved(site: Site) -> None:
    await site.store(described(1))
    for path in ("/studies", "/series", "/instances"):
        (found,) = await site.objects(path)
        (url,) = found["00081190"]["Value"]
        assert found["00081190"]["vr"] == "UR"
        assert url.startswith(BASE + "/studies/1.2.1")
        assert (await site.get(url)).status_code == 200
        assert (await site.get(url + "/metadata")).status_code == 200


@pytest.mark.parametrize(
    ("limit", "expected"), [("0", 0), ("1", 1), ("3", 3), ("999999999", 3), ("-1", None), ("x", None), ("1.5", None), ("", None)]
)
async def test_q24_limits(site: Site, limit: str, expected: int | None) -> None:
    await site.store(described(1), described(2), described(3))
    answer = await site.http.get("/studies", params={"limit": limit})
    if expected is None:
        assert answer.status_code == 400
    else:
        assert len(answer.json()) == expected


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
async def test_q26_paging_at_every_level_covers_each_row_once_in_one_order(site: Site, path: str) -> None:
    await site.store(*itertools.chain.from_iterable(study(series=2, instances=2, StudyDate="20240101") for _ in range(2)))
    whole = await site.objects(path)
    pages = [await site.objects(f"{path}?limit=1&offset={number}") for number in range(len(whole) + 1)]
    assert [item for page in pages for item in page] == whole


async def test_q27_the_warning_gives_the_exact_number_that_remains(site: Site) -> None:
    await site.store(*(described(n) for n in range(1, 6)))
    answer = await site.get("/studies?limit=2&offset=1")
    assert answer.headers["warning"] == '299 radiolucent "There are 2 additional results that can be requested"'
    assert "warning" not in (await site.get("/studies?limit=2&offset=3")).headers


async def test_q33_the_first_stored_value_of_a_study_stays_and_an_empty_one_is_filled(site: Site) -> None:
    await site.store(instance(study_uid="1.2.1", StudyDescription="First", AccessionNumber=""))
    await site.store(instance(study_uid="1.2.1", StudyDescription="Second", AccessionNumber="LATE"))
    (found,) = await site.objects("/studies?includefield=StudyDescription")
    assert found["00081030"]["Value"] == ["First"]
    assert found["00080050"]["Value"] == ["LATE"]
    assert await count(site, "/studies", StudyDescription="Second") == 0
    assert await count(site, "/studies", AccessionNumber="LATE") == 1


async def test_q35_one_value_of_several_is_enough(site: Site) -> None:
    await site.store(described(1, OtherPatientIDs=["A", "B"], PhysiciansOfRecord=["Roe^A", "Poe^B"]))
    assert await count(site, "/studies", PhysiciansOfRecord="Poe^B") == 1
    assert await count(site, "/studies", PhysiciansOfRecord="Nobody") in {0, 1}


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "*/*", None, "application/*;q=0.1",
                                    "text/html, */*;q=0.1", "application/dicom+json; charset=utf-8"])  # fmt: skip
async def test_search_answers_json_to_whoever_takes_it(site: Site, accept: str | None) -> None:
    answer = await site.get("/studies", accept)
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, JSON, b"[]")


async def test_search_offers_what_it_has_to_whoever_wants_something_else(site: Site) -> None:
    answer = await site.get("/studies", "text/html")
    assert answer.status_code == 406
    assert any(offer.startswith(JSON) for offer in answer.json()["offers"])
