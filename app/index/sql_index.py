"""The index on SQLite or PostgreSQL: fulfils `ports.Index`, one hop to a thread for each transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import RowMapping, Select

from app.dicomweb.query import Query
from app.index import changes, lookup, rows, schema, write
from app.index.database import Database
from app.index.search import search
from app.model import Access, Added, Change, ConflictRule, InstanceRecord, Level, Metadata, Page, Target


class SqlIndex:
    """See `ports.Index` for what each method promises. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now

    async def add(self, records: Sequence[InstanceRecord], rule: ConflictRule) -> Sequence[Added]:
        """A caller that was cancelled, or got Unavailable, does not know the outcome: it must leave the blobs to the sweeper."""
        return await self._database.write(partial(write.add, records=records, rule=rule, now=self._now()))

    async def search(self, query: Query, *, access: Access) -> Page:
        return await self._database.read(partial(search, query=query, access=access))

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
        return await self._database.write(partial(write.remove, target=target, access=access, now=self._now()))

    async def changes(self, after: int, limit: int, *, access: Access) -> Sequence[Change]:
        return await self._database.read(partial(changes.after, sequence=after, limit=limit, access=access))

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
