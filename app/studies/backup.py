"""Bytes of a backup: every blob that a snapshot of the index names, from one store to another, each compared with its digest on the way.

For a backup the snapshot comes first and the blobs after it: blobs never change, and what is deleted meanwhile is kept for longer than a
backup takes (`purge`), so that every row of the snapshot finds its bytes. A restore goes the other way round, bytes first, rows last: the
order of every write. What is there already is not copied again, so that a backup into the same place takes the new blobs only.
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.errors import Corrupt, NotFound
from app.model import INSTANCES, Blob, InstanceRecord
from app.ports import BlobStore, Upkeep
from app.studies.writing import blob_keys

AT_ONCE = 8
PAGE = 500


@dataclass(frozen=True, slots=True)
class Copied:
    """One instance: `size` bytes copied, 0 if they were there; if they could not be had whole, `refusal` is a sentence."""

    record: InstanceRecord
    size: int = 0
    refusal: str = ""


async def copy_blobs(snapshot: Upkeep, source: BlobStore, goal: BlobStore) -> AsyncIterator[Copied]:
    """Every blob that the snapshot names, some at a time."""
    after = ""
    while records := await snapshot.by_blob(after, AT_ONCE):
        for copied in await asyncio.gather(*(_copied(record, source, goal) for record in records)):
            yield copied
        after = records[-1].blob.key


async def prune(snapshot: Upkeep, goal: BlobStore) -> int:
    """Delete from a backup what its snapshot does not name; how many blobs that were."""
    count = 0
    page: list[Blob] = []
    async for blob in goal.list(INSTANCES):
        page.append(blob)
        if len(page) == PAGE:
            count += await _pruned(snapshot, goal, page)
            page = []
    return count + await _pruned(snapshot, goal, page)


async def _pruned(snapshot: Upkeep, goal: BlobStore, page: list[Blob]) -> int:
    known = set(await snapshot.known([blob.key for blob in page]))
    gone = [blob.key for blob in page if blob.key not in known]
    for key in gone:
        await goal.delete(key)
    return len(gone)


async def _copied(record: InstanceRecord, source: BlobStore, goal: BlobStore) -> Copied:
    size = 0
    try:
        for key in blob_keys(record):
            size += await _copy(key, record.digest if key == record.blob.key else None, source, goal)
    except (Corrupt, NotFound) as error:
        return Copied(record, size, error.detail)
    return Copied(record, size)


async def _copy(key: str, digest: str | None, source: BlobStore, goal: BlobStore) -> int:
    expected = (await source.stat(key)).size
    try:
        if (await goal.stat(key)).size == expected:
            return 0
    except NotFound:
        pass
    return (await goal.put(key, _checked(key, digest, source))).size


async def _checked(key: str, digest: str | None, source: BlobStore) -> AsyncIterator[bytes]:
    """Raises before the end if the bytes are not what was received: then nothing is put."""
    seen = hashlib.sha256()
    async for chunk in source.read(key):
        await asyncio.to_thread(seen.update, chunk)
        yield chunk
    if digest is not None and seen.hexdigest() != digest:
        raise Corrupt("Its bytes are not those that were received")
