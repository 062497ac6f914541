"""Search (PS3.18 10.6) over HTTP: resources, parameters, warnings, paging. What matching means is tested in unit and contract."""

from __future__ import annotations

import asyncio

import pytest
from pydicom import Dataset

from tests.api.conftest import BASE, Site
from tests.builders import instance, study

SIX = ("/studies", "/series", "/instances", "/studies/1.2.3/series", "/studies/1.2.3/instances", "/studies/1.2.3/series/1.2.3.1/instances")
OHIF_FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"


async def filled(site: Site) -> None:
    await site.store(
        instance(study_uid="1.2.3", series_uid="1.2.3.1", instance_uid="1.2.3.1.1", patient_name="Müller^Éva", PatientID="A",
                 StudyDate="20240101", StudyTime="101500", StudyDescription="Thorax", SeriesNumber=1, InstanceNumber=7),
        instance(study_uid="1.2.3", series_uid="1.2.3.2", modality="SR", PatientID="A", StudyDate="20240101", SeriesNumber=2),
        instance(study_uid="1.2.4", series_uid="1.2.4.1", patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう", PatientID="B",
                 StudyDate="20240301", modality="MR", SpecificCharacterSet="ISO_IR 192"),
    )  # fmt: skip


def values(found: list[dict[str, dict[str, list[object]]]], tag: str) -> list[object]:
    return [item[tag].get("Value", [None])[0] for item in found]


@pytest.mark.parametrize("path", SIX)
async def test_empty_is_200_and_an_empty_list(site: Site, path: str) -> None:
    assert await site.objects(path) == []


async def test_all_six_resources_answer(site: Site) -> None:
    await filled(site)
    counts = [len(await site.objects(path)) for path in SIX]
    assert counts == [2, 3, 3, 2, 2, 1]


async def test_studies_come_newest_first_with_their_required_attributes(site: Site) -> None:
    await filled(site)
    found = await site.objects("/studies")
    assert values(found, "0020000D") == ["1.2.4", "1.2.3"]
    older = found[1]
    for tag in ("00080020", "00080030", "00080050", "00080061", "00080090", "00081190", "00100010", "00100020", "00100030", "00100040",
                "0020000D", "00200010", "00201206", "00201208"):  # fmt: skip
        assert "vr" in older[tag], tag
    assert older["00080061"]["Value"] == ["CT", "SR"]
    assert (older["00201206"]["Value"], older["00201208"]["Value"]) == ([2], [2])
    assert older["00081190"]["Value"] == [BASE + "/studies/1.2.3"]
    assert list(older) == sorted(older)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("PatientID=A", ["1.2.3"]),
        ("00100020=B", ["1.2.4"]),
        ("PatientName=muller*", ["1.2.3"]),
        ("PatientName=*eva", ["1.2.3"]),
        ("PatientName=%E5%B1%B1%E7%94%B0*", ["1.2.4"]),
        ("PatientName=eva&fuzzymatching=true", ["1.2.3"]),
        ("StudyDate=20240101-20240201", ["1.2.3"]),
        ("StudyDate=20240201-", ["1.2.4"]),
        ("ModalitiesInStudy=SR", ["1.2.3"]),
        ("StudyInstanceUID=1.2.3,1.2.4,9.9", ["1.2.4", "1.2.3"]),
        ("StudyInstanceUID=1.2.3%5C9.9", ["1.2.3"]),
        ("PatientName=Doe, John", []),
        ("PatientID=%27%20OR%201=1--", []),
        ("StudyDescription=", ["1.2.4", "1.2.3"]),
        ("StudyDate=20240101&StudyTime=1000-1100", ["1.2.3"]),
    ],
)
async def test_matching(site: Site, query: str, found: list[str]) -> None:
    await filled(site)
    assert values(await site.objects(f"/studies?{query}"), "0020000D") == found


async def test_dotted_keys_match_within_one_item(site: Site) -> None:
    items = []
    for procedure, step in (("P1", "S1"), ("P2", "S2")):
        item = Dataset()
        item.RequestedProcedureID, item.ScheduledProcedureStepID = procedure, step
        items.append(item)
    await site.store(instance(RequestAttributesSequence=items))
    both = "/series?RequestAttributesSequence.RequestedProcedureID={}&00400275.00400009={}"
    assert len(await site.objects(both.format("P1", "S1"))) == 1
    assert len(await site.objects(both.format("P1", "S2"))) == 0


async def test_numbers_match_by_value(site: Site) -> None:
    await site.store(instance(InstanceNumber="007"))
    assert len(await site.objects("/instances?InstanceNumber=7")) == 1


async def test_includefield_adds_attributes_of_the_level_and_above_only(site: Site) -> None:
    await filled(site)
    (found,) = await site.objects("/studies?PatientID=A&" + OHIF_FIELDS)
    assert found["00081030"]["Value"] == ["Thorax"]
    assert "00080060" not in found
    (found,) = await site.objects("/instances?InstanceNumber=7&includefield=BitsStored,StudyDescription,PatientID&includefield=00280102")
    assert found["00280101"]["Value"] == [16]
    assert found["00280102"]["Value"] == [15]
    assert found["00081030"]["Value"] == ["Thorax"]
    (found,) = await site.objects("/studies/1.2.3/series/1.2.3.1/instances?includefield=all")
    assert {"00280101", "00280030" if "00280030" in found else "00280103"} <= set(found)


async def test_relational_searches_return_the_levels_above(site: Site) -> None:
    await filled(site)
    (series,) = await site.objects("/series?Modality=MR")
    assert series["00100020"]["Value"] == ["B"]
    (found,) = await site.objects("/instances?PatientID=B")
    assert found["00080060"]["Value"] == ["MR"]
    assert found["00100020"]["Value"] == ["B"]


async def test_paging_covers_every_row_once_and_says_what_remains(site: Site) -> None:
    await site.store(*(instance(StudyDate="20240101") for _ in range(7)))
    seen: list[object] = []
    for offset in range(0, 9, 3):
        answer = await site.get(f"/studies?limit=3&offset={offset}")
        seen += values(answer.json(), "0020000D")
        remaining = 7 - offset - 3
        if remaining > 0:
            assert f"There are {remaining} additional results that can be requested" in answer.headers["warning"]
        else:
            assert "warning" not in answer.headers
    assert len(seen) == len(set(seen)) == 7
    assert await site.objects("/studies?limit=0") == []
    assert await site.objects("/studies?offset=99") == []


@pytest.mark.parametrize(
    "query",
    ["NoSuchKeyword=1", "StudyDate=2024-13-45", "limit=-1", "limit=x", "offset=-5", "fuzzymatching=maybe", "PatientID=A&00100020=B",
     "PatientID=%FF%FE"],
)  # fmt: skip
async def test_bad_queries_are_400_with_the_clause(site: Site, query: str) -> None:
    answer = await site.get(f"/studies?{query}")
    assert answer.status_code == 400, query
    assert answer.headers["content-type"] == "application/problem+json"
    assert "PS3.18" in answer.json()["clause"]


async def test_unknown_parameters_are_ignored_and_unsupported_keys_named_in_a_warning(site: Site) -> None:
    await filled(site)
    answer = await site.get("/studies?_vendor=1&PatientComments=x")
    assert answer.status_code == 200
    assert len(answer.json()) == 2
    assert "PatientComments" in answer.headers["warning"]


async def test_counts_are_right_after_store_and_delete(site: Site) -> None:
    parts = study(series=2, instances=2)
    for part in parts:
        await site.store(part)
    (found,) = await site.objects("/studies")
    assert (found["00201206"]["Value"], found["00201208"]["Value"]) == ([2], [4])
    uid = found["0020000D"]["Value"][0]
    series = (await site.objects(f"/studies/{uid}/series"))[0]["0020000E"]["Value"][0]
    assert (await site.http.delete(f"/studies/{uid}/series/{series}")).status_code == 204
    (found,) = await site.objects("/studies")
    assert (found["00201206"]["Value"], found["00201208"]["Value"]) == ([1], [2])


async def test_concurrent_stores_of_one_study_keep_its_counts_exact(site: Site) -> None:
    parts = study(series=3, instances=5)
    answers = await asyncio.gather(*(site.store(part) for part in parts))
    assert {answer.status_code for answer in answers} == {200}
    (found,) = await site.objects("/studies")
    assert (found["00201206"]["Value"], found["00201208"]["Value"]) == ([3], [15])
