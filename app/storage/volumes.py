"""Volumes on the local disk, for workers to read, and the pictures made of them (`ports.Volumes`): a part of the derived cache.

A cache: it may lose anything at any time. What is larger than a fourth of its bound lies there only while it is used. Several server
processes may share the folder. Must not know: DICOM, how voxels are made, HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app.errors import Unavailable
from app.ports import VoxelFile
from app.storage import volume_files
from app.storage.derived_files import trimmed
from app.storage.flights import Flights
from app.storage.volume_files import Found

T = TypeVar("T")

_THREADS = 4
NO_ROOM = "There is no room for a volume in the cache's folder, or it needs this user as owner"


class LocalVolumes:
    """`ports.Volumes` in the folder `root` of the derived cache, which is bounded to about `most` bytes in all."""

    def __init__(self, root: Path, most: int) -> None:
        self._root = root.absolute()
        self._most = most
        self._flights = Flights()
        self._users: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="volumes")

    @asynccontextmanager
    async def opened(
        self, keys: Sequence[str], form: str, length: int, build: Callable[[VoxelFile], Awaitable[bytes]]
    ) -> AsyncIterator[VoxelFile]:
        place = volume_files.folder_of(self._root, form) / volume_files.VOXELS

        async def there() -> bytes:
            found = await self._run(volume_files.voxels, self._root, form, keys, length)
            return (found or await self._built(keys, form, length, build)).facts

        self._users[form] += 1
        try:
            facts = await self._flights.join(("voxels", form), there)
            yield VoxelFile(place, volume_files.body_offset(len(keys)), facts)
        finally:
            self._users[form] -= 1
            if not self._users[form]:
                del self._users[form]
                if length * 4 > self._most:
                    await self._run(volume_files.removed, place.parent)

    async def made(self, keys: Sequence[str], form: str, picture: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        async def there() -> bytes:
            body = None
            if self._most:
                with suppress(OSError):
                    body = await self._run(volume_files.picture, self._root, form, keys, picture)
            if body is None:
                body = await make()
                if len(body) * 4 <= self._most:
                    with suppress(OSError):
                        await self._run(volume_files.keep_picture, self._root, form, keys, picture, body)
            return body

        return await self._flights.join(("picture", form, picture), there)

    async def forget(self, keys: Iterable[str]) -> None:
        try:
            await self._run(volume_files.forgotten, self._root, list(keys))
        except OSError as error:
            raise Unavailable("Volumes of deleted instances cannot be removed; the cache's folder needs this user as owner") from error

    async def close(self) -> None:
        await self._flights.close()
        self._threads.shutdown(wait=True)

    async def _built(self, keys: Sequence[str], form: str, length: int, build: Callable[[VoxelFile], Awaitable[bytes]]) -> Found:
        work = asyncio.ensure_future(self._run(volume_files.begun, self._root, keys, length))
        try:
            made = await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_given_up)  # the thread goes on, and its file would belong to nobody
            raise
        except OSError as error:
            raise Unavailable(NO_ROOM) from error
        try:
            facts = await build(VoxelFile(made.path, made.offset, b""))
            found = await self._run(volume_files.finished, self._root, form, keys, made, facts, length)
        except OSError as error:
            raise Unavailable(NO_ROOM) from error
        finally:
            # Once it has its name there is nothing left under this one.
            await self._run(partial(made.path.unlink, missing_ok=True))
        if length * 4 <= self._most:
            with suppress(OSError):
                await self._run(trimmed, self._root, self._most)
        return found

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)


def _given_up(work: asyncio.Future[Found]) -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().path.unlink(missing_ok=True)
