"""`radiolucent keys create | list | revoke`: API keys for services, scripts and people without an issuer of tokens."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer

from app.access.keys import KNOWN_SECONDS
from app.cli.intake import CALLER
from app.cli.options import DataDir, ExistingDataDir, settings_for
from app.credentials import ApiKey, is_scope, new_key
from app.dicomweb.times import moment
from app.errors import Conflict, NotFound
from app.main import build_archive
from app.model import Action, Target
from app.settings import Settings
from app.studies.audited import audited

DEFAULT_SCOPE = "user/ImagingStudy.rs"
_when = partial(moment, precision="seconds")
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

commands = typer.Typer(
    help="API keys: made here, shown once, taken by a server with RADIOLUCENT_ACCESS__API_KEYS=true.", no_args_is_help=True
)


@commands.command("create")
def create_command(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Whose key it is: stands in the audit trail.", show_default=False)],
    data: DataDir = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it allows, more than once for more.", show_default=DEFAULT_SCOPE),
    ] = None,
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of the policy file, more than once for more.")] = None,
    expires: Annotated[str, typer.Option("--expires", help="After 12h, 30d, 52w; on a date such as 2027-01-31 (UTC); or never.")] = "52w",
) -> None:
    """Make a key and print it: it is not shown again, and cannot be found out."""
    if not subject.strip() or len(subject) > 200 or not subject.isprintable():
        raise typer.BadParameter("SUBJECT has to be 1 to 200 printable characters")
    scopes = frozenset(scope or ([] if role else [DEFAULT_SCOPE]))
    if unknown := [name for name in scopes if not is_scope(name)]:
        raise typer.BadParameter(
            f"there is no scope {', '.join(unknown)}; there are user/ImagingStudy.cruds and parts of it, admin, audit.read"
        )
    now = time.time()
    text, key = new_key(subject.strip(), scopes, frozenset(role or ()), now, _end(expires, now))
    asyncio.run(_create(settings_for(data), key))
    typer.echo(f"key     {text}")
    typer.echo(f"ends    {_when(key.expires) if key.expires else 'never'}")


@commands.command("list")
def list_command(data: ExistingDataDir = None) -> None:
    """Each key by its prefix, with what it allows, and when it was made, ends, and was last used."""
    for line in asyncio.run(_list(settings_for(data))):
        typer.echo(line)


@commands.command("revoke")
def revoke_command(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="The key's first part, as `list` shows it.", show_default=False)],
    data: ExistingDataDir = None,
) -> None:
    """Refuse the key from now on."""
    asyncio.run(_revoke(settings_for(data), prefix.removeprefix("rlk_").partition("_")[0]))
    typer.echo(f"Revoked. Servers that have just seen it refuse it within {KNOWN_SECONDS:g} seconds.")


def _end(text: str, now: float) -> float | None:
    if text == "never":
        return None
    if span := _SPAN.fullmatch(text):
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])}).total_seconds()
    try:
        end = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() if _DATE.fullmatch(text) else 0.0
    except ValueError:
        end = 0.0
    if end <= now:
        raise typer.BadParameter("--expires has to be such as 12h, 30d, 52w, a date to come such as 2027-01-31, or never")
    return end


async def _create(settings: Settings, key: ApiKey) -> None:
    async with build_archive(settings) as archive:
        detail = {"key": key.prefix, "of": key.subject, "scopes": sorted(key.scopes), "roles": sorted(key.roles)}
        async with audited(archive, CALLER, Action.ADMINISTER, Target(), **detail, change="created"):
            if not await archive.api_keys.add(key):
                raise Conflict("There is a key with this prefix already; try again")


async def _list(settings: Settings) -> list[str]:
    async with build_archive(settings) as archive:
        return [_line(key, time.time()) for key in await archive.api_keys.all()]


async def _revoke(settings: Settings, prefix: str) -> None:
    async with build_archive(settings) as archive, audited(archive, CALLER, Action.ADMINISTER, Target(), key=prefix, change="revoked"):
        if not await archive.api_keys.revoke(prefix, time.time()):
            raise NotFound("There is no such key, or it was revoked before; `radiolucent keys list` shows them")


def _line(key: ApiKey, now: float) -> str:
    if key.revoked is not None:
        state = f"revoked {_when(key.revoked)}"
    elif key.expires is None:
        state = "never ends"
    else:
        state = f"{'ended' if key.expires <= now else 'ends'} {_when(key.expires)}"
    used = f"last used {_when(key.used)}" if key.used is not None else "not used yet"
    allows = " ".join([*sorted(key.scopes), *(f"role:{role}" for role in sorted(key.roles))])
    return f"{key.prefix}  {key.subject}  {allows}  made {_when(key.created)}  {state}  {used}"
