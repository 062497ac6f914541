"""The index on SQLite or PostgreSQL: fulfils `ports.Index`, one hop to a thread for each transaction.

On a SQLite file the answers that are asked for again and again are kept until anything is committed (`recall`), and the record of one
instance is read without a thread (`near`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select

from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys, name_of
from app.dicomweb.query import Query
from app.feed import EVERYTHING, Interest
from app.index import changes, lookup, patients, rows, schema, site_keys, unused, write
from app.index.api_keys import SqlApiKeys
from app.index.database import Database
from app.index.joined import Joined
from app.index.labels import SqlLabels
from app.index.near import Near
from app.index.recall import Recall
from app.index.search import search
from app.index.sql_upkeep import SqlUpkeep
from app.index.webhooks import SqlWebhooks
from app.model import Access, Added, Change, ConflictRule, Filling, InstanceRecord, Level, Metadata, Page, Target, Uid

T = TypeVar("T")


class SqlIndex:
    """See `ports.Index` for what each method promises. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database, now: Callable[[], float], site: SiteKeys = NO_SITE_KEYS) -> None:
        """`site` are the search keys beyond the standard ones: what is stored from now on can be found by them."""
        self._database = database
        self._now = now
        self._site = site
        self._near = Near(database.file) if database.file else None
        self._recall = Recall(self._near.version if self._near else _never)
        self._joined: Joined[Sequence[Change]] = Joined()
        self.upkeep = SqlUpkeep(database, now, site)
        self.webhooks = SqlWebhooks(database)
        self.api_keys = SqlApiKeys(database)
        self.labels = SqlLabels(database)

    async def add(self, records: Sequence[InstanceRecord], rule: ConflictRule) -> Sequence[Added]:
        """A caller that was cancelled, or got Unavailable, does not know the outcome: it must leave the blobs to the sweeper."""
        if self._site.keys:
            records = await asyncio.to_thread(lambda: [rows.with_site_keys(record, self._site) for record in records])
        work = partial(write.add, records=records, rule=rule, now=self._now(), site=self._site)
        return await self._database.write(work, rows=len(records))

    async def search(self, query: Query, *, access: Access) -> Page:
        found = patients.search if query.by_patient else search
        return await self._recalled(("search", query, access), partial(found, query=query, access=access), _page_weight)

    async def locate(self, target: Target, *, access: Access) -> AsyncIterator[InstanceRecord]:
        if target.level is not Level.INSTANCE:
            async for row in self._rows(lookup.RECORD, target, access):
                yield rows.record(row)
            return
        kept: InstanceRecord | None = self._recall.find((target, access))
        if kept is None:
            # Whether the study is seen comes first: so that what is hidden takes the same ways, and the same time, as what is missing.
            seen = self._near is not None and target.study is not None and await self.sees(target.study, access=access)
            near = self._near.one(target) if self._near and seen else None
            found = [rows.record(near)] if near else [rows.record(row) async for row in self._rows(lookup.RECORD, target, access)]
            if not found:
                return
            kept = found[0]
            self._recall.keep((target, access), kept, rows.record_weight(kept))
        yield kept

    async def sees(self, study: Uid, *, access: Access) -> bool:
        """Whether the access covers this study, which is there; where that is all, nothing is read."""
        if access.is_everything:
            return True
        return await self._recalled(("sees", study, access), partial(lookup.sees, study=study, access=access), lambda _: 64)

    async def hidden(self, studies: Collection[Uid], *, access: Access) -> Collection[Uid]:
        if access.is_everything:
            return ()
        return await self._database.read(partial(lookup.hidden, studies=studies, access=access))

    async def patients(self, studies: Collection[Uid]) -> Mapping[Uid, str]:
        return await self._database.read(partial(lookup.patients, studies=studies))

    async def studies_of(self, patient: str) -> Collection[Uid]:
        return await self._database.read(partial(lookup.studies_of, patient=patient))

    async def metadata(self, target: Target, *, access: Access) -> AsyncIterator[Metadata]:
        async for row in self._rows(lookup.METADATA, target, access):
            yield lookup.metadata(row)

    async def digests(self, target: Target, *, access: Access) -> Sequence[str]:
        found: list[str] = []
        async for part in self._studies(target, access):
            work = partial(lookup.digests, target=part, access=access)
            digests: Sequence[str] = await self._recalled(("digests", part, access), work, _digests_weight)
            found += digests
        return found

    async def remove(self, target: Target, *, access: Access) -> Sequence[InstanceRecord]:
        """ValueError for a target that names no study."""
        return await self._database.write(partial(write.remove, target=target, access=access, now=self._now(), site=self._site))

    async def changes(
        self, after: int, limit: int, interest: Interest = EVERYTHING, *, upto: int | None = None, access: Access
    ) -> Sequence[Change]:
        work = partial(changes.after, sequence=after, limit=limit, interest=interest, upto=upto, access=access)
        if upto is None:
            return await self._database.read(work)
        # Rows up to there are all committed: whoever joins a read that has begun already gets what his own would give.
        return await self._joined.join((after, limit, interest, upto, access), partial(self._database.read, work))

    async def latest_change(self, interest: Interest = EVERYTHING, *, access: Access) -> Change | None:
        return await self._recalled(("latest", interest, access), partial(changes.latest, interest=interest, access=access), lambda _: 256)

    async def newest(self) -> int:
        return await self._recalled("newest", changes.newest, lambda _: 64)

    async def last_change(self, target: Target, *, access: Access) -> Change | None:
        # An answer of nothing is not kept: what was never there is seldom asked for.
        return await self._recalled(("last", target, access), partial(changes.last, target=target, access=access), lambda _: 256)

    async def fill_keys(self) -> AsyncIterator[Filling]:
        """The change of one page commits before the next is read, so that a server beside it can go on."""
        names = [name_of(key) for key in self._site.keys]
        total = await self._database.read(site_keys.count)
        done, last = 0, 0
        while True:
            page = await self._database.write(partial(site_keys.fill_page, after=last, site=self._site))
            if not page:
                break
            done, last = done + len(page), page[-1]
            yield Filling(done, max(total, done))
        await self._database.write(partial(site_keys.mark_filled, names=names))

    async def discard(self, keys: Sequence[str]) -> None:
        await self._database.write(partial(unused.forget, keys=keys))

    async def unused(self) -> Sequence[str]:
        return await self._database.read(unused.unused)

    async def check(self) -> None:
        await self._database.read(schema.check)

    async def close(self) -> None:
        if self._near:
            self._near.close()
        await self._database.close()

    async def _recalled(self, key: Hashable, work: Callable[[Connection], T], weight: Callable[[T], int]) -> T:
        """What the work reads, or has read before while nothing was committed since."""
        kept: T | None = self._recall.find(key)
        if kept is None:
            kept = await self._database.read(work)
            if kept is not None:
                self._recall.keep(key, kept, weight(kept))
        return kept

    async def _rows(self, statement: Select[Any], target: Target, access: Access) -> AsyncIterator[RowMapping]:
        if target.level is Level.INSTANCE:
            for row in await self._database.read(partial(lookup.one, statement=statement, target=target, access=access)):
                yield row
            return
        async for part in self._studies(target, access):
            for ids in await self._database.read(partial(lookup.listed, target=part, access=access)):
                for row in await self._database.read(partial(lookup.page, statement=statement, ids=ids, access=access)):
                    yield row

    async def _studies(self, target: Target, access: Access) -> AsyncIterator[Target]:
        """The target itself, or each study in turn if it names none."""
        if target.study is not None:
            yield target
            return
        places: Sequence[lookup.Place] = await self._database.read(partial(lookup.studies, after=None, access=access))
        while places:
            for place in places:
                yield Target(place.uid, target.series, target.instance)
            places = await self._database.read(partial(lookup.studies, after=places[-1], access=access))


def _never() -> None:
    """The version of a database that tells none."""


def _digests_weight(digests: Sequence[str]) -> int:
    return 120 * len(digests)


def _page_weight(page: Page) -> int:
    return sum(map(len, page.matches))
