"""`radiolucent webhooks add | list | remove | retry`: who is told of changes by the server itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from app.cli.intake import CALLER
from app.cli.options import DataDir, ExistingDataDir, settings_for
from app.dicomweb.change_feed import KINDS
from app.dicomweb.times import moment
from app.errors import BadRequest, Conflict, NotFound
from app.events import relay, signing
from app.events.webhooks import refusal
from app.feed import Undelivered, Webhook
from app.main import build_archive, courier
from app.model import Action, ChangeKind, Target
from app.ports import Archive
from app.settings import Settings
from app.studies.audited import audited

MOST = 500
NOW = "latest"
_when = partial(moment, precision="seconds")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

commands = typer.Typer(
    help="Who is told of changes by the server itself: signed HTTP requests, tried again until they are taken.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What you call it: small letters, digits, hyphens.", show_default=False)]


@commands.command("add")
def add_command(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send to: https://, or http:// on this machine.", show_default=False)],
    data: DataDir = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="stored, updated or deleted; more than once for several.")] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=MOST, help="So many changes in one request, at most.")] = 1,
    after: Annotated[str, typer.Option("--after", help="Begin after this sequence; 0: with all that ever was.")] = NOW,
) -> None:
    """Tell this receiver of changes. Prints the secret with which it can check the signatures: it is not shown again."""
    if not _NAME.fullmatch(name):
        raise typer.BadParameter("NAME has to be 1 to 40 small letters, digits and hyphens")
    if why := refusal(url):
        raise typer.BadParameter(why)
    kinds = {called: kind for kind, called in KINDS.items()}
    if unknown := set(kind or ()) - kinds.keys():
        raise typer.BadParameter(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(kinds)}")
    if after != NOW and not (after.isascii() and after.isdigit()):
        raise typer.BadParameter(f"--after has to be a sequence or {NOW}")
    hook = Webhook(name, url, signing.new_secret(), frozenset(kinds[called] for called in kind or ()), batch)
    typer.echo(f"secret  {asyncio.run(_add(settings_for(data), hook, after)).secret}")


@commands.command("list")
def list_command(data: ExistingDataDir = None) -> None:
    """Each webhook, how far it is, and what could not be delivered to it."""
    for line in asyncio.run(_list(settings_for(data))):
        typer.echo(line)


@commands.command("remove")
def remove_command(name: Name, data: ExistingDataDir = None) -> None:
    """Tell it nothing more."""
    asyncio.run(_remove(settings_for(data), name))


@commands.command("retry")
def retry_command(name: Name, data: ExistingDataDir = None) -> None:
    """Send what was given up once more, now, and let the server try again at once. Exits with 1 if some of it is not taken."""
    told = asyncio.run(_retry(settings_for(data), name))
    for lost, trouble in told:
        if trouble:
            typer.echo(f"not delivered  {_range(lost)}  {trouble}")
    failed = sum(bool(trouble) for _, trouble in told)
    typer.echo(f"{len(told) - failed} requests delivered")
    if failed:
        raise typer.Exit(1)


async def _add(settings: Settings, hook: Webhook, after: str) -> Webhook:
    async with build_archive(settings) as archive:
        position = await archive.index.newest() if after == NOW else int(after)
        hook = Webhook(hook.name, hook.url, hook.secret, hook.kinds, hook.batch, position)
        async with audited(archive, CALLER, Action.ADMINISTER, Target(), webhook=hook.name, url=hook.url, change="added"):
            if not await archive.webhooks.add(hook):
                raise Conflict(f"There is a webhook {hook.name} already; remove it first, or take another name")
        return hook


async def _list(settings: Settings) -> list[str]:
    async with build_archive(settings) as archive:
        newest = await archive.index.newest()
        lines = []
        for hook in await archive.webhooks.all():
            lines.append(_line(hook, newest))
            lines += [f"    not delivered  {_range(lost)}  {_when(lost.since)}  {lost.attempts} attempts, {lost.trouble}"
                      for lost in await archive.webhooks.undelivered(hook.name)]  # fmt: skip
        return lines


async def _remove(settings: Settings, name: str) -> None:
    async with build_archive(settings) as archive, audited(archive, CALLER, Action.ADMINISTER, Target(), webhook=name, change="removed"):
        if not await archive.webhooks.remove(name):
            raise _unknown(name)


async def _retry(settings: Settings, name: str) -> Sequence[tuple[Undelivered, str]]:
    async with build_archive(settings) as archive, courier(settings) as sending:
        hook = await _find(archive, name)
        async with audited(archive, CALLER, Action.ADMINISTER, Target(), webhook=name, change="retried"):
            return await relay.retry(archive, sending, hook)


async def _find(archive: Archive, name: str) -> Webhook:
    for hook in await archive.webhooks.all():
        if hook.name == name:
            return hook
    raise _unknown(name)


def _unknown(name: str) -> NotFound | BadRequest:
    return NotFound(f"There is no webhook {name}" if _NAME.fullmatch(name) else "There is no webhook of that name")


def _line(hook: Webhook, newest: int) -> str:
    kinds = ",".join(KINDS[kind] for kind in ChangeKind if kind in hook.kinds) or "all"
    if hook.attempts:
        state = f"failing since {_when(hook.failing_since)}: {hook.trouble}; {hook.attempts} attempts, the next one {_when(hook.next_try)}"
    else:
        state = "delivering"
    return f"{hook.name}  {hook.url}  {kinds}  at {hook.position} of {newest}  {state}"


def _range(lost: Undelivered) -> str:
    return f"{lost.first}" if lost.first == lost.last else f"{lost.first} to {lost.last}"
