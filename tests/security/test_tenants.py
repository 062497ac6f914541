"""Tenants: several archives in one service, whose data never meet, whatever credential is shown where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import SettingsError, load_settings
from tests.api.conftest import BASE, Site, open_site
from tests.builders import instance, multipart
from tests.cli.test_commands import Command
from tests.e2e.server import running
from tests.security.conftest import NORTH, access, bearer
from tests.security.test_every_route import filled, routes
from tests.services.provider import CLIENT, Provider

ROOT = BASE.removesuffix("/dicom-web")
TENANTS = {"names": "north,south"}


@pytest.fixture
async def site(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    """The same UIDs in both tenants and outside of them, with different patients."""
    settings = access(provider, tmp_path, "", sign_in=True, client_id=CLIENT[0], client_secret=CLIENT[1])
    async for opened in open_site(tmp_path / "data", access=settings, tenants=TENANTS):
        for tenant in ("north", "south", None):
            assert (await store(opened, provider, tenant)).status_code == 200
        yield opened


def root_of(tenant: str | None) -> str:
    return f"{ROOT}/t/{tenant}" if tenant else ROOT


def of(provider: Provider, tenant: object, **claims: Any) -> dict[str, str]:
    return bearer(provider.token(tenant=tenant, sub=f"user of {tenant}", **claims))


async def store(site: Site, provider: Provider, tenant: str | None) -> httpx.Response:
    body, kind = multipart([one(tenant)])
    return await site.http.post(
        f"{root_of(tenant)}/dicom-web/studies", content=body, headers={"Content-Type": kind, **of(provider, tenant)}
    )


def one(tenant: str | None) -> bytes:
    name = f"patient-of-{tenant}"
    return instance(
        study_uid=NORTH, series_uid=f"{NORTH}.1", instance_uid=f"{NORTH}.1.1", PatientID=name, patient_name=name, rows=4, columns=4
    )


async def test_each_finds_its_own_under_the_same_uids(site: Site, provider: Provider) -> None:
    for tenant in ("north", "south", None):
        for path in ("/studies", f"/studies/{NORTH}/metadata", f"/studies/{NORTH}/series/{NORTH}.1/instances/{NORTH}.1.1", "/changes"):
            accept = "application/dicom" if path.endswith(".1.1") else "application/dicom+json, application/json"
            answer = await site.http.get(f"{root_of(tenant)}/dicom-web{path}", headers={"Accept": accept, **of(provider, tenant)})
            assert answer.status_code == 200, (tenant, path, answer.text)
            for other in ("north", "south", None):
                assert (f"patient-of-{other}" in answer.content.decode("latin-1")) == (other == tenant and path != "/changes"), path
        studies = (await site.http.get(f"{root_of(tenant)}/dicom-web/studies", headers=of(provider, tenant))).json()
        assert studies[0]["00081190"]["Value"] == [f"{root_of(tenant)}/dicom-web/studies/{NORTH}"]


async def test_on_every_route_a_credential_of_another_tenant_is_none(site: Site, provider: Provider) -> None:
    wrong = {
        "another": of(provider, "south"),
        "nobody's": of(provider, None),
        "of another name": of(provider, "northern"),
        "list": of(provider, ["south", "x"]),
    }
    for method, path in routes(site):
        for kind, headers in wrong.items():
            answer = await site.http.request(method, root_of("north") + filled(path, NORTH), headers=headers)
            assert answer.status_code == 401, (method, path, kind)
            assert "patient-of" not in answer.text
        outside = await site.http.request(method, ROOT + filled(path, NORTH), headers=of(provider, "north"))
        assert outside.status_code == 401, (method, path)
    assert (await site.http.get(f"{root_of('north')}/dicom-web/studies", headers=of(provider, ["south", "north"]))).status_code == 200


async def test_sessions_and_keys_are_of_one_tenant(site: Site, provider: Provider) -> None:
    begun = await site.http.post(f"{root_of('north')}/session", headers=of(provider, "north"))
    assert begun.json()["tenant"] == "north"
    cookie = begun.headers["set-cookie"].partition(";")[0]
    site.http.cookies.clear()
    value = cookie.partition("=")[2]
    assert (await site.http.get(f"{root_of('north')}/dicom-web/studies", headers={"Cookie": cookie})).status_code == 200
    for tenant, name in (("south", "radiolucent_session_south"), (None, "radiolucent_session")):
        for sent in (cookie, f"{name}={value}"):
            assert (await site.http.get(f"{root_of(tenant)}/dicom-web/studies", headers={"Cookie": sent})).status_code == 401


async def test_a_delete_reaches_one_tenant(site: Site, provider: Provider) -> None:
    gone = await site.http.delete(f"{root_of('north')}/dicom-web/studies/{NORTH}", headers=of(provider, "north"))
    assert gone.status_code in {200, 204}
    for tenant, status in (("north", 404), ("south", 200), (None, 200)):
        answer = await site.http.get(f"{root_of(tenant)}/dicom-web/studies/{NORTH}/metadata", headers=of(provider, tenant))
        assert answer.status_code == status


async def test_who_waits_for_changes_hears_of_his_own_only(site: Site, provider: Provider) -> None:
    path = "/dicom-web/changes?after=latest&wait=1"
    waiting = asyncio.create_task(site.http.get(root_of("south") + path, headers=of(provider, "south")))
    await asyncio.sleep(0.2)
    await site.http.delete(f"{root_of('north')}/dicom-web/studies/{NORTH}", headers=of(provider, "north"))
    assert (await waiting).json()["changes"] == []


async def test_what_is_no_tenant_is_nothing(site: Site, provider: Provider) -> None:
    for path in (
        "/t/",
        "/t/west/dicom-web/studies",
        "/t/north",
        "/t/NORTH/dicom-web/studies",
        "/t/../dicom-web/studies",
        "/t/north/../south/dicom-web/studies",
    ):
        answer = await site.http.get(ROOT + path, headers=of(provider, "north"))
        assert answer.status_code in {200, 401, 404}
        assert "patient-of" not in answer.text


async def test_each_has_its_console_health_and_way_to_sign_in(site: Site, provider: Provider) -> None:
    north = root_of("north")
    page = await site.http.get(f"{north}/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert (await site.http.get(f"{north}/health/ready")).status_code == 200
    challenge = (await site.http.get(f"{north}/dicom-web/studies")).headers["www-authenticate"]
    assert f'resource_metadata="{ROOT}/.well-known/oauth-protected-resource/t/north/dicom-web"' in challenge
    told = await site.http.get(f"{ROOT}/.well-known/oauth-protected-resource/t/north/dicom-web")
    assert told.json()["resource"] == f"{north}/dicom-web"
    begun = await site.http.get(f"{north}/session/login?return=/t/north/")
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%2Ft%2Fnorth%2Fsession%2Fcallback" in begun.headers["location"]


async def test_the_trail_of_each_tells_of_its_tenant(site: Site, provider: Provider) -> None:
    text = (site.settings.data_dir / "tenants" / "north" / "audit.jsonl").read_text()
    assert '"user of north"' in text
    assert "south" not in text


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"tenants": {"names": "North"}}, "small letters"),
        ({"tenants": {"names": "../x"}}, "small letters"),
        ({"tenants": {"names": "a,a"}}, "twice"),
        ({"tenants": TENANTS, "storage": {"url": "s3://bucket/prefix"}}, "{tenant}"),
        ({"tenants": TENANTS, "database": {"url": "postgresql://h/name"}}, "{tenant}"),
    ],
)
def test_two_tenants_never_share_a_place(groups: dict[str, dict[str, str]], says: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(says)):
        load_settings(**groups).of_tenant("north")


def test_places_are_named_after_the_tenant() -> None:
    settings = load_settings(
        tenants=TENANTS,
        storage={"url": "s3://bucket/{tenant}"},
        database={"url": "postgresql://h/radiolucent_{tenant}"},
        http={"public_base_url": "https://pacs.example.org/dicom-web"},
    )
    north = settings.of_tenant("north")
    assert (north.storage_url, north.database_url) == ("s3://bucket/north", "postgresql://h/radiolucent_north")
    assert north.http.public_base_url == "https://pacs.example.org/t/north/dicom-web"
    assert north.audit_path == settings.data_dir / "tenants" / "north" / "audit.jsonl"
    with pytest.raises(SettingsError, match="no tenant"):
        settings.of_tenant("west")


def test_commands_work_on_one_tenant_and_a_real_server_serves_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADIOLUCENT_TENANTS__SELECTED", "")
    monkeypatch.setenv("RADIOLUCENT_TENANTS__NAMES", "north,south")
    radiolucent = Command(monkeypatch, capsys)
    made = radiolucent("--tenant", "north", "keys", "create", "script", "--scope", "user/ImagingStudy.cruds")
    assert made.returncode == 0, made.stderr
    key = bearer(made.stdout.split()[1])
    assert radiolucent("--tenant", "west", "keys", "list").returncode == 2
    monkeypatch.setenv("RADIOLUCENT_TENANTS__SELECTED", "")
    environment = {"RADIOLUCENT_ACCESS__API_KEYS": "true", "RADIOLUCENT_TENANTS__NAMES": "north,south", "RADIOLUCENT_TENANTS__SELECTED": ""}
    with running(tmp_path / "data", environment=environment) as server:
        body, kind = multipart([one("north")])
        stored = httpx.post(f"{server.root}/t/north/dicom-web/studies", content=body, headers={"Content-Type": kind, **key})
        assert stored.status_code == 200, stored.text
        assert httpx.get(f"{server.root}/t/south/dicom-web/studies", headers=key).status_code == 401
        assert httpx.get(f"{server.root}/dicom-web/studies", headers=key).status_code == 401
