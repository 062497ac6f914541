"""Conditional requests (RFC 9110 13; statement R22) and what was deleted (R3): 304 before any blob is read, 410 by setting."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from app.model import Access, Action, Caller, Uid
from tests.api.conftest import Site, open_site
from tests.builders import instance

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
PATH = f"/studies/{S}/series/{E}/instances/{N}"
PLACES = (f"/studies/{S}", f"/studies/{S}/series/{E}", PATH)
READS = (
    *(place + suffix for place in PLACES for suffix in ("", "/metadata", "/bulkdata", "/pixeldata")),
    PATH + "/frames/1",
    PATH + "/bulkdata/7FE00010",
)


@pytest.fixture
async def gone_site(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data", retrieve={"on_deleted": "gone"}):
        yield opened


def known(**keywords: Any) -> bytes:
    return instance(study_uid=S, series_uid=E, instance_uid=N, **keywords)


def go_on(site: Site, seconds: float) -> None:
    """The service's clock goes on at once."""
    service = site.app.state.service
    now = service.archive.now
    site.app.state.service = replace(service, archive=replace(service.archive, now=lambda: now() + seconds))


def lose_blobs(site: Site) -> None:
    for path in (site.settings.data_dir / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()


@pytest.mark.parametrize("path", READS)
async def test_r22_a_copy_that_is_not_older_is_304_and_no_blob_is_read(site: Site, path: str) -> None:
    before = int(time.time())
    await site.store(known())
    go_on(site, 2)
    first = await site.get(path)
    modified = first.headers["last-modified"]
    assert before <= parsedate_to_datetime(modified).timestamp() <= time.time()
    lose_blobs(site)
    for given in (modified, formatdate(time.time() + 60, usegmt=True)):
        again = await site.get(path, **{"If-Modified-Since": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert (await site.get(path, **{"If-None-Match": first.headers["etag"]})).status_code == 304
    assert site.audit()[-1]["outcome"] == "NotModified"


@pytest.mark.parametrize("path", READS)
async def test_an_older_copy_and_a_date_that_is_none_give_the_whole(site: Site, path: str) -> None:
    await site.store(known())
    go_on(site, 2)
    for given in (formatdate(time.time() - 3600, usegmt=True), "yesterday", "", "Thu, 99 Foo 2024 10:00:00 GMT"):
        assert (await site.get(path, **{"If-Modified-Since": given})).status_code == 200, given


async def test_the_entity_tag_wins_over_the_date(site: Site) -> None:
    await site.store(known())
    headers = {"If-None-Match": '"other"', "If-Modified-Since": formatdate(time.time() + 60, usegmt=True)}
    assert (await site.get(PATH, **headers)).status_code == 200


async def test_within_its_second_a_change_has_no_date_yet(site: Site) -> None:
    """What follows in the same second would bear the same date, and be taken for what is there already."""
    service = site.app.state.service
    site.app.state.service = replace(service, archive=replace(service.archive, now=lambda: 1_700_000_000.2))
    await site.store(known())
    assert "last-modified" not in (await site.get(PATH)).headers
    go_on(site, 1)
    assert (await site.get(PATH)).headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"


async def test_r22_a_deletion_changes_the_date_of_what_it_was_taken_from(site: Site) -> None:
    other = instance(study_uid=S, series_uid=E)
    await site.store(known(), other)
    go_on(site, 2)
    before = (await site.get(f"/studies/{S}/series/{E}")).headers["last-modified"]
    time.sleep(1.1)  # the index has a clock of its own
    await site.http.delete(PATH)
    go_on(site, 2)
    answer = await site.get(f"/studies/{S}/series/{E}", **{"If-Modified-Since": before})
    assert answer.status_code == 200
    assert parsedate_to_datetime(answer.headers["last-modified"]) > parsedate_to_datetime(before)


@pytest.mark.parametrize("path", READS)
async def test_r3_what_was_deleted_is_404_by_default(site: Site, path: str) -> None:
    await site.store(known())
    await site.http.delete(f"/studies/{S}")
    assert (await site.get(path)).status_code == 404


@pytest.mark.parametrize("path", READS)
async def test_r3_what_was_deleted_is_410_by_setting(gone_site: Site, path: str) -> None:
    await gone_site.store(known())
    await gone_site.http.delete(f"/studies/{S}")
    answer = await gone_site.get(path)
    assert answer.status_code == 410
    assert answer.json()["code"] == "gone"
    assert (await gone_site.get(f"/studies/9.9{path.removeprefix(f'/studies/{S}')}")).status_code == 404, "never there"


async def test_what_is_stored_again_is_there_again(gone_site: Site) -> None:
    await gone_site.store(known())
    await gone_site.http.delete(PATH)
    await gone_site.store(known())
    assert (await gone_site.get(PATH)).status_code == 200


async def test_what_the_caller_could_not_have_seen_is_404(gone_site: Site) -> None:
    class OthersOnly:
        async def grant(self, caller: Caller, action: Action) -> Access:
            return Access(frozenset({Uid("9.9")}))

    await gone_site.store(known())
    await gone_site.http.delete(PATH)
    service = gone_site.app.state.service
    gone_site.app.state.service = replace(service, archive=replace(service.archive, policy=OthersOnly()))
    assert (await gone_site.get(PATH)).status_code == 404
