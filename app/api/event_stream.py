"""An answer that does not end by itself: sent as it comes, ended when the client goes away; and the seats for those who wait for one.

Must not know: what is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.dicomweb.transactions import EVENT_STREAM
from app.errors import Busy

HEADERS = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events until its buffer is full
}


@dataclass(slots=True)
class Seats:
    """How many requests of this worker may wait at a time."""

    most: int = 100
    taken: int = 0

    def take(self) -> Seat:
        """Busy if there is none left."""
        if self.taken >= self.most:
            raise Busy("As many requests as this server lets wait for changes do so already (setting changes.streams); ask without waiting")
        self.taken += 1
        return Seat(self)


@dataclass(slots=True)
class Seat:
    """One of them; freed once, however often it is said."""

    of: Seats
    held: bool = True

    def free(self) -> None:
        if self.held:
            self.held = False
            self.of.taken -= 1

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        self.free()


class EventStream(Response):
    """The chunks, each sent when it is there, until they end or nobody takes them. The seat is free afterwards."""

    def __init__(self, chunks: AsyncIterator[bytes], seat: Seat) -> None:
        super().__init__(None, 200, HEADERS)
        del self.headers["content-length"]
        self._chunks = chunks
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._seat:
            sending, leaving = asyncio.create_task(self._send(send, scope["method"] == "HEAD")), asyncio.create_task(gone(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Send, bare: bool) -> None:
        with suppress(OSError):  # the client has gone, and `send` has noticed first
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if not bare:
                async for chunk in self._chunks:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def gone(receive: Receive) -> None:
    """Returns when the client is no longer there."""
    while (await receive())["type"] != "http.disconnect":
        pass
