"""The change feed and the list of unused blobs: what is written beside every change of rows, and how it is read.

A sequence that a reader has seen is never followed by a lower one: PostgreSQL's writers hand out sequences and commit one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, text

from app.index.tables import CHANGE, UNUSED_BLOB
from app.index.upsert import insert_new
from app.index.visibility import one_of, visible
from app.model import Access, Change, ChangeKind, InstanceRecord, Target, Uid

_ORDER_LOCK = 0x52414449


def append(connection: Connection, changes: Sequence[tuple[ChangeKind, InstanceRecord]], now: float) -> None:
    """The last statement of a transaction: until it ends, no other one gets a sequence."""
    if not changes:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ORDER_LOCK})
    connection.execute(insert(CHANGE), [_row(kind, record, now) for kind, record in changes])


def _row(kind: ChangeKind, record: InstanceRecord, now: float) -> dict[str, object]:
    return {
        "kind": kind.value,
        "study_uid": record.study_uid,
        "series_uid": record.series_uid,
        "instance_uid": record.instance_uid,
        "digest": record.digest,
        "at": now,
    }


def after(connection: Connection, sequence: int, limit: int, access: Access) -> list[Change]:
    """At most `limit` visible changes above `sequence`, ascending."""
    statement = (
        select(CHANGE)
        .where(CHANGE.c.sequence > sequence, visible(access, CHANGE.c.study_uid))
        .order_by(CHANGE.c.sequence)
        .limit(max(0, limit))
    )
    return [
        Change(
            row.sequence, ChangeKind(row.kind), Target(Uid(row.study_uid), Uid(row.series_uid), Uid(row.instance_uid)), row.digest, row.at
        )
        for row in connection.execute(statement)
    ]


def mark_unused(connection: Connection, keys: Iterable[str], now: float) -> None:
    rows = [{"key": key, "since": now} for key in sorted(set(keys))]
    if rows:
        connection.execute(insert_new(connection, UNUSED_BLOB), rows)


def forget_unused(connection: Connection, keys: Iterable[str]) -> None:
    """For keys whose blobs are gone, and for keys that a row refers to again."""
    wanted = set(keys)
    if wanted:
        connection.execute(delete(UNUSED_BLOB).where(one_of(UNUSED_BLOB.c.key, wanted)))


def unused(connection: Connection) -> list[str]:
    return list(connection.scalars(select(UNUSED_BLOB.c.key).order_by(UNUSED_BLOB.c.since, UNUSED_BLOB.c.key)))
