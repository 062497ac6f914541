"""What was derived of stored instances, kept on the local disk for a while (`ports.Derived`, ADR 0009).

A cache: it may lose anything at any time, so nothing is flushed, a file that cannot be read or written is as good as none, and a full disk
means that nothing is kept. Several server processes may share the folder; each trims it when it has written enough.

Must not know: DICOM, how a form is made, HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from app.errors import Unavailable
from app.storage.derived_files import forgotten, kept, taken, trimmed
from app.storage.flights import Flights

T = TypeVar("T")

_THREADS = 8
_SHARE = 16
"""One sixteenth of the bound: what this process writes before it looks at the folder again; so much may be there too much."""

Exists = Callable[[str], Awaitable[bool]]
Forget = Callable[[Iterable[str]], Awaitable[None]]


class LocalDerived:
    """`ports.Derived` in the folder `root`, of about `most` bytes (0: nothing is kept).

    `exists` tells whether the blob under a key is still there. It is asked after a form was put in its place; and `forget` comes after
    the blob was deleted: so either the one or the other finds the form, whichever of several processes they run in. `also` forgets what
    else is derived of these blobs: volumes.
    """

    def __init__(self, root: Path, most: int, exists: Exists, also: Forget | None = None) -> None:
        self._also = also
        self._root = root.absolute()
        self._most = most
        self._exists = exists
        self._flights = Flights()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="derived")
        self._known = 0
        self._written = 0
        self._trimming: asyncio.Future[int] | None = None

    async def made(self, key: str, form: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        async def found() -> bytes:
            body = await self._taken(key, form)
            if body is None:
                body = await make()
                await self._keep(key, form, body)
            return body

        return await self._flights.join((key, form), found)

    async def forget(self, keys: Iterable[str]) -> None:
        gone = list(keys)
        await self._forgotten(gone)
        if self._also is not None:
            await self._also(gone)

    async def _forgotten(self, keys: Iterable[str]) -> None:
        def all_of_them() -> None:
            for key in keys:
                forgotten(self._root, key)

        try:
            await self._run(all_of_them)
        except OSError as error:
            raise Unavailable(
                "What was derived of deleted instances cannot be removed; the cache's folder needs this user as owner"
            ) from error

    async def close(self) -> None:
        await self._flights.close()
        if self._trimming is not None:
            await self._trimming
        self._threads.shutdown(wait=True)

    def trim(self) -> None:
        """Bring the folder below its bound, in the background."""
        if self._trimming is None or self._trimming.done():
            self._trimming = asyncio.ensure_future(self._trimmed())

    async def _trimmed(self) -> int:
        while True:
            self._written = 0
            try:
                self._known = await self._run(trimmed, self._root, self._most)
            except OSError:
                break
            # What was kept meanwhile may be too much again, and perhaps nobody comes any more who would notice.
            if self._known + self._written <= self._most:
                break
        return self._known

    async def _taken(self, key: str, form: str) -> bytes | None:
        if not self._most:
            return None
        try:
            return await self._run(taken, self._root, key, form)
        except OSError:
            return None

    async def _keep(self, key: str, form: str, body: bytes) -> None:
        if len(body) * 4 > self._most:
            return  # it would drive out everything else
        try:
            self._written += await self._run(kept, self._root, key, form, body)
        except OSError:
            return
        if not await self._is_there(key):
            await self._forgotten([key])
        elif self._known + self._written > self._most or self._written > self._most // _SHARE:
            self.trim()

    async def _is_there(self, key: str) -> bool:
        try:
            return await self._exists(key)
        except Unavailable:
            return False

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
