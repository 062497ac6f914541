"""`radiolucent verify`: whether index and blobs agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli.options import ExistingDataDir, settings_for
from app.main import build_archive
from app.settings import Settings
from app.studies.verify import Finding, Problem, sweep, verify

HOUR = 3600


def command(
    data: ExistingDataDir = None,
    digests: Annotated[bool, typer.Option(help="Read every byte and compare digests; without it only lengths are compared.")] = True,
    repair: Annotated[bool, typer.Option("--repair", help="Delete orphans: bytes that no instance refers to.")] = False,
    grace: Annotated[
        float, typer.Option("--grace", metavar="HOURS", min=0, help="Younger bytes without an instance may belong to a Store under way.")
    ] = 24,
) -> None:
    """Check every stored instance, also beside a running server. Exits with 1 if something is missing, damaged, or a left-over."""
    findings, checked, swept = asyncio.run(_verify(settings_for(data), digests=digests, repair=repair, grace=grace * HOUR))
    for finding in findings:
        target = finding.target
        place = f"  study {target.study} series {target.series} instance {target.instance}" if target is not None else ""
        typer.echo(f"{finding.problem.value:8} {finding.key} ({finding.size} bytes){place}")
    counts = Counter(finding.problem for finding in findings)
    typer.echo(f"{checked} instances checked: " + ", ".join(f"{counts[problem]} {problem.value}" for problem in Problem))
    if repair:
        typer.echo(f"{swept} left-over blobs deleted")
    if any(not (repair and finding.problem is Problem.ORPHAN) for finding in findings):
        raise typer.Exit(1)


async def _verify(settings: Settings, *, digests: bool, repair: bool, grace: float) -> tuple[list[Finding], int, int]:
    findings: list[Finding] = []
    checked = 0
    async with build_archive(settings) as archive:
        with Progress(
            SpinnerColumn(),
            TextColumn("Checking"),
            TextColumn("{task.completed} instances"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as progress:
            task = progress.add_task("", total=None)
            async for item in verify(archive, digests=digests, grace=grace):
                if isinstance(item, Finding):
                    findings.append(item)
                else:
                    checked += 1
                    progress.update(task, completed=checked)
        swept = await sweep(archive, [finding.key for finding in findings if finding.problem is Problem.ORPHAN]) if repair else 0
    return findings, checked, swept
