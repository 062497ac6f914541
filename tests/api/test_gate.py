"""What stands in front of every route: Host, Origin, CORS, request ids, problem documents, health."""

from __future__ import annotations

import pytest

from app.api import routers
from app.dicomweb.operational import OPERATIONAL
from app.dicomweb.transactions import TRANSACTIONS
from app.main import create_app
from app.settings import SettingsError, load_settings
from tests.api.conftest import Site
from tests.builders import instance

VIEWER = "https://viewer.example.org"


async def test_a_rebound_host_name_is_refused_in_local_mode(site: Site) -> None:
    answer = await site.get("/studies", Host="evil.example:8080")
    assert answer.status_code == 400
    assert answer.json()["code"] == "unknown-host"
    for host in ("localhost:8080", "127.0.0.1", "[::1]:8080"):
        assert (await site.get("/studies", Host=host)).status_code == 200


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_cross_site_writes_are_refused(site: Site, headers: dict[str, str]) -> None:
    assert (await site.store(instance(), **headers)).status_code == 403
    assert (await site.http.delete("/studies/1.2", headers=headers)).status_code == 403
    assert await site.objects("/studies") == []


async def test_writes_of_a_page_of_this_very_server_pass(site: Site) -> None:
    assert (await site.store(instance(), Origin="http://127.0.0.1")).status_code == 200


async def test_a_listed_origin_may_read_and_write_and_sees_why_it_failed(shared_site: Site) -> None:
    assert (await shared_site.store(instance(), Origin=VIEWER)).status_code == 200
    for path, status in (("/studies", 200), ("/studies/9.9", 404), ("/studies?limit=x", 400)):
        answer = await shared_site.get(path, Origin=VIEWER)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == VIEWER
        assert "Origin" in answer.headers["vary"]
        assert "Content-Location" in answer.headers["access-control-expose-headers"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_preflight_is_answered_for_listed_origins_only(shared_site: Site) -> None:
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,accept"}
    allowed = await shared_site.http.options("/studies", headers={"Origin": VIEWER, **ask})
    assert allowed.status_code in {200, 204}
    assert allowed.headers["access-control-allow-origin"] == VIEWER
    assert int(allowed.headers["access-control-max-age"]) >= 7200
    refused = await shared_site.http.options("/studies", headers={"Origin": "https://evil.example", **ask})
    assert "access-control-allow-origin" not in refused.headers


async def test_without_a_list_no_origin_gets_cors_headers(site: Site) -> None:
    answer = await site.get("/studies", Origin=VIEWER)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_every_answer_has_a_request_id_and_is_not_sniffed(site: Site) -> None:
    answer = await site.get("/studies", **{"X-Request-Id": "ward-7.42"})
    assert answer.headers["x-request-id"] == "ward-7.42"
    assert answer.headers["x-content-type-options"] == "nosniff"
    forged = await site.get("/studies", **{"X-Request-Id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PUT", "/studies", 405), ("POST", "/studies/1.2/metadata", 405), ("GET", "/studies/1.2", 404)],
)
async def test_refusals_are_problem_documents(site: Site, method: str, path: str, status: int) -> None:
    answer = await site.http.request(method, path)
    assert answer.status_code == status
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert {"type", "title", "code", "detail", "request_id"} <= set(document)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/studies", {"GET", "HEAD", "POST"}),
        ("OPTIONS", "/studies/1.2", {"GET", "HEAD", "POST", "DELETE"}),
        ("POST", "/studies/1.2/series/1.3", {"GET", "HEAD", "DELETE"}),
        ("POST", "", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_refused_method_is_told_all_that_are_allowed(site: Site, method: str, path: str, allowed: set[str]) -> None:
    answer = await site.http.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_health_and_version(site: Site) -> None:
    assert (await site.http.get("http://127.0.0.1/health/live")).json() == {"status": "ok"}
    ready = await site.http.get("http://127.0.0.1/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"storage": "ok", "database": "ok", "audit": "ok", "pixels": "ok"}
    assert (await site.http.get("http://127.0.0.1/version")).json()["name"] == "radiolucent"


async def test_readiness_says_which_check_failed(site: Site) -> None:
    site.settings.audit_path.unlink(missing_ok=True)
    site.settings.audit_path.mkdir()
    ready = await site.http.get("http://127.0.0.1/health/ready")
    assert ready.status_code == 503
    checks = ready.json()["checks"]
    assert checks["audit"] != "ok"
    assert checks["storage"] == checks["database"] == "ok"


async def test_no_record_no_answer(site: Site) -> None:
    site.settings.audit_path.unlink(missing_ok=True)
    site.settings.audit_path.mkdir()
    answer = await site.get("/studies")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_another_address_without_authentication_refuses_to_start_unless_told_by_name() -> None:
    with pytest.raises(SettingsError, match="insecure"):
        create_app(load_settings(http={"host": "0.0.0.0"}))
    assert create_app(load_settings(http={"host": "0.0.0.0"}, access={"insecure": True}))


def test_every_route_stands_in_the_table_of_transactions_and_every_row_has_a_route() -> None:
    def pairs(table: routers.Routes) -> set[tuple[str, str]]:
        return {(method, path.replace(":path", "")) for methods, path, _ in table for method in methods if method != "HEAD"}

    assert pairs(routers.DICOMWEB) == {row.key for row in TRANSACTIONS if not row.missing}
    assert pairs(routers.UNSUPPORTED) == {row.key for row in TRANSACTIONS if row.missing}
    assert pairs(routers.OPERATIONAL + routers.SESSIONS + routers.ADMINISTRATION + routers.REVIEW) == {row.key for row in OPERATIONAL}
