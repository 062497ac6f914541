"""Waiting for changes: fulfils `feed.News` with one look at the database at a time, however many wait, and none while nobody does.

On SQLite a look is a few bytes of shared memory (`index/recall.py`), on PostgreSQL the end of one b-tree. Must not know: what has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from app.errors import Unavailable
from app.feed import News

EVERY = 0.25
"""Seconds from one look to the next: how late a change is heard of."""

AWAY = 1.0
"""The same while the database does not answer."""


class Several:
    """The news of several archives, as far as the server that is about to end speaks to them."""

    def __init__(self, watchers: Iterable[News]) -> None:
        self._watchers = list(watchers)

    def end(self) -> None:
        for watcher in self._watchers:
            watcher.end()


class Watcher:
    """One for each worker, in its event loop. `newest` is `feed.Feed.newest`."""

    def __init__(self, newest: Callable[[], Awaitable[int]], every: float = EVERY) -> None:
        self._newest = newest
        self._every = every
        self._seen = 0
        self._waiting = 0
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.ended = False
        self.looks = 0

    async def beyond(self, sequence: int, seconds: float) -> int:
        """See `feed.News`."""
        self._waiting += 1
        try:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch())
            async with asyncio.timeout(seconds):
                while self._seen <= sequence and not self.ended:
                    await self._bell.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._seen

    def end(self) -> None:
        """Whoever waits is woken, and nobody waits from now on: the server is about to end."""
        self.ended = True
        self._ring()

    async def close(self) -> None:
        self.end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while self._waiting and not self.ended:
            pause = self._every
            try:
                self.looks += 1
                newest = await self._newest()
            except Unavailable:
                pause = max(pause, AWAY)
            else:
                if newest > self._seen:
                    self._seen = newest
                    self._ring()
            await asyncio.sleep(pause)

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()
