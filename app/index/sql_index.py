"""The index on SQLite or PostgreSQL: fulfils `ports.Index`, one hop to a thread for each transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import RowMapping, Select

from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys, name_of
from app.dicomweb.query import Query
from app.index import changes, lookup, patients, rows, schema, site_keys, write
from app.index.database import Database
from app.index.search import search
from app.model import Access, Added, Change, ConflictRule, Filling, InstanceRecord, Level, Metadata, Page, Target


class SqlIndex:
    """See `ports.Index` for what each method promises. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database, now: Callable[[], float], site: SiteKeys = NO_SITE_KEYS) -> None:
        """`site` are the search keys beyond the standard ones: what is stored from now on can be found by them."""
        self._database = database
        self._now = now
        self._site = site

    async def add(self, records: Sequence[InstanceRecord], rule: ConflictRule) -> Sequence[Added]:
        """A caller that was cancelled, or got Unavailable, does not know the outcome: it must leave the blobs to the sweeper."""
        if self._site.keys:
            records = await asyncio.to_thread(lambda: [rows.with_site_keys(record, self._site) for record in records])
        return await self._database.write(partial(write.add, records=records, rule=rule, now=self._now(), site=self._site))

    async def search(self, query: Query, *, access: Access) -> Page:
        found = patients.search if query.by_patient else search
        return await self._database.read(partial(found, query=query, access=access))

    async def locate(self, target: Target, *, access: Access) -> AsyncIterator[InstanceRecord]:
        async for row in self._rows(lookup.RECORD, target, access):
            yield rows.record(row)

    async def metadata(self, target: Target, *, access: Access) -> AsyncIterator[Metadata]:
        async for row in self._rows(lookup.METADATA, target, access):
            yield lookup.metadata(row)

    async def digests(self, target: Target, *, access: Access) -> Sequence[str]:
        found: list[str] = []
        async for part in self._studies(target, access):
            found += await self._database.read(partial(lookup.digests, target=part, access=access))
        return found

    async def remove(self, target: Target, *, access: Access) -> Sequence[InstanceRecord]:
        """ValueError for a target that names no study."""
        return await self._database.write(partial(write.remove, target=target, access=access, now=self._now(), site=self._site))

    async def changes(self, after: int, limit: int, *, access: Access) -> Sequence[Change]:
        return await self._database.read(partial(changes.after, sequence=after, limit=limit, access=access))

    async def last_change(self, target: Target, *, access: Access) -> Change | None:
        return await self._database.read(partial(changes.last, target=target, access=access))

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
        await self._database.write(partial(changes.forget_unused, keys=keys))

    async def unused(self) -> Sequence[str]:
        return await self._database.read(changes.unused)

    async def check(self) -> None:
        await self._database.read(schema.check)

    async def close(self) -> None:
        await self._database.close()

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
