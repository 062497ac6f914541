"""What we need from the world, on one page: Protocols, and the `Archive` that every transaction receives.

Adapters (`storage`, `index`, `access`, `audit`) fulfil these without importing one another; `main.py` is the only place that knows both
sides. What each promise means is written as a test suite in `tests/contract/`, which every backend runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys
from app.dicomweb.query import Query
from app.model import (
    Access,
    Action,
    Added,
    AuditEntry,
    Blob,
    Caller,
    Change,
    ConflictRule,
    DeletedRule,
    Filling,
    InstanceRecord,
    Limits,
    Metadata,
    Page,
    Span,
    Target,
)


class BlobStore(Protocol):
    """Bytes by key. Knows no DICOM. Keys come from `storage/keys.py`; any other key is a ValueError."""

    async def put(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        """Whole or not at all; on stable storage when it returns. If `body` raises, nothing remains. An existing key is replaced."""

    def read(self, key: str, span: Span | None = None) -> AsyncIterator[bytes]:
        """The bytes, in chunks of at most 1 MiB. NotFound if absent, Corrupt if the blob ends before the span does."""

    async def read_spans(self, key: str, spans: Sequence[Span]) -> list[bytes]:
        """Each span whole and in order, in as few round trips as the backend can. Errors as `read`."""

    async def stat(self, key: str) -> Blob:
        """NotFound if absent."""

    async def delete(self, key: str) -> None:
        """Gone when it returns; deleting what is not there is fine."""

    def list(self, prefix: str) -> AsyncIterator[Blob]:
        """Every blob whose key begins with `prefix`, in ascending order of keys; unfinished puts are never seen."""

    async def check(self) -> None:
        """Unavailable, with a sentence, if the store cannot be written and read just now."""

    async def close(self) -> None: ...


class Spool(Protocol):
    """Where one incoming instance waits: memory while it is small, a file of our own when it grows. Not durable."""

    @property
    def size(self) -> int: ...

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all bytes written so far."""

    def write(self, chunk: bytes) -> None: ...

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer only at the end. Safe to call from a worker thread, once writing is over."""

    def body(self) -> AsyncIterator[bytes]: ...

    def path(self) -> Path | None:
        """The file that holds it, or None while it is in memory."""

    def close(self) -> None:
        """Forget it, file and all; twice is fine."""


@runtime_checkable
class SupportsAdopt(Protocol):
    """An optional power of a blob store: make a spool's file its own without copying (same file system)."""

    async def adopt(self, key: str, path: Path) -> Blob | None:
        """As `put`, by rename. None if the file lies elsewhere: then use `put`."""


class Index(Protocol):
    """Who is where. Every reading method demands an Access and answers as if nothing else existed."""

    async def add(self, records: Sequence[InstanceRecord], rule: ConflictRule) -> Sequence[Added]:
        """One transaction for all, with their change rows; committed to stable storage when it returns. Outcomes in order."""

    async def search(self, query: Query, *, access: Access) -> Page: ...

    def locate(self, target: Target, *, access: Access) -> AsyncIterator[InstanceRecord]:
        """Every instance under the target in the order of search answers; nothing if there is none."""

    def metadata(self, target: Target, *, access: Access) -> AsyncIterator[Metadata]:
        """As `locate`, giving the stored Metadata."""

    async def digests(self, target: Target, *, access: Access) -> Sequence[str]:
        """The digests under the target, in the same order: enough for an ETag, cheap to read."""

    async def remove(self, target: Target, *, access: Access) -> Sequence[InstanceRecord]:
        """Take all under the target out, with change rows, in one transaction; what was removed. Counts of what stays are right at once."""

    async def changes(self, after: int, limit: int, *, access: Access) -> Sequence[Change]:
        """Changes with a sequence above `after`, ascending."""

    async def last_change(self, target: Target, *, access: Access) -> Change | None:
        """The newest change at or under a target that names a study, be it there or gone; None if this caller never had it."""

    def fill_keys(self) -> AsyncIterator[Filling]:
        """Bring the site's search keys to all that is stored, from its Metadata; progress after each page. Until then a search by a new
        key gives a warning."""

    async def discard(self, keys: Sequence[str]) -> None:
        """Forget these keys in the list of unused blobs, after the blobs themselves were deleted."""

    async def unused(self) -> Sequence[str]:
        """Keys of blobs that lost their row (deleted, replaced) and may not be gone from the store yet."""

    async def check(self) -> None:
        """Unavailable, with a sentence, if the database does not answer or its schema is of another version."""

    async def close(self) -> None: ...


class Authenticator(Protocol):
    async def caller(self, authorization: str | None, address: str) -> Caller:
        """Who sent this `Authorization` header from this address; Unauthorized if it does not verify."""


class AccessPolicy(Protocol):
    async def grant(self, caller: Caller, action: Action) -> Access:
        """Forbidden if nothing at all is allowed."""


class AuditSink(Protocol):
    async def record(self, entry: AuditEntry) -> None:
        """Raises if it cannot be written: no record, no answer."""

    async def check(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Archive:
    """What every transaction receives.

    `new_key` makes a fresh blob key, `web_key` that of its sibling for the web form; `now` tells the time (seconds since 1970).
    """

    blobs: BlobStore
    index: Index
    policy: AccessPolicy
    audit: AuditSink
    spool: Callable[[], Spool]
    new_key: Callable[[], str]
    web_key: Callable[[str], str]
    now: Callable[[], float]
    limits: Limits = field(default_factory=Limits)
    site_keys: SiteKeys = NO_SITE_KEYS
    on_conflict: ConflictRule = ConflictRule.REFUSE
    on_deleted: DeletedRule = DeletedRule.NOT_FOUND
