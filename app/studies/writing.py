"""From a spool to an indexed instance, in the order that durability asks for; Store, import and undelete all go this way.

1. `keep`: examine, then write the bytes, each file flushed. Several at a time, as they arrive.
2. `indexed`: flush what is left (`SupportsSettle`), then one index transaction for all of them. Only now is anything acknowledged.

A crash in between leaves blobs without a row, which `verify` finds and removes, and never a row without bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeGuard

from app.dicomweb.selection import covers
from app.dicomweb.store_report import Failed, FailureReason
from app.errors import InsufficientStorage, NotFound, Unavailable
from app.model import Access, Added, Blob, InstanceRecord, Outcome, Uid
from app.ports import Archive, BlobStore, Spool, SupportsAdopt, SupportsSettle
from app.studies.body import spooled
from app.studies.examine import Examined, Receipt, examine

SLOW = 2.0
"""Seconds after which a backend that fails is not asked again for the rest of a request: the caller has an answer within ten."""

DISCARDING = 16
WITHDRAWING = 2.0
EVERYTHING = Access()
NOT_YOURS = "This caller may not store objects of this study"


@dataclass(frozen=True, slots=True)
class NotKept(Failed):
    """A failure of a backend, which says nothing against the object: to be sent again later."""

    error: Unavailable | None = None


@dataclass(slots=True)
class Trouble:
    """What the instances of one request share: the error of a backend that made one of them wait in vain."""

    error: Unavailable | None = None


async def keep(
    archive: Archive, spool: Spool, study: Uid | None = None, trouble: Trouble | None = None, access: Access = EVERYTHING
) -> InstanceRecord | Failed:
    """Examine one received object and write its bytes; visible, and on stable storage, only once `indexed` has returned.

    `access` is that of whoever sends it: what it does not cover is refused.
    """
    key = archive.new_key()
    receipt = Receipt(key, archive.web_key(key), archive.now())
    try:
        examined = await spooled(archive.turns, examine, spool, archive.spool, receipt, archive.limits)
    except Unavailable as error:
        return _not_kept(None, error)
    if isinstance(examined, Failed):
        return examined
    record = examined.record
    begun = asyncio.get_running_loop().time()
    try:
        if study is not None and record.study_uid != study:
            sentence = "The Study Instance UID of the object differs from the one in the request's path"
            return Failed(record.sop_class_uid, record.instance_uid, FailureReason.STUDY_MISMATCH, sentence)
        if trouble is not None and trouble.error is not None:
            return _not_kept(record, trouble.error)
        if not await _may_add(archive, record, access):
            return Failed(record.sop_class_uid, record.instance_uid, FailureReason.NOT_AUTHORIZED, NOT_YOURS)
        await _write(archive, examined, spool)
    except Unavailable as error:
        if trouble is not None and asyncio.get_running_loop().time() - begun > SLOW:
            trouble.error = error
        await withdraw(archive, blob_keys(record))
        return _not_kept(record, error)
    except BaseException:
        await asyncio.shield(withdraw(archive, blob_keys(record)))
        raise
    finally:
        examined.close()
    return record


async def _may_add(archive: Archive, record: InstanceRecord, access: Access) -> bool:
    """Whether the access covers what this object says of its study, and the study as it is, if it is there."""
    if access.is_everything:
        return True
    labelled = archive.labels.by_rule([record]) | await archive.labels.of(record.study_uid)
    return covers(access, [record], labelled) and not await archive.index.hidden([record.study_uid], access=access)


async def indexed(archive: Archive, records: Sequence[InstanceRecord]) -> Sequence[Added]:
    """Make all of them durable, and visible in one transaction; newcomers that no row refers to are removed. Outcomes in order.

    If the index fails, the blobs stay: a commit whose acknowledgement was lost may have made their rows visible. `verify` sweeps the rest.
    """
    if not records:
        return ()
    if _settles(archive.blobs):
        keys = [key for record in records for key in blob_keys(record)]
        try:
            await archive.blobs.settle(keys)
        except BaseException:
            await asyncio.shield(withdraw(archive, keys))
            raise
    added = await archive.index.add(records, archive.on_conflict)
    lost = [fate.kept.key for fate in added if fate.kept is not None and not await _is_whole(archive, fate.kept)]
    if lost:
        # The row is there and its bytes are not: what came just now takes their place, for nothing may be acknowledged that is not kept.
        await archive.upkeep.quarantine(lost)
        again = [record for record, fate in zip(records, added, strict=True) if _among(fate, lost)]
        healed = iter(await archive.index.add(again, archive.on_conflict))
        added = [next(healed) if _among(fate, lost) else fate for fate in added]
    await _label(archive, [record for record, fate in zip(records, added, strict=True) if fate.outcome is not Outcome.REFUSED])
    # What was replaced was visible, and somebody may be reading it: its bytes stay for a while (`purge`), what was derived of it goes.
    with suppress(Unavailable):
        await archive.derived.forget([key for fate in added if fate.outcome is Outcome.REPLACED for key in fate.unused])
    await remove_unused(archive, [key for fate in added if fate.outcome is not Outcome.REPLACED for key in fate.unused])
    return added


async def _label(archive: Archive, records: Iterable[InstanceRecord]) -> None:
    """What rules give to the studies that something was stored to."""
    by_study: dict[Uid, list[InstanceRecord]] = {}
    for record in records:
        by_study.setdefault(record.study_uid, []).append(record)
    for study, own in by_study.items():
        if labels := archive.labels.by_rule(own):
            await archive.labels.add(study, labels)


async def _is_whole(archive: Archive, blob: Blob) -> bool:
    """Whether it lies there with its length: what a second look costs little enough for."""
    try:
        return (await archive.blobs.stat(blob.key)).size == blob.size
    except NotFound:
        return False


def _among(fate: Added, lost: Sequence[str]) -> bool:
    return fate.kept is not None and fate.kept.key in lost


async def abandon(archive: Archive, results: Iterable[Awaitable[object]]) -> None:
    """Wait for all that was begun with `keep`, and withdraw it: what failed as a whole leaves nothing."""
    outcomes = await asyncio.gather(*results, return_exceptions=True)
    await withdraw(archive, [key for outcome in outcomes if isinstance(outcome, InstanceRecord) for key in blob_keys(outcome)])


async def withdraw(archive: Archive, keys: Sequence[str]) -> None:
    """Delete blobs that never got a row. Those that cannot be deleted now are orphans: no reason to fail what goes on without them."""
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(WITHDRAWING + len(keys) / DISCARDING):
            await discard(archive, keys)


async def remove_unused(archive: Archive, keys: Sequence[str]) -> None:
    """Delete blobs that never had a row. A backend that fails now is no failure of the request: the index remembers them for `purge`."""
    if not keys:
        return
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(WITHDRAWING + len(keys) / DISCARDING):
            await discard(archive, keys)
        await archive.index.discard(keys)


async def discard(archive: Archive, keys: Sequence[str]) -> None:
    """Delete blobs, then all that was derived of them: in this order, so that nobody can derive anything more (`ports.Derived`)."""
    try:
        for start in range(0, len(keys), DISCARDING):
            await asyncio.gather(*(archive.blobs.delete(key) for key in keys[start : start + DISCARDING]))
    finally:
        await archive.derived.forget(keys)


def blob_keys(record: InstanceRecord) -> tuple[str, ...]:
    """Every blob that belongs to this record alone."""
    return tuple(dict.fromkeys((record.blob.key, record.form.key)))


def refused_by_backends(outcomes: Sequence[InstanceRecord | Failed]) -> Unavailable | None:
    """The error to answer with, if nothing was kept and only backends are to blame: a full disk, if it is one, tells most."""
    errors = [outcome.error for outcome in outcomes if isinstance(outcome, NotKept) and outcome.error is not None]
    if not errors or len(errors) < len(outcomes):
        return None
    return next((error for error in errors if isinstance(error, InsufficientStorage)), errors[0])


def _not_kept(record: InstanceRecord | None, error: Unavailable) -> NotKept:
    sop_class, instance = (None, None) if record is None else (record.sop_class_uid, record.instance_uid)
    return NotKept(sop_class, instance, FailureReason.OUT_OF_RESOURCES, error.detail, error)


async def _write(archive: Archive, examined: Examined, spool: Spool) -> None:
    await _put(archive, examined.record.blob.key, spool)
    if examined.web is not None:
        await _put(archive, examined.record.form.key, examined.web)


def _settles(blobs: BlobStore) -> TypeGuard[SupportsSettle]:
    return _kind_settles(type(blobs))


@cache
def _kind_settles(kind: type) -> bool:
    """To ask a Protocol costs as much as a short read, and it would be asked for each instance."""
    return issubclass(kind, SupportsSettle)


async def _put(archive: Archive, key: str, spool: Spool) -> None:
    blobs, path = archive.blobs, spool.path()
    if _settles(blobs):
        if path is None or await blobs.adopt_unsettled(key, path) is None:
            await blobs.put_unsettled(key, spool.body())
    elif path is None or not isinstance(blobs, SupportsAdopt) or await blobs.adopt(key, path) is None:
        await blobs.put(key, spool.body())
