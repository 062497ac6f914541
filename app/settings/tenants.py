"""The group of settings on tenants, and the settings of one of them: places of its own for everything that is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, field_validator

from app.dicomweb.resources import TENANTS
from app.settings.groups import Group, Names
from app.settings.sources import PREFIX, SettingsError

if TYPE_CHECKING:
    from app.settings import Settings

PLACE = "{tenant}"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Tenants(Group):
    """Several archives in one service, whose data never meet: each under /t/NAME, with an index and a store of its own."""

    names: Names = ()
    """What the tenants are called: small letters, digits, hyphens; a list with commas. Their data lie in `tenants/NAME` of the data folder,
    unless database.url, storage.url and the like say otherwise, which then need {tenant} in them. What is not under /t/ is an archive
    for itself."""

    claim: str = "tenant"
    """Where tokens have the tenant, or a list of tenants, of a user: a claim, or a path with dots."""

    selected: str = ""
    """The tenant that a command works on (`radiolucent --tenant NAME ...`). The server serves all of them."""

    @field_validator("names")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in value if not _NAME.fullmatch(name)]:
            raise ValueError(f"{wrong[0][:40]!r} has to be 1 to 32 small letters, digits and hyphens")
        if len(set(value)) < len(value):
            raise ValueError("a tenant is named twice")
        return value


def settings_of(settings: Settings, name: str) -> Settings:
    """The settings of one tenant. SettingsError if there is none of this name, or if two of them would share a place."""
    if name not in settings.tenants.names:
        raise SettingsError(f"There is no tenant {name[:40]!r}; {PREFIX}TENANTS__NAMES lists them")
    storage, database, audit, pixels, access, http = (
        getattr(settings, group) for group in ("storage", "database", "audit", "pixels", "access", "http")
    )
    url = database.url.get_secret_value() if database.url else ""
    cache = pixels.cache_dir
    if access.policy is not None and access.certificates and PLACE not in str(access.policy):
        raise SettingsError(f"{PREFIX}ACCESS__POLICY: needs {PLACE} in it, or a certificate of one tenant would be known to all")
    changes: dict[str, Any] = {
        "storage": _with(storage, data_dir=settings.data_dir / "tenants" / name, url=_own("storage", "url", storage.url, name)),
        "database": _with(database, url=SecretStr(_own("database", "url", url, name) or "") if url else None),
        "audit": _with(audit, path=_own_path("audit", "path", audit.path, name)),
        "pixels": _with(pixels, cache_dir=cache / "tenants" / name if cache else None),
        "access": _with(access, policy=Path(str(access.policy).replace(PLACE, name)) if access.policy else None),
        "tenants": _with(settings.tenants, names=(), selected=name),
    }
    if http.public_base_url:
        root = http.public_base_url.removesuffix(http.base_path)
        changes["http"] = _with(http, public_base_url=f"{root}{TENANTS}{name}{http.base_path}")
    return settings.model_copy(update=changes)


def _with(group: Group, **changes: Any) -> Group:
    return group.model_copy(update=changes)


def _own(group: str, setting: str, value: str | None, name: str) -> str | None:
    if value and PLACE not in value:
        raise SettingsError(f"{PREFIX}{group.upper()}__{setting.upper()}: needs {PLACE} in it, for two tenants must not share a place")
    return value.replace(PLACE, name) if value else None


def _own_path(group: str, setting: str, value: Path | None, name: str) -> Path | None:
    found = _own(group, setting, str(value) if value else None, name)
    return Path(found) if found else None
