"""The end of stored bytes: kept for a while after their instance was deleted or replaced, then deleted; and the record that they are none.

An instance is gone for every caller as soon as its row is. Its bytes stay for a delay, so that a deletion can be taken back, and so that
whoever reads just now reads to the end. In the meantime a blob of its own, the record of the deletion, says that they are no instance
any more: an index that is made anew from the blobs alone (`reindex`) must not bring them back.
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress

from app.errors import Unavailable
from app.model import DELETIONS
from app.ports import Archive
from app.studies.writing import discard

READERS = 3600.0
"""Seconds that bytes survive at least: longer than anybody reads what was found before the deletion."""

AT_ONCE = 500
RECORD = 10_000
"""Keys in one record of a deletion."""


async def record_deletion(archive: Archive, keys: Sequence[str]) -> None:
    """Note in the blob store that these are no instances any more. Unavailable leaves them to `record_deletions`."""
    for start in range(0, len(keys), RECORD):
        some = keys[start : start + RECORD]
        marker = archive.deletion_key()
        await archive.blobs.put(marker, _lines(some))
        await archive.upkeep.mark(some, marker)


async def record_deletions(archive: Archive) -> None:
    """Note all that a crash, or a store that was away, has kept from being noted."""
    while keys := await archive.upkeep.unmarked(RECORD):
        await record_deletion(archive, keys)


async def recorded(archive: Archive) -> set[str]:
    """The keys of blobs that are no instances any more, from the blob store alone."""
    found: set[str] = set()
    async for marker in archive.blobs.list(DELETIONS):
        found.update(await keys_of(archive, marker.key))
    return found


async def keys_of(archive: Archive, marker: str) -> Collection[str]:
    """What a record of a deletion lists."""
    text = b"".join([chunk async for chunk in archive.blobs.read(marker)])
    return text.decode("ascii", "replace").split()


async def purge(archive: Archive, *, kept_before: float, spare_before: float) -> AsyncIterator[int]:
    """Delete the bytes of what was deleted or replaced before the one time, and of what was never visible before the other; in portions."""
    with suppress(Unavailable):
        await record_deletions(archive)
    while keys := await archive.upkeep.claim(kept_before, spare_before, AT_ONCE):
        await discard(archive, keys)
        await discard(archive, await archive.upkeep.purged(keys))
        yield len(keys)


async def _lines(keys: Sequence[str]) -> AsyncIterator[bytes]:
    yield "".join(f"{key}\n" for key in keys).encode("ascii")
