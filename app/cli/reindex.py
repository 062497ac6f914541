"""`radiolucent reindex`: a new index from the blobs alone."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.options import DataDir, settings_for
from app.index import migrate
from app.main import build_archive
from app.settings import Settings
from app.storage.keys import WEB_SUFFIX, received
from app.studies.reindex import Replayed, count, reindex


def command(data: DataDir = None) -> None:
    """Fill an empty database from the stored bytes, in the order in which they came. Exits with 1 if some could not be indexed.

    Stop the server first and set RADIOLUCENT_DATABASE__URL to the new database, or move the old index.sqlite3 away.
    """
    settings = settings_for(data)
    migrate(settings.database_url)
    done, refused = asyncio.run(_reindex(settings))
    for replayed in refused:
        typer.echo(f"not indexed  {replayed.key}  {replayed.refusal}")
    typer.echo(f"{done} instances indexed")
    if refused:
        typer.echo(f"{len(refused)} blobs not indexed; they stay until `radiolucent verify --repair`")
        raise typer.Exit(1)


def received_at(key: str) -> float | None:
    """The time of receipt, or None for a rewritten sibling: it is made from its original."""
    return None if key.endswith(WEB_SUFFIX) else received(key)


async def _reindex(settings: Settings) -> tuple[int, list[Replayed]]:
    done = 0
    refused: list[Replayed] = []
    async with build_archive(settings) as archive:
        columns = (TextColumn("Indexing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=await count(archive, received_at))
            async for replayed in reindex(archive, received_at):
                progress.advance(task)
                if replayed.refusal:
                    refused.append(replayed)
                else:
                    done += 1
    return done, refused
