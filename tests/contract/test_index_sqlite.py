from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.errors import Busy, Unavailable
from app.index import SqlIndex, migrate, open_index
from app.index.database import Database
from tests.contract.index import ALL, REFUSE, WritingContract, located, outcomes, target, the_study, uids, value
from tests.contract.index_feed import FollowingContract, WebhooksContract
from tests.contract.index_reading import ReadingContract
from tests.contract.index_searching import SearchingContract
from tests.contract.records import record

ADD = """
import asyncio, sys
from app.index import open_index
from app.model import ConflictRule
from tests.contract.index_feed import FollowingContract, WebhooksContract
from tests.contract.index_reading import ReadingContract
from tests.contract.index_searching import SearchingContract
from tests.contract.records import record

async def main(url, who):
    index = open_index(url)
    for n in range(12):
        await index.add([record("1", f"1.{n % 3}", f"1.{who}.{n}")], ConflictRule.REFUSE)
    await index.close()

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def path(empty_sqlite: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_sqlite, tmp_path / "index.db"))


class TestSqliteIndex(WritingContract, FollowingContract, WebhooksContract, ReadingContract, SearchingContract):
    @pytest.fixture
    def url(self, path: Path) -> str:
        return f"sqlite:///{path}"


class TestSqliteInMemory(WritingContract, ReadingContract):
    @pytest.fixture
    async def index(self) -> AsyncIterator[SqlIndex]:
        index = open_index("sqlite://", now=lambda: 1000.5)
        yield index
        await index.close()


@pytest.fixture
async def hasty(path: Path) -> AsyncIterator[SqlIndex]:
    """An index that gives up waiting soon."""
    index = SqlIndex(Database(f"sqlite:///{path}", patience=0.3), lambda: 1.0)
    yield index
    await index.close()


async def test_a_write_that_finds_the_file_locked_is_unavailable_and_reads_go_on(path: Path, hasty: SqlIndex) -> None:
    await hasty.add([record("1", "1.1", "1.1.1")], REFUSE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused:
        await hasty.add([record("2", "2.1", "2.1.1")], REFUSE)
    assert await uids(hasty, target()) == ["1.1.1"]
    other.execute("ROLLBACK")
    other.close()
    assert outcomes(await hasty.add([record("2", "2.1", "2.1.1")], REFUSE)) == ["stored"]
    assert not any(word in refused.value.detail for word in (str(path), "INSERT", "sqlite"))


async def test_a_writer_that_waits_too_long_for_its_turn_is_told_so(path: Path) -> None:
    database = Database(f"sqlite:///{path}", patience=0.2)
    release = threading.Event()
    first = asyncio.create_task(database.write(lambda _: release.wait(10)))
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await database.write(lambda _: True)
    assert await database.read(lambda _: "reads go on") == "reads go on"
    release.set()
    assert await first
    assert await database.write(lambda _: True)
    await database.close()


async def test_a_damaged_file_is_unavailable_without_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database" * 1000)
    index = open_index(f"sqlite:///{path}", create=False)
    for attempt in (index.check(), located(index, target("1")), index.add([record("1", "1.1", "1.1.1")], REFUSE)):
        with pytest.raises(Unavailable) as told:
            await attempt
        assert "broken" not in told.value.detail
    await index.close()


async def test_a_database_without_our_schema_fails_the_check_and_says_what_to_do(tmp_path: Path) -> None:
    index = open_index(f"sqlite:///{tmp_path}/new.db", create=False)
    with pytest.raises(Unavailable, match="radiolucent migrate"):
        await index.check()
    await index.close()


async def test_a_schema_of_a_newer_release_fails_the_check(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    index = open_index(f"sqlite:///{path}", create=False)
    with pytest.raises(Unavailable, match="another version"):
        await index.check()
    await index.close()


async def test_commits_wait_for_the_disk(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    settings = ("synchronous", "journal_mode", "foreign_keys")
    found = await database.write(lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings])
    assert found == [2, "wal", 1]
    await database.close()


async def test_several_processes_start_and_store_at_once(tmp_path: Path, root: Path) -> None:
    url = f"sqlite:///{tmp_path}/fresh.db"
    workers = [subprocess.Popen([sys.executable, "-c", ADD, url, str(who)], cwd=root, stderr=subprocess.PIPE) for who in range(3)]
    for worker in workers:
        _, errors = await asyncio.to_thread(worker.communicate)
        assert worker.returncode == 0, errors.decode()
    index = open_index(url, create=False)
    await index.check()
    assert len(await uids(index, target("1"))) == 36
    study = await the_study(index, "1")
    assert value(study, "NumberOfStudyRelatedInstances") == [36]
    assert len(await index.changes(0, 100, access=ALL)) == 36
    await index.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "nonsense", "", "file:///x"])
def test_other_databases_are_refused_by_name_of_what_is_allowed(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:/// or postgresql://"):
        open_index(url)
