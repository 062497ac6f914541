"""Settings: one nested group for each concern, read when `load_settings` is called and never at import.

    RADIOLUCENT_HTTP__PORT=8081                        group and setting, joined by two underscores
    RADIOLUCENT_DATABASE__URL_FILE=/run/secrets/url    any setting from a file: its name with _FILE
    .env                                               the same lines in a file (RADIOLUCENT_ENV_FILE names another)

What is given in code wins, then the environment, then files named by `_FILE`, then `.env`. The docstrings below are the documentation:
`.env.example` and `docs/reference/configuration.md` are drawn from them. Must not know: adapters, FastAPI. `main` hands values on.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.dicom import site_keys
from app.model import ConflictRule, DeletedRule, Limits

PREFIX = "RADIOLUCENT_"
ENV_FILE = PREFIX + "ENV_FILE"
FILE_SUFFIX = "_FILE"


class SettingsError(ValueError):
    """A setting that we cannot start with. The sentence names the setting and never its value, which may be a secret."""


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
        # The environment's reader sees RADIOLUCENT_DATABASE__URL_FILE as a setting `url_file`; `_Files` has taken care of it.
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


class AccessSettings(Group):
    """Who may use the service."""

    insecure: bool = False
    """Serve on an address that others can reach without any authentication. Everyone who reaches it sees and changes everything."""


class Audit(Group):
    """The audit trail."""

    path: Path | None = None
    """File that takes one JSON line for each transaction. Unset: audit.jsonl in the data folder."""


class Store(Group):
    """Choices of the Store transaction (PS3.18 10.5)."""

    on_conflict: ConflictRule = ConflictRule.REFUSE
    """Other bytes under a known SOP Instance UID: refuse them (reason 0111), or replace what is stored (warning B000)."""


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

    nesting: Count = 64
    """Depth of sequences within sequences."""

    elements: Count = 500_000
    """Data elements of one instance, nested ones included; one that reaches it takes about 300 MB of memory while it is stored."""

    search_results: Count = 10_000
    """Matches in one answer; further ones are announced in a Warning header."""

    frames: Count = 10_000
    """Frames in one request."""

    query_bytes: Count = 64 * 1024
    """Length of a query string."""

    wildcards: Count = 16
    """Wildcards in the values of one query."""

    def limits(self) -> Limits:
        """The same numbers in the words of the model."""
        return Limits(**self.model_dump())


class Log(Group):
    """What goes to standard error. Never the values of a data set."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is written."""

    format: Literal["text", "json"] = "text"
    """Lines for people, or one JSON object a line."""


class _Files(PydanticBaseSettingsSource):
    """Values from files: RADIOLUCENT_GROUP__NAME_FILE names a file that holds the value, as secrets are mounted in containers."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, dict[str, str]] = {}
        for name, path in os.environ.items():
            group, separator, setting = name.upper().removeprefix(PREFIX).removesuffix(FILE_SUFFIX).lower().partition("__")
            if name.upper().startswith(PREFIX) and name.upper().endswith(FILE_SUFFIX) and separator:
                found.setdefault(group, {})[setting] = _first_line(name, path)
        return found


def _first_line(name: str, path: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names a file that cannot be read") from error
    return lines[0].strip() if lines else ""


class Settings(BaseSettings):
    """All settings. Make one with `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="ignore",
        frozen=True,
    )

    http: Http = Http()
    storage: Storage = Storage()
    database: Database = Database()
    access: AccessSettings = AccessSettings()
    audit: Audit = Audit()
    store: Store = Store()
    retrieve: Retrieve = Retrieve()
    search: Search = Search()
    limits: LimitSettings = LimitSettings()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _Files(settings_cls), dotenv_settings

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute: every worker means the same one."""
        return self.storage.data_dir.expanduser().absolute()

    @property
    def database_url(self) -> str:
        """The index's URL with its password: not for logs."""
        if self.database.url is not None and self.database.url.get_secret_value():
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'index.sqlite3'}"

    @property
    def storage_url(self) -> str:
        return self.storage.url or (self.data_dir / "blobs").as_uri()

    @property
    def audit_path(self) -> Path:
        return self.audit.path or self.data_dir / "audit.jsonl"

    @property
    def local_mode(self) -> bool:
        """Only this machine can reach us: no login, but Host and Origin are checked."""
        return is_loopback(self.http.host)


def load_settings(**overrides: Mapping[str, Any]) -> Settings:
    """Settings from `overrides` (group=dict(name=value)), the environment, files and .env; SettingsError if they are wrong."""
    _check_groups()
    try:
        return Settings(_env_file=os.environ.get(ENV_FILE, ".env"), _env_file_encoding="utf-8", **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None


def refuse_unsafe(settings: Settings) -> None:
    """SettingsError, in one sentence that says what to add, if others could reach a service that asks nobody who they are."""
    if not settings.local_mode and not settings.access.insecure:
        raise SettingsError(
            f"Refusing to serve on {settings.http.host} without authentication, since anyone on that network could read and delete images: "
            "listen on 127.0.0.1 behind a proxy that authenticates, or add --insecure (RADIOLUCENT_ACCESS__INSECURE=true)"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def variable(group: str, setting: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{group}__{setting}".upper()


def _check_groups() -> None:
    # Only names with two underscores: Kubernetes puts RADIOLUCENT_PORT and the like into every pod beside a service of our name.
    for name in os.environ:
        group, separator, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and separator and group.lower() not in Settings.model_fields:
            raise SettingsError(f"{name} is not a setting: there is no group {group.lower()}")


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    parts = [str(part) for part in location]
    name = variable(parts[0], parts[1]) if len(parts) > 1 else PREFIX + "__".join(parts).upper()
    reason = "there is no such setting" if message.startswith("Extra inputs") else message.removeprefix("Value error, ")
    return f"{name}: {reason}"
