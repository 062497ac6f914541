"""Where audit records go: a file of JSON lines, or memory.

A line holds who, what, on which UIDs and with what outcome; names and other words of a patient never reach this module.

    {"time": "2026-01-31T08:15:00.123Z", "subject": "ann", "issuer": "https://login.example", "kind": "user", "key": "",
     "organisation": "", "tenant": "", "roles": ["reader"], "purposes": ["TREAT"], "address": "192.0.2.7",
     "action": "retrieve", "study": "1.2.3", "series": null, "instance": null, "outcome": "success", "request_id": "...", "detail": {...}}

Must not know: HTTP, the index, the policy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.dicomweb.times import moment
from app.errors import Unavailable
from app.model import AuditEntry


class FileSink:
    """`ports.AuditSink` on a file that only grows, mode 0600; several processes may write to it, and it may be renamed to rotate it.

    `now` tells the time (seconds since 1970). A record is in the operating system's hands when `record` returns: it outlives this
    process, not a power cut.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._file = -1
        self._torn = False

    async def record(self, entry: AuditEntry) -> None:
        # Written here and not in a thread: one append to the page cache costs less than the way to a thread and back.
        line = as_line(entry, self._now())
        try:
            self._follow()
            self._append(line)
        except OSError as error:
            raise Unavailable("The audit trail cannot be written, so nothing is answered; see to the disk of the audit file") from error

    async def check(self) -> None:
        try:
            self._follow()
        except OSError as error:
            raise Unavailable("The audit trail cannot be opened for writing; see to the folder of the audit file") from error

    async def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _follow(self) -> None:
        """Have the file open that lies at the path now: after a rotation, or a deletion, that is another one."""
        if self._file >= 0 and self._is_current():
            return
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _append(self, line: bytes) -> None:
        """One write for one line, so that lines of several processes never mix; a line that was cut short is ended before the next."""
        data = b"\n" + line if self._torn else line
        written = os.write(self._file, data)
        self._torn = written < len(data) and (self._torn or written > 0)
        if written < len(data):
            raise OSError("the line was cut short")


class MemorySink:
    """`ports.AuditSink` in a list, for tests and embedding."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    async def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def check(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        """Nothing is held."""


def as_line(entry: AuditEntry, at: float) -> bytes:
    """One record as one line of ASCII JSON: control characters are escaped, so nothing in a record can begin another line."""
    caller = entry.caller
    fields: dict[str, Any] = {
        "time": moment(at),
        "subject": caller.subject,
        "issuer": caller.issuer,
        "kind": caller.kind,
        "key": caller.key,
        "organisation": caller.organisation,
        "tenant": caller.tenant,
        "roles": sorted(caller.roles),
        "purposes": sorted(caller.purposes),
        "address": caller.address,
        "action": entry.action.value,
        "study": entry.target.study,
        "series": entry.target.series,
        "instance": entry.target.instance,
        "outcome": entry.outcome,
        "request_id": caller.request_id,
        "detail": dict(entry.detail),
    }
    return json.dumps(fields, default=str, separators=(",", ":")).encode("ascii") + b"\n"
