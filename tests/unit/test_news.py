"""Waiting for changes: everybody is woken, nobody looks for himself, and nobody looks while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.errors import Unavailable
from app.events.news import Watcher

LONG = 30.0


class Rows:
    """A table that only grows; `away` while it cannot be read."""

    def __init__(self) -> None:
        self.count = 0
        self.away = False

    async def newest(self) -> int:
        if self.away:
            raise Unavailable("away")
        return self.count


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
async def watcher(rows: Rows) -> AsyncIterator[Watcher]:
    watcher = Watcher(rows.newest, every=0.01)
    yield watcher
    await watcher.close()


async def test_what_is_there_already_is_told_at_once(rows: Rows, watcher: Watcher) -> None:
    rows.count = 3
    assert await watcher.beyond(2, LONG) == 3


async def test_nothing_new_is_told_when_the_time_is_over(rows: Rows, watcher: Watcher) -> None:
    rows.count = 3
    assert await watcher.beyond(3, 0.05) == 3


async def test_everybody_is_woken_by_one_look(rows: Rows, watcher: Watcher) -> None:
    waiting = [asyncio.create_task(watcher.beyond(0, LONG)) for _ in range(50)]
    await asyncio.sleep(0.05)
    before = watcher.looks
    rows.count = 1
    assert await asyncio.gather(*waiting) == [1] * 50
    assert watcher.looks - before < 50


async def test_nobody_looks_while_nobody_waits(rows: Rows, watcher: Watcher) -> None:
    await watcher.beyond(0, 0.02)
    await asyncio.sleep(0.05)
    before = watcher.looks
    await asyncio.sleep(0.1)
    assert watcher.looks == before


async def test_a_database_that_is_away_is_waited_for(rows: Rows, watcher: Watcher) -> None:
    rows.away = True
    waiting = asyncio.create_task(watcher.beyond(0, LONG))
    await asyncio.sleep(0.05)
    rows.away, rows.count = False, 1
    assert await waiting == 1


async def test_the_end_wakes_everybody_and_nobody_waits_after_it(watcher: Watcher) -> None:
    waiting = [asyncio.create_task(watcher.beyond(0, LONG)) for _ in range(3)]
    await asyncio.sleep(0.05)
    watcher.end()
    assert await asyncio.gather(*waiting) == [0, 0, 0]
    assert await watcher.beyond(0, LONG) == 0
