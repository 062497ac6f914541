"""A blob store in this process's memory: for tests, for embedding, for trying things out. Nothing outlives the process.

Must not know: DICOM, HTTP, the index.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence

from app.model import Blob, Span
from app.storage.bodies import absent, inside, sliced, well_formed
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
        data = self._data(key)
        wanted = span or Span(0, len(data))
        well_formed([wanted])
        inside([wanted], len(data))
        for chunk in sliced(data[wanted.offset : wanted.end]):
            yield chunk

    async def read_spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
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
