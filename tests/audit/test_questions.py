"""Who saw a patient, when and why: from the trail of a real service, also once the study is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.audit import trail
from app.audit.keys import open_keys
from app.audit.patients import Patients
from app.audit.questions import asked, time_of
from app.audit.sinks import FileSink
from app.dicomweb.who import named
from app.model import Action, AuditEntry, Caller, Target, Uid
from app.records import Question
from tests.api.conftest import Site, open_site
from tests.builders import instance

FRAME = "/studies/1.2/series/1.2.1/instances/1.2.1.1/frames/1"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data"):
        yield opened


def a_study(uid: str, patient: str, **attributes: Any) -> bytes:
    return instance(study_uid=uid, series_uid=f"{uid}.1", instance_uid=f"{uid}.1.1", PatientID=patient, **attributes)


async def who_saw(site: Site, patient: str, issuer: str = "") -> list[tuple[str, str, str]]:
    who = named(patient, issuer)
    assert who is not None
    digest = open_keys(site.settings.audit_key).patient(who)
    studies = [str(uid) for uid in await site.app.state.service.archive.index.studies_of(who)]
    found = asked(Question(digest), lambda words: trail.records(site.settings.audit_path, words), studies)
    return [(record["action"], record["study"] or "", record["outcome"]) for record in found]


async def test_all_that_was_done_on_a_patient_is_told_and_nothing_else(site: Site) -> None:
    await site.store(a_study("1.2", "P1"))
    await site.store(a_study("1.3", "P2"))
    await site.get("/studies?PatientID=P2")
    await site.get("/studies?limit=10")
    await site.get(FRAME)
    await site.get("/studies/1.3/metadata")
    await site.get("/patients")
    await site.get("/studies/1.2/series")
    expected = [
        ("store", "", "success"),
        ("search", "", "success"),
        ("retrieve", "1.2", "success"),
        ("search", "", "success"),
        ("search", "1.2", "success"),
    ]
    assert await who_saw(site, "P1") == expected
    assert await who_saw(site, "P3") == []


async def test_it_is_told_also_after_the_study_was_deleted(site: Site) -> None:
    await site.store(a_study("1.2", "P1"))
    await site.get("/studies")
    await site.get(FRAME)
    before = await who_saw(site, "P1")
    await site.http.delete("/studies/1.2")
    assert await who_saw(site, "P1") == [*before, ("delete", "1.2", "success")]
    await site.get(FRAME)
    assert (await who_saw(site, "P1"))[-1] == ("retrieve", "1.2", "NotFound")


async def test_a_deletion_names_the_patient_of_whom_this_process_knew_nothing(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data"):
        await site.store(a_study("1.2", "P1"))
    async for site in open_site(tmp_path / "data"):
        site.settings.audit_path.rename(tmp_path / "elsewhere")
        await site.http.delete("/studies/1.2/series/1.2.1")
        assert await who_saw(site, "P1") == [("delete", "1.2", "success")]


async def test_a_study_that_becomes_another_patients_counts_for_each_in_his_time(site: Site) -> None:
    await site.store(a_study("1.2", "P1"))
    await site.get("/studies")
    await site.http.delete("/studies/1.2")
    await site.store(a_study("1.2", "P2"))
    await site.get("/studies")
    assert [action for action, _, _ in await who_saw(site, "P1")] == ["store", "search", "delete"]
    assert [action for action, _, _ in await who_saw(site, "P2")] == ["store", "search"]


async def test_the_same_id_of_another_issuer_is_another_patient(site: Site) -> None:
    await site.store(a_study("1.2", "P1", IssuerOfPatientID="NORTH"))
    await site.store(a_study("1.3", "P1", IssuerOfPatientID="SOUTH"))
    await site.get("/studies/1.3/metadata")
    assert await who_saw(site, "P1", "NORTH") == [("store", "", "success")]
    assert await who_saw(site, "P1", "SOUTH") == [("store", "", "success"), ("retrieve", "1.3", "success")]
    assert await who_saw(site, "P1") == []


async def test_no_id_can_be_read_in_the_trail_nor_tried_without_the_key(site: Site, tmp_path: Path) -> None:
    await site.store(a_study("1.2", "PATIENT-4711"))
    await site.get("/patients")
    text = site.settings.audit_path.read_text()
    assert "4711" not in text
    (digest,) = json.loads(text.splitlines()[0])["patients"]
    who = named("PATIENT-4711")
    assert who is not None
    assert open_keys(site.settings.audit_key).patient(who) == digest
    assert open_keys(tmp_path / "other.key").patient(who) != digest


def test_times_without_a_zone_are_utc() -> None:
    assert time_of("2026-01-31") == "2026-01-31T00:00:00.000Z"
    assert time_of("2026-01-31T08:00+01:00") == "2026-01-31T07:00:00.000Z"
    with pytest.raises(ValueError):
        time_of("yesterday")


async def test_what_was_done_stands_on_record_though_whoever_asked_has_gone(site: Site) -> None:
    """The question whom it concerns is still open when the request is given up."""
    await site.store(a_study("1.2", "P1"))
    asking = asyncio.Event()

    async def never(studies: Any) -> Any:
        asking.set()
        await asyncio.sleep(60)

    sink = FileSink(site.settings.audit_path, lambda: 1.0, site.settings.audit_key, patients=Patients(never, lambda: 0.0))
    task = asyncio.create_task(sink.record(AuditEntry(Caller("gone"), Action.RETRIEVE, Target(Uid("1.2")), "success")))
    await asyncio.wait_for(asking.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await sink.close()
    assert [record["subject"] for record in trail.records(site.settings.audit_path)][-1] == "gone"
