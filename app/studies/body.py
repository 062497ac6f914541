"""The body of a Store request as parts, and how their bytes get into a spool. Must not know: what the parts hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import ParamSpec, Protocol, TypeVar

from app.dicomweb import multipart
from app.dicomweb.multipart import PartBegin, PartData, PartEnd, StowContent
from app.dicomweb.negotiate import Packaging
from app.dicomweb.store_report import Failed
from app.errors import TooLarge
from app.ports import Archive, Spool

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


async def append(archive: Archive, spool: Spool, data: bytes) -> None:
    """Small objects stay in memory; once there is a file, writing it must not hold up other requests. TooLarge."""
    if spool.size + len(data) > archive.limits.instance_bytes:
        raise TooLarge(f"An instance may have {archive.limits.instance_bytes} bytes at this server; this one is larger")
    if spool.path() is None:
        spool.write(data)
    else:
        await asyncio.to_thread(spool.write, data)


async def spooled(make: Callable[P, Made | Failed], *args: P.args, **kwargs: P.kwargs) -> Made | Failed:
    """What `make` fills in a thread, which is waited for even if nobody wants its outcome any more: it reads spools, and may hold one."""
    work = asyncio.ensure_future(asyncio.to_thread(make, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        (outcome,) = await asyncio.gather(work, return_exceptions=True)
        if not isinstance(outcome, Failed | BaseException):
            outcome.close()
        raise
