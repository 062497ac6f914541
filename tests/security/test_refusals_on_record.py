"""Each request of each route leaves exactly one audit record, whatever becomes of it; refusals before its transaction begins as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Site, open_site
from tests.builders import instance
from tests.security.conftest import NORTH, bearer, north
from tests.security.test_every_route import ask, routes
from tests.services.provider import Provider

TELLS_NOBODY = {("GET", "/session")}
"""Who am I: nothing is done to anything."""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """In local mode, with nothing stored and nothing on record."""
    async for opened in open_site(tmp_path / "data"):
        yield opened


async def test_a_refusal_for_want_of_a_credential_leaves_one_record_on_every_route(guarded: Site) -> None:
    for asked in routes(guarded):
        before = len(guarded.audit())
        assert (await ask(guarded, asked, {})).status_code == 401
        (record,) = guarded.audit()[before:]
        assert record["outcome"] == "Unauthorized", asked
        assert (record["subject"], record["kind"], record["address"]) == ("", "unknown", "127.0.0.1")
        assert record["study"] == (NORTH if "{study}" in asked[1] else None), asked
        assert record["detail"]["resource"] == asked[1].removeprefix("/dicom-web")


async def test_whatever_a_known_caller_asks_leaves_one_record_on_every_route(guarded: Site, provider: Provider) -> None:
    for asked in routes(guarded):
        before = len(guarded.audit())
        answer = await ask(guarded, asked, north(provider))
        records = guarded.audit()[before:]
        if asked in TELLS_NOBODY:
            assert records == []
            continue
        (record,) = records
        assert (record["outcome"] in ("success", "NotModified")) == (answer.status_code < 400), asked
        assert record["subject"]
        assert record["request_id"] == answer.headers["x-request-id"]


async def test_a_caller_without_the_scope_is_on_record_by_name(guarded: Site, provider: Provider) -> None:
    before = len(guarded.audit())
    answer = await guarded.http.get("/studies", headers=bearer(provider.token(scope="openid")))
    assert answer.status_code == 403
    (record,) = guarded.audit()[before:]
    assert record["outcome"] == "Forbidden"
    assert record["issuer"].startswith("http")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studies?limit=x", {"action": "search", "outcome": "InvalidQuery", "study": None}),
        (
            "/studies/1.2/series/Doe%5EJane/instances?limit=x",
            {"action": "search", "outcome": "InvalidTarget", "study": "1.2", "series": None},
        ),
        ("/studies/Doe%5EJane/metadata", {"action": "retrieve", "outcome": "InvalidTarget", "study": None}),
        ("/studies/1.2/series/1.3/instances/1.4/frames/x", {"action": "retrieve", "outcome": "InvalidTarget", "instance": "1.4"}),
        ("/wado?requestType=WADO&studyUID=x", {"action": "retrieve", "outcome": "InvalidQuery"}),
        ("/changes?after=x", {"action": "search", "outcome": "InvalidQuery"}),
    ],
)
async def test_what_cannot_be_parsed_leaves_a_record_of_its_valid_uids(site: Site, path: str, expected: dict[str, Any]) -> None:
    answer = await site.get(path)
    assert answer.status_code == 400
    (record,) = site.audit()
    assert {name: record[name] for name in expected} == expected
    assert record["subject"] == "local"
    assert "Doe" not in str(record)


async def test_a_refused_query_is_on_record_as_it_was_written(site: Site) -> None:
    await site.get("/studies?limit=x&PatientID=4")
    assert site.audit()[-1]["detail"]["query"] == "limit=x&PatientID=4"
    await site.get("/studies?limit=x&PatientID=" + "4" * 30_000)
    assert len(site.audit()[-1]["detail"]["query"]) == 4096


async def test_without_a_record_a_refusal_is_not_answered_either(site: Site) -> None:
    site.settings.audit_path.mkdir()
    assert (await site.get("/studies?limit=x")).status_code == 503


async def test_requests_at_once_leave_one_record_each(site: Site) -> None:
    await site.store(instance())
    before = len(site.audit())
    paths = ["/studies", "/studies?limit=x", "/studies/9.9/metadata"] * 20
    await asyncio.gather(*(site.get(path) for path in paths))
    outcomes = [record["outcome"] for record in site.audit()[before:]]
    assert {name: outcomes.count(name) for name in set(outcomes)} == {"success": 20, "InvalidQuery": 20, "NotFound": 20}
