"""Whether index and blobs agree: bytes without a row, rows without their bytes, bytes that are no longer what was received.

Reads all, changes nothing; `sweep` removes what nobody refers to. Runs beside a working server: a blob that is younger than the grace
time may belong to a Store whose row is yet to come, and is left alone (the grace time must exceed the longest Store).
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.errors import Corrupt, NotFound
from app.model import Access, InstanceRecord, Span, Target
from app.ports import Archive
from app.studies.store import blob_keys, discard

EVERYTHING = Access()
AT_ONCE = 8
"""Instances that are read at a time."""


class Problem(StrEnum):
    """What can be wrong. An orphan harms nobody; the others are lost or damaged instances, to be restored from a backup."""

    ORPHAN = "orphan"  # bytes that no row refers to
    MISSING = "missing"  # a row whose bytes are gone
    DAMAGED = "damaged"  # bytes of another length or digest than at the time of receipt


@dataclass(frozen=True, slots=True)
class Finding:
    """One blob that is not as it should be; `target` is the instance whose row names it (none for an orphan)."""

    problem: Problem
    key: str
    target: Target | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """An instance was checked; `size` is its length in bytes."""

    target: Target
    size: int


async def verify(archive: Archive, *, digests: bool, grace: float) -> AsyncIterator[Finding | Checked]:
    """Check every instance, then tell the orphans. With `digests` every byte is read, else only lengths are compared.

    `grace`: seconds that a blob may be without a row. Memory: one key for each blob of the store.
    """
    # Blobs first, rows second: a row that is committed meanwhile then still finds its blob among the listed, and is never an orphan.
    oldest = archive.now() - grace
    orphans = {blob.key: blob.size async for blob in archive.blobs.list("") if blob.modified <= oldest}
    async for records in _batches(archive):
        for key in (key for record in records for key in blob_keys(record)):
            orphans.pop(key, None)
        for found in await asyncio.gather(*(_check(archive, record, digests) for record in records)):
            for finding in found:
                yield finding
        for record in records:
            yield Checked(record.target, record.blob.size)
    for key, size in orphans.items():
        if await _is_there(archive, key):
            yield Finding(Problem.ORPHAN, key, size=size)


async def sweep(archive: Archive, orphans: Sequence[str]) -> int:
    """Delete these blobs, and those that the index knows to have lost their row; how many there were."""
    keys = tuple(dict.fromkeys((*orphans, *await archive.index.unused())))
    await discard(archive, keys)
    await archive.index.discard(keys)
    return len(keys)


async def _batches(archive: Archive) -> AsyncIterator[list[InstanceRecord]]:
    batch: list[InstanceRecord] = []
    async for record in archive.index.locate(Target(), access=EVERYTHING):
        batch.append(record)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


async def _check(archive: Archive, record: InstanceRecord, digests: bool) -> list[Finding]:
    problems = {key: problem for key in blob_keys(record) if (problem := await _problem(archive, record, key, digests)) is not None}
    if problems and not await _still_refers(archive, record):
        return []
    return [Finding(problem, key, record.target, record.blob.size) for key, problem in problems.items()]


async def _problem(archive: Archive, record: InstanceRecord, key: str, digests: bool) -> Problem | None:
    received = key == record.blob.key
    try:
        size = (await archive.blobs.stat(key)).size
        if size != record.blob.size if received else size < _extent(record):
            return Problem.DAMAGED
        if digests and received and await _digest(archive, key) != record.digest:
            return Problem.DAMAGED
    except NotFound:
        return Problem.MISSING
    except Corrupt:
        return Problem.DAMAGED
    return None


async def _digest(archive: Archive, key: str) -> str:
    digest = hashlib.sha256()
    async for chunk in archive.blobs.read(key):
        digest.update(chunk)
    return digest.hexdigest()


async def _still_refers(archive: Archive, record: InstanceRecord) -> bool:
    """Whether the row is still there: it may have been deleted or replaced, bytes and all, while we looked."""
    return any([now.blob.key == record.blob.key async for now in archive.index.locate(record.target, access=EVERYTHING)])


async def _is_there(archive: Archive, key: str) -> bool:
    """Whether the blob still lies there: its instance may have been deleted, row first and bytes next, after it was listed."""
    try:
        await archive.blobs.stat(key)
    except NotFound:
        return False
    return True


def _extent(record: InstanceRecord) -> int:
    """The least length of the blob that the form is cut from."""
    return max((piece.end for piece in record.form.pieces if isinstance(piece, Span)), default=0)
