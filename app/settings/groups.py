"""The groups of settings: one class for each concern, each setting with its default and the docstring that documents it.

Must not know: where values come from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from app.dicom import site_keys
from app.model import ConflictRule, DeletedRule, Limits

FILE_SUFFIX = "_FILE"


def _names(value: object) -> object:
    """A list written as JSON or with commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Count = Annotated[int, Field(ge=1)]


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _without_file_names(cls, values: Any) -> Any:
        # The environment's reader sees RADIOLUCENT_DATABASE__URL_FILE as a setting `url_file`; `sources.Files` has taken care of it.
        if not isinstance(values, Mapping):
            return values
        return {name: value for name, value in values.items() if name.removesuffix(FILE_SUFFIX.lower()) == name or name in cls.model_fields}


class Http(Group):
    """Where the service listens and what it calls itself."""

    host: str = "127.0.0.1"
    """Address to listen on. On a loopback address (local mode) no login is needed; any other needs authentication."""

    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port to listen on."""

    base_path: str = "/dicom-web"
    """Path under which the DICOMweb service stands; / for the root."""

    public_base_url: str | None = None
    """The whole base URL as clients see it, for example https://pacs.example.org/dicom-web, if a proxy stands in front.
    It is what RetrieveURL and BulkDataURI begin with. Unset, they begin with the address that the request was sent to."""

    cors_origins: Names = ()
    """Origins whose web pages may use the service, such as https://viewer.example.org; a list with commas. None by default."""

    allowed_hosts: Names = ()
    """Values of the Host header that are answered; a list with commas. Empty: in local mode this machine's own names, else all."""

    trusted_proxies: Names = ()
    """Addresses of proxies whose Forwarded and X-Forwarded-* headers are believed; a list with commas. None by default."""

    strict: bool = False
    """Take PS3.18 8.7.5 at its word: an absent Accept header is 406, DICOM and rendered media types in one are 400."""

    workers: Count = 1
    """Server processes. All of them share one database and one store."""

    @field_validator("base_path")
    @classmethod
    def _path(cls, value: str) -> str:
        path = value.rstrip("/")
        if path and not path.startswith("/"):
            raise ValueError("must begin with a slash")
        return path

    @field_validator("public_base_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be a whole http or https URL without a query")
        return value.rstrip("/")


class Connections(Group):
    """What a connection may hold of a worker. Refused ones are answered, and told in the log by their number."""

    per_worker: Count = 1000
    """Connections at a time, to each server process; further ones are answered 503 with Retry-After."""

    per_address: Count = 256
    """Those of one address among them; addresses of `http.trusted_proxies` are not counted. Name your proxy there."""

    head_bytes: int = Field(default=128 * 1024, ge=4096)
    """Bytes of the head of a request, its address included, or of what comes behind its body: 431."""

    headers: int = Field(default=128, ge=16)
    """Header lines of a request: 431."""

    head_seconds: float = Field(default=10, gt=0)
    """How long the head of a request may take, from its first byte or from the connection: 408."""

    body_seconds: float = Field(default=30, gt=0)
    """How long a body may be silent, or lag behind `rate`, while the server waits for it: 408."""

    answer_seconds: float = Field(default=60, gt=0)
    """How long a client may take nothing, or lag behind `rate`, while there is more of an answer to send; then the connection ends."""

    rate: Count = 1024
    """Bytes a second that a body has to bring, and an answer has to be taken with, at least."""

    idle_seconds: int = Field(default=15, ge=1)
    """How long a connection without a request stays open. A proxy in front that keeps connections should end them before."""


class Storage(Group):
    """Where the bytes of the instances lie."""

    data_dir: Path = Path("data")
    """Folder of everything that has no place of its own: database, blobs and audit trail, unless set otherwise."""

    url: str | None = None
    """Blob store: file:///folder, s3://bucket/prefix?endpoint=https://host&region=name, or memory://. Unset: the folder `blobs` in
    the data folder."""

    access_key_id: str | None = None
    """Access key of an s3:// store. Unset: the usual AWS variables, or the machine's own role."""

    secret_access_key: SecretStr | None = None
    """Secret of the access key."""

    @field_validator("url")
    @classmethod
    def _known_store(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"", "file", "memory", "s3"}:
            raise ValueError("must begin with file:///, s3:// or memory://")
        return value

    spool_memory: int = Field(default=1024**2, ge=0)
    """Bytes of one incoming instance that are held in memory before they go to a temporary file."""

    reserve: int = Field(default=256 * 1024**2, ge=0)
    """Bytes of its disk that a store of local files leaves free: below it a Store is answered 507, while reading, deleting, the index and
    the audit trail go on. 0: fill the disk to its last byte."""


class Database(Group):
    """Where the index lies."""

    url: SecretStr | None = None
    """sqlite:///file or postgresql://user:password@host/name. Unset: SQLite in the data folder."""

    @field_validator("url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", value.get_secret_value()):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        return value


class Metrics(Group):
    """What is counted for those who watch over the server: `/metrics`."""

    enabled: bool = True
    """Count requests, transactions, jobs and the like, and tell at /metrics."""

    token: SecretStr | None = None
    """What whoever asks for /metrics has to send, as `Authorization: Bearer TOKEN`. Unset: it is told to this machine alone, and not
    through a proxy on it."""


class Traces(Group):
    """Traces of requests, for sites that gather them (OpenTelemetry). Needs the extra: pip install 'radiolucent[traces]'."""

    endpoint: str | None = None
    """Where to send them, by OTLP over HTTP: http://collector:4318/v1/traces. Unset: nothing is traced."""

    share: float = Field(default=1.0, ge=0, le=1)
    """The part of the requests that is traced, of those that come without a decision of their own (traceparent)."""

    service: str = "radiolucent"
    """What this service is called in them."""


class Store(Group):
    """Choices of the Store transaction (PS3.18 10.5)."""

    on_conflict: ConflictRule = ConflictRule.REFUSE
    """Other bytes under a known SOP Instance UID: refuse them (reason 0111), or replace what is stored (warning B000)."""

    threads: Count = 2
    """Threads of each server process in which received instances are worked on; they share one core, and searches should get their part."""

    waiting: int = Field(default=128, ge=1)
    """Instances that may wait for these threads; while there are more, a further Store is answered 503 with Retry-After."""


class Retrieve(Group):
    """Choices of the Retrieve transaction (PS3.18 10.4)."""

    on_deleted: DeletedRule = DeletedRule.NOT_FOUND
    """What is known to have been deleted: not-found answers 404 as for what never was there, gone answers 410."""


class Search(Group):
    """Choices of the Search transaction (PS3.18 10.6)."""

    keys: Names = ()
    """Further search keys, a list with commas: level:attribute, or level:attribute:VR:creator for a private one. Level is study, series
    or instance; attribute a keyword, a tag, or a sequence and its leaf with a dot. For example instance:SliceThickness,
    series:00091001:LO:ACME 1.0. What is stored already is found by a new key after `radiolucent reindex --keys`."""

    @field_validator("keys")
    @classmethod
    def _known_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        site_keys.parse(value)
        return value


class Changes(Group):
    """The change feed."""

    streams: Count = 100
    """Requests that may wait for changes or follow them at a time, to each server process; further ones are answered 503 with
    Retry-After."""


class Webhooks(Group):
    """Telling others of changes (`radiolucent webhooks`)."""

    seconds: float = Field(default=15, gt=0, le=20)
    """How long a receiver may take for its answer; then the delivery has failed, and is tried again."""

    give_up_hours: float = Field(default=72, ge=0)
    """For how long one delivery is tried again and again. Then it is laid aside for `radiolucent webhooks retry`, and the next one gets
    its turn."""


class Pixels(Group):
    """Decoding, encoding and rendering of pixel data."""

    cache_bytes: int = Field(default=4 * 1024**3, ge=0)
    """Bytes on disk, at most, for what was derived of pixel data: transcoded frames, pictures, volumes. 0 keeps nothing. Several server
    processes share one cache, which may grow beyond by a sixteenth for each, and by volumes that are in use."""

    cache_dir: Path | None = None
    """Folder for it. It holds pixel data, so it needs the same protection as the store. Unset: `derived` in the data folder."""

    workers: Count = 2
    """Processes that decode, encode and render, for each server process; more than the machine has cores are of no use."""

    waiting: int = Field(default=64, ge=0)
    """Jobs that may wait for one of them; a further one is answered 503 with Retry-After."""

    seconds: int = Field(default=30, ge=1, le=3600)
    """How long one job may take, or wait; then its worker is killed and the answer is 422, or 503."""

    memory: int = Field(default=2 * 1024**3, ge=512 * 1024**2)
    """Bytes of address space of one worker, of which its codecs take about 200 MB. A job that needs more is answered 422."""

    frame_samples: Count = 128 * 1024**2
    """Samples of one frame that is decoded: rows times columns times samples per pixel. Beyond: 413."""


class Upkeep(Group):
    """What the server does by itself to keep what is stored."""

    keep_deleted_hours: float = Field(default=168, ge=0)
    """Hours that the bytes of a deleted or replaced instance stay in the store, out of everybody's reach, before they are purged; until
    then `radiolucent undelete` brings a deleted instance back. They stay an hour at least, for those who are reading them just then."""

    scrub_bytes: int = Field(default=2 * 1024**2, ge=0)
    """Bytes a second of stored instances that are read and compared with their digests, all round the clock; what is damaged is kept
    back and told in the log. 0: never; then run `radiolucent verify` from time to time."""

    scrub_rest_hours: float = Field(default=24, ge=0)
    """Hours from the end of one round of scrubbing to the beginning of the next."""


class LimitSettings(Group):
    """Bounds on what one request may ask or bring."""

    part_header_bytes: Count = 16 * 1024
    """Bytes of the header lines of one part of a multipart body."""

    parts: Count = 10_000
    """Parts in one Store request."""

    instance_bytes: Count = 64 * 1024**3
    """Bytes of one instance."""

    inflated_bytes: Count = 4 * 1024**3
    """Bytes of a deflated data set after inflating."""

    inflate_ratio: Count = 1000
    """How many times larger a deflated data set may become."""

    body_bytes: Count = 1024**4
    """Bytes of the body of one Store request, as they arrive: 413."""

    metadata_bytes: Count = 32 * 1024**2
    """Bytes of the metadata parts (DICOM JSON or XML) of one Store request; its bulkdata has no part in it."""

    nesting: Count = 64
    """Depth of sequences within sequences."""

    elements: Count = 500_000
    """Data elements of one instance, nested ones included; one that reaches it takes about 300 MB of memory while it is stored."""

    search_results: Count = 10_000
    """Matches in one answer; further ones are announced in a Warning header."""

    search_bytes: Count = 128 * 1024**2
    """Bytes of the matches of one answer, beyond which there are as few as if more had not been asked for."""

    frames: Count = 10_000
    """Frames in one request."""

    query_bytes: Count = 64 * 1024
    """Length of a query string."""

    query_keys: Count = 64
    """Attributes that one query matches."""

    query_fields: Count = 256
    """Attributes that one query asks to include."""

    query_uids: Count = 5000
    """UIDs in the list of one value."""

    wildcards: Count = 16
    """Wildcards in one value of a query."""

    rendered_pixels: Count = 128 * 1024 * 1024
    """Pixels of one picture that is rendered, rows times columns; of an animation, those of all its frames."""

    volume_bytes: Count = 1024**3
    """Bytes of a volume that multi-planar reconstructions and projections are made of, mostly two for each voxel. A worker maps them into
    its memory."""

    heavy_per_minute: Count = 300
    """Whole studies, volumes and pictures of studies or series that one caller may ask for in a minute, of each server process: 429."""

    def limits(self) -> Limits:
        """The same numbers in the words of the model."""
        return Limits(**self.model_dump(exclude={"heavy_per_minute"}))


class Log(Group):
    """What goes to standard error. Never the values of a data set."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""

    format: Literal["text", "json"] = "text"
    """Lines for people, or one JSON object a line."""
