from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from app.errors import Unavailable
from app.index import SqlIndex, migrate, open_index
from app.index.database import Database
from tests.contract.index import ALL, REFUSE, WritingContract, outcomes, target, uids
from tests.contract.index_feed import FollowingContract, WebhooksContract
from tests.contract.index_reading import ReadingContract
from tests.contract.index_searching import SearchingContract
from tests.contract.records import record
from tests.services.postgres import Server, running

EMPTY = "TRUNCATE study, series, instance, instance_document, attribute_value, change, unused_blob, filled_key RESTART IDENTITY"
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture(scope="session")
def postgres_schema(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        migrate(url)
        yield url


@pytest.fixture
def empty_postgres(postgres_schema: str) -> str:
    with psycopg.connect(postgres_schema, autocommit=True) as connection:
        connection.execute(EMPTY)
    return postgres_schema


class TestPostgresIndex(WritingContract, FollowingContract, WebhooksContract, ReadingContract, SearchingContract):
    @pytest.fixture
    def url(self, empty_postgres: str) -> str:
        return empty_postgres


@pytest.fixture
async def index(empty_postgres: str) -> AsyncIterator[SqlIndex]:
    index = open_index(empty_postgres, create=False)
    yield index
    await index.close()


async def test_connections_that_died_are_replaced_unnoticed(index: SqlIndex, empty_postgres: str) -> None:
    await index.add([record("1", "1.1", "1.1.1")], REFUSE)
    assert await uids(index, target()) == ["1.1.1"]
    with psycopg.connect(empty_postgres, autocommit=True) as connection:
        connection.execute(KILL)
    assert await uids(index, target()) == ["1.1.1"]
    assert outcomes(await index.add([record("2", "2.1", "2.1.1")], REFUSE)) == ["stored"]


async def test_commits_wait_for_the_disk(empty_postgres: str) -> None:
    database = Database(empty_postgres)
    assert await database.write(lambda c: c.exec_driver_sql("SHOW synchronous_commit").scalar()) == "on"
    await database.close()


async def test_a_lock_that_is_held_too_long_is_unavailable_and_reads_go_on(empty_postgres: str) -> None:
    index = SqlIndex(Database(empty_postgres, patience=0.4), lambda: 1.0)
    await index.add([record("1", "1.1", "1.1.1")], REFUSE)
    with psycopg.connect(empty_postgres) as other:
        other.execute("SELECT * FROM study FOR UPDATE")
        with pytest.raises(Unavailable) as refused:
            await index.add([record("1", "1.1", "1.1.2")], REFUSE)
        assert await uids(index, target()) == ["1.1.1"]
    assert "study" not in refused.value.detail
    assert outcomes(await index.add([record("1", "1.1", "1.1.2")], REFUSE)) == ["stored"]
    await index.close()


async def test_a_server_that_went_away_is_unavailable_within_ten_seconds() -> None:
    with running() as server:
        index = open_index(server.url("postgres"))
        await index.add([record("1", "1.1", "1.1.1")], REFUSE)
        await index.check()
    began = time.monotonic()
    for attempt in (index.check(), index.changes(0, 1, access=ALL), index.add([record("1", "1.1", "1.1.2")], REFUSE)):
        with pytest.raises(Unavailable) as told:
            await attempt
        assert "127.0.0.1" not in told.value.detail
    assert time.monotonic() - began < 10
    with pytest.raises(Unavailable):
        open_index(server.url("postgres"))
    await index.close()
