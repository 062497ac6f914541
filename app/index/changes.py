"""The change feed and the list of unused blobs: what is written beside every change of rows, and how it is read.

A sequence that a reader has seen is never followed by a lower one: PostgreSQL's writers hand out sequences and commit one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, text

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
    return [_change(row) for row in connection.execute(statement)]


def last(connection: Connection, target: Target, access: Access) -> Change | None:
    """The newest visible change at or under a target that names a study."""
    row = connection.execute(newest_first(target, access).limit(1)).one_or_none()
    return None if row is None else _change(row)


def newest_first(target: Target, access: Access) -> Select[Any]:
    """The changes at or under the target. By time, which has no index: by sequence alone a planner may walk the whole feed backwards."""
    columns = ((CHANGE.c.study_uid, target.study), (CHANGE.c.series_uid, target.series), (CHANGE.c.instance_uid, target.instance))
    terms = [column == uid for column, uid in columns if uid is not None]
    return select(CHANGE).where(visible(access, CHANGE.c.study_uid), *terms).order_by(CHANGE.c.at.desc(), CHANGE.c.sequence.desc())


def _change(row: Row[Any]) -> Change:
    target = Target(Uid(row.study_uid), Uid(row.series_uid), Uid(row.instance_uid))
    return Change(row.sequence, ChangeKind(row.kind), target, row.digest, row.at)


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
