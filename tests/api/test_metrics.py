"""`/metrics`: what is counted, for whom, by how many workers; and the dashboard and the page that speak of it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import BASE, Site, open_site
from tests.builders import fresh_uid, instance
from tests.e2e.server import running

METRICS = BASE.removesuffix("/dicom-web") + "/metrics"
FRAMES = "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}"


@pytest.fixture
async def guarded_by_token(tmp_path: Path) -> AsyncIterator[Site]:
    async for site in open_site(tmp_path / "data", metrics={"token": "a-long-secret"}):
        yield site


def value(text: str, name: str, **labels: str) -> float:
    """The sum of all samples of a name that have these labels."""
    found = 0.0
    for line in text.splitlines():
        match = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)(?: \S+)?", line)
        if match and all(f'{label}="{wanted}"' in (match[1] or "") for label, wanted in labels.items()):
            found += float(match[2])
    return found


async def test_requests_are_counted_by_route_and_nothing_names_anybody(site: Site) -> None:
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    data = instance(**uids, patient_name="Nobody^Knows", PatientID="SECRET-ID")
    await site.store(data)
    path = f"/studies/{uids['study_uid']}/series/{uids['series_uid']}/instances/{uids['instance_uid']}"
    for _ in range(3):
        assert (await site.get(f"{path}/frames/1")).status_code == 200
    await site.get(f"{path}/rendered")
    await site.get("/studies?PatientName=Nobody*")
    await site.get("/studies/not-a-uid/metadata")
    await site.get("/nothing/here/SECRET-ID")
    text = (await site.http.get(METRICS)).text
    assert value(text, "radiolucent_requests_total", route=FRAMES, method="GET", status="200") == 3
    assert value(text, "radiolucent_request_seconds_count", route=FRAMES) == 3
    assert value(text, "radiolucent_sent_bytes_total", route=FRAMES) > 3 * 128
    assert value(text, "radiolucent_received_bytes_total", route="/dicom-web/studies") > len(data)
    assert value(text, "radiolucent_requests_total", status="400") == 1
    assert value(text, "radiolucent_requests_total", route="none", status="404") == 1
    assert value(text, "radiolucent_instances_total", outcome="stored") == 1
    assert value(text, "radiolucent_transactions_total", action="store", outcome="success") == 1
    assert value(text, "radiolucent_pixel_jobs_done_total", outcome="done") >= 1
    for word in ("Nobody", "SECRET", *uids.values(), "127.0.0.1"):
        assert word not in text


async def test_both_formats_are_offered(site: Site) -> None:
    plain = await site.http.get(METRICS)
    assert plain.headers["content-type"].startswith("text/plain; version=")
    other = await site.http.get(METRICS, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    assert other.text.endswith("# EOF\n")


async def test_it_is_for_this_machine_alone_and_not_through_a_proxy(site: Site) -> None:
    for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}):
        assert (await site.http.get(METRICS, headers=headers)).status_code == 403
    elsewhere = httpx.ASGITransport(site.app, client=("203.0.113.7", 50000))
    async with httpx.AsyncClient(transport=elsewhere) as http:
        assert (await http.get(METRICS)).status_code == 403


async def test_a_token_opens_it_to_others(guarded_by_token: Site) -> None:
    http = guarded_by_token.http
    for given in ("", "Bearer wrong", "Basic a-long-secret"):
        assert (await http.get(METRICS, headers={"Authorization": given})).status_code == 401
    answer = await http.get(METRICS, headers={"Authorization": "Bearer a-long-secret", "X-Forwarded-For": "203.0.113.7"})
    assert answer.status_code == 200


async def test_it_can_be_left_out(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", metrics={"enabled": False}):
        assert (await site.http.get(METRICS)).status_code == 404
        assert (await site.get("/studies")).status_code == 200


def test_whichever_worker_is_asked_answers_for_all(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server:
        for _ in range(60):  # a connection for each, so that both workers get some
            httpx.get(f"{server.base}/studies", headers={"Connection": "close"})
        counts = set()
        for _ in range(20):
            text = httpx.get(f"{server.root}/metrics", headers={"Connection": "close"}).text
            counts.add(value(text, "radiolucent_requests_total", route="/dicom-web/studies"))
        assert counts == {60.0}
        assert value(text, "radiolucent_resident_bytes") > 2 * 30 * 1024**2, "the memory of both"
    assert not list((tmp_path / "data").glob("counts-*"))


async def test_the_dashboard_and_the_page_name_what_there_is(site: Site, root: Path) -> None:
    await site.store(instance())
    text = (await site.http.get(METRICS)).text
    there = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    dashboard = json.loads((root / "deploy" / "grafana" / "radiolucent.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    page = (root / "docs" / "how-to" / "observe.md").read_text()
    named = set(re.findall(r"radiolucent_[a-z_]+", " ".join([*asked, page])))
    assert len(asked) > 10
    for name in named - {"radiolucent_token"}:
        stem = re.sub(r"_(?:bucket|count|sum)$", "", name)
        assert {name, stem} & there, name
    assert {name for name in there if not name.endswith("_created")} <= named | {f"{name}_total" for name in named}
