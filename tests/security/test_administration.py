"""API keys over HTTP: made, listed and revoked by those who may administer, and by nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import BASE, Site
from tests.security.conftest import bearer, north
from tests.services.provider import Provider

KEYS = BASE.removesuffix("/dicom-web") + "/admin/keys"
GOOD = {"subject": "ct1", "scopes": ["user/ImagingStudy.rs"], "roles": ["chief"], "days": 30}


def admin(provider: Provider) -> dict[str, str]:
    return bearer(provider.token(sub="root", scope="admin"))


async def test_made_used_listed_revoked(guarded: Site, provider: Provider) -> None:
    made = await guarded.http.post(KEYS, json=GOOD, headers=admin(provider))
    assert made.status_code == 201, made.text
    text, prefix = made.json()["key"], made.json()["prefix"]
    assert made.json()["expires"] - made.json()["created"] == 30 * 86400
    assert len((await guarded.get("/studies", "application/dicom+json", **bearer(text))).json()) == 2
    listed = await guarded.http.get(KEYS, headers=admin(provider))
    assert [key["subject"] for key in listed.json()["keys"]] == ["ct1"]
    assert text not in listed.text
    assert "digest" not in listed.text
    assert (await guarded.http.delete(f"{KEYS}/{prefix}", headers=admin(provider))).status_code == 204
    assert (await guarded.http.delete(f"{KEYS}/{prefix}", headers=admin(provider))).status_code == 404
    assert text not in guarded.settings.audit_path.read_text()
    told = [line["detail"].get("change") for line in guarded.audit() if line["action"] == "administer" and line["outcome"] == "success"]
    assert told == ["created", None, "revoked"]


async def test_nobody_else_may(guarded: Site, provider: Provider) -> None:
    for headers in (north(provider), north(provider, scope="user/*.cruds system/*.cruds audit.read")):
        assert (await guarded.http.get(KEYS, headers=headers)).status_code == 403
        assert (await guarded.http.post(KEYS, json=GOOD, headers=headers)).status_code == 403
        assert (await guarded.http.delete(f"{KEYS}/x", headers=headers)).status_code == 403
    assert await guarded.app.state.service.archive.api_keys.all() == []


@pytest.mark.parametrize(
    "change",
    [
        {"subject": ""},
        {"subject": 7},
        {"subject": "a\nb"},
        {"subject": "x" * 201},
        {"scopes": ["all"]},
        {"scopes": "admin"},
        {"scopes": [1]},
        {"scopes": [], "roles": []},
        {"roles": [f"r{number}" for number in range(40)]},
        {"days": 0},
        {"days": True},
        {"days": "7"},
        {"days": 4000},
    ],
    ids=str,
)
async def test_what_cannot_be_made(guarded: Site, provider: Provider, change: dict[str, Any]) -> None:
    answer = await guarded.http.post(KEYS, json={**GOOD, **change}, headers=admin(provider))
    assert answer.status_code == 400


@pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"[]", 400), (b"{", 400), (b"[" * 5000, 400), (b" " * 20_000, 413)])
async def test_what_is_no_wish(guarded: Site, provider: Provider, body: bytes, status: int) -> None:
    assert (await guarded.http.post(KEYS, content=body, headers=admin(provider))).status_code == status
