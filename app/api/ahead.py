"""Parts that are made when they are sent, begun a few before their turn: workers draw while the network carries what they have drawn.

However many parts an answer has, no more than AHEAD of them stand in memory. What was begun is given up when the answer breaks off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from app.errors import Busy
from app.studies.answers import Part

AHEAD = 3
PATIENCE = 60.0
"""Seconds for which a full queue is waited for once an answer has begun: it cannot be refused any more."""

PAUSE = 0.1


async def bodies(parts: Sequence[Part]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The chunks of each part, in order; each has to be read before the next one is taken."""
    begun: dict[int, asyncio.Task[bytes]] = {}
    try:
        for at, part in enumerate(parts):
            for near in range(at, min(at + AHEAD, len(parts))):
                if parts[near].made and near not in begun:
                    begun[near] = asyncio.create_task(_made(parts[near], patient=near > 0))
            yield _given(begun[at]) if at in begun else part.body()
            begun.pop(at, None)
    finally:
        for task in begun.values():
            task.cancel()
        await asyncio.gather(*begun.values(), return_exceptions=True)


async def whole(part: Part) -> bytes:
    """The bytes of a part that is made."""
    return b"".join([chunk async for chunk in part.body()])


async def once(body: bytes) -> AsyncIterator[bytes]:
    """Bytes that are there already, as chunks."""
    yield body


async def _made(part: Part, *, patient: bool) -> bytes:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        try:
            return await whole(part)
        except Busy:
            if not patient or loop.time() > deadline:
                raise
        await asyncio.sleep(PAUSE)


async def _given(task: asyncio.Task[bytes]) -> AsyncIterator[bytes]:
    yield await task
