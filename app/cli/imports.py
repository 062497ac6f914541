"""`radiolucent import`: folders, files and zip archives into the archive."""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from app.cli.intake import Fate, Tell, Told, into_archive, to_server
from app.cli.options import DataDir, settings_for
from app.cli.sources import Source, find
from app.index import migrate
from app.main import build_archive
from app.settings import Settings

NAMES_SHOWN = 5
JOBS = min(8, 2 * (os.cpu_count() or 1))


@dataclass(slots=True)
class Summary:
    """What became of all sources so far."""

    fates: Counter[Fate] = field(default_factory=Counter)
    refused: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, told: Told) -> None:
        self.fates[told.fate] += 1
        if told.fate is Fate.REFUSED:
            self.refuse(told.source.name, told.reason)

    def refuse(self, name: str, reason: str) -> None:
        self.refused[reason].append(name)

    def lines(self, *, over_http: bool) -> list[str]:
        """The text for people. A server does not tell what is new from what it had already."""
        stored = "stored, or there already" if over_http else Fate.STORED.value
        lines = [f"{self.fates[Fate.STORED]:>9}  {stored}"]
        lines += [f"{self.fates[fate]:>9}  {fate.value}" for fate in (Fate.PRESENT, Fate.REPLACED) if self.fates[fate]]
        lines.append(f"{sum(map(len, self.refused.values())):>9}  {Fate.REFUSED.value}")
        for reason, names in sorted(self.refused.items(), key=lambda item: -len(item[1])):
            lines.append(f"           {len(names)} x {reason}")
            lines += [f"               {name}" for name in names[:NAMES_SHOWN]]
            lines += [f"               and {len(names) - NAMES_SHOWN} more"] if len(names) > NAMES_SHOWN else []
        return lines


def command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", exists=True, help="Folders (with all below them), zip archives, files.")
    ],
    data: DataDir = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Send to a running DICOMweb server instead, such as http://127.0.0.1:8080/dicom-web."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=64, help="Batches (or requests) under way at a time.")] = JOBS,
) -> None:
    """Import DICOM files. Safe to repeat: what is stored already is left as it is. Exits with 1 if anything was refused."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise typer.BadParameter("must begin with http:// or https://", param_hint="'--url'")
    console = Console(stderr=True, highlight=False)
    summary = Summary()
    with ExitStack() as stack:
        with console.status("Looking for files"):
            sources, broken = find(paths, stack)
        for name in broken:
            summary.refuse(name, "The file, folder or zip archive cannot be opened")
        with _progress(console) as progress:
            task = progress.add_task("Importing", total=sum(source.size for source in sources), files=0)

            def tell(told: Told) -> None:
                summary.take(told)
                progress.update(task, advance=told.source.size, files=sum(summary.fates.values()))

            work = _straight(settings_for(data), sources, jobs, tell) if url is None else _sending(url, sources, jobs, tell)
            try:
                asyncio.run(work)
            finally:
                # Also when it ends early: what was stored stays.
                progress.stop()
                for line in summary.lines(over_http=url is not None):
                    typer.echo(line)
    if summary.refused:
        raise typer.Exit(1)


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[files]} files"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


def _straight(settings: Settings, sources: list[Source], jobs: int, tell: Tell) -> Coroutine[Any, Any, None]:
    migrate(settings.database_url)

    async def work() -> None:
        async with build_archive(settings) as archive:
            await into_archive(archive, sources, jobs, tell)

    return work()


async def _sending(url: str, sources: list[Source], jobs: int, tell: Tell) -> None:
    limits = httpx.Limits(max_connections=jobs)
    async with httpx.AsyncClient(timeout=httpx.Timeout(600, connect=10), limits=limits) as client:
        await to_server(client, url, sources, jobs, tell)
