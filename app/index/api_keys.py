"""The API keys of the site in the database: fulfils `credentials.ApiKeys`. How a key is made and checked is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from app.credentials import ApiKey
from app.index.database import Database
from app.index.tables import API_KEY
from app.index.upsert import insert_new


class SqlApiKeys:
    """See `credentials.ApiKeys`. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[ApiKey]:
        return await self._database.read(_all)

    async def find(self, prefix: str) -> ApiKey | None:
        return await self._database.read(partial(_find, prefix=prefix))

    async def add(self, key: ApiKey) -> bool:
        return await self._database.write(partial(_add, key=key))

    async def revoke(self, prefix: str, at: float) -> bool:
        statement = update(API_KEY).where(API_KEY.c.prefix == prefix, API_KEY.c.revoked.is_(None)).values(revoked=at)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)

    async def note_use(self, prefix: str, at: float) -> None:
        statement = update(API_KEY).where(API_KEY.c.prefix == prefix).values(used=at)
        await self._database.write(lambda connection: connection.execute(statement) and None)


def _all(connection: Connection) -> list[ApiKey]:
    return [_key(row) for row in connection.execute(select(API_KEY).order_by(API_KEY.c.created, API_KEY.c.prefix)).mappings()]


def _find(connection: Connection, prefix: str) -> ApiKey | None:
    row = connection.execute(select(API_KEY).where(API_KEY.c.prefix == prefix)).mappings().one_or_none()
    return None if row is None else _key(row)


def _add(connection: Connection, key: ApiKey) -> bool:
    row: dict[str, Any] = {name: getattr(key, name) for name in ("prefix", "digest", "subject", "created", "expires", "used", "revoked")}
    row |= {"scopes": " ".join(sorted(key.scopes)), "roles": " ".join(sorted(key.roles))}
    made = insert_new(connection, API_KEY).values(**row).returning(API_KEY.c.prefix)
    return connection.scalar(made) is not None


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "scopes": frozenset(row["scopes"].split()), "roles": frozenset(row["roles"].split())})
