"""Turns at the work that received instances make (PS3.18 10.5): a few threads of their own, and a bound on what waits for them.

One object of half a million tiny elements is seconds of work for some megabytes sent. In the threads that everything shares, a few of those
would hold up whatever else needs one. Must not know: what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.errors import Busy

T = TypeVar("T")


class StoreTurns:
    """`waiting` bounds the pieces of work that wait while further Stores are still begun; what has begun is never turned away."""

    def __init__(self, *, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._threads = threads
        self._waiting = waiting
        self._pending = 0

    @property
    def pending(self) -> int:
        """Pieces of work that wait or are done just now."""
        return self._pending

    def ensure_room(self) -> None:
        if self._pending - self._threads > self._waiting:
            raise Busy("The server has as many instances to work on as it takes (setting store.waiting); send this again in a few seconds")

    async def work(self, make: Callable[[], T]) -> T:
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, make)
        finally:
            self._pending -= 1

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.to_thread(self._executor.shutdown)
