"""The webhooks of the site in the database: fulfils `feed.Webhooks`. What is sent to them, and when, is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, delete, insert, select, update

from app.feed import Undelivered, Webhook
from app.index.database import Database
from app.index.tables import UNDELIVERED, WEBHOOK
from app.index.upsert import insert_new
from app.model import ChangeKind


class SqlWebhooks:
    """See `feed.Webhooks`. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Webhook]:
        return await self._database.read(_all)

    async def add(self, webhook: Webhook) -> bool:
        return await self._database.write(partial(_add, webhook=webhook))

    async def remove(self, name: str) -> bool:
        return await self._database.write(partial(_remove, name=name))

    async def moved(self, webhook: Webhook, undelivered: Undelivered | None = None) -> bool:
        return await self._database.write(partial(_move, webhook=webhook, undelivered=undelivered))

    async def hasten(self, name: str) -> None:
        statement = update(WEBHOOK).where(WEBHOOK.c.name == name).values(next_try=0.0)
        await self._database.write(lambda connection: connection.execute(statement) and None)

    async def undelivered(self, name: str) -> Sequence[Undelivered]:
        return await self._database.read(partial(_undelivered, name=name))

    async def settled(self, number: int) -> None:
        statement = delete(UNDELIVERED).where(UNDELIVERED.c.number == number)
        await self._database.write(lambda connection: connection.execute(statement) and None)


def _all(connection: Connection) -> list[Webhook]:
    return [
        Webhook(**{**row, "kinds": frozenset(ChangeKind(kind) for kind in row["kinds"].split(",") if kind)})
        for row in connection.execute(select(WEBHOOK).order_by(WEBHOOK.c.name)).mappings()
    ]


def _add(connection: Connection, webhook: Webhook) -> bool:
    row = {"name": webhook.name, "url": webhook.url, "secret": webhook.secret, "kinds": ",".join(sorted(webhook.kinds)), **_state(webhook)}
    made = insert_new(connection, WEBHOOK).values(**row, batch=webhook.batch).returning(WEBHOOK.c.name)
    return connection.scalar(made) is not None


def _remove(connection: Connection, name: str) -> bool:
    connection.execute(delete(UNDELIVERED).where(UNDELIVERED.c.webhook == name))
    return connection.execute(delete(WEBHOOK).where(WEBHOOK.c.name == name)).rowcount == 1


def _move(connection: Connection, webhook: Webhook, undelivered: Undelivered | None) -> bool:
    # The secret stands for the row: another webhook may have been given the name meanwhile.
    same = (WEBHOOK.c.name == webhook.name, WEBHOOK.c.secret == webhook.secret)
    if connection.execute(update(WEBHOOK).where(*same).values(**_state(webhook))).rowcount != 1:
        return False
    if undelivered is not None:
        row = {name: getattr(undelivered, name) for name in ("webhook", "first", "last", "attempts", "since", "trouble")}
        connection.execute(insert(UNDELIVERED), row)
    return True


def _state(webhook: Webhook) -> dict[str, object]:
    return {name: getattr(webhook, name) for name in ("position", "attempts", "failing_since", "next_try", "trouble")}


def _undelivered(connection: Connection, name: str) -> list[Undelivered]:
    statement = select(UNDELIVERED).where(UNDELIVERED.c.webhook == name).order_by(UNDELIVERED.c.number)
    return [Undelivered(**row) for row in connection.execute(statement).mappings()]
