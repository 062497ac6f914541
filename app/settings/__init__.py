"""Settings: one nested group for each concern, read when `load_settings` is called and never at import.

    RADIOLUCENT_HTTP__PORT=8081                        group and setting, joined by two underscores
    RADIOLUCENT_DATABASE__URL_FILE=/run/secrets/url    any setting from a file: its name with _FILE
    .env                                               the same lines in a file (RADIOLUCENT_ENV_FILE names another)

What is given in code wins, then the environment, then files named by `_FILE`, then `.env`. The docstrings below are the documentation:
`.env.example` and `docs/reference/configuration.md` are drawn from them. Must not know: adapters, FastAPI. `main` hands values on.
The groups stand in `groups` and beside it, secrets from files come by `sources`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.dicomweb.hosts import is_loopback
from app.settings.access import AccessSettings, Tls
from app.settings.audit import Audit
from app.settings.groups import (
    Changes,
    Connections,
    Database,
    Http,
    LimitSettings,
    Log,
    Metrics,
    Pixels,
    Retrieve,
    Search,
    Storage,
    Store,
    Traces,
    Upkeep,
    Webhooks,
)
from app.settings.sources import PREFIX, Files, SettingsError
from app.settings.tenants import Tenants, settings_of
from app.settings.viewer import Viewer

ENV_FILE = PREFIX + "ENV_FILE"

__all__ = ["ENV_FILE", "PREFIX", "Settings", "SettingsError", "load_settings", "refuse_unsafe", "variable"]


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
    connections: Connections = Connections()
    storage: Storage = Storage()
    database: Database = Database()
    access: AccessSettings = AccessSettings()
    tls: Tls = Tls()
    audit: Audit = Audit()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    store: Store = Store()
    retrieve: Retrieve = Retrieve()
    search: Search = Search()
    changes: Changes = Changes()
    webhooks: Webhooks = Webhooks()
    pixels: Pixels = Pixels()
    upkeep: Upkeep = Upkeep()
    viewer: Viewer = Viewer()
    tenants: Tenants = Tenants()
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
        return init_settings, env_settings, Files(settings_cls), dotenv_settings

    def of_tenant(self, name: str) -> Settings:
        """Those of one tenant; see `tenants.settings_of`."""
        return settings_of(self, name)

    @property
    def tenant(self) -> str:
        """Whose settings these are, if they are those of a tenant."""
        return self.tenants.selected

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
    def audit_key(self) -> Path:
        return self.audit.key or self.data_dir / "audit.key"

    @property
    def cache_dir(self) -> Path:
        return (self.pixels.cache_dir or self.data_dir / "derived").expanduser().absolute()

    @property
    def local_mode(self) -> bool:
        """Only this machine can reach us, and nobody is asked who he is; but Host and Origin are checked."""
        return is_loopback(self.http.host) and not self.access.asks

    @property
    def secret_path(self) -> Path:
        """Where the secret of sessions lies, unless it is a setting."""
        return self.data_dir / "session.key"


def load_settings(**overrides: Mapping[str, Any]) -> Settings:
    """Settings from `overrides` (group=dict(name=value)), the environment, files and .env; SettingsError if they are wrong."""
    _check_groups()
    try:
        return Settings(_env_file=os.environ.get(ENV_FILE, ".env"), _env_file_encoding="utf-8", **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(item["loc"], item["msg"]) for item in error.errors())) from None


def refuse_unsafe(settings: Settings) -> None:
    """SettingsError, in one sentence that says what to add, if others could reach a service that asks nobody who they are, or could read
    what it answers on its way."""
    access, host = settings.access, settings.http.host
    if access.certificates and settings.tls.client_ca is None:
        raise SettingsError("RADIOLUCENT_ACCESS__CERTIFICATES: needs tls.client_ca, the authorities whose client certificates are believed")
    if access.insecure or is_loopback(host):
        return
    if not access.asks:
        raise SettingsError(
            f"Refusing to serve on {host} without authentication, since anyone on that network could read and delete images: "
            "add an issuer of tokens (RADIOLUCENT_ACCESS__ISSUER) or API keys (RADIOLUCENT_ACCESS__API_KEYS=true), listen on 127.0.0.1, "
            "or add --insecure (RADIOLUCENT_ACCESS__INSECURE=true)"
        )
    if settings.tls.certificate is None:
        raise SettingsError(
            f"Refusing to serve on {host} without TLS, since anyone on the way could read images and credentials: "
            "add a certificate (RADIOLUCENT_TLS__CERTIFICATE and RADIOLUCENT_TLS__KEY), listen on 127.0.0.1 behind a proxy that has one, "
            "or add --insecure (RADIOLUCENT_ACCESS__INSECURE=true)"
        )


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
