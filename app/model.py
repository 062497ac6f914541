"""The words that every room of the house shares: small frozen values, no behaviour beyond arithmetic.

Must not know: files, sockets, clocks, DICOM encodings, HTTP, SQL. Everything may import this module; it imports nothing of ours.
The terms are the standard's (PS3.3 A.1.2, PS3.18 8.2); `Blob`, `Span`, `FrameTable`, `Form`, `InstanceRecord`, `Caller`,
`Credential`, `Selection`, `Access`, `Change` are ours, and are defined here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NewType

Uid = NewType("Uid", str)
"""A DICOM unique identifier: 1 to 64 characters, digits and dots (PS3.5 9.1). Made by `dicom.uid.parse`."""

INSTANCES = "instances/"
"""What the key of every blob of an instance begins with (`storage/keys.py`)."""

DELETIONS = "deletions/"
"""What the key of every record of a deletion begins with: a blob that lists the keys of blobs which are no instances any more."""

JsonObject = dict[str, Any]
"""One DICOM JSON object: 8 uppercase hex digits -> {"vr": ..., "Value": [...]} (PS3.18 F.2)."""

BASE_MARK = b"\x01"
"""Stands in stored JSON wherever the service's base URL belongs.

JSON text cannot contain this byte (control characters are escaped), so `bytes.replace` puts the request's own base URL in its place
without parsing. In a parsed object it is the character U+0001 at the start of a URI.
"""


class Level(Enum):
    """The levels of the information model, top down (PS3.4 C.6.2.1); a patient's attributes stand with the study."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Target:
    """What a URI points to: all studies (no UIDs), a study, a series, or an instance. The triple must match as a whole."""

    study: Uid | None = None
    series: Uid | None = None
    instance: Uid | None = None

    @property
    def level(self) -> Level | None:
        """The deepest level that is named; None for the whole service."""
        if self.instance is not None:
            return Level.INSTANCE
        if self.series is not None:
            return Level.SERIES
        return Level.STUDY if self.study is not None else None


@dataclass(frozen=True, slots=True)
class Span:
    """A run of bytes: `offset` from the start, `length` in bytes."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes as a backend knows them. `modified` is seconds since 1970, for the sweeper's grace time only."""

    key: str
    size: int
    modified: float = 0.0


def length_of(piece: bytes | Span) -> int:
    """Bytes that a piece of a Form comes to."""
    return len(piece) if isinstance(piece, bytes) else piece.length


@dataclass(frozen=True, slots=True)
class Form:
    """What goes out on the web for an instance, as a plan over stored bytes: nothing is parsed when it is read.

    `pieces` follow one another: literal bytes, or a Span of the blob under `key`. An object that may go out as it was received is one
    Span; one without File Meta Information or in Implicit VR is literals around a Span of its pixels; a big endian or deflated one has
    a blob of its own, rewritten at store time. All offsets of frames and bulkdata refer to the blob under `key`.
    """

    key: str
    transfer_syntax: Uid
    length: int
    pieces: tuple[bytes | Span, ...]


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Where each frame lies in the blob of the `Form`. Frame numbers begin at 1 (PS3.18 10.4).

    Native: frame n has `bits` bits and starts (n-1)*bits after byte `start` (1-bit frames may start inside a byte).
    Encapsulated: `entries` holds 16 bytes for each frame, big endian (offset: u64, length: u64), from the first byte of the first
    fragment's value to the last byte of the last fragment; if `fragmented`, item headers stand in between and are cut out on reading.
    `video` marks a stream that has no addressable frames (PS3.5 8.2.5 ff.): one entry covers the whole of it.
    """

    count: int = 0
    start: int = 0
    bits: int = 0
    entries: bytes = b""
    fragmented: bool = False
    video: bool = False


@dataclass(frozen=True, slots=True)
class Bulkdata:
    """One value kept out of the metadata, addressed by `path` (`7FE00010`, `54000100/1/54001010`: tag, item from 1, tag ...)."""

    path: str
    vr: str
    span: Span
    media_type: str = "application/octet-stream"
    encapsulated: bool = False


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """All that is known of one instance at store time; what `Index.add` takes and `Index.locate` gives back.

    `digest` is the SHA-256 (hex) of the bytes as received, which lie unchanged under `blob`. `study`, `series` and `attributes` are
    DICOM JSON objects with the attributes of that level only; `metadata` is the whole Metadata (zlib-compressed DICOM JSON text of one
    object, UTF-8, keys ascending, BASE_MARK for the base URL). `locate` fills `study`, `series`, `attributes`, `metadata` with empty
    values: reads that need them ask the index for exactly that.
    `quarantined`: its bytes are known to be damaged or gone, and are never served.
    """

    study_uid: Uid
    series_uid: Uid
    instance_uid: Uid
    sop_class_uid: Uid
    transfer_syntax: Uid
    blob: Blob
    digest: str
    form: Form
    frames: FrameTable = FrameTable()
    bulkdata: tuple[Bulkdata, ...] = ()
    received: float = 0.0
    repairs: tuple[str, ...] = ()
    study: JsonObject = field(default_factory=dict)
    series: JsonObject = field(default_factory=dict)
    attributes: JsonObject = field(default_factory=dict)
    metadata: bytes = b""
    quarantined: bool = False

    @property
    def target(self) -> Target:
        return Target(self.study_uid, self.series_uid, self.instance_uid)


class Outcome(StrEnum):
    """What became of a record that was handed to `Index.add`."""

    STORED = "stored"
    SAME = "same"  # identical bytes are already here: success, still one row
    REPLACED = "replaced"  # other bytes took the place of the old ones (by setting)
    REFUSED = "refused"  # other bytes under a known SOP Instance UID, or the UID belongs to another study or series


@dataclass(frozen=True, slots=True)
class Added:
    """The outcome for one record, in the order handed in. `unused` are keys of blobs which no row refers to any more.

    `kept` is the blob that the row names, if it is another one than that of the record.
    """

    outcome: Outcome
    unused: tuple[str, ...] = ()
    kept: Blob | None = field(default=None, compare=False)


class Loss(StrEnum):
    """Why no row refers to a blob any more."""

    DELETED = "deleted"
    REPLACED = "replaced"
    SPARE = "spare"  # a second copy, or an object that was refused: never visible
    ORPHAN = "orphan"  # left by a crash: never visible


@dataclass(frozen=True, slots=True)
class Deleted:
    """An instance that was deleted, and whose bytes are still there: its blob as received, and since when (seconds since 1970)."""

    key: str
    target: Target
    digest: str
    since: float


@dataclass(frozen=True, slots=True)
class Lease:
    """A piece of background work that is ours for a while; `position` is where the last one left it."""

    name: str
    position: str


@dataclass(frozen=True, slots=True)
class Filling:
    """How far `Index.fill_keys` has come: instances done, of so many."""

    done: int
    total: int


class ConflictRule(StrEnum):
    """What happens to other bytes under a known SOP Instance UID (setting `store.on_conflict`)."""

    REFUSE = "refuse"
    REPLACE = "replace"


class DeletedRule(StrEnum):
    """How a request for what was deleted is answered (setting `retrieve.on_deleted`)."""

    NOT_FOUND = "not-found"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The stored Metadata of one instance: `text` is zlib-compressed JSON with BASE_MARK; `digest` identifies its content."""

    target: Target
    text: bytes
    digest: str


Mark = str | int | float | None
"""A value by which answers are ordered; None where a resource has none."""


@dataclass(frozen=True, slots=True)
class Page:
    """Matches of one search, each a ready DICOM JSON object as UTF-8 text with BASE_MARK; `remaining` more match beyond them.

    `last` says where the last of them stands in the order, if more remain; `total` is how many match in all, if the query asks for it.
    """

    matches: tuple[bytes, ...]
    remaining: int = 0
    last: tuple[Mark, ...] = ()
    total: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request brings to say who sends it, as it came: nothing of it is believed yet.

    `authorization` is that header; `address` the peer; `certificate` the subject of the client certificate that TLS has verified, in the
    words of RFC 4514; `cookie` that header; `method`, `path` and `query` are the request's own, for credentials that are bound to them.
    """

    authorization: str | None = None
    address: str = ""
    certificate: str = ""
    cookie: str = ""
    method: str = ""
    path: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which request. `local` is the caller of local mode: whoever sits at this machine.

    `subject` is unique within `issuer` (who vouches for it; empty: this server). `scopes` are in the words of SMART App Launch 2
    (`user/ImagingStudy.rs`), `roles` and `purposes` (of use) as the site and its issuer call them, `patient` (issuer of the patient id,
    patient id) is the one in whose context a launch happened, `expires` (seconds since 1970) when the credential ends, `key` the prefix of
    the API key that was shown.
    """

    subject: str
    kind: str = "local"
    address: str = ""
    request_id: str = ""
    issuer: str = ""
    tenant: str = ""
    organisation: str = ""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()
    patient: tuple[str, str] | None = None
    expires: float | None = None
    key: str = ""


class Action(StrEnum):
    """What a caller wants to do: the transactions of PS3.18 ch. 10, and those of this server; policy and audit speak of nothing finer."""

    STORE = "store"
    SEARCH = "search"
    RETRIEVE = "retrieve"
    SIGN_IN = "sign-in"
    UPDATE = "update"
    DELETE = "delete"
    ADMINISTER = "administer"
    REVIEW = "review"  # of the audit trail


@dataclass(frozen=True, slots=True)
class Selection:
    """Some studies: those for which all `terms` hold, (attribute, value) pairs as in a search for studies (PS3.18 8.3.4).

    Without terms: every study. `keys` are the site's own, in the words of the setting `search.keys`. Read by `dicomweb.selection`.
    """

    terms: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may see: a value made by the policy, which the index turns into one SQL predicate.

    A study is covered if it is one of `studies` and in one of `permitted` (None: whichever), in each of `within` and in none of `denied`.
    What is not covered does not exist for this caller: it is absent from answers, counts and warnings, and gives 404.
    """

    studies: frozenset[Uid] | None = None
    permitted: tuple[Selection, ...] | None = None
    within: tuple[Selection, ...] = ()
    denied: tuple[Selection, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether it covers whatever there is and will be."""
        return self.studies is None and self.permitted is None and not self.within and not self.denied


NOTHING = Access(studies=frozenset())  # covers no study


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One record of one transaction: who, what, on which UIDs, with what outcome. Query text is kept; names and ids are not ours to log,
    nor are `patients` in plain: whom it concerns beyond the patients of its studies, as the index tells them apart."""

    caller: Caller
    action: Action
    target: Target
    outcome: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    patients: frozenset[str] = frozenset()


class ChangeKind(StrEnum):
    CREATED, REPLACED, DELETED = "created", "replaced", "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed, committed together with the index row it tells of. `sequence` only ever grows."""

    sequence: int
    kind: ChangeKind
    target: Target
    digest: str
    at: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may ask or bring; every number is a setting (`limits.*`), documented there."""

    part_header_bytes: int = 16 * 1024
    parts: int = 10_000
    instance_bytes: int = 64 * 1024**3
    inflated_bytes: int = 4 * 1024**3
    inflate_ratio: int = 1000
    body_bytes: int = 1024**4
    metadata_bytes: int = 32 * 1024**2
    nesting: int = 64
    elements: int = 500_000
    search_results: int = 10_000
    search_bytes: int = 128 * 1024**2
    frames: int = 10_000
    query_bytes: int = 64 * 1024
    query_keys: int = 64
    query_fields: int = 256
    query_uids: int = 5000
    wildcards: int = 16
    rendered_pixels: int = 128 * 1024 * 1024
    volume_bytes: int = 1024**3
