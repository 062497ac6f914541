"""The change feed: what is written beside every change of rows, and how it is read.

A sequence that a reader has seen is never followed by a lower one: PostgreSQL's writers hand out sequences and commit one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from app.feed import Interest
from app.index import bulk, unused
from app.index.lists import one_of
from app.index.tables import CHANGE
from app.index.visibility import visible
from app.model import Access, Change, ChangeKind, InstanceRecord, Target, Uid


def append(connection: Connection, changes: Sequence[tuple[ChangeKind, InstanceRecord]], now: float) -> None:
    """The last statement of a transaction: until it ends, no other one gets a sequence."""
    if not changes:
        return
    unused.lock(connection)
    bulk.insert_rows(connection, CHANGE, [_row(kind, record, now) for kind, record in changes])


def _row(kind: ChangeKind, record: InstanceRecord, now: float) -> dict[str, object]:
    return {
        "kind": kind.value,
        "study_uid": record.study_uid,
        "series_uid": record.series_uid,
        "instance_uid": record.instance_uid,
        "digest": record.digest,
        "at": now,
    }


def after(connection: Connection, sequence: int, limit: int, interest: Interest, upto: int | None, access: Access) -> list[Change]:
    """At most `limit` visible changes of this interest above `sequence`, ascending; none above `upto`."""
    statement = _of_interest(interest, access).where(CHANGE.c.sequence > sequence).order_by(CHANGE.c.sequence).limit(max(0, limit))
    if upto is not None:
        statement = statement.where(CHANGE.c.sequence <= upto)
    return [_change(row) for row in connection.execute(statement)]


def latest(connection: Connection, interest: Interest, access: Access) -> Change | None:
    """The visible change of this interest with the highest sequence."""
    row = connection.execute(_of_interest(interest, access).order_by(CHANGE.c.sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _change(row)


def newest(connection: Connection) -> int:
    """The highest sequence of all, 0 if there is none."""
    return connection.scalar(select(func.max(CHANGE.c.sequence))) or 0


def _of_interest(interest: Interest, access: Access) -> Select[Any]:
    terms = [visible(access, CHANGE.c.study_uid)]
    if interest.kinds:
        terms.append(one_of(CHANGE.c.kind, {kind.value for kind in interest.kinds}))
    if interest.studies:
        terms.append(one_of(CHANGE.c.study_uid, interest.studies))
    if interest.since is not None:
        terms.append(CHANGE.c.at >= interest.since)
    return select(CHANGE).where(*terms)


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
