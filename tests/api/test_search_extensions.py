"""Search beyond PS3.18, over HTTP: orders, cursors and links, totals, patients, the site's own keys."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from app.settings import SettingsError, load_settings
from tests.api.conftest import BASE, Site, open_site
from tests.builders import dataset, instance, part10


@pytest.fixture
async def keyed_site(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", search={"keys": "series:00091001:LO:ACME 1.0,instance:SliceThickness"}):
        yield opened


def next_of(answer: httpx.Response) -> str | None:
    """The URL of the next page, from the Link header (RFC 8288)."""
    link = answer.headers.get("link")
    if link is None:
        return None
    url, _, relation = link.partition(">; ")
    assert (url[0], relation) == ("<", 'rel="next"')
    return str(url[1:])


def uids(answer: httpx.Response) -> list[str]:
    return [obj["0020000D"]["Value"][0] for obj in answer.json()]


async def filled(site: Site, count: int = 5) -> None:
    for number in range(count):
        await site.store(instance(study_uid=f"1.{number}", patient_name=f"{'EBDAC'[number % 5]}^X", PatientID=f"P{number % 2}",
                                  StudyDate=f"2024010{number + 1}"))  # fmt: skip


async def test_an_order_may_be_asked_for(site: Site) -> None:
    await filled(site)
    assert uids(await site.get("/studies?orderby=PatientName")) == ["1.3", "1.1", "1.4", "1.2", "1.0"]
    assert uids(await site.get("/studies?orderby=PatientID,-PatientName")) == ["1.0", "1.2", "1.4", "1.1", "1.3"]
    assert uids(await site.get("/studies/1.1/series?orderby=-Modality,PatientName&includefield=StudyInstanceUID")) == ["1.1"]
    answer = await site.get("/studies?orderby=PatientNickname")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query")


@pytest.mark.parametrize(
    "query", ["limit=2", "limit=2&orderby=-PatientName&PatientName=*%5EX", "limit=2&offset=0&PatientName=*&PatientID=P*"]
)
async def test_links_lead_through_every_page(site: Site, query: str) -> None:
    await filled(site)
    whole = uids(await site.get("/studies?" + query.replace("limit=2", "limit=100")))
    url: str | None = f"{BASE}/studies?{query}"
    seen: list[str] = []
    while url is not None:
        answer = await site.http.get(url)
        assert answer.status_code == 200
        seen += uids(answer)
        url = next_of(answer)
        if url is not None:
            assert url.startswith(BASE + "/studies?")
            assert dict(parse_qsl(urlsplit(url).query)).keys() >= {"limit", "cursor"}
            assert "additional results" in answer.headers["warning"]
    assert seen == whole


@pytest.mark.parametrize(
    "path", ["/series", "/studies/1.1/series", "/studies/1.1/instances", "/instances", "/patients", "/studies/1.1/series/1.1.1/instances"]
)
async def test_the_link_keeps_the_resource(site: Site, path: str) -> None:
    for number in range(4):
        await site.store(instance(study_uid="1.1", series_uid=f"1.1.{number // 2}", PatientID=f"P{number}"))
        await site.store(instance(study_uid=f"1.{number + 5}", PatientID=f"Q{number}"))
    await site.store(*(instance(study_uid="1.1", series_uid="1.1.1") for _ in range(2)))
    answer = await site.get(f"{path}?limit=1&PatientID=*&x=%22%3E%0d%0a")
    url = next_of(answer)
    assert url is not None
    assert url.startswith(f"{BASE}{path}?limit=1&PatientID=*&x=%22%3E%0d%0a&cursor=")
    assert (await site.http.get(url)).json() not in ([], answer.json())


async def test_an_answer_to_a_very_long_query_has_no_link_longer_than_a_proxy_takes(site: Site) -> None:
    await filled(site)
    many = ",".join(f"1.{number}" for number in range(2000))
    answer = await site.get(f"/studies?limit=2&StudyInstanceUID={many}")
    assert "link" not in answer.headers
    assert "There are 3 additional results" in answer.headers["warning"]


async def test_a_cursor_that_is_not_ours_or_not_this_searchs_is_400(site: Site) -> None:
    await filled(site)
    url = next_of(await site.get("/studies?limit=2"))
    assert url is not None
    cursor = dict(parse_qsl(urlsplit(url).query))["cursor"]
    assert (await site.get(f"/studies?limit=3&cursor={cursor}")).status_code == 200
    forged = base64.urlsafe_b64encode(b"x" * 12 + b'["9","9"]').decode()
    queries = [f"{other}&cursor={cursor}" for other in ("PatientID=P0", "offset=1", "orderby=PatientID")]
    for query in (*queries, f"cursor={cursor[:-2]}", f"cursor={cursor}A", f"cursor={forged}", "cursor=", "cursor=%00"):
        answer = await site.get("/studies?" + query)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query"), query
    assert (await site.get(f"/patients?cursor={cursor}")).status_code == 400


async def test_a_total_is_told_if_it_is_asked_for(site: Site) -> None:
    await filled(site)
    for path, total in (("/studies?count=true&limit=2&offset=3", "5"), ("/studies?count=true&PatientID=P0&limit=0", "3"),
                        ("/patients?count=TRUE", "2"), ("/studies?count=true&offset=100", "5")):  # fmt: skip
        assert (await site.get(path)).headers["x-total-count"] == total, path
    assert "x-total-count" not in (await site.get("/studies?count=false")).headers
    assert (await site.get("/studies?count=1")).status_code == 400


async def test_patients(site: Site) -> None:
    await filled(site)
    await site.store(instance(study_uid="1.9", PatientID="", patient_name="Nobody"))
    found = await site.objects("/patients?includefield=PatientComments")
    assert [obj["00100020"]["Value"] for obj in found] == [["P0"], ["P1"]]
    assert [[obj[tag]["Value"][0] for tag in ("00201200", "00201202", "00201204")] for obj in found] == [[3, 3, 3], [2, 2, 2]]
    assert found[0]["00100010"]["Value"] == [{"Alphabetic": "C^X"}]
    assert all({"00100010", "00100030", "00100040"} <= set(obj) for obj in found)
    assert [obj["00100020"]["Value"] for obj in await site.objects("/patients?PatientName=b*")] == [["P1"]]
    assert '"level": "patient"' in json.dumps(site.audit()[-1])
    assert (await site.get("/patients?orderby=PatientID")).status_code == 400
    assert (await site.get("/patients?Modality=MR")).json() == []


async def test_a_site_may_choose_further_keys(keyed_site: Site) -> None:
    made = dataset(study_uid="1.1", SliceThickness="1.5")
    block = made.private_block(0x0009, "ACME 1.0", create=True)
    block.add_new(1, "LO", "plan a")
    await keyed_site.store(part10(made), instance(study_uid="1.2", SliceThickness="3"))
    for query, resource, wanted in (
        ("SliceThickness=1.50", "/instances", ["1.1"]),
        ("SliceThickness=3", "/studies", ["1.2"]),
        ("00090010=ACME%201.0&00091001=plan+a", "/series", ["1.1"]),
        ("00090010=ACME+1.0&00091001=PLAN*", "/series", []),
        ("00090010=ACME+1.0&00091001=plan*", "/studies", ["1.1"]),
        ("orderby=-SliceThickness", "/instances", ["1.2", "1.1"]),
    ):
        answer = await keyed_site.get(f"{resource}?{query}")
        assert uids(answer) == wanted, query
        assert "warning" not in answer.headers, query
    (obj,) = await keyed_site.objects("/series?00090010=ACME%201.0&00091001=plan*")
    assert obj["00091001"]["Value"] == ["plan a"]
    assert "00091001" in (await keyed_site.get("/series?00090010=OTHER&00091001=x")).headers["warning"]


async def test_a_key_that_is_not_filled_yet_is_named_in_a_warning(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data"):
        await site.store(instance(study_uid="1.1", SliceThickness="1.5"))
    async for site in open_site(tmp_path / "data", search={"keys": "instance:SliceThickness"}):
        answer = await site.get("/instances?SliceThickness=1.5")
        assert answer.json() == []
        assert "SliceThickness is a new search key" in answer.headers["warning"]
        assert "warning" not in (await site.get("/instances?PatientID=x")).headers
        async for _ in site.app.state.service.archive.index.fill_keys():
            pass
        answer = await site.get("/instances?SliceThickness=1.5")
        assert (uids(answer), "warning" in answer.headers) == (["1.1"], False)


@pytest.mark.parametrize(
    "keys",
    ["patient:PatientID", "SliceThickness", "instance:", "instance:PatientNickname", "study:PatientID", "instance:PatientComments",
     "instance:00091001", "instance:00091001:LO", "instance:00091001:OB:A", "instance:PixelData", "instance:ReferencedImageSequence",
     "instance:SliceThickness,instance:SliceThickness", "instance:A.B.C", "series:PatientName.SliceThickness",
     "instance:SourceImageSequence.00091001:LO:A"],
)  # fmt: skip
def test_a_key_that_cannot_be_searched_is_refused_at_the_start(keys: str) -> None:
    with pytest.raises(SettingsError, match="RADIOLUCENT_SEARCH__KEYS"):
        load_settings(search={"keys": keys})


def test_keys_that_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOLUCENT_SEARCH__KEYS", "series:KVP, instance:0009100a:DS:ACME 1.0")
    assert load_settings().search.keys == ("series:KVP", "instance:0009100a:DS:ACME 1.0")
    monkeypatch.setenv("RADIOLUCENT_SEARCH__KEYS", '["instance:0009100a:LO:ACME, Inc."]')
    assert load_settings().search.keys == ("instance:0009100a:LO:ACME, Inc.",)
