"""What the server does by itself beside requests: purging what was deleted long enough ago, and scrubbing, which reads every stored byte
again and again, slowly, so that damage is found while there is still a backup.

Of all processes on one archive, one does each kind of work at a time (`Upkeep.lease`), and the next goes on where it left off. A backend
that is away ends nothing: it is tried again. Nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from app.dicomweb.store_report import Failed
from app.errors import DicomwebError, Unavailable
from app.model import InstanceRecord, Lease
from app.ports import Archive
from app.studies.checked import keep_back
from app.studies.inspection import Finding, Problem, derived, inspect
from app.studies.purge import READERS, purge

log = logging.getLogger("radiolucent")

LEASE = 120.0
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class House:
    """`kept`: seconds that deleted bytes stay; `rate`: bytes a second that are scrubbed (0: none); `rest`: seconds from one full round to
    the next; `pause`: seconds between two looks for something to do."""

    kept: float
    rate: int
    rest: float = 24 * 3600.0
    pause: float = 60.0


async def keep_house(archive: Archive, house: House) -> None:
    """Goes on until it is cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_again_and_again(house, lambda: purge_once(archive, house)))
        if house.rate:
            group.create_task(_again_and_again(house, lambda: scrub_once(archive, house)))


async def purge_once(archive: Archive, house: House) -> int:
    """Purge what is due, if nobody else does; how many blobs that were."""
    lease = await archive.upkeep.lease("purge", LEASE)
    if lease is None:
        return 0
    now = archive.now()
    count = 0
    async for portion in purge(archive, kept_before=now - max(house.kept, READERS), spare_before=now - READERS):
        count += portion
        await archive.upkeep.go_on(lease, LEASE)
    await archive.upkeep.go_on(lease, 0)
    if count:
        log.info("purged %d blobs of deleted, replaced or refused instances", count)
    return count


async def scrub_once(archive: Archive, house: House) -> int:
    """Scrub to the end of the archive, if nobody else does; how many instances that were. What is damaged goes into quarantine."""
    lease = await archive.upkeep.lease("scrub", LEASE)
    count = 0
    while lease is not None:
        page = await archive.upkeep.by_blob(lease.position, AT_ONCE)
        if not page:
            await archive.upkeep.go_on(replace(lease, position=""), house.rest)
            return count
        for record in page:
            begun = asyncio.get_running_loop().time()
            await scrub(archive, record)
            count += 1
            lease = replace(lease, position=record.blob.key)
            await _slowly(archive, lease, record.blob.size / house.rate - (asyncio.get_running_loop().time() - begun))
        await archive.upkeep.go_on(lease, LEASE)
    return count


async def scrub(archive: Archive, record: InstanceRecord) -> list[Finding]:
    """Inspect one instance, and do what is safe: keep damaged bytes back, give sound ones free again, make a web form anew."""
    found = await inspect(archive, record, digests=True)
    for finding in found:
        if finding.problem is Problem.DAMAGED and not finding.derived:
            await keep_back(archive, record)
        elif finding.problem is Problem.MISSING and not finding.derived:
            # Not in quarantine: a volume that is away for an hour would fill it. Nobody gets what is not there anyway.
            log.error("missing: study %s series %s instance %s blob %s", *_names(record), record.blob.key)
        elif finding.problem is Problem.WRONG:
            log.warning("wrong row (%s): instance %s; `radiolucent verify --repair` derives it anew", finding.detail, record.instance_uid)
        else:
            log.warning("web form damaged or missing, made anew: instance %s", record.instance_uid)
            await remake_web(archive, record)
    if not found and record.quarantined:
        await archive.upkeep.release([record.blob.key])
        log.warning("sound again, given free: study %s series %s instance %s", *_names(record))
    return found


async def remake_web(archive: Archive, record: InstanceRecord) -> None:
    """Write the web form of an instance anew from its sound original."""
    async with derived(archive, record) as examined:
        if not isinstance(examined, Failed) and examined.web is not None:
            await archive.blobs.put(record.form.key, examined.web.body())
            await archive.derived.forget([record.blob.key])


async def _again_and_again(house: House, work: Callable[[], Awaitable[int]]) -> None:
    # Not all workers at the same moment, and none while it starts.
    await asyncio.sleep(house.pause * random.uniform(0.2, 1))  # noqa: S311  # spreads rivals, guards nothing
    while True:
        try:
            await work()
        except DicomwebError as error:
            log.warning("background work waits: %s", error.detail)
        except Exception as error:  # noqa: BLE001  # one bad instance must not end it for all time; its text may quote a data set
            log.error("background work failed: %s", type(error).__name__)
        await asyncio.sleep(house.pause)


async def _slowly(archive: Archive, lease: Lease, seconds: float) -> None:
    if seconds > LEASE / 4:
        with suppress(Unavailable):
            await archive.upkeep.go_on(lease, seconds + LEASE)
    await asyncio.sleep(max(seconds, 0))


def _names(record: InstanceRecord) -> tuple[str, str, str]:
    return record.study_uid, record.series_uid, record.instance_uid
