"""A whole archive on SQLite and local files, with ways to store into it and to reach behind its back."""

import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.main import build_archive
from app.model import InstanceRecord
from app.ports import Archive
from app.settings import Settings, load_settings
from app.studies.store import commit
from app.studies.writing import keep

Storing = Callable[[Archive, bytes], Awaitable[InstanceRecord]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(storage={"data_dir": tmp_path / "data", "spool_memory": 1000})


@pytest.fixture
async def archive(settings: Settings) -> AsyncIterator[Archive]:
    settings.data_dir.mkdir()
    async with build_archive(settings) as archive:
        yield archive


@pytest.fixture
def storing() -> Storing:
    """Stores one instance; the record as it was indexed."""

    async def store(archive: Archive, content: bytes) -> InstanceRecord:
        spool = archive.spool()
        spool.write(content)
        try:
            record = await keep(archive, spool)
        finally:
            spool.close()
        assert isinstance(record, InstanceRecord)
        await commit(archive, [record])
        return record

    return store


def spoil(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """From now on the disk gives an input/output error for whatever is read of exactly this many bytes."""
    intact = os.pread

    def pread(file: int, length: int, offset: int) -> bytes:
        if length == size:
            raise OSError(errno.EIO, "bad sector")
        return intact(file, length, offset)

    monkeypatch.setattr(os, "pread", pread)
