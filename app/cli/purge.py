"""`radiolucent purge` and `radiolucent undelete`: the end of what was deleted, or its return."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.intake import CALLER
from app.cli.options import ExistingDataDir, settings_for
from app.dicom import uid
from app.dicomweb.times import moment
from app.main import build_archive, house
from app.model import Deleted, Target
from app.settings import Settings
from app.studies.purge import READERS, purge
from app.studies.undelete import Restored, restorable, undelete

Uids = Annotated[
    list[str] | None, typer.Argument(metavar="[STUDY [SERIES [INSTANCE]]]", help="UIDs of what was deleted.", show_default=False)
]


def purge_command(
    data: ExistingDataDir = None,
    now: Annotated[
        bool, typer.Option("--now", help="Also what was deleted just now: it cannot be restored, and who is reading it is cut off.")
    ] = False,
) -> None:
    """Delete the bytes of instances that were deleted or replaced longer ago than RADIOLUCENT_UPKEEP__KEEP_DELETED_HOURS. The server does
    so by itself."""
    typer.echo(f"{asyncio.run(_purge(settings_for(data), now=now))} blobs purged")


def undelete_command(uids: Uids = None, data: ExistingDataDir = None) -> None:
    """Restore what was deleted and is not purged yet; without a UID, list it. Exits with 1 if something could not be restored."""
    target = _target(uids or [])
    settings = settings_for(data)
    if target.study is None:
        for item in asyncio.run(_list(settings)):
            when = moment(item.since, "seconds")
            typer.echo(f"{when}  study {item.target.study}  series {item.target.series}  instance {item.target.instance}")
        return
    told = asyncio.run(_undelete(settings, target))
    refused = [restored for restored in told if restored.refusal]
    for failed in refused:
        typer.echo(f"not restored  instance {failed.target.instance}  {failed.refusal}")
    typer.echo(f"{len(told) - len(refused)} instances restored")
    if refused:
        raise typer.Exit(1)


def _target(uids: list[str]) -> Target:
    if len(uids) > 3 or not all(uid.is_valid(text) for text in uids):
        raise typer.BadParameter("give the UID of a study, then that of a series, then that of an instance")
    return Target(*(uid.parse(text) for text in uids))


async def _purge(settings: Settings, *, now: bool) -> int:
    async with build_archive(settings) as archive:
        moment = archive.now()
        kept, spare = (0.0, 0.0) if now else (max(house(settings).kept, READERS), READERS)
        return sum([count async for count in purge(archive, kept_before=moment - kept, spare_before=moment - spare)])


async def _list(settings: Settings) -> Sequence[Deleted]:
    async with build_archive(settings) as archive:
        return await restorable(archive, CALLER, Target())


async def _undelete(settings: Settings, target: Target) -> list[Restored]:
    async with build_archive(settings) as archive:
        return await undelete(archive, CALLER, target)
