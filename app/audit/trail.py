"""The trail as it lies on disk, read line by line: the file that is written to, and those it was rotated to, also compressed.

A rotated file has the name of the trail and something behind it (`audit.jsonl.1`, `audit.jsonl-20260131.gz`), or before its suffix
(`audit-20260131.jsonl`). They are read in the order of their first records.
"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.audit.chain import hash_of

log = logging.getLogger("radiolucent")
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


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far was read: `file` is the hash of its first line, whatever its name has become; `time` that of the last record."""

    file: str = ""
    offset: int = 0
    time: str = ""


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


def records(path: Path, words: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """All records of the trail, oldest file first; with `words` those in whose lines one of them stands, which is quick to see."""
    wanted = [word.encode() for word in words]
    for file in files(path):
        for line in lines(file):
            if (not wanted or any(word in line.data for word in wanted)) and (record := line.record) is not None:
                yield record


def behind(path: Path, cursor: Cursor) -> Iterator[tuple[Cursor, Line]]:
    """Each line behind the cursor, and where one stands behind that; where its file is gone, what is younger."""
    found = [(file, _first(file)) for file in files(path)]
    places = [place for place, (_, name) in enumerate(found) if name == cursor.file]
    if cursor.file and not places:
        log.warning("the file up to which the audit trail was read is gone: going on behind %s", cursor.time)
    for file, name in found[places[0] if places else 0 :]:
        offset = cursor.offset if places and name == cursor.file else 0
        with opened(file) as stream:
            stream.seek(offset)
            for data in stream:
                line = Line(file.name, 0, data)
                offset += len(data)
                if places or not cursor.time or ((record := line.record) is not None and record["time"] > cursor.time):
                    yield Cursor(name, offset, cursor.time), line


def opened(file: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")


def _first(file: Path) -> str:
    with opened(file) as stream:
        return hash_of(stream.readline())


def _begins(file: Path) -> str:
    for line in lines(file):
        if (record := line.record) is not None:
            return str(record["time"])
    return "~"
