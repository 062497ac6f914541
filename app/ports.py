"""What we need from the world, on one page: Protocols, and the `Archive` that every transaction receives.

Adapters (`storage`, `index`, `pixels`, `access`, `audit`) fulfil these without importing one another; `main.py` is the only place that
knows both sides. What each promise means is written as a test suite in `tests/contract/`, which every backend runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from app.credentials import ApiKeys
from app.dicom.depiction import Depiction
from app.dicom.picture import ImageAttributes, Picture
from app.dicom.site_keys import NO_SITE_KEYS, SiteKeys
from app.dicom.voxels import Piece, Survey, Voxels
from app.dicomweb.query import Query
from app.dicomweb.rendering import View
from app.dicomweb.volume import Reformatting
from app.dicomweb.volume_look import Look
from app.dicomweb.volume_views import Shot
from app.feed import Feed, News, Webhooks
from app.labels import Labels
from app.model import (
    Access,
    Action,
    Added,
    Blob,
    Caller,
    ConflictRule,
    Credential,
    Deleted,
    DeletedRule,
    Filling,
    InstanceRecord,
    Lease,
    Limits,
    Metadata,
    Page,
    Span,
    Target,
    Uid,
)
from app.reasons import Explanation
from app.records import AuditSink, Trail, Whose

T = TypeVar("T")


class BlobStore(Protocol):
    """Bytes by key. Knows no DICOM. Keys come from `storage/keys.py`; any other key is a ValueError."""

    async def put(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        """Whole or not at all; on stable storage when it returns. If `body` raises, nothing remains. An existing key is replaced."""

    def read(self, key: str, span: Span | None = None) -> AsyncIterator[bytes]:
        """The bytes, in chunks of at most 1 MiB. Missing if absent, Corrupt if the blob ends before the span does."""

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

    def write(self, chunk: bytes | bytearray) -> None: ...

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


@runtime_checkable
class SupportsSettle(Protocol):
    """An optional power of a blob store: puts of one request that share what makes them durable. Only `studies/writing.py` uses it."""

    async def put_unsettled(self, key: str, body: AsyncIterable[bytes]) -> Blob:
        """As `put`, but durable only after `settle`."""

    async def adopt_unsettled(self, key: str, path: Path) -> Blob | None:
        """As `SupportsAdopt.adopt`, but durable only after `settle`."""

    async def settle(self, keys: Iterable[str]) -> None:
        """What was put under these keys is on stable storage when this returns."""


@runtime_checkable
class SupportsSweep(Protocol):
    """An optional power of a blob store: it has a place for what is being written, where a crash may leave something."""

    async def sweep_temporary(self, older_than: float) -> int:
        """Delete what was last written there before then (seconds since 1970); how many."""


class Index(Feed, Whose, Protocol):
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

    async def hidden(self, studies: Collection[Uid], *, access: Access) -> Collection[Uid]:
        """Those of these studies that are there and that the access does not cover: nothing may be added to them."""

    async def remove(self, target: Target, *, access: Access) -> Sequence[InstanceRecord]:
        """Take all under the target out, with change rows, in one transaction; what was removed. Counts of what stays are right at once."""

    def fill_keys(self) -> AsyncIterator[Filling]:
        """Bring the site's search keys to all that is stored; progress after each page. Until then a search by them gives a warning."""

    async def discard(self, keys: Sequence[str]) -> None:
        """Forget these keys in the list of unused blobs, after the blobs themselves were deleted."""

    async def unused(self) -> Sequence[str]:
        """Keys of blobs that lost their row (deleted, replaced) and may not be gone from the store yet."""

    async def check(self) -> None:
        """Unavailable, with a sentence, if the database does not answer or its schema is of another version."""

    async def close(self) -> None: ...


class Upkeep(Protocol):
    """What commands and background work ask of the index. Nobody is shown an instance, so there is no Access, save for what can be
    restored."""

    async def deleted(self, target: Target, *, access: Access) -> Sequence[Deleted]:
        """What was deleted under the target and whose bytes are still kept; one entry for each instance."""

    async def claim(self, kept_before: float, spare_before: float, limit: int) -> Sequence[str]:
        """Some keys that lost their row before then (seconds since 1970): deleted and replaced ones, or those that were never visible.

        No row takes them into use any more. What was claimed and not `purged` is given again."""

    async def claim_orphans(self, keys: Collection[str]) -> Sequence[str]:
        """Those of these keys that no row refers to and nobody has in a list; claimed."""

    async def purged(self, keys: Collection[str]) -> Sequence[str]:
        """Forget these keys, whose blobs are gone; the markers (see `mark`) that are of no more use."""

    async def known(self, keys: Collection[str]) -> Collection[str]:
        """Those of these keys that a row refers to, or that are in a list of unused ones."""

    async def unmarked(self, limit: int) -> Sequence[str]:
        """Keys of what was deleted or replaced and has no marker yet."""

    async def mark(self, keys: Collection[str], marker: str) -> None:
        """`marker` is the key of a blob which records that these are no instances any more."""

    async def by_blob(self, after: str, limit: int) -> Sequence[InstanceRecord]:
        """The next records in ascending order of `blob.key`; of a row that is damaged, what can be read of it."""

    async def of_blob(self, key: str) -> InstanceRecord | None:
        """The record that names this blob, as received or as web form."""

    async def quarantine(self, keys: Collection[str]) -> None:
        """The instances with these blobs are damaged: never to be served until `release`, or until they are stored again."""

    async def release(self, keys: Collection[str]) -> None: ...

    async def quarantined(self) -> Sequence[InstanceRecord]: ...

    async def differing(self, record: InstanceRecord) -> Sequence[str]:
        """What the row of this instance says otherwise than the record, which was derived from its bytes just now."""

    async def renew(self, record: InstanceRecord) -> bool:
        """Write the row anew from the record. False if it is there no more."""

    def miscounted(self) -> AsyncIterator[Uid]:
        """Studies whose counts and lists are not what lies below them."""

    async def recount(self, study: Uid) -> None: ...

    async def lease(self, name: str, seconds: float) -> Lease | None:
        """A piece of background work, for so long; None if somebody else, in any process, has it."""

    async def go_on(self, lease: Lease, seconds: float) -> None:
        """Keep it for so long from now, and remember its position. 0 gives it back."""


class Pixels(Protocol):
    """Codecs and rendering, done in workers that can be killed. Whatever bytes come in: one documented error, never the server's end.

    Every method raises Busy when its queue is full, Unprocessable for a frame that cannot be decoded (also when the decoder crashed, hung
    or wanted too much memory), TooLarge beyond the limits on pixels.
    """

    @property
    def decodable(self) -> frozenset[Uid]:
        """Transfer syntaxes whose frames can be decoded; native ones are among them."""

    @property
    def encodable(self) -> frozenset[Uid]:
        """Transfer syntaxes into which a frame can be brought without loss."""

    def fitting(self, image: ImageAttributes, source: Uid) -> frozenset[Uid]:
        """Of `encodable`, those that can hold the frames of this image, stored in `source`: depth, sign and colours fit."""

    def warm(self) -> None:
        """Begin to make ready for the first job; returns at once."""

    async def check(self) -> None:
        """Unavailable, with a sentence, if there can be no worker just now."""

    async def transcode(self, frame: bytes, image: ImageAttributes, source: Uid, to: Uid) -> tuple[bytes, ImageAttributes]:
        """The frame in the other syntax, with what its samples now are (photometric, planar); never with loss that was not there."""

    async def render(self, pictures: Sequence[Picture], view: View) -> bytes:
        """One picture, or an animation of several (GIF, WebP, AVIF), in the view's media type."""

    async def depict(self, depictions: Sequence[Depiction], view: View) -> bytes:
        """As `render`, of what is shown by other means; charts and drawings also as SVG."""

    async def extremes(self, pictures: Sequence[Picture], outliers: float = 0.0) -> tuple[float, float]:
        """The smallest and the largest finite value of these frames as their `rescale` makes them, without the share `outliers` of them at
        either end; zeros if there is none."""

    async def fill(self, file: VoxelFile, voxels: Voxels, pieces: Sequence[Piece]) -> None:
        """Write these slices of a volume into its file."""

    async def survey(self, file: VoxelFile, voxels: Voxels) -> Survey:
        """What is known of all voxels of a file that is filled."""

    async def expose(self, file: VoxelFile, voxels: Voxels, shot: Shot, how: Look, reformatting: Reformatting) -> Levels:
        """One picture of the volume, as 8-bit levels."""

    async def develop(self, exposures: Sequence[Levels], view: View, rate: float) -> bytes:
        """The levels in the view's media type; several, all of one size, are an animation of so many pictures a second."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Levels:
    """A picture of 8-bit levels, row by row: `shape` is its rows, columns and, for colours, 3."""

    shape: tuple[int, ...]
    levels: bytes


@dataclass(frozen=True, slots=True)
class VoxelFile:
    """A file that workers of this machine read: voxels from `offset` on. `facts` is what was said of it when it was built."""

    path: Path
    offset: int
    facts: bytes = b""


class Volumes(Protocol):
    """Files of voxels, each made of several instances, and pictures of them, kept for a while: a cache, as `Derived`.

    `keys` are those of the blobs as received of all instances that went in, so that both go when any of these does. `form` says which
    volume it is, in any words.
    """

    def opened(
        self, keys: Sequence[str], form: str, length: int, build: Callable[[VoxelFile], Awaitable[bytes]]
    ) -> AbstractAsyncContextManager[VoxelFile]:
        """The volume of so many bytes, for as long as it is used. Where it is not kept, `build` fills a new file and gives its facts; of
        equal requests at one time only one does, and what it raises goes to all. Unavailable if there is no room."""

    async def made(self, keys: Sequence[str], form: str, picture: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """A picture of that volume as it is kept, or what `make` gives; as `Derived.made`."""

    async def forget(self, keys: Iterable[str]) -> None:
        """No volume into which one of these blobs went is left; `Derived.forget` sees to it. Unavailable if it cannot be removed."""

    async def close(self) -> None: ...


class Derived(Protocol):
    """What was derived of stored instances (transcoded frames, pictures), kept for a while: a cache, which may lose anything at any time.

    `key` is that of the instance's blob as received (`InstanceRecord.blob.key`), so that what is derived goes when its blob goes. `form`
    says what it is, in any words: all that the bytes depend on, with the version of whoever makes them.
    """

    async def made(self, key: str, form: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """This form as it is kept, or what `make` gives. Of equal requests at one time only one makes it; whoever gives up disturbs none.

        What `make` raises goes to all of them, and is not kept.
        """

    async def forget(self, keys: Iterable[str]) -> None:
        """Nothing derived of these blobs is left, volumes included; to be called once they are deleted. What is made of them just now is
        not kept either.

        Unavailable if it cannot be removed."""

    async def close(self) -> None: ...


class Authenticator(Protocol):
    async def caller(self, credential: Credential) -> Caller:
        """Who sent this; Unauthorized if it does not verify, or if there is none and one is needed."""


class AccessPolicy(Protocol):
    async def grant(self, caller: Caller, action: Action) -> Access:
        """Forbidden if nothing at all is allowed."""

    async def explain(self, caller: Caller, action: Action, at: float | None = None) -> Explanation:
        """What `grant` answers, and why; `at` that time (seconds since 1970), or now."""


class Turns(Protocol):
    """Threads in which received instances are worked on: few, so that searches and frames in the same process stay quick."""

    def ensure_room(self) -> None:
        """Busy if so much waits already that nothing more should be begun."""

    async def work(self, make: Callable[[], T]) -> T:
        """What `make` gives, once it is its turn."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What every transaction receives.

    `new_key` makes a fresh blob key, `web_key` that of its sibling for the web form, `deletion_key`
    one for the record of a deletion; `now` tells the time (seconds since 1970).
    """

    blobs: BlobStore
    index: Index
    upkeep: Upkeep
    pixels: Pixels
    derived: Derived
    volumes: Volumes
    policy: AccessPolicy
    audit: AuditSink
    trail: Trail
    news: News
    webhooks: Webhooks
    api_keys: ApiKeys
    labels: Labels
    spool: Callable[[], Spool]
    turns: Turns
    new_key: Callable[[], str]
    web_key: Callable[[str], str]
    deletion_key: Callable[[], str]
    now: Callable[[], float]
    limits: Limits = field(default_factory=Limits)
    site_keys: SiteKeys = NO_SITE_KEYS
    on_conflict: ConflictRule = ConflictRule.REFUSE
    on_deleted: DeletedRule = DeletedRule.NOT_FOUND
