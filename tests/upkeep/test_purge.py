"""Deleted is gone for everyone at once; its bytes stay for a while, come back on demand, and are purged in the end, all of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.cli.reindex import received_at as received
from app.dicomweb.media_types import DICOM
from app.errors import NotFound, Unavailable
from app.main import build_archive
from app.model import DELETIONS, Access, Caller, ConflictRule, InstanceRecord, Target, Uid
from app.ports import Archive
from app.settings import Settings, load_settings
from app.studies.answers import Wanted
from app.studies.background import House, purge_once
from app.studies.delete import delete
from app.studies.purge import READERS, purge, record_deletions, recorded
from app.studies.reindex import reindex
from app.studies.retrieve import retrieve
from app.studies.undelete import restorable, undelete
from app.studies.verify import Checked, sweep, verify
from app.studies.writing import indexed, keep
from tests.builders import instance, study
from tests.upkeep.conftest import Storing
from tests.upkeep.test_failing import AwayStore, blobs, in_use, sent

CALLER = Caller("test")


async def purged(archive: Archive, *, kept_before: float | None = None) -> int:
    moment = archive.now() if kept_before is None else kept_before
    return sum([count async for count in purge(archive, kept_before=moment, spare_before=moment)])


async def whole(archive: Archive, target: Target) -> bytes:
    answer = await retrieve(archive, CALLER, target, Wanted(accept=f"{DICOM}; transfer-syntax=*"))
    return b"".join([chunk async for chunk in answer.parts[0].body()])


async def findings(archive: Archive) -> list[object]:
    return [item async for item in verify(archive, digests=True, grace=0) if not isinstance(item, Checked)]


async def test_deleted_bytes_survive_out_of_reach_until_they_are_purged(archive: Archive, storing: Storing) -> None:
    records = [await storing(archive, content) for content in study(series=2, instances=3)]
    await delete(archive, CALLER, Target(records[0].study_uid))
    with pytest.raises(NotFound):
        await whole(archive, records[0].target)
    assert [(await archive.blobs.stat(record.blob.key)).size for record in records]
    assert await findings(archive) == []
    assert await purged(archive, kept_before=archive.now() - 60) == 0
    assert await purged(archive) == 6
    assert await blobs(archive) == set(), "neither bytes nor the record of the deletion are left"
    assert await archive.index.unused() == []


async def test_what_was_found_before_a_deletion_is_read_to_its_end(archive: Archive, storing: Storing) -> None:
    content = instance(rows=900, columns=900)
    record = await storing(archive, content)
    answer = await retrieve(archive, CALLER, record.target, Wanted(accept=f"{DICOM}; transfer-syntax=*"))
    await delete(archive, CALLER, record.target)
    assert await purge_once(archive, House(kept=0, rate=0)) == 0, "an hour at least, whatever the setting"
    assert b"".join([chunk async for chunk in answer.parts[0].body()]) == content


async def test_the_server_purges_what_is_due(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    await delete(archive, CALLER, record.target)
    later = replace(archive, now=lambda: archive.now() + READERS + 1)
    assert await purge_once(later, House(kept=3 * READERS, rate=0)) == 0
    assert await purge_once(later, House(kept=0, rate=0)) == 1
    assert await blobs(archive) == set()


async def test_a_deletion_is_taken_back_byte_for_byte(archive: Archive, storing: Storing) -> None:
    contents = [*study(series=2, instances=2), instance(transfer_syntax=ExplicitVRBigEndian)]
    records = [await storing(archive, content) for content in contents]
    for uid in {record.study_uid for record in records}:
        await delete(archive, CALLER, Target(uid))
    assert {item.target for item in await restorable(archive, CALLER, Target())} == {record.target for record in records}
    told = await undelete(archive, CALLER, Target(records[0].study_uid))
    assert [item.refusal for item in told] == [""] * 4
    assert [await whole(archive, record.target) for record in records[:4]] == contents[:4]
    assert [item.target for item in await restorable(archive, CALLER, Target())] == [records[4].target]
    await purged(archive)
    assert await findings(archive) == []
    assert [await whole(archive, record.target) for record in records[:4]] == contents[:4]
    with pytest.raises(NotFound):
        await undelete(archive, CALLER, Target(records[4].study_uid))


async def test_what_was_stored_again_is_not_restored_and_what_is_damaged_is_told(
    archive: Archive, settings: Settings, storing: Storing
) -> None:
    content = instance()
    record, other = await storing(archive, content), await storing(archive, instance())
    for one in (record, other):
        await delete(archive, CALLER, one.target)
    await storing(archive, content)
    path = settings.data_dir / "blobs" / other.blob.key
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    assert [item.target for item in await restorable(archive, CALLER, Target())] == [other.target]
    (told,) = await undelete(archive, CALLER, Target(other.study_uid))
    assert told.refusal == "Its stored data is damaged"
    assert await in_use(archive) == {r.blob.key async for r in archive.index.locate(record.target, access=Access())}


async def test_who_may_not_see_a_study_can_not_restore_it(archive: Archive, storing: Storing) -> None:
    record = await storing(archive, instance())
    await delete(archive, CALLER, record.target)
    assert await archive.upkeep.deleted(Target(), access=Access(frozenset([Uid("1.2.3")]))) == []


async def test_what_was_deleted_or_replaced_does_not_come_back_from_the_blobs(
    archive: Archive, settings: Settings, storing: Storing, tmp_path: Path
) -> None:
    kept, gone = await storing(archive, instance()), await storing(archive, instance())
    replacing = replace(archive, on_conflict=ConflictRule.REPLACE)
    uids = {"study_uid": "1.2", "series_uid": "1.3", "instance_uid": "1.4"}
    await sent(replacing, instance(**uids))
    await sent(replacing, instance(**uids, rows=9))
    await delete(archive, CALLER, gone.target)
    await record_deletions(archive)
    elsewhere = load_settings(storage={"data_dir": settings.data_dir}, database={"url": f"sqlite:///{tmp_path}/new.sqlite3"})
    async with build_archive(elsewhere) as renewed:
        assert [item.refusal async for item in reindex(renewed, received)] == ["", ""]
        assert {record.target async for record in renewed.index.locate(Target(), access=Access())} == {
            kept.target,
            Target(Uid("1.2"), Uid("1.3"), Uid("1.4")),
        }
        assert await in_use(renewed) == await in_use(archive)


async def test_a_deletion_while_the_store_is_away_is_done_and_recorded_later(
    archive: Archive, settings: Settings, storing: Storing
) -> None:
    class Away(AwayStore):
        async def put_unsettled(self, key: str, body: object) -> object:  # type: ignore[override]
            raise Unavailable("The volume is away")

    record = await storing(archive, instance())
    away = replace(archive, blobs=Away(settings.data_dir / "blobs"))
    assert await delete(away, CALLER, record.target) == 1
    await away.blobs.close()
    assert await recorded(archive) == set()
    await record_deletions(archive)
    assert await recorded(archive) == {record.blob.key}


async def test_a_purge_that_was_cut_short_is_finished_by_the_next(archive: Archive, storing: Storing) -> None:
    records = [await storing(archive, instance()) for _ in range(3)]
    for record in records:
        await delete(archive, CALLER, record.target)
    claimed = await archive.upkeep.claim(archive.now(), 0, 2)
    await archive.blobs.delete(claimed[0])
    assert await purged(archive, kept_before=0) == 2
    assert len(await archive.index.unused()) == 1
    assert len([marker async for marker in archive.blobs.list(DELETIONS)]) == 1


async def test_a_store_that_waits_longer_than_the_grace_time_is_told_so_and_leaves_no_row_without_bytes(archive: Archive) -> None:
    spool = archive.spool()
    spool.write(instance())
    record = await keep(archive, spool)
    spool.close()
    assert isinstance(record, InstanceRecord)
    assert await sweep(archive, [record.blob.key]) == 1
    with pytest.raises(Unavailable):
        await indexed(archive, [record])
    assert await in_use(archive) == set()
    assert await findings(archive) == []
    assert await purged(archive) == 1
    assert await archive.index.unused() == []


async def test_purging_and_sweeping_beside_stores_lose_nothing(archive: Archive) -> None:
    over = asyncio.Event()

    async def upkeep() -> None:
        while not over.is_set():
            found = [item async for item in verify(archive, digests=False, grace=0) if not isinstance(item, Checked)]
            del found
            await purged(archive)

    task = asyncio.create_task(upkeep())
    contents = [instance() for _ in range(40)]
    for content in contents:
        await sent(archive, content)
        await sent(archive, content)
    over.set()
    await task
    assert len(await in_use(archive)) == 40
    assert await findings(archive) == []
