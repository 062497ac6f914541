"""Labels of studies: given by rules at store time and by request, asked for by rules on who may see what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.conftest import Site, open_site
from tests.security.conftest import NORTH, SOUTH, access, bearer, study
from tests.services.provider import Provider

POLICY = """
[roles]
doctor = ["user/ImagingStudy.cruds"]
research = ["user/ImagingStudy.rs"]

[[labels]]
label = "sensitive"
studies = { InstitutionName = "South Hospital" }

[[labels]]
label = "ct"
studies = { Modality = "CT" }

[[rules]]
name = "all"
effect = "permit"
who = { roles = ["doctor"] }

[[rules]]
name = "research reads what is set free for it"
effect = "permit"
who = { roles = ["research"] }
studies = { label = "research" }

[[rules]]
name = "but nothing sensitive"
effect = "deny"
who = { roles = ["research"] }
studies = { label = "sensitive" }
"""


@pytest.fixture
async def site(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", access=access(provider, tmp_path, POLICY)):
        answer = await opened.store(study(NORTH, "North Hospital", "N1"), study(SOUTH, "South Hospital", "S1"), **doctor(provider))
        assert answer.status_code == 200
        yield opened


def doctor(provider: Provider) -> dict[str, str]:
    return bearer(provider.token(scope=None, roles=["doctor"]))


def research(provider: Provider) -> dict[str, str]:
    return bearer(provider.token(scope=None, roles=["research"]))


async def labels(site: Site, uid: str, headers: dict[str, str]) -> list[str]:
    found = (await site.get(f"/studies/{uid}/labels", **headers)).json()["labels"]
    assert isinstance(found, list)
    return found


async def test_rules_give_labels_and_requests_do(site: Site, provider: Provider) -> None:
    caller = doctor(provider)
    assert await labels(site, NORTH, caller) == ["ct"]
    assert await labels(site, SOUTH, caller) == ["ct", "sensitive"]
    for _ in range(2):
        assert (await site.http.put(f"/studies/{NORTH}/labels/research", headers=caller)).status_code == 204
    assert await labels(site, NORTH, caller) == ["ct", "research"]
    assert (await site.http.delete(f"/studies/{NORTH}/labels/ct", headers=caller)).status_code == 204
    assert (await site.http.delete(f"/studies/{NORTH}/labels/ct", headers=caller)).status_code == 404
    assert await labels(site, NORTH, caller) == ["research"]
    told = [line["detail"] for line in site.audit() if line["action"] == "update"]
    assert {"label": "research", "change": "added"} in told


async def test_a_label_opens_and_closes_a_study_at_once(site: Site, provider: Provider) -> None:
    caller = research(provider)
    path = f"/studies/{NORTH}/series/{NORTH}.1/instances/{NORTH}.1.1/frames/1"
    assert (await site.get(path, **caller)).status_code == 404
    await site.http.put(f"/studies/{NORTH}/labels/research", headers=doctor(provider))
    await site.http.put(f"/studies/{SOUTH}/labels/research", headers=doctor(provider))
    assert (await site.get(path, **caller)).status_code == 200
    found = (await site.get("/studies", "application/dicom+json", **caller)).json()
    assert [one["0020000D"]["Value"] for one in found] == [[NORTH]]
    await site.http.put(f"/studies/{NORTH}/labels/sensitive", headers=doctor(provider))
    assert (await site.get(path, **caller)).status_code == 404
    assert (await site.get("/studies", "application/dicom+json", **caller)).json() == []


async def test_who_may_not_change_a_study_may_not_label_it(site: Site, provider: Provider) -> None:
    caller = research(provider)
    assert (await site.http.put(f"/studies/{NORTH}/labels/research", headers=caller)).status_code == 403
    assert (await site.http.delete(f"/studies/{NORTH}/labels/ct", headers=caller)).status_code == 403
    assert (await site.get(f"/studies/{NORTH}/labels", **caller)).status_code == 404


async def test_labels_end_with_their_study(site: Site, provider: Provider) -> None:
    caller = doctor(provider)
    await site.http.put(f"/studies/{NORTH}/labels/research", headers=caller)
    await site.http.delete(f"/studies/{NORTH}", headers=caller)
    assert (await site.get(f"/studies/{NORTH}/labels", **caller)).status_code == 404
    await site.store(study(NORTH, "North Hospital", "N1"), **caller)
    assert await labels(site, NORTH, caller) == ["ct"]


@pytest.mark.parametrize("label", ["a b", "-x", "x" * 65, "<b>", "%00", "ä"])
async def test_what_is_no_label(site: Site, provider: Provider, label: str) -> None:
    answer = await site.http.put(f"/studies/{NORTH}/labels/{label}", headers=doctor(provider))
    assert answer.status_code == 400
    assert (await site.http.put("/studies/1.2.3.4/labels/x", headers=doctor(provider))).status_code == 404


async def test_there_is_an_end_to_labels(site: Site, provider: Provider) -> None:
    for number in range(63):
        assert (await site.http.put(f"/studies/{NORTH}/labels/{number}", headers=doctor(provider))).status_code == 204
    assert (await site.http.put(f"/studies/{NORTH}/labels/more", headers=doctor(provider))).status_code == 409


async def test_who_may_store_what_is_labelled_so(tmp_path: Path, provider: Provider) -> None:
    """A rule that permits by label lets in what the site's own rules would label so."""
    policy = (
        '[[labels]]\nlabel = "north"\nstudies = { InstitutionName = "North Hospital" }\n'
        '[[rules]]\neffect = "permit"\nstudies = { label = "north" }'
    )
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path, policy)):
        caller = bearer(provider.token())
        assert (await site.store(study(NORTH, "North Hospital", "N1"), **caller)).status_code == 200
        assert (await site.store(study(SOUTH, "South Hospital", "S1"), **caller)).status_code == 409
