"""The trail as it lies on disk, read line by line: the file that is written to, and those it was rotated to, also compressed.

A rotated file has the name of the trail and something behind it (`audit.jsonl.1`, `audit.jsonl-20260131.gz`), or before its suffix
(`audit-20260131.jsonl`). They are read in the order of their first records.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

NOT_THE_TRAIL = (".heads", ".key", ".pub", ".cursor")


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its end, and where it stands: the file's name, and its number from 1."""

    file: str
    number: int
    data: bytes

    @property
    def record(self) -> dict[str, Any] | None:
        """The record; None if the line is none."""
        try:
            found = json.loads(self.data)
        except ValueError:
            return None
        return found if isinstance(found, dict) and isinstance(found.get("time"), str) and "action" in found else None


def files(path: Path) -> list[Path]:
    """The files of the trail that exist, oldest first."""
    candidates = [*path.parent.glob(path.name + "*"), *path.parent.glob(f"{path.stem}-*{path.suffix}*")]
    found = {file for file in candidates if file.is_file() and not any(mark in file.name.removeprefix(path.name) for mark in NOT_THE_TRAIL)}
    return sorted(found, key=lambda file: (_begins(file), file == path, file.name))


def lines(file: Path) -> Iterator[Line]:
    """OSError if it cannot be read."""
    with opened(file) as stream:
        for number, data in enumerate(stream, 1):
            yield Line(file.name, number, data)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """All records of the trail, oldest file first."""
    for file in files(path):
        for line in lines(file):
            if (record := line.record) is not None:
                yield record


def opened(file: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")


def _begins(file: Path) -> str:
    for line in lines(file):
        if (record := line.record) is not None:
            return str(record["time"])
    return "~"
