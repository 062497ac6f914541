"""Blobs that no row refers to: kept for a while, then claimed by whoever deletes them. Functions of a Connection.

A claim and a row never meet: a claim looks for rows, and `add` for claims, each with the lock on the order of changes; whoever comes
second sees what the first has done. So no row is ever committed over bytes that are being deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, or_, select, text, union_all, update

from app.errors import Unavailable
from app.index.lists import among, listed, one_of
from app.index.tables import INSTANCE, UNUSED_BLOB
from app.index.upsert import insert_new
from app.index.visibility import visible
from app.model import Access, Deleted, InstanceRecord, Loss, Target, Uid

_ORDER_LOCK = 0x52414449
_KEPT = (Loss.DELETED.value, Loss.REPLACED.value)


_TAKEN = delete(UNUSED_BLOB).where(among(UNUSED_BLOB.c.key, "keys")).returning(UNUSED_BLOB.c.claimed)


@dataclass(frozen=True, slots=True)
class Lost:
    """A blob that has just lost its row; target and digest as far as they may be asked for again."""

    key: str
    loss: Loss
    target: Target
    digest: str | None = None


def of_record(record: InstanceRecord, loss: Loss) -> list[Lost]:
    """The blobs of an instance that is not there any more."""
    lost = [Lost(record.blob.key, loss, record.target, record.digest)]
    return lost if record.form.key == record.blob.key else [*lost, Lost(record.form.key, loss, record.target)]


def lock(connection: Connection) -> None:
    """Until this transaction ends, nobody else adds, claims, or gets a sequence. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ORDER_LOCK})


def mark(connection: Connection, lost: Iterable[Lost], now: float) -> None:
    rows = {
        item.key: {
            "key": item.key,
            "since": now,
            "reason": item.loss.value,
            "study_uid": item.target.study,
            "series_uid": item.target.series,
            "instance_uid": item.target.instance,
            "digest": item.digest,
        }
        for item in lost
    }
    if rows:
        lock(connection)
        connection.execute(insert_new(connection, UNUSED_BLOB), [rows[key] for key in sorted(rows)])


def use(connection: Connection, keys: Collection[str]) -> None:
    """Rows refer to these blobs from now on. Unavailable if one of them is being deleted: its Store took longer than it may."""
    if not keys:
        return
    lock(connection)
    taken = connection.execute(_TAKEN, {"keys": listed(keys)})
    if any(claimed for (claimed,) in taken):
        raise Unavailable("What was sent waited so long for the end of its request that it was taken for left over; send it again")


def forget(connection: Connection, keys: Collection[str]) -> list[str]:
    """For keys whose blobs are gone. The records of deletions that are of no more use: those that told of these keys alone."""
    if not keys:
        return []
    gone = delete(UNUSED_BLOB).where(one_of(UNUSED_BLOB.c.key, set(keys))).returning(UNUSED_BLOB.c.marker)
    markers = {marker for (marker,) in connection.execute(gone) if marker is not None}
    if not markers:
        return []
    left = select(UNUSED_BLOB.c.marker).where(UNUSED_BLOB.c.marker.is_not(None), one_of(UNUSED_BLOB.c.marker, markers)).distinct()
    return sorted(markers - set(connection.scalars(left)))


def unused(connection: Connection) -> list[str]:
    return list(connection.scalars(select(UNUSED_BLOB.c.key).order_by(UNUSED_BLOB.c.since, UNUSED_BLOB.c.key)))


def claim(connection: Connection, kept_before: float, spare_before: float, limit: int) -> list[str]:
    """Up to `limit` keys, longest unused first, whose time is over; and those which somebody has claimed and left."""
    spare = UNUSED_BLOB.c.reason == Loss.SPARE.value
    over = or_(
        ~spare & (UNUSED_BLOB.c.since <= kept_before),
        spare & (UNUSED_BLOB.c.since <= spare_before),
        (UNUSED_BLOB.c.reason != Loss.ORPHAN.value) & (UNUSED_BLOB.c.claimed == 1),
    )
    lock(connection)
    keys = list(connection.scalars(select(UNUSED_BLOB.c.key).where(over).order_by(UNUSED_BLOB.c.since, UNUSED_BLOB.c.key).limit(limit)))
    if keys:
        connection.execute(update(UNUSED_BLOB).where(one_of(UNUSED_BLOB.c.key, keys)).values(claimed=1))
    return keys


def known(connection: Connection, keys: Collection[str]) -> set[str]:
    """Those of these keys that a row refers to, or that stand in the list of unused ones."""
    if not keys:
        return set()
    statement = union_all(*_using(keys), select(UNUSED_BLOB.c.key).where(one_of(UNUSED_BLOB.c.key, keys)))
    return set(connection.scalars(statement))


def claim_orphans(connection: Connection, keys: Collection[str], now: float) -> list[str]:
    """Those of these keys that nobody knows: nobody can take them into use any more, as long as they stand in the list. They stay there
    for as long as deleted ones do: a Store that has waited for so long may still come to its end."""
    lock(connection)
    orphans = sorted(set(keys) - known(connection, keys))
    if orphans:
        rows = [{"key": key, "since": now, "reason": Loss.ORPHAN.value, "claimed": 1} for key in orphans]
        connection.execute(insert(UNUSED_BLOB), rows)
    return orphans


def unmarked(connection: Connection, limit: int) -> list[str]:
    """Keys of what was deleted or replaced, and stands in no record of a deletion yet."""
    statement = select(UNUSED_BLOB.c.key).where(UNUSED_BLOB.c.reason.in_(_KEPT), UNUSED_BLOB.c.marker.is_(None), UNUSED_BLOB.c.claimed == 0)
    return list(connection.scalars(statement.order_by(UNUSED_BLOB.c.since, UNUSED_BLOB.c.key).limit(limit)))


def set_marker(connection: Connection, keys: Collection[str], marker: str) -> None:
    if keys:
        connection.execute(update(UNUSED_BLOB).where(one_of(UNUSED_BLOB.c.key, keys)).values(marker=marker))


def deleted(connection: Connection, target: Target, access: Access) -> list[Deleted]:
    """What was deleted under the target and is still kept, the newest deletion of each instance; not what is there again."""
    terms = [UNUSED_BLOB.c.reason == Loss.DELETED.value, UNUSED_BLOB.c.claimed == 0, UNUSED_BLOB.c.digest.is_not(None)]
    columns = ((UNUSED_BLOB.c.study_uid, target.study), (UNUSED_BLOB.c.series_uid, target.series))
    terms += [column == uid for column, uid in (*columns, (UNUSED_BLOB.c.instance_uid, target.instance)) if uid is not None]
    terms.append(~select(INSTANCE.c.id).where(INSTANCE.c.uid == UNUSED_BLOB.c.instance_uid).exists())
    statement = select(UNUSED_BLOB).where(*terms, visible(access, UNUSED_BLOB.c.study_uid)).order_by(UNUSED_BLOB.c.since, UNUSED_BLOB.c.key)
    newest = {row.instance_uid: row for row in connection.execute(statement)}
    return [
        Deleted(row.key, Target(Uid(row.study_uid), Uid(row.series_uid), Uid(row.instance_uid)), row.digest, row.since)
        for row in newest.values()
    ]


def _using(keys: Collection[str]) -> tuple[Select[Any], Select[Any]]:
    """Statements that tell those of the keys which a row names; each by the b-tree that is made for it."""
    form = select(INSTANCE.c.form_key).where(INSTANCE.c.form_key != INSTANCE.c.blob_key, one_of(INSTANCE.c.form_key, keys))
    return select(INSTANCE.c.blob_key).where(one_of(INSTANCE.c.blob_key, keys)), form
