"""What processes of a server hold, as Linux tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def family(pid: int) -> list[int]:
    """This process and all below it."""
    found, unseen = [], [pid]
    while unseen:
        found.append(unseen.pop())
        with suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                unseen += [int(child) for child in (task / "children").read_text().split()]
    return found


def resident(pid: int) -> int:
    """Bytes of memory of its own that one process holds now (RssAnon: without pages of files that are mapped); 0 if it has ended."""
    with suppress(OSError, ValueError):
        (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024
    return 0


def resident_of_all(pid: int) -> int:
    return sum(map(resident, family(pid)))


def open_files(pid: int) -> int:
    """Open files of the process and all below it."""
    count = 0
    for each in family(pid):
        with suppress(OSError):
            count += len(os.listdir(f"/proc/{each}/fd"))
    return count
