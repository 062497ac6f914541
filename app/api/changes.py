"""`/changes` and `/changes/latest`: the change feed as JSON, as lines, by waiting for it, or as a stream of events (HTML 9.2).

A request that waits or follows takes a seat while it lasts; when all are taken the answer is 503.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.event_stream import EventStream, gone
from app.api.request import Context, admit, query_items, wanted
from app.api.responses import REVALIDATE, VARY, json_body
from app.dicomweb import change_feed, negotiate
from app.dicomweb.change_feed import Asked
from app.dicomweb.transactions import EVENT_STREAM, JSON
from app.errors import DicomwebError
from app.model import Caller
from app.studies.answers import Wanted
from app.studies.changes import ChangesAnswer, Stream, changes, follow, latest

T = TypeVar("T")


async def get_changes(request: Request) -> Response:
    context = await admit(request)
    wish = wanted(request)
    asked, text = _asked(request, context), request.scope["query_string"].decode("latin-1")

    async def renew() -> Caller:
        return (await admit(request)).caller

    if _is_stream(wish):
        seat = request.app.state.service.seats.take()
        try:
            stream = await follow(context.archive, context.caller, asked, wish, text=text, renew=renew)
        except BaseException:
            seat.free()
            raise
        return EventStream(_events(stream, context.base), seat)
    if not asked.wait or request.method == "HEAD":
        answer = await changes(context.archive, context.caller, replace(asked, wait=0.0), wish, text=text, renew=renew)
        return _answer(request, answer, context.base)
    with request.app.state.service.seats.take():
        transaction = changes(context.archive, context.caller, asked, wish, text=text, renew=renew)
        return _answer(request, await _unless_gone(request, transaction), context.base)


async def get_latest_change(request: Request) -> Response:
    context = await admit(request)
    text = request.scope["query_string"].decode("latin-1")
    asked = _asked(request, context)
    return _answer(request, await latest(context.archive, context.caller, asked.interest, wanted(request), text=text), context.base)


def _is_stream(wish: Wanted) -> bool:
    """What the transaction will choose; what cannot be had it refuses, on record."""
    try:
        return negotiate.select(change_feed.OFFERS, accept=wish.accept, parameter=wish.parameter).media_type == EVENT_STREAM
    except DicomwebError:
        return False


def _asked(request: Request, context: Context) -> Asked:
    limits = context.archive.limits
    return change_feed.parse(
        query_items(request, limits.query_bytes), uids=limits.query_uids, last_event=request.headers.get("last-event-id")
    )


def _answer(request: Request, answer: ChangesAnswer, base: str) -> Response:
    if answer.media_type == JSON:
        body = change_feed.page(answer.changes, base, following=answer.following, more=answer.more)
    else:
        body = change_feed.lines(answer.changes, base)
    headers = {"Content-Type": answer.media_type, "Cache-Control": REVALIDATE, "Vary": VARY}
    headers["Link"] = f'<{_following(request, base, answer.following)}>; rel="next"'
    return json_body(request, body, headers)


def _following(request: Request, base: str, after: int) -> str:
    """Where the feed goes on, with everything else as it was asked."""
    raw = request.scope["query_string"].split(b"&")
    kept = [quote(pair, safe="%=+,.;:@/?!*'()~-_") for pair in raw if pair and pair.partition(b"=")[0] != b"after"]
    return f"{base}/changes?{'&'.join([*kept, f'after={after}'])}"


async def _events(stream: Stream, base: str) -> AsyncIterator[bytes]:
    yield change_feed.beginning(stream.start)
    async for batch in stream.batches:
        yield change_feed.events(batch, base) if batch else change_feed.HEARTBEAT


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives; ended when the client goes away, so that nothing waits for nobody."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
