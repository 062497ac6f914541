"""The change feed over HTTP: pages, lines, waiting, events, filters; what is hidden does not exist in it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.dicomweb.change_feed import Asked
from app.errors import Forbidden
from app.model import Access, Action, Caller
from app.studies import changes
from app.studies.answers import Wanted
from app.studies.changes import Stream, follow
from tests.api.conftest import BASE, Site, open_site
from tests.builders import instance
from tests.contract.index import ALL, only

LINES = "application/x-ndjson"
EVENTS = "text/event-stream"


def one(study: str, number: int = 1, **more: Any) -> bytes:
    return instance(study_uid=study, series_uid=f"{study}.1", instance_uid=f"{study}.1.{number}", **more)


async def told(site: Site, query: str = "") -> list[tuple[str, str]]:
    answer = await site.get(f"/changes{query}")
    assert answer.status_code == 200, answer.text
    return [(change["kind"], change["instance"]) for change in answer.json()["changes"]]


def events(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == EVENTS
    blocks = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


class Rights:
    """A policy that can change its mind."""

    def __init__(self, access: Access | None) -> None:
        self.access = access

    async def grant(self, caller: Caller, action: Action) -> Access:
        if self.access is None:
            raise Forbidden("Nothing is allowed")
        return self.access


def govern(site: Site, rights: Rights) -> Rights:
    service = site.app.state.service
    site.app.state.service = replace(service, archive=replace(service.archive, policy=rights))
    return rights


@pytest.fixture
async def impatient(monkeypatch: pytest.MonkeyPatch, site: Site) -> Site:
    """A site whose streams show signs of life, and ask for rights anew, all the time."""
    monkeypatch.setattr(changes, "HEARTBEAT", 0.05)
    monkeypatch.setattr(changes, "RENEWAL", 0.0)
    return site


async def test_stored_updated_deleted(replacing_site: Site) -> None:
    site = replacing_site
    assert await told(site) == []
    await site.store(one("1.2", 1), one("1.2", 2))
    await site.store(one("1.2", 2, PatientID="other"))
    await site.http.delete("/studies/1.2/series/1.2.1/instances/1.2.1.1")
    assert await told(site) == [("stored", "1.2.1.1"), ("stored", "1.2.1.2"), ("updated", "1.2.1.2"), ("deleted", "1.2.1.1")]
    assert await told(site, "?kind=updated,deleted") == [("updated", "1.2.1.2"), ("deleted", "1.2.1.1")]
    assert await told(site, "?after=2&limit=1") == [("updated", "1.2.1.2")]
    assert await told(site, "?study=1.3") == []
    assert await told(site, "?since=2999-01-01T00:00:00Z") == []
    newest = (await site.get("/changes/latest")).json()
    assert ([change["kind"] for change in newest["changes"]], newest["next"]) == (["deleted"], 4)


async def test_a_page_says_how_to_go_on(site: Site) -> None:
    await site.store(*(one("1.2", number) for number in range(1, 4)))
    answer = await site.get("/changes?limit=2&kind=stored")
    page = answer.json()
    assert (len(page["changes"]), page["next"], page["more"]) == (2, 2, True)
    assert answer.links["next"]["url"] == f"{BASE}/changes?limit=2&kind=stored&after=2"
    rest = (await site.get("/changes?limit=2&kind=stored&after=2")).json()
    assert (len(rest["changes"]), rest["next"], rest["more"]) == (1, 3, False)
    assert (await site.get("/changes?after=3")).json() == {"changes": [], "next": 3, "more": False}
    assert (await site.get("/changes?after=99")).json() == {"changes": [], "next": 99, "more": False}


async def test_a_change_tells_uids_and_nothing_of_the_patient(site: Site) -> None:
    await site.store(one("1.2", patient_name="Secret^Name", PatientID="Secret-ID"))
    answer = await site.get("/changes")
    (change,) = answer.json()["changes"]
    assert set(change) == {"sequence", "kind", "at", "study", "series", "instance", "digest", "url"}
    assert (await site.get(change["url"], "application/dicom")).status_code == 200
    assert "Secret" not in answer.text


async def test_lines(site: Site) -> None:
    await site.store(one("1.2", 1), one("1.2", 2))
    answer = await site.get("/changes", LINES)
    assert answer.headers["content-type"] == LINES
    assert [json.loads(line)["sequence"] for line in answer.text.splitlines()] == [1, 2]
    assert answer.links["next"]["url"].endswith("after=2")


async def test_waiting_ends_with_the_first_change(site: Site) -> None:
    waiting = asyncio.create_task(site.get("/changes?after=0&wait=60"))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await site.store(one("1.2"))
    assert len((await waiting).json()["changes"]) == 1


async def test_waiting_ends_when_its_time_is_over(site: Site) -> None:
    assert (await site.get("/changes?wait=0.2")).json() == {"changes": [], "next": 0, "more": False}


async def test_events_begin_where_they_are_asked_to(site: Site) -> None:
    await site.store(*(one("1.2", number) for number in range(1, 5)))
    first, *rest = events(await site.get("/changes?after=1&limit=2", EVENTS))
    assert first == {"retry": "2000", "id": "1"}
    assert [(event["id"], event["event"], json.loads(event["data"])["sequence"]) for event in rest] == [
        ("2", "stored", 2),
        ("3", "stored", 3),
    ]
    again = events(await site.get("/changes?after=1&limit=1", EVENTS, **{"Last-Event-ID": "3"}))
    assert [event["id"] for event in again] == ["3", "4"]


async def test_a_stream_goes_on_with_what_comes(site: Site) -> None:
    await site.store(one("1.2"))
    following = asyncio.create_task(site.get("/changes?after=latest&limit=3", EVENTS))
    await asyncio.sleep(0.1)
    await site.store(one("1.3"), one("1.4"))
    await site.http.delete("/studies/1.2")
    start, *rest = events(await following)
    assert start["id"] == "1"
    assert [(event["event"], json.loads(event["data"])["study"]) for event in rest] == [
        ("stored", "1.3"),
        ("stored", "1.4"),
        ("deleted", "1.2"),
    ]


async def test_a_stream_of_many_changes_is_whole(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    monkeypatch.setattr(changes, "BATCH", 3)
    await site.store(*(one("1.2", number) for number in range(1, 12)))
    _, *rest = events(await site.get("/changes?limit=11", EVENTS))
    assert [event["id"] for event in rest] == [str(number) for number in range(1, 12)]


async def test_signs_of_life(impatient: Site) -> None:
    following = asyncio.create_task(impatient.get("/changes?limit=1", EVENTS))
    await asyncio.sleep(0.3)
    await impatient.store(one("1.2"))
    assert (await following).text.count(": still here\n\n") >= 2


async def test_what_is_hidden_does_not_exist(site: Site) -> None:
    await site.store(one("1.2"), one("1.3"))
    await site.http.delete("/studies/1.2")
    await site.store(one("1.4"))
    govern(site, Rights(only("1.3")))
    page = (await site.get("/changes")).json()
    assert ([change["study"] for change in page["changes"]], page["next"], page["more"]) == (["1.3"], 2, False)
    assert (await site.get("/changes?after=2")).json() == {"changes": [], "next": 2, "more": False}
    assert (await site.get("/changes?study=1.2")).json() == {"changes": [], "next": 0, "more": False}
    assert (await site.get("/changes/latest")).json()["next"] == 2
    start, *rest = events(await site.get("/changes?limit=1", EVENTS))
    assert (start["id"], [event["id"] for event in rest]) == ("0", ["2"])
    assert events(await site.get("/changes?after=latest&limit=0", EVENTS)) == [{"retry": "2000", "id": "2"}]


async def test_nobody_who_sees_nothing_hears_that_something_happens(site: Site) -> None:
    govern(site, Rights(only("1.9")))
    begun = time.monotonic()
    waiting = asyncio.create_task(site.get("/changes?wait=1.5"))
    await asyncio.sleep(0.1)
    await site.store(one("1.2"))
    assert (await waiting).json() == {"changes": [], "next": 0, "more": False}
    assert time.monotonic() - begun > 1.4, "the answer came early, which tells that there was a change"


def followed(site: Site, rights: Rights) -> Awaitable[Stream]:
    """The stream as the endpoint has it, which an in-process client would only see whole."""
    archive = replace(site.app.state.service.archive, policy=rights)
    caller = Caller("somebody")

    async def renew() -> Caller:
        return caller

    return follow(archive, caller, Asked(), Wanted(accept=EVENTS), text="", renew=renew)


async def some(stream: Stream) -> list[str]:
    """The instances of the next batch that holds any."""
    async with asyncio.timeout(30):
        while not (batch := await anext(stream.batches)):
            pass
        return [str(change.target.instance) for change in batch]


async def test_rights_that_change_count_at_once(impatient: Site) -> None:
    rights = Rights(only("1.2"))
    stream = await followed(impatient, rights)
    await impatient.store(one("1.2", 1), one("1.3", 1))
    assert await some(stream) == ["1.2.1.1"]
    rights.access = only("1.3")
    await impatient.store(one("1.2", 2), one("1.3", 2))
    assert await some(stream) == ["1.3.1.2"]
    rights.access = ALL
    await impatient.store(one("1.2", 3))
    assert await some(stream) == ["1.2.1.3"]


async def test_a_stream_ends_with_the_rights_of_its_caller(impatient: Site) -> None:
    rights = Rights(ALL)
    stream = await followed(impatient, rights)
    await impatient.store(one("1.2"))
    assert await some(stream) == ["1.2.1.1"]
    rights.access = None
    with pytest.raises(StopAsyncIteration):
        await some(stream)


async def test_and_with_the_server(impatient: Site) -> None:
    stream = await followed(impatient, Rights(ALL))
    waiting = asyncio.create_task(some(stream))
    await asyncio.sleep(0)
    impatient.app.state.service.archive.news.end()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_one_audit_record_for_each_request(site: Site) -> None:
    await site.store(one("1.2"))
    before = len(site.audit())
    await site.get("/changes?wait=1&kind=stored")
    await site.get("/changes?limit=1", EVENTS)
    await site.get("/changes/latest")
    await site.get("/changes", "text/html")
    records = site.audit()[before:]
    assert [record["action"] for record in records] == ["search"] * 4
    assert [record["outcome"] for record in records] == ["success"] * 3 + ["NotAcceptable"]
    assert records[0]["detail"]["query"] == "wait=1&kind=stored"
    assert (records[0]["detail"]["matches"], records[1]["detail"]["stream"]) == (1, True)


@pytest.mark.parametrize(
    "query", ["after=-1", "limit=x", "wait=soon", "kind=created", "study=x", "since=now", "PatientName=x", "after=1&after=2"]
)
async def test_what_is_not_understood_is_400(site: Site, query: str) -> None:
    for accept in ("application/json", EVENTS):
        answer = await site.get(f"/changes?{query}", accept)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-query")


async def test_head_neither_waits_nor_follows(site: Site) -> None:
    await site.store(one("1.2"))
    for accept in ("application/json", EVENTS):
        answer = await site.http.head("/changes?after=1&wait=60", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, accept, b"")


@pytest.fixture
async def narrow_site(tmp_path: Any) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", changes={"streams": 2}):
        yield opened


async def test_no_more_wait_than_there_are_seats(narrow_site: Site) -> None:
    site = narrow_site
    waiting = [asyncio.create_task(site.get("/changes?wait=60")), asyncio.create_task(site.get("/changes?limit=1", EVENTS))]
    while site.app.state.service.seats.taken < 2:
        await asyncio.sleep(0.01)
    for accept, query in (("application/json", "?wait=60"), (EVENTS, "")):
        refused = await site.get(f"/changes{query}", accept)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert "retry-after" in refused.headers
    assert (await site.get("/changes")).status_code == 200, "whoever does not wait needs no seat"
    await site.store(one("1.2"))
    await asyncio.gather(*waiting)
    assert (await site.get("/changes?wait=60")).status_code == 200, "seats are free again"
