"""One stored instance against what it should be: bytes against their digest, row and web form against what the bytes give today.

What the bytes give is derived as at the time of receipt (`examine`), over the store itself: nothing is copied, memory is a few chunks.
A row may differ because it is damaged, or because an older release derived it; `renew` cures both.
Upkeep, not a transaction: nobody is shown an instance, so there is no caller and no audit record.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.dicomweb.store_report import Failed
from app.errors import Corrupt, NotFound
from app.model import InstanceRecord, Span, Target
from app.ports import Archive
from app.studies.body import spooled
from app.studies.examine import Examined, Receipt, examine


class Problem(StrEnum):
    """What can be wrong. An orphan harms nobody; a wrong row can be derived anew; the others are lost or damaged instances, to be restored
    from a backup or stored again."""

    ORPHAN = "orphan"  # bytes that no row refers to
    MISSING = "missing"  # a row whose bytes are gone
    DAMAGED = "damaged"  # bytes of another length or digest than at the time of receipt
    WRONG = "wrong"  # a row that says something else than its bytes, or counts that are not those of what lies below


@dataclass(frozen=True, slots=True)
class Finding:
    """One blob or row that is not as it should be; `target` is the instance, or study, that it belongs to (none for an orphan).

    `detail` names what differs, never a value. `derived`: the original is sound, and this can be made anew from it.
    """

    problem: Problem
    key: str
    target: Target | None = None
    size: int = 0
    detail: str = ""
    derived: bool = False


async def inspect(archive: Archive, record: InstanceRecord, *, digests: bool) -> list[Finding]:
    """What is wrong with this instance. With `digests` every byte is read, else only lengths are compared."""
    problem = await _original(archive, record, digests=digests)
    if problem is not None:
        return [Finding(problem, record.blob.key, record.target, record.blob.size)]
    if not digests:
        return await _web_length(archive, record)
    async with derived(archive, record) as examined:
        if isinstance(examined, Failed):
            return [Finding(Problem.WRONG, record.blob.key, record.target, record.blob.size, examined.comment)]
        found = await _row(archive, examined.record)
        return [*found, *await _web(archive, record, examined)]


class derived:  # used as a function
    """What the stored bytes of an instance give today; its web form is forgotten at the end."""

    def __init__(self, archive: Archive, record: InstanceRecord) -> None:
        self._archive = archive
        self._record = record
        self._made: Examined | Failed | None = None

    async def __aenter__(self) -> Examined | Failed:
        record, archive = self._record, self._archive
        receipt = Receipt(record.blob.key, archive.web_key(record.blob.key), record.received)
        spool = StoredSpool(archive, record, asyncio.get_running_loop())
        self._made = await spooled(archive.turns, examine, spool, archive.spool, receipt, archive.limits)
        return self._made

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._made, Examined):
            self._made.close()


class StoredSpool:
    """`ports.Spool` over a stored blob, for `examine` in its thread: reads go through the event loop to the store."""

    def __init__(self, archive: Archive, record: InstanceRecord, loop: asyncio.AbstractEventLoop) -> None:
        self._archive = archive
        self._record = record
        self._loop = loop

    @property
    def size(self) -> int:
        return self._record.blob.size

    @property
    def digest(self) -> str:
        """Compared already, with all bytes."""
        return self._record.digest

    def write(self, chunk: bytes | bytearray) -> None:
        raise ValueError("what is stored is never changed")

    def read(self, offset: int, length: int) -> bytes:
        span = Span(offset, max(0, min(length, self.size - offset)))
        reading = asyncio.run_coroutine_threadsafe(self._archive.blobs.read_spans(self._record.blob.key, [span]), self._loop)
        return reading.result()[0]

    def body(self) -> AsyncIterator[bytes]:
        return self._archive.blobs.read(self._record.blob.key)

    def path(self) -> Path | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


async def digest_of(archive: Archive, key: str) -> str:
    """The SHA-256 (hex) of all bytes of a blob."""
    digest = hashlib.sha256()
    async for chunk in archive.blobs.read(key):
        digest.update(chunk)
    return digest.hexdigest()


async def _original(archive: Archive, record: InstanceRecord, *, digests: bool) -> Problem | None:
    key = record.blob.key
    try:
        if (await archive.blobs.stat(key)).size != record.blob.size:
            return Problem.DAMAGED
        if digests and await digest_of(archive, key) != record.digest:
            return Problem.DAMAGED
    except NotFound:
        return Problem.MISSING
    except Corrupt:
        return Problem.DAMAGED
    return None


async def _row(archive: Archive, fresh: InstanceRecord) -> list[Finding]:
    found = await archive.upkeep.differing(fresh)
    # Once more: the row may have been replaced between two looks at it.
    if found:
        found = await archive.upkeep.differing(fresh)
    return [Finding(Problem.WRONG, fresh.blob.key, fresh.target, fresh.blob.size, ", ".join(found), derived=True)] if found else []


async def _web(archive: Archive, record: InstanceRecord, examined: Examined) -> list[Finding]:
    if examined.web is None or examined.record.form.key != record.form.key:
        return []
    key = record.form.key
    try:
        problem = None if await digest_of(archive, key) == examined.web.digest else Problem.DAMAGED
    except NotFound:
        problem = Problem.MISSING
    except Corrupt:
        problem = Problem.DAMAGED if await _is_there(archive, key) else Problem.MISSING
    return [] if problem is None else [Finding(problem, key, record.target, record.blob.size, derived=True)]


async def _web_length(archive: Archive, record: InstanceRecord) -> list[Finding]:
    key = record.form.key
    if key == record.blob.key:
        return []
    try:
        size = (await archive.blobs.stat(key)).size
    except NotFound:
        return [Finding(Problem.MISSING, key, record.target, record.blob.size, derived=True)]
    least = max((piece.end for piece in record.form.pieces if isinstance(piece, Span)), default=0)
    return [Finding(Problem.DAMAGED, key, record.target, record.blob.size, derived=True)] if size < least else []


async def _is_there(archive: Archive, key: str) -> bool:
    try:
        await archive.blobs.stat(key)
    except NotFound:
        return False
    return True
