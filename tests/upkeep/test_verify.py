"""Verify finds what is missing, damaged or left over, and nothing else; sweeping removes left-overs only."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.model import Access, Caller, Target
from app.ports import Archive
from app.settings import Settings
from app.studies.delete import delete
from app.studies.inspection import Finding, Problem
from app.studies.purge import purge
from app.studies.verify import Checked, sweep, verify
from tests.builders import instance
from tests.upkeep.conftest import Storing, spoil


def file_of(settings: Settings, key: str) -> Path:
    return settings.data_dir / "blobs" / key


async def findings(archive: Archive, *, digests: bool = True, grace: float = 0) -> list[tuple[Problem, str]]:
    found = [item async for item in verify(archive, digests=digests, grace=grace)]
    return [(item.problem, item.key) for item in found if isinstance(item, Finding)]


async def orphan(archive: Archive) -> str:
    async def body() -> AsyncIterator[bytes]:
        yield b"left over"

    key = archive.new_key()
    await archive.blobs.put(key, body())
    return key


async def test_a_sound_archive_has_no_findings_and_every_instance_is_checked(archive: Archive, storing: Storing) -> None:
    records = [await storing(archive, instance()) for _ in range(20)]
    found = [item async for item in verify(archive, digests=True, grace=0)]
    assert {item.target for item in found if isinstance(item, Checked)} == {record.target for record in records}
    assert len(found) == 20


async def test_a_blob_that_is_gone_is_missing(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    await storing(archive, instance())
    await archive.blobs.delete(record.blob.key)
    assert await findings(archive) == [(Problem.MISSING, record.blob.key)]


async def test_a_blob_with_one_other_byte_is_damaged_and_only_its_digest_tells(
    archive: Archive, settings: Settings, storing: Storing
) -> None:
    record = await storing(archive, instance())
    path = file_of(settings, record.blob.key)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    assert await findings(archive) == [(Problem.DAMAGED, record.blob.key)]
    assert await findings(archive, digests=False) == []


async def test_a_blob_that_was_cut_is_damaged_without_reading_it(archive: Archive, settings: Settings, storing: Storing) -> None:
    record = await storing(archive, instance())
    path = file_of(settings, record.blob.key)
    path.write_bytes(path.read_bytes()[:-10])
    assert await findings(archive, digests=False) == [(Problem.DAMAGED, record.blob.key)]


async def test_bytes_without_a_row_are_an_orphan_once_the_grace_time_is_over(archive: Archive, storing: Storing) -> None:
    await storing(archive, instance())
    key = await orphan(archive)
    assert await findings(archive, grace=3600) == []
    assert await findings(archive) == [(Problem.ORPHAN, key)]


async def test_sweeping_removes_orphans_and_keeps_instances(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    key = await orphan(archive)
    assert await sweep(archive, [key]) == 1
    assert await findings(archive) == []
    assert (await archive.blobs.stat(record.blob.key)).size == record.blob.size


async def test_a_deletion_that_was_cut_short_is_no_finding_and_its_bytes_are_purged_in_time(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    await archive.index.remove(Target(record.study_uid), access=Access())
    assert record.blob.key in await archive.index.unused()
    assert await findings(archive) == []
    assert await sweep(archive, [record.blob.key]) == 0, "deleted bytes are kept for a while"
    assert [count async for count in purge(archive, kept_before=archive.now(), spare_before=0)] == [1]
    assert await archive.index.unused() == []
    assert [blob async for blob in archive.blobs.list("")] == []


async def test_what_is_deleted_while_verify_runs_is_no_finding(archive: Archive, storing: Storing) -> None:
    records = [await storing(archive, instance()) for _ in range(30)]
    found = aiter(verify(archive, digests=False, grace=0))
    first = await anext(found)
    for record in records:
        if record.target != first.target:
            await delete(archive, Caller("test"), record.target)
    assert [item async for item in found if isinstance(item, Finding)] == []


async def test_a_blob_that_the_disk_cannot_read_is_damaged_and_the_others_are_still_checked(
    archive: Archive, storing: Storing, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await storing(archive, instance(rows=30, columns=30))
    for _ in range(10):
        await storing(archive, instance())
    spoil(monkeypatch, bad.blob.size)
    found = [item async for item in verify(archive, digests=True, grace=0)]
    assert [(item.problem, item.key) for item in found if isinstance(item, Finding)] == [(Problem.DAMAGED, bad.blob.key)]
    assert len([item for item in found if isinstance(item, Checked)]) == 11


async def test_a_web_sibling_that_is_gone_or_cut_is_told_under_its_own_key(archive: Archive, settings: Settings, storing: Storing) -> None:
    gone, cut = [await storing(archive, instance(transfer_syntax=ExplicitVRBigEndian, rows=20, columns=20)) for _ in range(2)]
    assert gone.form.key != gone.blob.key
    await archive.blobs.delete(gone.form.key)
    path = file_of(settings, cut.form.key)
    path.write_bytes(path.read_bytes()[:-10])
    assert set(await findings(archive)) == {(Problem.MISSING, gone.form.key), (Problem.DAMAGED, cut.form.key)}
