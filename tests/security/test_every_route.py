"""Every route of the application, each method: whoever shows nothing, or something wrong, is refused; what is hidden might as well be gone.

The routes are read from the application: a new one is asked the same at once, unless it is put among those that are for everybody.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from tests.api.conftest import BASE, Site, open_site
from tests.builders import multipart
from tests.security.conftest import NORTH, SOUTH, access, bearer, north, study
from tests.services.provider import Provider

PUBLIC = {
    "/",
    "/console/{version}/{name}",
    "/docs",
    "/docs/assets",
    "/health/live",
    "/health/ready",
    "/iid",
    "/metrics",
    "/ohif",
    "/ohif/app-config.js",
    "/ohif/{path:path}",
    "/openapi.json",
    "/redoc",
    "/session/callback",
    "/session/login",
    "/version",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/{root:path}",
    "/.well-known/smart-configuration",
}
"""They tell nothing of any patient, and nothing that not everybody may know."""

ASKS_NOTHING = {("OPTIONS", "/dicom-web"), ("GET", "/dicom-web/debug/negotiate"), ("DELETE", "/session")}
"""What the service can do, as its documents say as well; and a cookie may be thrown away by whoever has it."""

NEEDS_NO_SCOPE = {("GET", "/session"), ("POST", "/session")}

Asked = tuple[str, str]


def routes(site: Site) -> Iterator[Asked]:
    """Method and path of all that has to ask who one is."""
    for route in site.app.router.routes:
        path = path_of(route)
        if path in PUBLIC:
            continue
        assert isinstance(route, Route), f"{path}: say whether it is for everybody"
        for method in sorted(route.methods or ()):
            if method != "HEAD" and (method, path) not in ASKS_NOTHING:
                yield method, path


def path_of(route: BaseRoute) -> str:
    assert isinstance(route, Route | Mount)
    return route.path


def filled(path: str, uid: str) -> str:
    values = {
        "study": uid,
        "series": f"{uid}.1",
        "instance": f"{uid}.1.1",
        "frames": "1",
        "path": "7FE00010",
        "version": "x",
        "name": "x",
        "label": "x",
        "prefix": "x",
    }
    url = re.sub(r"{(\w+)(?::path)?}", lambda found: values[found[1]], path)
    if path.endswith(("/wado", "/dicom-web")):
        url += f"?requestType=WADO&studyUID={uid}&seriesUID={uid}.1&objectUID={uid}.1.1&contentType=application/dicom"
    if path.endswith("/instances") and "{" not in path:
        url += f"?StudyInstanceUID={uid}"
    return url


async def ask(site: Site, asked: Asked, headers: dict[str, str], uid: str = NORTH) -> httpx.Response:
    method, path = asked
    body, kind = (
        multipart([study(uid, "North Hospital", "N1")]) if method == "POST" and not path.startswith(("/session", "/admin/")) else (b"", "")
    )
    url = BASE.removesuffix("/dicom-web") + filled(path, uid)
    return await site.http.request(method, url, content=body, headers={**({"Content-Type": kind} if kind else {}), **headers})


async def test_the_routes_are_there(guarded: Site) -> None:
    found = list(routes(guarded))
    assert len(found) > 50
    assert {path_of(route) for route in guarded.app.router.routes} >= PUBLIC


async def test_without_a_credential_every_route_says_how_to_sign_in(guarded: Site) -> None:
    for asked in routes(guarded):
        answer = await ask(guarded, asked, {})
        assert answer.status_code == 401, asked
        bearer_challenge, basic = answer.headers.get_list("www-authenticate")
        assert bearer_challenge.startswith('Bearer realm="radiolucent", resource_metadata="http')
        assert "error=" not in bearer_challenge
        assert basic.startswith("Basic ")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["code"] == "unauthorized"


async def test_a_token_that_does_not_verify_is_refused_everywhere(guarded: Site, provider: Provider) -> None:
    wrong = provider.wrong_tokens()
    for asked in routes(guarded):
        for kind, token in wrong.items():
            answer = await ask(guarded, asked, bearer(token))
            assert answer.status_code == 401, (asked, kind)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"], (asked, kind)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic !!!", "Basic dXNlcjpwYXNz", "Digest x", "Bearer rlk_x_y", "rlk_x_y", "Bearer a b"]
)
async def test_a_header_that_is_no_credential_is_refused_everywhere(guarded: Site, header: str) -> None:
    for asked in routes(guarded):
        assert (await ask(guarded, asked, {"Authorization": header})).status_code == 401, asked


async def test_a_wrong_header_is_not_healed_by_a_good_cookie(guarded: Site, provider: Provider) -> None:
    cookie = (await ask(guarded, ("POST", "/session"), north(provider))).headers["set-cookie"].partition(";")[0]
    guarded.http.cookies.clear()
    assert (await guarded.get("/studies", Cookie=cookie)).status_code == 200
    assert (await guarded.get("/studies", Cookie=cookie, Authorization="Bearer nonsense")).status_code == 401


async def test_without_the_scope_every_route_is_forbidden_and_says_which_would_do(guarded: Site, provider: Provider) -> None:
    for asked in routes(guarded):
        if asked in NEEDS_NO_SCOPE:
            continue
        for scope in ("openid profile", "user/Patient.cruds", "user/ImagingStudy.", "user/ImagingStudy.rs?modality=CT", None):
            answer = await ask(guarded, asked, north(provider, scope=scope))
            assert answer.status_code == 403, (asked, scope)
            assert re.search(r'error="insufficient_scope", scope="\S+"', answer.headers["www-authenticate"]), asked


READING = ["user/ImagingStudy.rs", "system/ImagingStudy.rs", "user/ImagingStudy.read", "patient/*.rs"]


@pytest.mark.parametrize("scope", READING)
async def test_who_may_read_may_not_write(guarded: Site, provider: Provider, scope: str) -> None:
    reader = north(provider, scope=scope, patient="N1")
    for method, path in routes(guarded):
        if method in {"POST", "PUT", "DELETE"} and path != "/session":
            assert (await ask(guarded, (method, path), reader)).status_code == 403, path
    assert len(await objects(guarded, "/studies", reader)) == 1


async def objects(site: Site, path: str, headers: dict[str, str]) -> list[object]:
    answer = await site.get(path, "application/dicom+json", **headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert isinstance(found, list)
    return found


MISSING = "1.2.826.0.1.3680043.8.498.7779"

HIDING: dict[str, dict[str, Any]] = {
    "of another hospital": {},
    "of another patient": {"organisation": "both", "scope": "patient/ImagingStudy.cruds", "patient": "N1"},
    "of a namesake of another issuer": {
        "organisation": "both",
        "scope": "patient/ImagingStudy.cruds",
        "patient": {"value": "S1", "system": "X"},
    },
}


def hidden_from(provider: Provider, case: str) -> dict[str, str]:
    claims = dict(HIDING[case])
    if claims.pop("organisation", None):
        return bearer(provider.token(roles=["chief"], **claims))
    return north(provider)


@pytest.mark.parametrize("case", list(HIDING))
async def test_what_is_hidden_is_answered_as_what_is_missing(guarded: Site, provider: Provider, case: str) -> None:
    """The same status, the same words, the same headers, for every way to name a study."""
    caller = hidden_from(provider, case)
    for method, path in routes(guarded):
        if "{study}" not in path and not path.endswith(("/wado", "/instances", "/dicom-web")):
            continue
        if method == "POST":
            continue
        hidden, missing = [await ask(guarded, (method, path), caller, uid) for uid in (SOUTH, MISSING)]
        assert hidden.status_code == missing.status_code, path
        assert hidden.status_code in {200, 404}, path
        assert plain(hidden) == plain(missing), path
        assert set(hidden.headers) == set(missing.headers), path
    chief = bearer(provider.token(roles=["chief"]))
    assert (await guarded.get(f"/studies/{SOUTH}/metadata", **chief)).status_code == 200


def plain(answer: httpx.Response) -> str:
    """The body without what is of this request alone."""
    text = answer.content.decode("latin-1")
    return re.sub(r'"request_id": ?"[^"]+"', "", text.replace(SOUTH, "UID").replace(MISSING, "UID"))


async def test_what_is_hidden_is_neither_found_nor_counted_nor_told_of(guarded: Site, provider: Provider) -> None:
    caller = north(provider)
    for path in ("/studies", "/series", "/instances", "/patients"):
        for query in ("", "?includefield=all", "?PatientName=*", "?limit=1", "?fuzzymatching=true&PatientName=s1", "?orderby=PatientName"):
            if path == "/patients" and "orderby" in query:
                continue
            answer = await guarded.get(path + query, "application/dicom+json", **caller)
            assert answer.status_code == 200
            assert SOUTH not in answer.text
            assert "South" not in answer.text
            assert "S1" not in answer.text
            assert "warning" not in answer.headers
    counted = await guarded.get("/studies?count=true&limit=0", "application/dicom+json", **caller)
    assert counted.headers["x-total-count"] == "1"
    changes = (await guarded.get("/changes", **caller)).json()["changes"]
    assert {change["study"] for change in changes} == {NORTH}


async def test_a_study_that_is_hidden_cannot_be_deleted_or_added_to(guarded: Site, provider: Provider) -> None:
    caller = north(provider)
    assert (await guarded.http.delete(f"/studies/{SOUTH}", headers=caller)).status_code == 404
    smuggled = study(SOUTH, "North Hospital", "N1").replace(f"{SOUTH}.1.1".encode(), f"{SOUTH}.1.2".encode())
    answer = await guarded.store(smuggled, **caller)
    assert answer.status_code == 409
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0124]
    elsewhere = await guarded.store(study(MISSING, "South Hospital", "N1"), **caller)
    assert elsewhere.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0124]
    chief = bearer(provider.token(roles=["chief"]))
    assert len(await objects(guarded, f"/studies/{SOUTH}/instances", chief)) == 1
    assert len(await objects(guarded, "/studies", chief)) == 2


async def test_a_denial_wins_over_every_permission(guarded: Site, provider: Provider) -> None:
    chief = bearer(provider.token(roles=["chief"]))
    answer = await guarded.store(study(MISSING, "North Hospital", "DIRECTOR"), **chief)
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0124]


@pytest.fixture
async def rulers(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    async for site in open_site(tmp_path / "data", access=access(provider, tmp_path, "")):
        yield site


async def test_without_rules_scopes_decide_alone(rulers: Site, provider: Provider) -> None:
    writer = bearer(provider.token(scope="system/ImagingStudy.c"))
    assert (await rulers.store(study(NORTH, "North Hospital", "N1"), **writer)).status_code == 200
    assert (await rulers.get("/studies", **writer)).status_code == 403
    assert len(await objects(rulers, "/studies", bearer(provider.token(scope="user/*.s")))) == 1
