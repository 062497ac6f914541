"""The write order (D1): whatever the moment of a power cut, what the index knows has its bytes on the disk, and 200 comes after both."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRBigEndian

from app.errors import Unavailable
from app.index.database import Database
from app.main import build_archive
from app.model import Access, Target
from app.ports import Archive
from app.settings import Settings, load_settings
from app.storage.local import LocalStore
from app.studies.store import StoreAnswer
from app.studies.writing import blob_keys
from tests.builders import instance, study
from tests.services.postgres import Server
from tests.upkeep.power import Disk
from tests.upkeep.test_failing import sent


async def blobs_of(archive: Archive) -> list[str]:
    return [key async for record in archive.index.locate(Target(), access=Access()) for key in blob_keys(record)]


@pytest.mark.parametrize("memory", [0, 64 * 1024**2], ids=["adopted", "put"])
async def test_bytes_are_on_the_disk_before_the_index_hears_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    settings = load_settings(storage={"data_dir": tmp_path / "data", "spool_memory": memory})
    disk = Disk(tmp_path)
    disk.watch(monkeypatch)
    async with build_archive(settings) as archive:
        intact = Database.write
        seen: list[bool] = []

        async def write(self: Database, work: Any, **keywords: Any) -> Any:
            # What lies at its place now is what the rows of this transaction will name.
            seen.extend(disk.holds(path) for path in (settings.data_dir / "blobs" / "instances").rglob("*") if path.is_file())
            return await intact(self, work, **keywords)

        monkeypatch.setattr(Database, "write", write)
        parts = [*study(series=1, instances=10), instance(transfer_syntax=ExplicitVRBigEndian, rows=40, columns=40)]
        await sent(archive, instance())
        before = disk.flushes
        answer = await sent(archive, *parts)
        assert len(answer.stored) == 11
        keys = await blobs_of(archive)
        assert len(keys) == 13
        assert len(seen) >= 12
        assert all(seen), seen
        assert all(disk.holds(settings.data_dir / "blobs" / key) for key in keys)
        # Twelve files and one folder; some more if a new one was begun just now.
        assert disk.flushes - before <= 12 + 6


async def test_the_watch_sees_a_folder_that_was_not_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path)
    disk.watch(monkeypatch)
    store = LocalStore(tmp_path / "blobs")

    async def body() -> Any:
        yield b"bytes"

    key = "instances/018f0/000/018f00000000-0123456789abcdef"
    await store.put_unsettled(key, body())
    assert not disk.holds(tmp_path / "blobs" / key)
    await store.settle([key])
    assert disk.holds(tmp_path / "blobs" / key)
    await store.close()


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
async def test_a_step_of_the_disk_that_fails_leaves_nothing_and_is_told(
    archive: Archive, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Every call of this kind fails in turn: the instance is refused or stored, never acknowledged without its bytes."""
    content = instance(rows=100, columns=100)
    for turn in range(1, 60):
        answer, failures = await _with_fault(archive, monkeypatch, step, turn, content)
        kept = await blobs_of(archive)
        assert all([(await archive.blobs.stat(key)).size for key in kept])
        if answer is not None and answer.stored:
            assert kept
        if not failures:
            return
    pytest.fail("the step never succeeded")


async def _with_fault(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, step: str, turn: int, content: bytes
) -> tuple[StoreAnswer | None, int]:
    real, calls, failures = getattr(os, step), 0, 0

    def failing(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls, failures
        place = str(arguments[0]) if isinstance(arguments[0], (str, Path)) else os.readlink(f"/proc/self/fd/{arguments[0]}")
        if "/blobs" in place:
            calls += 1
            if calls == turn:
                failures += 1
                raise OSError(errno.EIO, "planted")
        return real(*arguments, **keywords)

    with monkeypatch.context() as planted:
        planted.setattr(os, step, failing)
        try:
            return await sent(archive, content), failures
        except Unavailable:
            return None, failures


async def test_sqlite_flushes_its_log_at_each_commit(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/index.db")

    def pragmas(connection: Any) -> Sequence[Any]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert await database.write(pragmas) == ["wal", 2]
    await database.close()


async def test_postgresql_waits_for_its_log_at_each_commit_whatever_its_default_is(postgres: Server) -> None:
    with postgres.database() as url:
        database = Database(url)
        await database.write(lambda c: c.exec_driver_sql(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = off'))
        await database.close()
        database = Database(url)
        assert await database.write(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar()) == "on"
        await database.close()
