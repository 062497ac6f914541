"""`radiolucent reindex`: a new index from the blobs alone, or new search keys for the index that is there."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from app.cli.options import ExistingDataDir, settings_for
from app.index import migrate
from app.main import build_archive
from app.settings import Settings
from app.storage.keys import WEB_SUFFIX, received
from app.studies.reindex import Replayed, count, reindex

OnlyKeys = Annotated[
    bool,
    typer.Option("--keys", help="Keep the index; bring the search keys of RADIOLUCENT_SEARCH__KEYS to what it holds. The server may run."),
]


def command(data: ExistingDataDir = None, keys: OnlyKeys = False) -> None:
    """Fill an empty database from the stored bytes, in the order in which they came. Exits with 1 if some could not be indexed.

    Stop the server first and set RADIOLUCENT_DATABASE__URL to the new database, or move the old index.sqlite3 away. With --keys the
    index stays, and new search keys are brought to it beside the running server.
    """
    settings = settings_for(data)
    migrate(settings.database_url)
    if keys:
        typer.echo(f"{asyncio.run(_fill_keys(settings))} instances brought to the search keys")
        return
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


async def _fill_keys(settings: Settings) -> int:
    done = 0
    async with build_archive(settings) as archive:
        with Progress(*_columns("Filling"), console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=None)
            async for filling in archive.index.fill_keys():
                done = filling.done
                progress.update(task, completed=filling.done, total=filling.total)
    return done


def _columns(verb: str) -> tuple[ProgressColumn, ...]:
    return TextColumn(verb), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()


async def _reindex(settings: Settings) -> tuple[int, list[Replayed]]:
    done = 0
    refused: list[Replayed] = []
    async with build_archive(settings) as archive:
        with Progress(*_columns("Indexing"), console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=await count(archive, received_at))
            async for replayed in reindex(archive, received_at):
                progress.advance(task)
                if replayed.refusal:
                    refused.append(replayed)
                else:
                    done += 1
    return done, refused
