"""The audit trail and the policy, asked over HTTP: by those who may, in pages, exactly as the commands answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.audit import review as review_module
from tests.api.conftest import BASE, Site
from tests.cli.test_commands import Command
from tests.security.conftest import NORTH, SOUTH, bearer, north
from tests.services.provider import Provider

ROOT = BASE.removesuffix("/dicom-web")
AUDIT, EXPLAIN = ROOT + "/admin/audit", ROOT + "/admin/policy/explain"


def reviewer(provider: Provider) -> dict[str, str]:
    return bearer(provider.token(sub="auditor", scope="audit.read"))


def admin(provider: Provider) -> dict[str, str]:
    return bearer(provider.token(sub="root", scope="admin"))


async def asked(site: Site, provider: Provider, **query: str) -> list[dict[str, Any]]:
    """Page after page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await site.http.get(AUDIT, params={**query, **({"cursor": cursor} if cursor else {})}, headers=reviewer(provider))
        assert answer.status_code == 200, answer.text
        found += answer.json()["records"]
        cursor = answer.json()["cursor"]
        assert ('rel="next"' in answer.headers.get("link", "")) == (cursor is not None)
        if not cursor:
            return found


async def seen(site: Site, provider: Provider) -> None:
    for uid, times in ((NORTH, 3), (SOUTH, 1)):
        for _ in range(times):
            await site.get(f"/studies/{uid}/metadata", **north(provider, sub="joan"))


async def test_who_has_seen_a_patient(guarded: Site, provider: Provider) -> None:
    await seen(guarded, provider)
    found = await asked(guarded, provider, patient="N1", action="retrieve")
    assert [(record["subject"], record["study"], record["outcome"]) for record in found] == [("joan", NORTH, "success")] * 3
    assert [record["outcome"] for record in await asked(guarded, provider, patient="S1", action="retrieve")] == ["NotFound"]
    reviews = [record for record in guarded.audit() if record["action"] == "review"]
    assert [(record["subject"], record["outcome"], len(record["patients"])) for record in reviews] == [("auditor", "success", 1)] * 2
    assert '"N1"' not in json.dumps(reviews)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"subject": "joan"}, 4),
        ({"studyUID": SOUTH, "subject": "joan"}, 1),
        ({"outcome": "NotFound"}, 1),
        ({"since": "2999-01-01"}, 0),
        ({"until": "2000-01-01T00:00Z"}, 0),
        ({"patient": "N1", "issuer": "ELSEWHERE", "subject": "joan"}, 0),
    ],
    ids=str,
)
async def test_what_can_be_asked(guarded: Site, provider: Provider, query: dict[str, str], number: int) -> None:
    await seen(guarded, provider)
    assert len(await asked(guarded, provider, **query)) == number


async def test_page_by_page_nothing_is_lost_also_behind_a_rotation(
    guarded: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seen(guarded, provider)
    whole = await asked(guarded, provider, subject="joan")
    guarded.settings.audit_path.rename(guarded.settings.audit_path.with_name("audit.jsonl.1"))
    assert await asked(guarded, provider, subject="joan", limit="1") == whole
    monkeypatch.setattr(review_module, "MOST_LINES", 2)
    assert await asked(guarded, provider, subject="joan") == whole
    assert await asked(guarded, provider, subject="joan", patient="N1", limit="2") == whole[:3]


async def test_the_commands_answer_the_same(
    guarded: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await seen(guarded, provider)
    over_http = await asked(guarded, provider, patient="N1", subject="joan")
    shown = [record for record in map(json.loads, _export(guarded, monkeypatch, capsys)) if record["subject"] == "joan"]
    assert shown == over_http


def _export(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    from concurrent.futures import ThreadPoolExecutor

    command = Command(monkeypatch, capsys)
    arguments = ("audit", "export", "--data", str(site.settings.data_dir), "--format", "json", "--patient", "N1")
    with ThreadPoolExecutor() as other:  # in which no loop runs yet
        return other.submit(command, *arguments).result().stdout.splitlines()


async def test_as_events_of_fhir(guarded: Site, provider: Provider) -> None:
    await seen(guarded, provider)
    headers = {**reviewer(provider), "Accept": "application/fhir+json"}
    answer = await guarded.http.get(AUDIT, params={"patient": "N1", "subject": "joan"}, headers=headers)
    assert answer.headers["content-type"] == "application/fhir+json"
    (entry,) = answer.json()["entry"]
    assert entry["resource"]["resourceType"] == "AuditEvent"
    assert entry["fullUrl"].startswith("urn:uuid:")
    (study,) = [each for each in entry["resource"]["entity"] if each["what"]["identifier"].get("system") == "urn:dicom:uid"]
    assert study["detail"][-1] == {"type": "requests", "valueString": "3"}
    empty = await guarded.http.get(AUDIT, params={"subject": "nobody"}, headers=headers)
    assert empty.json() == {"resourceType": "Bundle", "type": "collection"}


async def test_nobody_else_may(guarded: Site, provider: Provider) -> None:
    for headers in (north(provider), admin(provider)):
        assert (await guarded.http.get(AUDIT, headers=headers)).status_code == 403
    for headers in (north(provider), reviewer(provider)):
        assert (await guarded.http.get(EXPLAIN, headers=headers)).status_code == 403
        assert (await guarded.http.post(EXPLAIN, json={}, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "action=look",
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=x",
        "studyUID=Doe",
        "issuer=X",
        "what=x",
        "subject=a&subject=b",
    ],
)
async def test_what_cannot_be_asked(guarded: Site, provider: Provider, query: str) -> None:
    answer = await guarded.http.get(f"{AUDIT}?{query}", headers=reviewer(provider))
    assert answer.status_code == 400, answer.text


WHO = {"subject": "joan", "scope": ["user/ImagingStudy.rs"], "organisation": "north"}


@pytest.mark.parametrize(
    ("who", "study", "action", "may", "rules"),
    [
        (WHO, NORTH, "retrieve", True, ["Everyone may work with the studies of his own hospital"]),
        (WHO, SOUTH, "retrieve", False, []),
        (WHO, NORTH, "delete", False, ["Everyone may work with the studies of his own hospital"]),
        ({**WHO, "role": ["chief"]}, SOUTH, "search", True, ["The chief sees all"]),
        (
            {**WHO, "patient": "P9", "scope": ["patient/*.rs"]},
            NORTH,
            "search",
            False,
            ["Everyone may work with the studies of his own hospital"],
        ),
    ],
)
async def test_why_somebody_may_or_may_not(
    guarded: Site, provider: Provider, who: dict[str, Any], study: str, action: str, may: bool, rules: list[str]
) -> None:
    by_body = await guarded.http.post(EXPLAIN, json={**who, "studyUID": study}, headers=admin(provider))
    by_query = await guarded.http.get(EXPLAIN, params={**who, "studyUID": study}, headers=admin(provider))
    assert by_body.status_code == 200, by_body.text
    assert by_body.json() == by_query.json()
    told = by_body.json()["actions"][action]
    assert (told["may"], told["study"]) == (may, {"there": True, "rules": rules})
    one = await guarded.http.post(EXPLAIN, json={**who, "action": action}, headers=admin(provider))
    assert list(one.json()["actions"]) == [action]
    (record,) = [record for record in guarded.audit()[-2:] if record["study"]]
    assert (record["action"], record["detail"]["what"], record["detail"]["about"]) == ("administer", "policy", "joan")


async def test_explained_is_what_happens(guarded: Site, provider: Provider) -> None:
    """For callers and studies of the site, what is explained is what a search shows."""
    for claims in ({"extensions": {"ihe_iua": {"subject_organization_id": "south"}}}, {"roles": ["chief"]}, {}):
        who: dict[str, Any] = {"scope": ["user/ImagingStudy.rs"], "role": claims.get("roles", [])}
        who["organisation"] = "south" if "extensions" in claims else ""
        for uid in (NORTH, SOUTH):
            told = (await guarded.http.post(EXPLAIN, json={**who, "studyUID": uid}, headers=admin(provider))).json()
            answer = await guarded.get(f"/studies/{uid}/metadata", **bearer(provider.token(scope="user/ImagingStudy.rs", **claims)))
            assert told["actions"]["retrieve"]["may"] == (answer.status_code == 200), (claims, uid)


@pytest.mark.parametrize("body", [{"subject": 7}, {"role": "x", "who": "y"}, {"studyUID": "Doe"}, {"credential": "card"}, {"at": "now"}])
async def test_what_cannot_be_explained(guarded: Site, provider: Provider, body: dict[str, Any]) -> None:
    assert (await guarded.http.post(EXPLAIN, json=body, headers=admin(provider))).status_code == 400
