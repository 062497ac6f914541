"""Bodies of blobs on their way in and out: gathered into chunks, and spans checked against a blob's size.

Must not know: any backend.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from app.errors import Corrupt, Missing, NotFound
from app.model import Span

CHUNK = 1024 * 1024
"""The most bytes that a store hands out at once, and the size of its writes."""


async def gathered(body: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in chunks of exactly `size`, the last one shorter; nothing at all for an empty body. A lone chunk is not copied."""
    alone, waiting = b"", bytearray()
    async for chunk in body:
        if not waiting and not alone and len(chunk) <= size:
            if len(chunk) == size:
                yield bytes(chunk)
            else:
                alone = chunk
            continue
        waiting += alone
        waiting += chunk
        alone = b""
        while len(waiting) >= size:
            yield bytes(memoryview(waiting)[:size])
            del waiting[:size]
    if alone or waiting:
        yield bytes(alone or waiting)


def sliced(data: bytes, size: int = CHUNK) -> Iterator[bytes]:
    """`data` in chunks of at most `size`; `data` itself if it is small enough; nothing if it is empty."""
    if len(data) <= size:
        if data:
            yield data
        return
    for offset in range(0, len(data), size):
        yield data[offset : offset + size]


def well_formed(spans: Sequence[Span]) -> None:
    """ValueError if one of the spans is negative."""
    if any(span.offset < 0 or span.length < 0 for span in spans):
        raise ValueError("a span cannot be negative")


def inside(spans: Sequence[Span], size: int) -> None:
    """Corrupt if a blob of `size` bytes ends before one of the spans does."""
    if any(span.end > size for span in spans):
        raise truncated()


def runs(spans: Sequence[Span], gap: int) -> list[Span]:
    """The spans as fewer, longer ones, ascending: those that overlap or lie at most `gap` bytes apart become one. None may be empty."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: span.offset):
        if joined and span.offset <= joined[-1].end + gap:
            joined[-1] = Span(joined[-1].offset, max(span.end, joined[-1].end) - joined[-1].offset)
        else:
            joined.append(span)
    return joined


def cut(spans: Sequence[Span], joined: Sequence[Span], found: Sequence[bytes]) -> list[bytes]:
    """The bytes of each span, in order, out of the bytes `found` for what `runs` joined."""
    starts = [span.offset for span in joined]
    parts = []
    for span in spans:
        if not span.length:
            parts.append(b"")
            continue
        at = bisect_right(starts, span.offset) - 1
        whole, offset = found[at], span.offset - starts[at]
        parts.append(whole if len(whole) == span.length else whole[offset : offset + span.length])
    return parts


def absent() -> NotFound:
    return NotFound("The stored data of this resource is not there")


def missing() -> Missing:
    return Missing("The stored data of this resource is not there, although it should be; its administrator has to restore it")


@contextmanager
def promised() -> Iterator[None]:
    """Whoever reads was told by the index that the blob is there: that it is not is damage, and no mistake of the reader."""
    try:
        yield
    except NotFound:
        raise missing() from None


def truncated() -> Corrupt:
    return Corrupt("The stored data of this resource is shorter than it was when it was stored")


def unreadable() -> Corrupt:
    return Corrupt("The stored data of this resource can no longer be read from its disk")
