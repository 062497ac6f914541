"""PS3.18 10.6.3 and 8.3.4: what the answers to a search hold, and their pages (statements Q20 to Q27)."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from tests.api.conftest import BASE, Site
from tests.builders import dataset, part10, study
from tests.conformance.searching import found, one

REQUIRED = {
    "/studies": "00080020 00080030 00080050 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010"
    " 00201206 00201208",
    "/studies/1.2.3/series": "00080060 00081190 0020000E 00200011 00201209",
    "/studies/1.2.3/series/1.2.3.1/instances": "00080016 00080018 00081190 00200013",
}


@pytest.mark.parametrize("path", REQUIRED)
async def test_q20_required_attributes_are_there_even_if_empty(site: Site, path: str) -> None:
    await one(site, StudyTime=None, AccessionNumber="", SeriesNumber=None, InstanceNumber=None, PatientSex=None, StudyID=None)
    (obj,) = await site.objects(path)
    assert [tag for tag in REQUIRED[path].split() if "vr" not in obj.get(tag, {})] == []
    assert all("Value" not in element or element["Value"] for element in obj.values())


async def test_q21_include_fields(site: Site) -> None:
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = "P", "S"
    await one(site, PatientComments="quiet", OperatorsName="Op^A", RequestAttributesSequence=[item])
    (obj,) = await site.objects("/studies?includefield=PatientComments,00080060&includefield=00101010")
    assert obj["00104000"]["Value"] == ["quiet"]
    assert "00080060" not in obj
    (obj,) = await site.objects("/studies/1.2.3/series?includefield=RequestAttributesSequence.RequestedProcedureID,all,OperatorsName")
    assert obj["00081070"]["Value"] == [{"Alphabetic": "Op^A"}]
    (obj,) = await site.objects("/studies/1.2.3/instances?includefield=RequestAttributesSequence.RequestedProcedureID")
    assert obj["00400275"]["Value"][0]["00401001"]["Value"] == ["P"]


async def test_q21_a_private_attribute_is_included_by_its_creator_wherever_its_block_lies(site: Site) -> None:
    part = Dataset()
    part.private_block(0x0009, "OTHER", create=True).add_new(1, "LO", "not this")
    part.private_block(0x0009, "ACME 1.0", create=True).add_new(1, "LO", "this")
    made = dataset(study_uid="1.2.3")
    made.update(part)
    await site.store(part10(made))
    (obj,) = await site.objects("/instances?00090010=ACME%201.0&includefield=00091001")
    assert obj["00091101"] == {"vr": "LO", "Value": ["this"]}
    assert obj["00090011"] == {"vr": "LO", "Value": ["ACME 1.0"]}
    assert "00091001" not in obj
    (obj,) = await site.objects("/instances?00090010=NOBODY&includefield=00091001")
    assert not any(tag.startswith("0009") for tag in obj)


async def test_q22_counts_are_right_after_store_and_delete(site: Site) -> None:
    for part in study(series=2, instances=3, study_uid="1.2.3"):
        await site.store(part)
    (obj,) = await site.objects("/studies")
    assert (obj["00201206"]["Value"], obj["00201208"]["Value"]) == ([2], [6])
    series = [item["0020000E"]["Value"][0] for item in await site.objects("/studies/1.2.3/series")]
    assert (await site.http.delete(f"/studies/1.2.3/series/{series[0]}")).status_code == 204
    (obj,) = await site.objects("/studies")
    assert (obj["00201206"]["Value"], obj["00201208"]["Value"]) == ([1], [3])
    assert [item["00201209"]["Value"] for item in await site.objects("/series")] == [[3]]


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
async def test_q23_the_retrieve_url_is_absolute_and_answers(site: Site, path: str) -> None:
    await one(site)
    (obj,) = await site.objects(path)
    (url,) = obj["00081190"]["Value"]
    assert url.startswith(BASE + "/studies/1.2.3")
    assert (await site.http.get(url)).status_code == 200


@pytest.mark.parametrize(("limit", "status"), [("0", 200), ("1", 200), ("99999999999", 200), ("-1", 400), ("ten", 400), ("", 400)])
async def test_q24_limits(site: Site, limit: str, status: int) -> None:
    await one(site)
    answer = await site.get(f"/studies?limit={limit}")
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()) == min(int(limit), 1)


async def test_q25_an_offset_beyond_the_end_is_an_empty_list(site: Site) -> None:
    await one(site)
    answer = await site.get("/studies?offset=100")
    assert (answer.status_code, answer.text) == (200, "[]")
    assert "warning" not in answer.headers


@pytest.mark.parametrize("order", ["", "&orderby=PatientName", "&orderby=-StudyDescription,PatientID"])
async def test_q26_pages_cover_every_row_once_in_a_stable_order(site: Site, order: str) -> None:
    for number in range(7):
        await one(site, f"1.{number}", StudyDescription="ab"[number % 2] if number < 5 else "")
    whole = await found(site, order)
    pages = [await found(site, f"limit=2&offset={offset}{order}") for offset in range(0, 8, 2)]
    assert [uid for page in pages for uid in page] == whole
    assert sorted(whole) == [f"1.{number}" for number in range(7)]


async def test_q27_a_warning_tells_exactly_how_many_remain(site: Site) -> None:
    for number in range(5):
        await one(site, f"1.{number}")
    answer = await site.get("/studies?limit=2&offset=1")
    assert '299 radiolucent "There are 2 additional results that can be requested"' in answer.headers["warning"]
    assert "warning" not in (await site.get("/studies?limit=2&offset=3")).headers
