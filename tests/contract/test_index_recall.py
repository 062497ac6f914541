"""Answers that are kept, and reads without a thread: never older than the last commit of anybody, never wider than the caller's rights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.index import SqlIndex, migrate, open_index
from app.index.near import Near
from app.index.recall import Recall
from app.model import InstanceRecord, Level, Target
from tests.contract.index import ALL, REFUSE, REPLACE, located, only, query, target
from tests.contract.records import record

STORE = """
import asyncio, sys
from app.index import open_index
from app.model import ConflictRule
from tests.contract.records import record

async def main(url):
    index = open_index(url, create=False)
    await index.add([record("1", "1.1", "1.1.9")], ConflictRule.REFUSE)
    await index.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'index.db'}"
    migrate(made)
    return made


@pytest.fixture
async def index(url: str) -> AsyncIterator[SqlIndex]:
    opened = open_index(url)
    yield opened
    await opened.close()


async def one(index: SqlIndex, where: Target) -> InstanceRecord | None:
    return next(iter([found async for found in index.locate(where, access=ALL)]), None)


async def test_a_commit_of_this_process_is_seen_at_once(index: SqlIndex) -> None:
    for n in range(1, 4):
        await index.add([record("1", "1.1", f"1.1.{n}")], REFUSE)
        assert len((await index.search(query(Level.INSTANCE), access=ALL)).matches) == n
        assert len(await index.digests(target("1"), access=ALL)) == n


async def test_a_commit_of_another_process_is_seen_at_once(index: SqlIndex, url: str) -> None:
    await index.add([record("1", "1.1", "1.1.1")], REFUSE)
    assert len(await index.digests(target("1"), access=ALL)) == 1
    assert await one(index, target("1", "1.1", "1.1.9")) is None
    subprocess.run([sys.executable, "-c", STORE, url], check=True)
    assert len(await index.digests(target("1"), access=ALL)) == 2
    assert await one(index, target("1", "1.1", "1.1.9")) is not None


async def test_a_record_that_was_read_is_forgotten_when_it_goes_or_is_replaced(index: SqlIndex) -> None:
    where = target("1", "1.1", "1.1.1")
    await index.add([record("1", "1.1", "1.1.1", content="old")], REPLACE)
    before = await one(index, where)
    await index.add([record("1", "1.1", "1.1.1", content="new")], REPLACE)
    after = await one(index, where)
    assert before is not None
    assert after is not None
    assert before.digest != after.digest
    await index.remove(where, access=ALL)
    assert await one(index, where) is None


async def test_what_one_caller_was_shown_another_is_not(index: SqlIndex) -> None:
    await index.add([record("1", "1.1", "1.1.1"), record("2", "2.1", "2.1.1")], REFUSE)
    where = target("2", "2.1", "2.1.1")
    assert await one(index, where) is not None
    assert [found async for found in index.locate(where, access=only("1"))] == []
    assert len((await index.search(query(Level.STUDY), access=ALL)).matches) == 2
    assert len((await index.search(query(Level.STUDY), access=only("1"))).matches) == 1


async def test_a_record_read_in_the_loop_is_the_one_that_the_threads_read(index: SqlIndex, url: str) -> None:
    await index.add([record("1", "1.1", "1.1.1"), record("1", "1.1", "1.1.2")], REFUSE)
    (first, _) = await located(index, target("1", "1.1"))
    assert await one(index, first.target) == first


def test_a_file_that_cannot_be_read_gives_no_version_and_no_row(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"this is no database, and long enough to be seen as none" * 20)
    near = Near(str(tmp_path / "no.db"))
    assert near.version() is None
    assert near.one(target("1", "1.1", "1.1.1")) is None


def test_nothing_is_kept_where_nothing_tells_of_changes() -> None:
    recall = Recall(lambda: None)
    assert recall.find("a") is None
    recall.keep("a", "kept", 1)
    assert recall.find("a") is None


def test_an_answer_that_was_read_while_others_committed_is_forgotten() -> None:
    versions = iter([1, 2, 2])
    recall = Recall(lambda: next(versions))
    assert recall.find("a") is None
    recall.keep("a", "old", 1)
    assert recall.find("a") is None
    recall.keep("a", "new", 1)
    assert recall.find("a") == "new"


def test_the_least_recently_used_goes_first_and_a_large_one_is_not_kept() -> None:
    recall = Recall(lambda: 1, most_bytes=8 * 1024)
    recall.find("first")
    for name in ("first", "second", "third"):
        recall.keep(name, name, 2200)
    assert recall.find("first") == "first"
    recall.keep("fourth", "fourth", 2200)
    assert recall.find("second") is None
    assert recall.find("first") == "first"
    recall.keep("large", "large", 9 * 1024)
    assert recall.find("large") is None
