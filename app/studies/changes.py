"""The change feed: what was stored, updated and deleted, as far as this caller may see it, to be asked for again and again or followed.

What is shown is decided when it is shown: whoever waits, or follows a stream, is asked again who he is and what he may. A change of a study
that is hidden does not exist, nor do those of one that is gone and that this caller could not see. One audit record for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.dicomweb import change_feed
from app.dicomweb.change_feed import Asked
from app.errors import Forbidden, Unauthorized, Unavailable
from app.feed import Interest
from app.model import Access, Action, Caller, Change, Target
from app.ports import Archive
from app.studies.answers import Wanted
from app.studies.audited import audited

HEARTBEAT = 15.0
"""Seconds, at most, between two signs of life of a stream."""

RENEWAL = 5.0
"""Seconds for which rights that were granted are taken to hold."""

BATCH = 500
"""Changes of a stream that are read at a time."""

AWAY = 2.0
"""Seconds for which a stream lets the database be when it does not answer."""

Renew = Callable[[], Awaitable[Caller]]
"""Who asks, found out anew from what the request has brought; Unauthorized if it does not hold any more."""


@dataclass(frozen=True, slots=True)
class ChangesAnswer:
    """One page. `following` is the `after` of the next request; `more` tells that there are further changes already."""

    media_type: str
    changes: Sequence[Change]
    following: int
    more: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may see, as it was granted at a time of the event loop's clock."""

    archive: Archive
    renew: Renew
    access: Access
    granted: float

    async def fresh(self) -> Rights:
        """These, or new ones if they are old. Unauthorized, Forbidden."""
        now = asyncio.get_running_loop().time()
        if now - self.granted < RENEWAL:
            return self
        access = await self.archive.policy.grant(await self.renew(), Action.SEARCH)
        return Rights(self.archive, self.renew, access, now)


@dataclass(frozen=True, slots=True)
class Stream:
    """Changes as they come. `start`: the sequence it begins after."""

    start: int
    batches: AsyncIterator[Sequence[Change]]


async def changes(archive: Archive, caller: Caller, asked: Asked, wanted: Wanted, *, text: str, renew: Renew) -> ChangesAnswer:
    """The changes above `asked.after`; if there are none, those that come within `asked.wait` seconds. `text` is the query as written."""
    async with audited(archive, caller, Action.SEARCH, Target(), level="change", query=text) as granted:
        offer = wanted.choose(change_feed.OFFERS)
        loop = asyncio.get_running_loop()
        limit = min(change_feed.PAGE if asked.limit is None else asked.limit, archive.limits.search_results)
        rights = Rights(archive, renew, granted.access, loop.time())
        start = await _start(archive, asked, rights.access)
        found = await archive.index.changes(start, limit + 1, asked.interest, access=rights.access)
        deadline, seen = loop.time() + asked.wait, start
        while not found and limit and (left := deadline - loop.time()) > 0 and not archive.news.ended:
            newest = await archive.news.beyond(seen, left)
            if newest <= seen:
                break
            rights = await rights.fresh()
            found = await archive.index.changes(seen, limit + 1, asked.interest, upto=newest, access=rights.access)
            seen = newest
        shown = found[:limit]
        granted.detail.update(matches=len(shown))
        return ChangesAnswer(offer.media_type, shown, shown[-1].sequence if shown else start, len(found) > limit)


async def latest(archive: Archive, caller: Caller, interest: Interest, wanted: Wanted, *, text: str) -> ChangesAnswer:
    """The newest change alone, or none: where whoever wants to hear of what is to come begins."""
    async with audited(archive, caller, Action.SEARCH, Target(), level="change", query=text) as granted:
        offer = wanted.choose(change_feed.LATEST_OFFERS)
        change = await archive.index.latest_change(interest, access=granted.access)
        granted.detail.update(matches=0 if change is None else 1)
        shown = () if change is None else (change,)
        return ChangesAnswer(offer.media_type, shown, shown[-1].sequence if shown else 0, more=False)


async def follow(archive: Archive, caller: Caller, asked: Asked, wanted: Wanted, *, text: str, renew: Renew) -> Stream:
    """The changes above `asked.after`, and all that come, until `asked.limit` of them were given. An empty batch is a sign of life.

    It also ends when the server ends, and when the caller's credential or rights do.
    """
    async with audited(archive, caller, Action.SEARCH, Target(), level="change", query=text, stream=True) as granted:
        wanted.choose(change_feed.OFFERS)
        rights = Rights(archive, renew, granted.access, asyncio.get_running_loop().time())
        start = await _start(archive, asked, rights.access)
        return Stream(start, _batches(archive, asked, rights, start))


async def _start(archive: Archive, asked: Asked, access: Access) -> int:
    if asked.after is not None:
        return asked.after
    # Not the highest sequence of all: that would tell of what is hidden.
    latest_seen = await archive.index.latest_change(asked.interest, access=access)
    return latest_seen.sequence if latest_seen else 0


async def _batches(archive: Archive, asked: Asked, rights: Rights, start: int) -> AsyncIterator[Sequence[Change]]:
    clock = asyncio.get_running_loop().time
    seen, left, heard = start, asked.limit, clock()
    while not archive.news.ended and left != 0:
        newest = await archive.news.beyond(seen, max(heard + HEARTBEAT - clock(), 0.0))
        batch: Sequence[Change] = ()
        try:
            rights = await rights.fresh()
            if newest > seen:
                most = BATCH if left is None else min(BATCH, left)
                batch = await archive.index.changes(seen, most, asked.interest, upto=newest, access=rights.access)
                seen = batch[-1].sequence if len(batch) == most else newest
        except (Unauthorized, Forbidden):
            return
        except Unavailable:
            await asyncio.sleep(AWAY)
        if batch or clock() >= heard + HEARTBEAT:
            yield batch
            heard = clock()
        left = None if left is None else left - len(batch)
