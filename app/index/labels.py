"""The labels of studies in the database: fulfils the writing part of `labels.Labels`. Which labels rules give is not known here."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, delete, select

from app.index.database import Database
from app.index.tables import LABEL, STUDY
from app.index.upsert import insert_new
from app.labels import MOST
from app.model import Uid


class SqlLabels:
    """See `labels.Labels`. All may raise Unavailable, or Busy when too many wait."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, study: Uid) -> frozenset[str]:
        return await self._database.read(partial(_of, study=study))

    async def add(self, study: Uid, labels: frozenset[str]) -> bool:
        return await self._database.write(partial(_add, study=study, labels=labels))

    async def remove(self, study: Uid, label: str) -> bool:
        statement = delete(LABEL).where(LABEL.c.study_uid == study, LABEL.c.label == label)
        return await self._database.write(lambda connection: connection.execute(statement).rowcount == 1)


def _of(connection: Connection, study: Uid) -> frozenset[str]:
    return frozenset(connection.scalars(select(LABEL.c.label).where(LABEL.c.study_uid == study)))


def _add(connection: Connection, study: Uid, labels: frozenset[str]) -> bool:
    if connection.scalar(select(STUDY.c.id).where(STUDY.c.uid == study)) is None:
        return False
    new = sorted(labels - (own := _of(connection, study)))
    if len(own) + len(new) > MOST:
        return False
    for label in new:
        connection.execute(insert_new(connection, LABEL).values(study_uid=study, label=label))
    return True


def forget(connection: Connection, study: Uid) -> None:
    """The study is gone: so are its labels, lest they should stand there when it is stored again."""
    connection.execute(delete(LABEL).where(LABEL.c.study_uid == study))
