"""API keys, HTTP Basic, sessions, and what anybody may know of how to sign in: over HTTP, as clients use them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.access import keys as key_module
from app.credentials import digest
from app.settings import SettingsError, load_settings
from tests.api.conftest import BASE, Site, open_site
from tests.security.conftest import NORTH, access, bearer, make_key, north, study
from tests.services.provider import Provider

ROOT = BASE.removesuffix("/dicom-web")


@pytest.fixture
async def open_to_keys(tmp_path: Path) -> AsyncIterator[Site]:
    async for site in open_site(tmp_path / "data", access={"api_keys": True, "failures_per_minute": 5}):
        yield site


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def test_a_key_opens_what_its_scopes_say(open_to_keys: Site) -> None:
    key = await make_key(open_to_keys, "ct1", "system/ImagingStudy.c")
    assert (await open_to_keys.store(study(NORTH, "North Hospital", "N1"), **bearer(key))).status_code == 200
    assert (await open_to_keys.get("/studies", **bearer(key))).status_code == 403
    reader = await make_key(open_to_keys, "script", "user/ImagingStudy.rs")
    for headers in (bearer(reader), basic("anybody", reader), basic("", reader)):
        assert len((await open_to_keys.get("/studies", "application/dicom+json", **headers)).json()) == 1
    lines = [line for line in open_to_keys.audit() if line["action"] == "store"]
    assert [(line["subject"], line["kind"]) for line in lines] == [("ct1", "key")]
    stored = [row.digest for row in await open_to_keys.app.state.service.archive.api_keys.all()]
    assert key not in str(stored)
    assert digest(key) in stored


async def test_what_is_not_quite_a_key_is_refused_in_the_same_words(open_to_keys: Site) -> None:
    key = await make_key(open_to_keys, "script", "user/ImagingStudy.rs")
    mark, prefix, secret = key.split("_", 2)
    ended = await make_key(open_to_keys, "old", "user/ImagingStudy.rs", ends=-1)
    texts = set()
    for wrong in (f"{mark}_{prefix}_{secret[:-1]}x", f"{mark}_{prefix}_", f"{mark}_0000000000_{secret}", ended):
        answer = await open_to_keys.get("/studies", **bearer(wrong))
        assert answer.status_code == 401
        texts.add(answer.json()["detail"])
    assert len(texts) == 1
    assert (await open_to_keys.get("/studies", **bearer(key))).status_code == 200


async def test_a_revoked_key_ends_within_seconds_and_so_do_its_sessions(open_to_keys: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_module, "KNOWN_SECONDS", 0.05)
    key = await make_key(open_to_keys, "script", "user/ImagingStudy.rs")
    begun = await open_to_keys.http.post(f"{ROOT}/session", headers=bearer(key))
    assert begun.status_code == 200
    assert (await open_to_keys.get("/studies")).status_code == 200, "the cookie does"
    await open_to_keys.app.state.service.archive.api_keys.revoke(key.split("_")[1], 1.0)
    await asyncio.sleep(0.1)
    assert (await open_to_keys.get("/studies")).status_code == 401
    assert (await open_to_keys.get("/studies", **bearer(key))).status_code == 401


async def test_use_is_noted(open_to_keys: Site) -> None:
    key = await make_key(open_to_keys, "script", "user/ImagingStudy.rs")
    await open_to_keys.get("/studies", **bearer(key))
    for _ in range(100):
        (kept,) = await open_to_keys.app.state.service.archive.api_keys.all()
        if kept.used is not None:
            break
        await asyncio.sleep(0.02)
    assert kept.used is not None


async def test_too_many_failures_are_held_up_and_those_who_are_known_are_not(open_to_keys: Site) -> None:
    key = await make_key(open_to_keys, "script", "user/ImagingStudy.rs")
    assert (await open_to_keys.get("/studies", **bearer(key))).status_code == 200
    answers = [await open_to_keys.get("/studies", **bearer(f"guess {number}")) for number in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["code"] == "too-many"
    assert (await open_to_keys.get("/studies", **bearer(key))).status_code == 200
    late = await make_key(open_to_keys, "another", "user/ImagingStudy.rs")
    assert (await open_to_keys.get("/studies", **bearer(late))).status_code == 429, "whether it is right is not said"


async def test_a_session_is_a_cookie_that_no_script_and_no_other_site_gets(guarded: Site, provider: Provider) -> None:
    answer = await guarded.http.post(f"{ROOT}/session", headers=north(provider))
    parts = [part.strip() for part in answer.headers["set-cookie"].split(";")]
    assert parts[0].startswith("radiolucent_session=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(parts)
    assert answer.json()["subject"] == "jane"
    assert set(answer.json()["may"]) == {"store", "search", "retrieve", "update", "delete"}
    assert (await guarded.get(f"/studies/{NORTH}/rendered")).status_code == 200
    told = (await guarded.http.get(f"{ROOT}/session")).json()
    assert (told["organisation"], told["purposes"], told["kind"]) == ("north", ["TREAT"], "token")
    ended = await guarded.http.delete(f"{ROOT}/session")
    assert ended.status_code == 204
    assert (await guarded.get("/studies")).status_code == 401


async def test_behind_https_the_cookie_is_secure(tmp_path: Path, provider: Provider) -> None:
    http = {"trusted_proxies": "127.0.0.1"}
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path), http=http):
        answer = await site.http.post(f"{ROOT}/session", headers={**north(provider), "X-Forwarded-Proto": "https"})
        assert answer.headers["set-cookie"].endswith("; Secure")
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        for number in range(3):
            await site.get("/studies", **{"X-Forwarded-For": f"192.0.2.{number}"}, **north(provider))
        assert [line["address"] for line in site.audit()][-3:] == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
        await site.get("/studies", **{"Forwarded": 'for="[2001:db8::7]:4711", for=127.0.0.1'}, **north(provider))
        assert site.audit()[-1]["address"] == "2001:db8::7"


@pytest.mark.parametrize("change", ["text", "mac", "empty", "other"])
async def test_a_session_that_was_not_made_here_is_none(guarded: Site, provider: Provider, change: str) -> None:
    answer = await guarded.http.post(f"{ROOT}/session", headers=north(provider))
    guarded.http.cookies.clear()
    value = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    text, _, mac = value.rpartition(".")
    wrong = {"text": f"{text[:-8]}AAAAAAAA.{mac}", "mac": f"{text}.{mac[:-2]}AA", "empty": ".", "other": "x" * 50}[change]
    assert (await guarded.get("/studies", Cookie=f"radiolucent_session={wrong}")).status_code == 401


async def test_a_cookie_is_of_no_use_to_a_page_of_another_origin(guarded: Site, provider: Provider) -> None:
    await guarded.http.post(f"{ROOT}/session", headers=north(provider))
    headers = {"Origin": "https://evil.example.org", "Sec-Fetch-Site": "cross-site"}
    assert (await guarded.http.delete(f"/studies/{NORTH}", headers=headers)).status_code == 403
    assert (await guarded.store(study(NORTH, "North Hospital", "N1"), **headers)).status_code == 403
    assert "access-control-allow-origin" not in (await guarded.get("/studies", **headers)).headers


async def test_a_listed_origin_may_send_credentials_and_asks_first_without_them(tmp_path: Path, provider: Provider) -> None:
    http = {"cors_origins": "https://viewer.example.org"}
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path), http=http):
        preflight = {
            "Origin": "https://viewer.example.org",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        asked = await site.http.options("/studies", headers=preflight)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://viewer.example.org"
        assert asked.headers["access-control-allow-credentials"] == "true"
        refused = await site.get("/studies", Origin="https://viewer.example.org")
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://viewer.example.org"
        assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


async def test_clients_find_the_issuer(guarded: Site, provider: Provider) -> None:
    challenge = (await guarded.get("/studies")).headers["www-authenticate"]
    address = challenge.partition('resource_metadata="')[2].partition('"')[0]
    told = (await guarded.http.get(address)).json()
    assert told["resource"] == BASE
    assert told["authorization_servers"] == [provider.url]
    assert "user/ImagingStudy.rs" in told["scopes_supported"]
    smart = (await guarded.http.get(f"{ROOT}/.well-known/smart-configuration")).json()
    assert smart["token_endpoint"] == f"{provider.url}/token_endpoint"
    assert "permission-v2" in smart["capabilities"]
    assert (await guarded.http.get(f"{ROOT}/.well-known/oauth-protected-resource/other")).status_code == 404


async def test_where_nobody_is_asked_there_is_nothing_to_find(site_without: httpx.AsyncClient) -> None:
    for path in ("oauth-protected-resource", "oauth-protected-resource/dicom-web", "smart-configuration"):
        assert (await site_without.get(f"{ROOT}/.well-known/{path}")).status_code == 404
    begun = await site_without.post(f"{ROOT}/session")
    assert begun.json()["kind"] == "local"
    assert "set-cookie" not in begun.headers


@pytest.fixture
async def site_without(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async for site in open_site(tmp_path / "data"):
        yield site.http


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"access": {"issuer": "http://login.example.org", "audience": "x"}}, "https"),
        ({"access": {"issuer": "https://login.example.org"}}, "audience"),
        ({"access": {"issuer": "https://login.example.org", "audience": "x", "algorithms": "HS256"}}, "ALGORITHMS"),
        ({"access": {"issuer": "https://login.example.org", "audience": "x", "algorithms": "none"}}, "ALGORITHMS"),
        ({"access": {"introspection": "always"}}, "client_id"),
        ({"access": {"session_secret": "short"}}, "32"),
        ({"access": {"certificates": True}}, "policy"),
        ({"tls": {"certificate": "x.pem"}}, "together"),
    ],
)
def test_settings_that_would_not_be_safe_are_refused(groups: dict[str, dict[str, object]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load_settings(**groups)


def test_the_secret_of_sessions_is_for_its_owner_only(open_to_keys: Site) -> None:
    path = open_to_keys.settings.secret_path
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text()) == 64
