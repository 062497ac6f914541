"""A blob store in local files: one file for each blob, at the place that its key names.

    <root>/instances/...    the blobs (see keys.py)
    <root>/tmp/             what is being written: unfinished puts and the spools of running requests

A put writes into tmp/, flushes the file to the disk, renames it to its place and flushes the folder, in this order: after a crash
a blob is whole or absent, and what was acknowledged stays. A Store of many instances flushes their folder once (`settle`). All file calls
run in threads of the store's own, so that no slow disk holds up the event loop; a blob under 1 MiB is put, and read, in one of them.
Several processes may work on one root.

Must not know: DICOM, HTTP, the index.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from app.errors import NotFound
from app.model import Blob, Span
from app.storage.bodies import CHUNK, gathered, well_formed
from app.storage.durable import Folders, Writing, adopted, probe, stale
from app.storage.files import Reading, Resident, sorted_names, spans_of, status_of, unavailable
from app.storage.keys import ROOTS, checked, is_key

T = TypeVar("T")


class LocalStore:
    """`ports.BlobStore`, `ports.SupportsAdopt` and `ports.SupportsSettle` in the folder `root`, which is made at the first put.

    `temporary` is the folder for spools that `adopt` can take over. `threads` bounds how many file calls run at once. While the
    disk has fewer than `reserve` free bytes, nothing is put.
    """

    def __init__(self, root: Path, threads: int = 16, reserve: int = 0) -> None:
        self._root = root.absolute()
        self.temporary = self._root / "tmp"
        self._folders = Folders(self._root, reserve)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="storage")
        self._resident = Resident()

    async def put(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        blob = await self.put_unsettled(key, body)
        await self.settle([key])
        return blob

    async def put_unsettled(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        """As `put`: the bytes are on the disk when it returns, their name in the folder only after `settle`."""
        writing = Writing(self._folders, self.temporary, self._path(key))
        last = b""
        try:
            async for chunk in gathered(body, CHUNK):
                if last:
                    await self._run(writing.write, last)
                last = chunk
            size, modified = await self._run(writing.finish, last)
        except BaseException:
            await asyncio.shield(self._run(writing.discard))
            raise
        return Blob(key, size, modified)

    async def adopt(self, key: str, path: Path) -> Blob | None:
        """As `put`, by renaming the complete file at `path`. None if it lies on another file system: then use `put`."""
        blob = await self.adopt_unsettled(key, path)
        if blob is not None:
            await self.settle([key])
        return blob

    async def adopt_unsettled(self, key: str, path: Path) -> Blob | None:
        """As `adopt`, the name in the folder durable only after `settle`."""
        status = await self._run(adopted, self._folders, path, self._path(key))
        return None if status is None else Blob(key, *status)

    async def settle(self, keys: Iterable[str]) -> None:
        """Flush the folders of these keys, each once: one flush for all instances of a request."""
        await asyncio.gather(*(self._run(self._folders.flush, folder) for folder in {self._path(key).parent for key in keys}))

    async def read(self, key: str, span: Span | None = None) -> AsyncIterator[bytes]:
        if span is not None:
            well_formed([span])
            found = self._resident.spans(self._path(key), [span])
            if found is not None:
                yield found[0]
                return
        reading = Reading(self._path(key), span)
        try:
            while chunk := await self._run(reading.next):
                yield chunk
                if reading.finished:
                    break
        finally:
            reading.close()

    async def read_spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
        well_formed(spans)
        path = self._path(key)
        found = self._resident.spans(path, spans)
        return await self._run(spans_of, path, spans) if found is None else found

    async def stat(self, key: str) -> Blob:
        size, modified = await self._run(status_of, self._path(key))
        return Blob(key, size, modified)

    async def delete(self, key: str) -> None:
        await self._run(self._folders.remove, self._path(key))

    async def list(self, prefix: str) -> AsyncIterator[Blob]:
        walk = self._walk(prefix)
        while (found := await self._run(next, walk, None)) is not None:
            for blob in found:
                yield blob

    async def sweep_temporary(self, older_than: float) -> int:
        """Delete what lies in tmp/ and was last written before `older_than` (seconds since 1970): leftovers of a crash. How many."""
        return await self._run(stale, self.temporary, older_than)

    async def check(self) -> None:
        await self._run(probe, self._folders, self.temporary)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _walk(self, prefix: str) -> Iterator[Sequence[Blob]]:
        """The blobs under a prefix, one innermost folder at a time. The prefix is compared, never made into a path."""
        for root in ROOTS:
            if not _may_hold(root, prefix):
                continue
            for outer in sorted_names(self._root / root):
                if not _may_hold(f"{root}{outer}/", prefix):
                    continue
                for inner in sorted_names(self._root / root / outer):
                    folder = f"{root}{outer}/{inner}/"
                    if _may_hold(folder, prefix):
                        yield self._blobs(folder, prefix)

    def _blobs(self, folder: str, prefix: str) -> Sequence[Blob]:
        keys = (folder + name for name in sorted_names(self._root / folder))
        found: list[Blob] = []
        for key in keys:
            if key.startswith(prefix) and is_key(key):
                with suppress(NotFound):
                    found.append(Blob(key, *status_of(self._root / key)))
        return found

    async def _run(self, call: Callable[..., T], *args: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)
        except OSError as error:
            raise unavailable(error) from error


def _may_hold(folder: str, prefix: str) -> bool:
    return folder.startswith(prefix) or prefix.startswith(folder)
