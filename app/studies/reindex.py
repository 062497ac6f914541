"""The index anew from the blobs alone: for a lost or damaged database, and the proof that nothing lives in the index only.

Blobs are replayed in the order of receipt, so that the same attributes win as at the time (ADR 0005). What was deleted or replaced, and is
kept for a while, stands in the records of deletions and is left out. Attributes of a study or a series which only a deleted or replaced
instance has said are gone; what a replacing one overwrote is again what was received first.
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from app.dicomweb.store_report import Failed, FailureReason
from app.errors import Conflict, Corrupt, NotFound
from app.model import INSTANCES, Access, InstanceRecord, Outcome, Target
from app.ports import Archive
from app.studies.body import spooled
from app.studies.examine import Receipt, examine
from app.studies.purge import recorded

BATCH = 32
"""Instances that are examined and then indexed in one transaction."""

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Replayed:
    """One blob: indexed if `refusal` is empty, else a sentence that says why it is not."""

    key: str
    size: int
    refusal: str = ""


async def reindex(archive: Archive, received: Callable[[str], float | None]) -> AsyncIterator[Replayed]:
    """Index every received blob. `received` tells the time of receipt (seconds since 1970) from a key; None for a rewritten sibling.

    Conflict unless the index is empty: replaying over rows would take their blobs for second copies and mark them as unused.
    """
    if [record async for record in _first(archive)]:
        raise Conflict("The index is not empty: reindex fills an empty database, such as a new file or a new schema")
    batch: list[Receipt] = []
    gone = await recorded(archive)
    async for blob in archive.blobs.list(INSTANCES):
        at = received(blob.key)
        if at is None or blob.key in gone:
            continue
        batch.append(Receipt(blob.key, archive.web_key(blob.key), at))
        if len(batch) == BATCH:
            async for replayed in _replay(archive, batch):
                yield replayed
            batch = []
    async for replayed in _replay(archive, batch):
        yield replayed


async def count(archive: Archive, received: Callable[[str], float | None]) -> int:
    """How many blobs `reindex` will replay."""
    gone = await recorded(archive)
    return sum([received(blob.key) is not None and blob.key not in gone async for blob in archive.blobs.list(INSTANCES)])


async def _first(archive: Archive) -> AsyncIterator[InstanceRecord]:
    async for record in archive.index.locate(Target(), access=Access()):
        yield record
        return


async def _replay(archive: Archive, receipts: list[Receipt]) -> AsyncIterator[Replayed]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(receipt: Receipt) -> InstanceRecord | Failed:
        async with room:
            return await _examined(archive, receipt)

    outcomes = await asyncio.gather(*(one(receipt) for receipt in receipts))
    records = [outcome for outcome in outcomes if isinstance(outcome, InstanceRecord)]
    # No blob is removed here, whatever `add` calls unused: `verify` tells them and sweeps them.
    added = iter(await archive.index.add(records, archive.on_conflict) if records else ())
    for receipt, outcome in zip(receipts, outcomes, strict=True):
        if isinstance(outcome, Failed):
            yield Replayed(receipt.key, 0, outcome.comment)
        else:
            yield Replayed(receipt.key, outcome.blob.size, _refusal(next(added).outcome))


def _refusal(outcome: Outcome) -> str:
    match outcome:
        case Outcome.REFUSED:
            return "Another object with the same SOP Instance UID was received before it"
        case Outcome.SAME:
            return "The same bytes were received before"
        case _:
            return ""


async def _examined(archive: Archive, receipt: Receipt) -> InstanceRecord | Failed:
    spool = archive.spool()
    try:
        async for chunk in archive.blobs.read(receipt.key):
            await asyncio.to_thread(spool.write, chunk)
        examined = await spooled(archive.turns, examine, spool, archive.spool, receipt, archive.limits)
    except (Corrupt, NotFound) as error:
        return Failed(None, None, FailureReason.CANNOT_UNDERSTAND, error.detail)
    finally:
        spool.close()
    if isinstance(examined, Failed):
        return examined
    if examined.web is not None:
        # Written anew even if it is there: the new row's offsets are those of today's rewriting.
        try:
            await archive.blobs.put(receipt.web_key, examined.web.body())
        finally:
            examined.close()
    return examined.record
