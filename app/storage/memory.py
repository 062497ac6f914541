"""A blob store, and a cache of derived forms, in this process's memory: for tests, for embedding, for trying things out.

Nothing outlives the process.

Must not know: DICOM, HTTP, the index.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence

from app.model import Blob, Span
from app.storage.bodies import absent, inside, promised, sliced, well_formed
from app.storage.derived import Exists, Forget
from app.storage.flights import Flights
from app.storage.keys import checked


class MemoryStore:
    """`ports.BlobStore` on a dict. `now` tells the time of writing (seconds since 1970)."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._blobs: dict[str, tuple[bytes, float]] = {}

    async def put(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        checked(key)
        data = bytearray()
        async for chunk in body:
            data += chunk
        self._blobs[key] = (bytes(data), self._now())
        return await self.stat(key)

    async def read(self, key: str, span: Span | None = None) -> AsyncIterator[bytes]:
        with promised():
            data = self._data(key)
        wanted = span or Span(0, len(data))
        well_formed([wanted])
        inside([wanted], len(data))
        for chunk in sliced(data[wanted.offset : wanted.end]):
            yield chunk

    async def read_spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
        with promised():
            data = self._data(key)
        well_formed(spans)
        inside(spans, len(data))
        return [data[span.offset : span.end] for span in spans]

    async def stat(self, key: str) -> Blob:
        data = self._data(key)
        return Blob(key, len(data), self._blobs[key][1])

    async def delete(self, key: str) -> None:
        self._blobs.pop(checked(key), None)

    async def list(self, prefix: str) -> AsyncIterator[Blob]:
        for key in sorted(key for key in self._blobs if key.startswith(prefix)):
            if key in self._blobs:
                yield await self.stat(key)

    async def check(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        self._blobs.clear()

    def _data(self, key: str) -> bytes:
        try:
            return self._blobs[checked(key)][0]
        except KeyError:
            raise absent() from None


class MemoryDerived:
    """`ports.Derived` of at most `most` bytes. `exists` and `also` as in `LocalDerived`."""

    def __init__(self, most: int, exists: Exists, also: Forget | None = None) -> None:
        self._also = also
        self._most = most
        self._exists = exists
        self._flights = Flights()
        self._bodies: dict[tuple[str, str], bytes] = {}
        self._total = 0

    async def made(self, key: str, form: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        async def found() -> bytes:
            body = self._pop((key, form))
            if body is None:
                body = await make()
                if len(body) * 4 > self._most or not await self._exists(key):
                    return body
            self._bodies[key, form] = body  # the last one used stands last
            self._total += len(body)
            while self._total > self._most:
                self._pop(next(iter(self._bodies)))
            return body

        return await self._flights.join((key, form), found)

    def _pop(self, name: tuple[str, str]) -> bytes | None:
        body = self._bodies.pop(name, None)
        self._total -= len(body or b"")
        return body

    async def forget(self, keys: Iterable[str]) -> None:
        gone = set(keys)
        for name in [name for name in self._bodies if name[0] in gone]:
            self._pop(name)
        if self._also is not None:
            await self._also(gone)

    async def close(self) -> None:
        await self._flights.close()
