"""From the trail to others: at least once, in order, with a cursor that outlives the process.

The trail is the spool: nothing is written twice. Minute by minute, what has been recorded becomes events (`events.aggregated`), is sent,
and then the cursor moves; whatever happens in between, it is sent again. Of all processes beside a trail one delivers at a time. Must not
know: how it is sent.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.audit.events import WINDOW_SECONDS, Event, aggregated
from app.audit.trail import Cursor, behind
from app.dicomweb.times import moment

log = logging.getLogger("radiolucent")
Send = Callable[[Sequence[Event]], None]
"""Sends all, or raises an OSError."""

MOST_LINES = 20_000
"""Records that are read at a time: bounds memory."""

GRACE = 2.0
"""Seconds after a minute in which records of it may still be on their way to the file."""

LOOK = 5.0
RIVAL = 30.0
"""Seconds from one look to the next; if another process delivers."""

LONGEST_PAUSE = 300.0


class Delivery:
    """One way out of the trail at `path`, called `name`."""

    def __init__(self, path: Path, name: str, send: Send, now: Callable[[], float]) -> None:
        self._path = path
        self._cursor = path.with_name(f"{path.name}.cursor-{name}")
        self._name = name
        self._send = send
        self._now = now
        self._lock = -1

    async def run(self) -> None:
        """Deliver until it is cancelled: what is being sent then is sent once more by the next process."""
        pause = 0.0
        try:
            while True:
                if not self._is_ours():
                    await asyncio.sleep(RIVAL)
                    continue
                try:
                    more = await asyncio.to_thread(self.step)
                    pause = 0.0 if more else LOOK
                except OSError as error:
                    pause = min(max(2 * pause, LOOK), LONGEST_PAUSE)
                    log.warning("audit events cannot be delivered by %s (%s): next try in %d s", self._name, type(error).__name__, pause)
                await asyncio.sleep(pause)
        finally:
            self.close()

    def step(self) -> int:
        """Deliver what is due, at most MOST_LINES of it; how many records that was. OSError if it cannot be delivered, or read."""
        until = moment((self._now() - GRACE) // WINDOW_SECONDS * WINDOW_SECONDS)
        records, cursor = pending(self._path, self._read(), until, MOST_LINES)
        if records:
            self._send(aggregated(records))
            self._write(cursor)
        return len(records)

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _is_ours(self) -> bool:
        if self._lock >= 0:
            return True
        lock = os.open(self._cursor.with_name(self._cursor.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def _read(self) -> Cursor:
        try:
            return Cursor(**json.loads(self._cursor.read_bytes()))
        except FileNotFoundError:
            return Cursor()
        except (ValueError, TypeError) as error:
            raise OSError("the cursor cannot be read") from error

    def _write(self, cursor: Cursor) -> None:
        temporary = self._cursor.with_name(self._cursor.name + ".new")
        with temporary.open("w", encoding="ascii") as file:
            json.dump(asdict(cursor), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._cursor)


def pending(path: Path, cursor: Cursor, until: str, most: int) -> tuple[list[dict[str, Any]], Cursor]:
    """The records behind the cursor from before `until`, at most so many, and where the cursor stands behind them."""
    records: list[dict[str, Any]] = []
    for place, line in behind(path, cursor):
        if len(records) == most or not line.data.endswith(b"\n"):
            break
        record = line.record
        if record is not None:
            if record["time"] >= until:
                break
            records.append(record)
            cursor = Cursor(place.file, place.offset, record["time"])
    return records, cursor
