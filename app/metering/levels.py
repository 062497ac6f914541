"""Levels, looked at every few seconds: a scrape that asked for them would ask one worker alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from app.meter import Meter

SECONDS = 5.0
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_OWN = Path("/proc/self")


async def watch(meter: Meter, levels: Mapping[str, Callable[[], float]]) -> None:
    """For as long as it runs; `levels` by the names of `meter.LEVELS`."""
    while True:
        for name, read in levels.items():
            meter.level(name, read())
        with suppress(OSError):  # where there is no /proc, these two are not told
            meter.level("resident_bytes", int((_OWN / "statm").read_text().split()[1]) * _PAGE)
            meter.level("open_files", len(os.listdir(_OWN / "fd")))
        await asyncio.sleep(SECONDS)
