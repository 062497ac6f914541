"""Delete: 204, gone everywhere at once, audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.model import Access, Target
from tests.api.conftest import Site
from tests.api.test_store import blobs, purge_now, uids
from tests.builders import instance, study


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_what_is_deleted_is_gone_everywhere_and_the_rest_stays(site: Site, depth: int) -> None:
    parts = study(series=2, instances=2)
    other = instance()
    await site.store(*parts, other)
    study_uid, series_uid, instance_uid = uids(parts[0])
    path = "".join([f"/studies/{study_uid}", f"/series/{series_uid}", f"/instances/{instance_uid}"][:depth])
    left = {1: 1, 2: 3, 3: 4}[depth]
    assert (await site.http.delete(path)).status_code == 204
    for suffix in ("", "/metadata"):
        assert (await site.get(path + suffix)).status_code == 404
    one = f"/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}"
    for suffix in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
        assert (await site.get(one + suffix)).status_code == 404
    assert len(await site.objects("/instances")) == left
    assert len(blobs(site)) == 5, "deleted bytes are kept for a while, out of reach"
    await purge_now(site)
    assert len(blobs(site)) == left
    assert (await site.http.delete(path)).status_code == 404


async def test_a_deleted_instance_can_be_stored_again(site: Site) -> None:
    one = instance()
    await site.store(one)
    await site.http.delete("/studies/" + uids(one)[0])
    assert (await site.store(one)).status_code == 200
    assert len(await site.objects("/studies")) == 1


async def test_a_rewritten_instance_leaves_no_blob_behind(site: Site) -> None:
    one = instance(transfer_syntax="1.2.840.10008.1.2.2")
    await site.store(one)
    assert len(blobs(site)) == 2
    await site.http.delete("/studies/" + uids(one)[0])
    await purge_now(site)
    assert blobs(site) == []


async def test_every_transaction_leaves_one_audit_record_also_a_refusal(site: Site) -> None:
    one = instance()
    study_uid, series_uid, instance_uid = uids(one)
    path = f"/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}"
    await site.store(one)
    await site.get("/studies?PatientID=A")
    await site.get(path)
    await site.get(path + "/metadata")
    await site.get(path + "/frames/1")
    await site.get("/studies/9.9.9")
    await site.http.delete(path)
    trail = site.audit()
    assert [(entry["action"], entry["outcome"]) for entry in trail] == [
        ("store", "success"),
        ("search", "success"),
        ("retrieve", "success"),
        ("retrieve", "success"),
        ("retrieve", "success"),
        ("retrieve", "NotFound"),
        ("delete", "success"),
    ]
    assert all(entry["request_id"] for entry in trail)


async def test_what_was_derived_of_it_goes_with_it(site: Site) -> None:
    one, other = instance(), instance()
    await site.store(one, other)
    await _derive(site)
    assert len(derived(site)) == 2
    await site.http.delete("/studies/" + uids(one)[0])
    assert len(derived(site)) == 1


async def test_what_was_derived_of_a_replaced_instance_goes_with_it(replacing_site: Site) -> None:
    known = {"study_uid": "1.2", "series_uid": "1.3", "instance_uid": "1.4"}
    await replacing_site.store(instance(**known))
    await _derive(replacing_site)
    assert len(derived(replacing_site)) == 1
    await replacing_site.store(instance(**known, rows=9))
    assert derived(replacing_site) == []


async def _derive(site: Site) -> None:
    archive = site.app.state.service.archive

    async def make() -> bytes:
        return b"derived"

    async for record in archive.index.locate(Target(), access=Access()):
        await archive.derived.made(record.blob.key, "a form", make)


def derived(site: Site) -> list[Path]:
    """The files of the cache."""
    return [path for path in site.settings.cache_dir.rglob("*") if path.is_file()]
