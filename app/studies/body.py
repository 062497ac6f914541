"""The body of a Store request as parts, and how their bytes get into a spool. Must not know: what the parts hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from app.dicomweb import multipart
from app.dicomweb.multipart import PartBegin, PartData, PartEnd, StowContent
from app.dicomweb.negotiate import Packaging
from app.dicomweb.store_report import Failed
from app.errors import TooLarge
from app.ports import Archive, Spool, Turns

RUN = 1024 * 1024
"""Bytes that go to a spool's file at a time: the way to a thread and back costs what hashing some 100 KiB does."""

P = ParamSpec("P")


class _Closable(Protocol):
    def close(self) -> None: ...


Made = TypeVar("Made", bound=_Closable)


async def events(archive: Archive, content: StowContent, body: AsyncIterator[bytes]) -> AsyncIterator[multipart.Event]:
    """What the body consists of, as it arrives; a body that is no multipart is one part without headers."""
    if content.packaging is Packaging.SINGLE:
        yield PartBegin({})
        async for chunk in body:
            yield PartData(chunk)
        yield PartEnd()
        return
    reader = multipart.Reader(content.boundary, header_bytes=archive.limits.part_header_bytes, parts=archive.limits.parts)
    async for chunk in body:
        for event in reader.feed(chunk):
            yield event
    for event in reader.close():
        yield event


async def bounded(archive: Archive, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks; TooLarge once there are more bytes than a request may bring, whatever it said of its length."""
    most = left = archive.limits.body_bytes
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            raise TooLarge(
                f"The body of a request may have {most} bytes at this server (setting limits.body_bytes); send fewer instances at once"
            )
        yield chunk


async def append(archive: Archive, spool: Spool, data: bytes) -> None:
    """Small objects stay in memory; once there is a file, writing it must not hold up other requests. TooLarge."""
    _fits(spool.size + len(data), archive.limits.instance_bytes)
    if spool.path() is None:
        spool.write(data)
    else:
        await asyncio.to_thread(spool.write, data)


class Filling:
    """A spool while it is filled: what goes to its file is written, and hashed, in runs in a thread, while the next run arrives."""

    def __init__(self, archive: Archive) -> None:
        self._spool = archive.spool()
        self._limit = archive.limits.instance_bytes
        self._size = 0
        self._waiting = bytearray()
        self._writing: asyncio.Future[None] | None = None

    async def add(self, data: bytes) -> None:
        """TooLarge, Unavailable: then it is of no more use, and to be closed."""
        self._size += len(data)
        _fits(self._size, self._limit)
        if self._writing is None and self._spool.path() is None:
            self._spool.write(data)
            return
        self._waiting += data
        if len(self._waiting) >= RUN:
            await self._flush()

    async def finish(self) -> Spool:
        """The spool with all of it, which is the caller's from now on."""
        if self._waiting:
            await self._flush()
        await self._written()
        return self._spool

    def close(self) -> None:
        """Give it up; waits for a run that is being written."""
        if self._writing is not None:
            self._writing.add_done_callback(_heard)
        self._spool.close()

    async def _flush(self) -> None:
        await self._written()
        run, self._waiting = self._waiting, bytearray()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._spool.write, run))

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing
            self._writing = None


def _heard(run: asyncio.Future[None]) -> None:
    """Nobody waits for this run any more; an error in it is no news."""
    if not run.cancelled():
        run.exception()


def _fits(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"An instance may have {limit} bytes at this server; this one is larger")


async def spooled(turns: Turns, make: Callable[P, Made | Failed], *args: P.args, **kwargs: P.kwargs) -> Made | Failed:
    """What `make` fills in a thread when it is its turn; waited for even if nobody wants it any more: it reads spools, and may hold one."""
    work = asyncio.ensure_future(turns.work(partial(make, *args, **kwargs)))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        (outcome,) = await asyncio.gather(work, return_exceptions=True)
        if not isinstance(outcome, Failed | BaseException):
            outcome.close()
        raise
