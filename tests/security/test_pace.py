"""One caller who asks for what is heavy again and again is held up (429), and nobody else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.api.pace import HEAVY
from app.api.routers import DICOMWEB, SPELLED_OTHERWISE
from app.buckets import Buckets
from tests.api.conftest import Site, open_site
from tests.security.conftest import NORTH, access, bearer, study
from tests.services.provider import Provider


@pytest.fixture
async def site(tmp_path: Path, provider: Provider) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", access=access(provider, tmp_path, ""), limits={"heavy_per_minute": 3}):
        await opened.store(study(NORTH, "North Hospital", "N1"), **bearer(provider.token()))
        yield opened


async def test_one_caller_is_held_up_and_others_and_light_requests_are_not(site: Site, provider: Provider) -> None:
    greedy, other = bearer(provider.token(sub="greedy")), bearer(provider.token(sub="other"))
    path = f"/studies/{NORTH}"
    answers = [await site.get(path, "application/zip", **greedy) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["code"] == "too-many"
    assert (await site.get(f"{path}/rendered", **greedy)).status_code == 429
    assert (await site.get(f"{path}/metadata", **greedy)).status_code == 200
    assert (await site.get(path, "application/zip", **other)).status_code == 200
    assert [line["outcome"] for line in site.audit() if line["subject"] == "greedy"].count("TooMany") == 3


async def test_local_mode_holds_up_nobody(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", limits={"heavy_per_minute": 1}):
        await site.store(study(NORTH, "North Hospital", "N1"))
        for _ in range(3):
            assert (await site.get(f"/studies/{NORTH}", "application/zip")).status_code == 200


def test_what_is_heavy_are_routes() -> None:
    assert {path for _, path, _ in (*DICOMWEB, *SPELLED_OTHERWISE)} >= HEAVY


def test_a_bucket_runs_out() -> None:
    at = 0.0
    buckets = Buckets(6, lambda: at)
    for _ in range(6):
        assert buckets.seconds_until_room("a") == 0
        buckets.drop("a")
    assert buckets.seconds_until_room("a") == 10
    assert buckets.seconds_until_room("b") == 0
    at = 10.0
    assert buckets.seconds_until_room("a") == 0
