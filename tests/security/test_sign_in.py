"""Signing in with a browser, step by step: to the issuer, back with a code, and on with a session (OpenID Connect Core 3.1, RFC 9700)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.conftest import BASE, Site, open_site
from tests.security.conftest import NORTH, access, organisation, study
from tests.services.provider import CLIENT, Provider, providing, rsa

ROOT = BASE.removesuffix("/dicom-web")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing() as found:
        found.user = {"extensions": organisation("north")}
        yield found


@pytest.fixture
async def site(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    more: dict[str, Any] = {"sign_in": True, "client_id": CLIENT[0], "client_secret": CLIENT[1]}
    async for opened in open_site(tmp_path / "data", access=access(provider, tmp_path, **more)):
        yield opened


async def to_issuer(site: Site, place: str = "/ohif/viewer?StudyInstanceUIDs=1.2#x") -> dict[str, str]:
    """What the browser is sent to the issuer with."""
    begun = await site.http.get(f"{ROOT}/session/login", params={"return": place})
    assert begun.status_code == 302, begun.text
    assert "SameSite=Lax" in begun.headers["set-cookie"]
    assert "HttpOnly" in begun.headers["set-cookie"]
    return {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}


async def at_issuer(begun: dict[str, str], provider: Provider) -> str:
    """The address at which the issuer sends the browser back."""
    async with httpx.AsyncClient() as client:
        page = await client.get(f"{provider.url}/authorization_endpoint", params=begun)
        return page.text.partition("href='")[2].partition("'")[0].replace("&amp;", "&")


async def test_there_and_back(site: Site, provider: Provider) -> None:
    asked = await to_issuer(site)
    assert asked["redirect_uri"] == f"{ROOT}/session/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["scope"].split() == ["openid", "profile"]
    back = await site.http.get(await at_issuer(asked, provider))
    assert back.status_code == 302, back.text
    assert back.headers["location"] == "/ohif/viewer?StudyInstanceUIDs=1.2#x"
    cookies = back.headers.get_list("set-cookie")
    assert "SameSite=Strict" in cookies[0]
    assert "Max-Age=0" in cookies[1]
    told = (await site.http.get(f"{ROOT}/session")).json()
    assert (told["subject"], told["organisation"]) == ("jane", "north")
    assert (await site.store(study(NORTH, "North Hospital", "N1"))).status_code == 200
    first = site.audit()[0]
    assert (first["action"], first["subject"], first["outcome"]) == ("sign-in", "jane", "success")


async def test_a_code_works_once_and_for_this_browser_only(site: Site, provider: Provider) -> None:
    address = await at_issuer(await to_issuer(site), provider)
    site.http.cookies.clear()
    assert (await site.http.get(address)).status_code == 400, "another browser has not set out"
    address = await at_issuer(await to_issuer(site), provider)
    assert (await site.http.get(address.replace("state=", "state=x"))).status_code == 400
    assert (await site.http.get(address + "&iss=https://elsewhere.example.org")).status_code == 400
    assert (
        await site.http.get(f"{ROOT}/session/callback?error=access_denied&state=" + parse_qs(urlsplit(address).query)["state"][0])
    ).status_code == 401
    kept = dict(site.http.cookies)
    assert (await site.http.get(address)).status_code == 302
    site.http.cookies.update(kept)
    assert (await site.http.get(address)).status_code == 401, "the issuer gives tokens once"


@pytest.mark.parametrize(
    "changes",
    [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://elsewhere.example.org"}, {"exp": 5}, {"sub": None}],
    ids=str,
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(site: Site, provider: Provider, changes: dict[str, object]) -> None:
    provider.user |= changes
    answer = await site.http.get(await at_issuer(await to_issuer(site), provider))
    assert answer.status_code == 401
    assert (await site.http.get(f"{ROOT}/session")).status_code == 401


async def test_an_id_token_signed_by_somebody_else_is_refused(site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    address = await at_issuer(await to_issuer(site), provider)
    genuine = provider.token
    monkeypatch.setattr(provider, "token", lambda **given: genuine(**{**given, "key": rsa("foreign")}))
    assert (await site.http.get(address)).status_code == 401


@pytest.mark.parametrize(
    "place",
    ["//evil.example.org", "/\\evil.example.org", "https://evil.example.org", "evil", "", "/a b", "/a\r\nSet-Cookie: x", "/" + "x" * 3000],
)
async def test_it_leads_to_no_other_server(site: Site, place: str) -> None:
    assert (await site.http.get(f"{ROOT}/session/login", params={"return": place})).status_code == 400


async def test_an_issuer_that_is_away(site: Site, provider: Provider) -> None:
    provider.down = True
    assert (await site.http.get(f"{ROOT}/session/login")).status_code == 503


async def test_the_viewer_sends_those_who_are_not_known_to_sign_in(site: Site) -> None:
    page = await site.http.get(f"{ROOT}/ohif/viewer?StudyInstanceUIDs=1.2")
    if page.status_code != 404:  # 404: it is not installed here
        assert page.status_code == 302
        assert page.headers["location"] == "/?return=%2Fohif%2Fviewer%3FStudyInstanceUIDs%3D1.2"
    assert "httpErrorHandler" in (await site.http.get(f"{ROOT}/ohif/app-config.js")).text


async def test_where_it_is_not_wanted_it_is_not_there(tmp_path: Path, provider: Provider) -> None:
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path)):
        for path in ("login", "callback?code=x&state=y"):
            assert (await site.http.get(f"{ROOT}/session/{path}")).status_code == 404
