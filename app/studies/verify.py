"""Whether index and blobs agree: bytes without a row, rows without their bytes, bytes that are no longer what was received, rows that say
something else than the bytes.

`verify` reads all and changes nothing; `repair` does what is safe. Both run beside a working server: a blob that is younger than the grace
time may belong to a Store whose row is yet to come, and is left alone. Memory is a page of keys, however large the archive.
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.dicomweb.store_report import Failed
from app.errors import NotFound
from app.model import DELETIONS, INSTANCES, Blob, InstanceRecord, Target
from app.ports import Archive, SupportsSweep
from app.studies.inspection import Finding, Problem, derived, inspect
from app.studies.purge import keys_of
from app.studies.writing import discard

AT_ONCE = 8
"""Instances that are read at a time."""

PAGE = 500


@dataclass(frozen=True, slots=True)
class Checked:
    """An instance was checked; `size` is its length in bytes."""

    target: Target
    size: int


async def verify(archive: Archive, *, digests: bool, grace: float) -> AsyncIterator[Finding | Checked]:
    """Check every instance, then every study's counts, then tell the orphans. With `digests` every byte is read, else only lengths are
    compared. `grace`: seconds that a blob may be without a row."""
    after = ""
    while records := await archive.upkeep.by_blob(after, AT_ONCE):
        for found in await asyncio.gather(*(_inspected(archive, record, digests) for record in records)):
            for finding in found:
                yield finding
        for record in records:
            yield Checked(record.target, record.blob.size)
        after = records[-1].blob.key
    async for uid in archive.upkeep.miscounted():
        yield Finding(Problem.WRONG, "", Target(uid), detail="counts", derived=True)
    async for blob in _unknown(archive, archive.now() - grace):
        yield Finding(Problem.ORPHAN, blob.key, size=blob.size)


async def repair(archive: Archive, findings: Sequence[Finding]) -> list[str]:
    """What could be put right, a sentence each: orphans deleted, rows and web forms derived anew from sound bytes.

    Instances with damaged bytes are quarantined: nobody gets them until they are restored or stored again. One whose bytes are gone is
    left as it is.
    """
    told = []
    orphans = await sweep(archive, [finding.key for finding in findings if finding.problem is Problem.ORPHAN])
    if orphans:
        told.append(f"{orphans} left-over blobs deleted")
    renewed = {finding.key: finding for finding in findings if finding.derived and finding.key}
    studies = {finding.target.study for finding in findings if not finding.key and finding.target is not None}
    count = sum([await _renew(archive, finding) for finding in renewed.values()])
    for uid in studies:
        if uid is not None:
            await archive.upkeep.recount(uid)
    if count or studies:
        told.append(f"{count} instances derived anew from their bytes, {len(studies)} studies counted again")
    sound = [record for record in await archive.upkeep.quarantined() if not await inspect(archive, record, digests=True)]
    await archive.upkeep.release([record.blob.key for record in sound])
    if sound:
        told.append(f"{len(sound)} quarantined instances are sound again and given free")
    damaged = [finding.key for finding in findings if finding.problem is Problem.DAMAGED and not finding.derived]
    await archive.upkeep.quarantine(damaged)
    if damaged:
        told.append(f"{len(damaged)} damaged instances quarantined: restore them from a backup, or store them again")
    return told


async def sweep_temporary(archive: Archive, grace: float) -> int:
    """Delete unfinished files that nobody has written to for `grace` seconds; how many there were."""
    if not isinstance(archive.blobs, SupportsSweep):
        return 0
    return await archive.blobs.sweep_temporary(archive.now() - grace)


async def sweep(archive: Archive, orphans: Sequence[str]) -> int:
    """Delete those of these blobs that nobody refers to; how many there were."""
    count = 0
    for start in range(0, len(orphans), PAGE):
        # Claimed first: should the Store that has written one of them still go on, it gets an error now, and no row without bytes.
        keys = await archive.upkeep.claim_orphans(orphans[start : start + PAGE])
        await discard(archive, keys)
        count += len(keys)
    return count


async def _inspected(archive: Archive, record: InstanceRecord, digests: bool) -> list[Finding]:
    found = await inspect(archive, record, digests=digests)
    # It may have been deleted or replaced, bytes and all, while we looked.
    if found and await archive.upkeep.of_blob(record.blob.key) is None:
        return []
    return found


async def _renew(archive: Archive, finding: Finding) -> bool:
    record = await archive.upkeep.of_blob(finding.key)
    if record is None:
        return False
    async with derived(archive, record) as examined:
        if isinstance(examined, Failed):
            return False
        if examined.web is not None:
            await archive.blobs.put(examined.record.form.key, examined.web.body())
            await archive.derived.forget([record.blob.key])
        return await archive.upkeep.renew(examined.record)


async def _unknown(archive: Archive, oldest: float) -> AsyncIterator[Blob]:
    """Blobs that nobody knows. Listed first and asked for then: a row that is committed meanwhile finds its blob among the listed."""
    page: list[Blob] = []
    async for blob in archive.blobs.list(INSTANCES):
        if blob.modified <= oldest:
            page.append(blob)
        if len(page) == PAGE:
            for orphan in await _orphans(archive, page):
                yield orphan
            page = []
    for orphan in await _orphans(archive, page):
        yield orphan
    async for marker in archive.blobs.list(DELETIONS):
        if marker.modified <= oldest and not await archive.upkeep.known(await keys_of(archive, marker.key)):
            yield marker


async def _orphans(archive: Archive, page: Sequence[Blob]) -> list[Blob]:
    known = set(await archive.upkeep.known([blob.key for blob in page]))
    return [blob for blob in page if blob.key not in known and await _is_there(archive, blob.key)]


async def _is_there(archive: Archive, key: str) -> bool:
    """Whether the blob still lies there: it may have been purged after it was listed."""
    try:
        await archive.blobs.stat(key)
    except NotFound:
        return False
    return True
