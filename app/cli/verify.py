"""`radiolucent verify`: whether index and blobs agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli.options import ExistingDataDir, settings_for
from app.main import build_archive
from app.settings import Settings
from app.studies.inspection import Finding, Problem
from app.studies.verify import repair as repaired
from app.studies.verify import sweep_temporary, verify

HOUR = 3600
PORTION = 1000
"""Findings that are repaired at a time; bounds memory."""


def command(
    data: ExistingDataDir = None,
    digests: Annotated[
        bool, typer.Option(help="Read every byte and compare digests and rows; without it only lengths are compared.")
    ] = True,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Delete orphans, derive rows anew from sound bytes, put damaged instances in quarantine."),
    ] = False,
    grace: Annotated[
        float, typer.Option("--grace", metavar="HOURS", min=0, help="Younger bytes without an instance may belong to a Store under way.")
    ] = 24,
) -> None:
    """Check every stored instance, also beside a running server. Exits with 1 if something is missing, damaged, wrong, or a left-over,
    and was not put right."""
    work = _Work(repair=repair)
    asyncio.run(_verify(settings_for(data), work, digests=digests, grace=grace * HOUR))
    typer.echo(f"{work.checked} instances checked: " + ", ".join(f"{work.counts[problem]} {problem.value}" for problem in Problem))
    for sentence in work.told:
        typer.echo(sentence)
    if work.left:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Work:
    repair: bool
    checked: int = 0
    left: int = 0
    counts: Counter[Problem] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)


async def _verify(settings: Settings, work: _Work, *, digests: bool, grace: float) -> None:
    async with build_archive(settings) as archive:
        waiting: list[Finding] = []

        async def settle() -> None:
            if work.repair:
                work.told += await repaired(archive, waiting)
                work.left += sum(not (finding.derived or finding.problem is Problem.ORPHAN) for finding in waiting)
            else:
                work.left += len(waiting)
            waiting.clear()

        with Progress(
            SpinnerColumn(),
            TextColumn("Checking"),
            TextColumn("{task.completed} instances"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as progress:
            task = progress.add_task("", total=None)
            async for item in verify(archive, digests=digests, grace=grace):
                if not isinstance(item, Finding):
                    work.checked += 1
                    progress.update(task, completed=work.checked)
                    continue
                work.counts[item.problem] += 1
                typer.echo(line(item))
                waiting.append(item)
                if len(waiting) == PORTION:
                    await settle()
            await settle()
        if work.repair and (count := await sweep_temporary(archive, grace)):
            work.told.append(f"{count} unfinished files deleted")


def line(finding: Finding) -> str:
    """One finding as it is told."""
    target = finding.target
    names = () if target is None else (("study", target.study), ("series", target.series), ("instance", target.instance))
    place = "".join(f" {name} {uid}" for name, uid in names if uid is not None)
    what = f"{finding.key or '-'} ({finding.size} bytes)" + (f" {place}" if place else "")
    return f"{finding.problem.value:8} {what}" + (f"  differs in {finding.detail}" if finding.detail else "")
