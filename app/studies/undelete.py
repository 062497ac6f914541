"""Take deletions back, while the bytes are still kept: each instance is stored again, as if it were sent anew.

Stored again under a new key: so that nothing depends on who is quicker, this or the purge of the old bytes. The time of receipt is that
of the restoration. Like every transaction it is audited, and finds only what this caller may see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.dicomweb.store_report import Failed, FailureReason
from app.errors import Corrupt, NotFound
from app.model import Access, Action, Caller, Deleted, InstanceRecord, Outcome, Target
from app.ports import Archive
from app.studies.audited import audited
from app.studies.writing import abandon, indexed, keep

BATCH = 32
STORED_SINCE = "Another object with this SOP Instance UID was stored since"


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of one deleted instance: it is there again if `refusal` is empty, else a sentence says why not."""

    target: Target
    refusal: str = ""


async def restorable(archive: Archive, caller: Caller, target: Target) -> Sequence[Deleted]:
    """What could be restored under the target, oldest deletion first."""
    async with audited(archive, caller, Action.SEARCH, target, deleted=True) as granted:
        return await archive.upkeep.deleted(target, access=granted.access)


async def undelete(archive: Archive, caller: Caller, target: Target) -> list[Restored]:
    """Restore everything deleted under the target. NotFound if there is nothing of it any more. Unavailable ends it, and what was
    restored until then stays."""
    async with audited(archive, caller, Action.STORE, target, undelete=True) as granted:
        found = await archive.upkeep.deleted(target, access=granted.access)
        if not found:
            raise NotFound("Nothing that was deleted there is kept; it was never there, is there, or was purged")
        told: list[Restored] = []
        for start in range(0, len(found), BATCH):
            told += await _restored(archive, found[start : start + BATCH], granted.access)
        granted.detail.update(stored=sum(not item.refusal for item in told), failed=sum(bool(item.refusal) for item in told))
        return told


async def _restored(archive: Archive, batch: Sequence[Deleted], access: Access) -> list[Restored]:
    tasks: list[asyncio.Task[InstanceRecord | Failed]] = []
    try:
        for item in batch:
            tasks.append(asyncio.create_task(_again(archive, item, access)))
            await tasks[-1]
    except BaseException:
        await asyncio.shield(abandon(archive, tasks))
        raise
    outcomes = [task.result() for task in tasks]
    added = iter(await indexed(archive, [outcome for outcome in outcomes if isinstance(outcome, InstanceRecord)]))
    told = []
    for item, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, Failed):
            told.append(Restored(item.target, outcome.comment))
        else:
            told.append(Restored(item.target, STORED_SINCE if next(added).outcome is Outcome.REFUSED else ""))
    return told


async def _again(archive: Archive, item: Deleted, access: Access) -> InstanceRecord | Failed:
    spool = archive.spool()
    try:
        async for chunk in archive.blobs.read(item.key):
            await asyncio.to_thread(spool.write, chunk)
        if spool.digest != item.digest:
            return Failed(None, item.target.instance, FailureReason.CANNOT_UNDERSTAND, "Its stored data is damaged")
        return await keep(archive, spool, access=access)
    except Corrupt as error:
        return Failed(None, item.target.instance, FailureReason.CANNOT_UNDERSTAND, error.detail)
    finally:
        spool.close()
