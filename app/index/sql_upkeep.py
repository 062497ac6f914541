"""What upkeep asks of the index: fulfils `ports.Upkeep` on the same database as the index beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, and_, update

from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys
from app.index import lookup, rows, soundness, unused, write
from app.index.database import Database
from app.index.lists import one_of
from app.index.tables import INSTANCE, UPKEEP
from app.index.upsert import insert_new
from app.model import Access, Deleted, InstanceRecord, Lease, Target, Uid


class SqlUpkeep:
    """See `ports.Upkeep`. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database, now: Callable[[], float], site: SiteKeys = NO_SITE_KEYS) -> None:
        self._database = database
        self._now = now
        self._site = site

    async def deleted(self, target: Target, *, access: Access) -> Sequence[Deleted]:
        return await self._database.read(partial(unused.deleted, target=target, access=access))

    async def claim(self, kept_before: float, spare_before: float, limit: int) -> Sequence[str]:
        return await self._database.write(partial(unused.claim, kept_before=kept_before, spare_before=spare_before, limit=limit))

    async def claim_orphans(self, keys: Collection[str]) -> Sequence[str]:
        return await self._database.write(partial(unused.claim_orphans, keys=keys, now=self._now()))

    async def purged(self, keys: Collection[str]) -> Sequence[str]:
        return await self._database.write(partial(unused.forget, keys=keys))

    async def known(self, keys: Collection[str]) -> Collection[str]:
        return await self._database.read(partial(unused.known, keys=keys))

    async def unmarked(self, limit: int) -> Sequence[str]:
        return await self._database.read(partial(unused.unmarked, limit=limit))

    async def mark(self, keys: Collection[str], marker: str) -> None:
        await self._database.write(partial(unused.set_marker, keys=keys, marker=marker))

    async def by_blob(self, after: str, limit: int) -> Sequence[InstanceRecord]:
        return await self._records(lookup.RECORD.where(INSTANCE.c.blob_key > after).order_by(INSTANCE.c.blob_key).limit(limit))

    async def of_blob(self, key: str) -> InstanceRecord | None:
        web = and_(INSTANCE.c.form_key != INSTANCE.c.blob_key, INSTANCE.c.form_key == key)
        for column in (INSTANCE.c.blob_key == key, web):
            for record in await self._records(lookup.RECORD.where(column)):
                return record
        return None

    async def quarantine(self, keys: Collection[str]) -> None:
        await self._database.write(partial(_set_quarantine, keys=keys, at=self._now()))

    async def release(self, keys: Collection[str]) -> None:
        await self._database.write(partial(_set_quarantine, keys=keys, at=None))

    async def quarantined(self) -> Sequence[InstanceRecord]:
        return await self._records(lookup.RECORD.where(INSTANCE.c.quarantined.is_not(None)).order_by(INSTANCE.c.blob_key))

    async def differing(self, record: InstanceRecord) -> Sequence[str]:
        record = await asyncio.to_thread(rows.with_site_keys, record, self._site)
        return await self._database.read(partial(soundness.differing, record=record, site=self._site))

    async def renew(self, record: InstanceRecord) -> bool:
        record = await asyncio.to_thread(rows.with_site_keys, record, self._site)
        return await self._database.write(partial(write.renew, record=record, site=self._site))

    async def miscounted(self) -> AsyncIterator[Uid]:
        after: str | None = ""
        while after is not None:
            wrong, after = await self._database.read(partial(soundness.miscounted, after=after))
            for uid in wrong:
                yield uid

    async def recount(self, study: Uid) -> None:
        await self._database.write(partial(write.recount, uid=study, site=self._site))

    async def lease(self, name: str, seconds: float) -> Lease | None:
        return await self._database.write(partial(_lease, name=name, now=self._now(), seconds=seconds))

    async def go_on(self, lease: Lease, seconds: float) -> None:
        until = self._now() + seconds
        statement = update(UPKEEP).where(UPKEEP.c.name == lease.name).values(position=lease.position, until=until)
        await self._database.write(lambda connection: connection.execute(statement) and None)

    async def _records(self, statement: Select[Any]) -> list[InstanceRecord]:
        return await self._database.read(partial(_read, statement=statement))


def _read(connection: Connection, statement: Select[Any]) -> list[InstanceRecord]:
    return [rows.record_as_far_as_legible(row) for row in connection.execute(statement).mappings()]


def _set_quarantine(connection: Connection, keys: Collection[str], at: float | None) -> None:
    """Of what is quarantined already, the time stays."""
    if keys:
        was = INSTANCE.c.quarantined.is_(None) if at is not None else INSTANCE.c.quarantined.is_not(None)
        connection.execute(update(INSTANCE).where(one_of(INSTANCE.c.blob_key, keys), was).values(quarantined=at))


def _lease(connection: Connection, name: str, now: float, seconds: float) -> Lease | None:
    connection.execute(insert_new(connection, UPKEEP), {"name": name, "until": 0.0, "position": ""})
    free = update(UPKEEP).where(UPKEEP.c.name == name, UPKEEP.c.until <= now).values(until=now + seconds).returning(UPKEEP.c.position)
    position = connection.scalars(free).one_or_none()
    return None if position is None else Lease(name, position)
