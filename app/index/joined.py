"""Equal reads at one time are one read, for those whose outcome no commit can change. Must not know: what is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Joined(Generic[T]):
    """What is being read now. Used in the event loop only; a read ends by itself soon, whoever still waits for it."""

    def __init__(self) -> None:
        self._reading: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What `read` gives, or raises, to everybody who asks for this key meanwhile."""
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.ensure_future(_awaited(read))
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def _end(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._reading[key]
        if not task.cancelled():
            task.exception()  # seen, also where everybody has gone


async def _awaited(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
