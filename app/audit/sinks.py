"""Where audit records go: a file of JSON lines, or memory.

A line holds who, what, on which UIDs and with what outcome; names and other words of a patient never reach the file, whose `patients` are
keyed digests (`keys.Keys.patient`). The last members chain it to the record before it (`chain`).

    {"time": "2026-01-31T08:15:00.123Z", "subject": "ann", "issuer": "https://login.example", "kind": "user", "key": "",
     "organisation": "", "tenant": "", "roles": ["reader"], "purposes": ["TREAT"], "address": "192.0.2.7",
     "action": "retrieve", "study": "1.2.3", "series": null, "instance": null, "patients": ["..."], "outcome": "success",
     "request_id": "...", "detail": {...}, "writer": "...", "sequence": 7, "previous": "...", "hash": "..."}

Must not know: HTTP, the index, the policy.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _text
from pathlib import Path

from app.audit.chain import Chain, encoded
from app.audit.heads import Heads, Kind
from app.audit.keys import Keys, open_keys
from app.audit.patients import NOBODY, Patients
from app.dicomweb.times import moment
from app.errors import Unavailable
from app.model import AuditEntry, Target
from app.records import AuditSink

log = logging.getLogger("radiolucent")
KEY_FILE = "audit.key"
SIGN_SECONDS = 30.0


def heads_path(trail: Path) -> Path:
    """Where the heads of a trail stand."""
    return trail.with_name(trail.name + ".heads")


class FileSink:
    """`ports.AuditSink` on a file that only grows, mode 0600; several processes may write to it, and it may be renamed to rotate it.

    `now` tells the time (seconds since 1970), `key` is the file of the signing key (by default beside the trail), `seconds` the longest
    time that a record waits for a signed head. A record is in the operating system's hands when `record` returns: it outlives this
    process, not a power cut; what a signed head covers outlives that as well.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], float],
        key: Path | None = None,
        seconds: float = SIGN_SECONDS,
        patients: Patients = NOBODY,
    ) -> None:
        self._path = path
        self._name = os.fspath(path)
        self._now = now
        self._key = key or path.with_name(KEY_FILE)
        self._seconds = seconds
        self._patients = patients
        self._heads = Heads(heads_path(path))
        self._keys: Keys | None = None
        self._chain: Chain | None = None
        self._signed = 0
        self._timer: asyncio.TimerHandle | None = None
        self._signing: asyncio.Task[None] | None = None
        self._file = -1
        self._is: os.stat_result
        self._torn = False

    async def record(self, entry: AuditEntry) -> None:
        # Written here and not in a thread: one append to the page cache costs less than the way to a thread and back.
        cancelled = None
        try:
            patients = await self._patients.of(entry)
        except asyncio.CancelledError as error:
            # What was done is done, and stands on record even if whoever asked for it has gone meanwhile.
            patients, cancelled = entry.patients, error
        try:
            keys = self._opened()
            self._follow()
            if self._chain is None:
                self._chain = self._begun(keys)
            digests = sorted({keys.patient(patient) for patient in patients}) if patients else ()
            line, digest = self._chain.next(as_json(entry, self._now(), digests))
            self._append(line, self._chain, digest)
        except OSError as error:
            raise Unavailable("The audit trail cannot be written, so nothing is answered; see to the disk of the audit file") from error
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._due)
        if cancelled is not None:
            raise cancelled

    async def foresee(self, target: Target) -> None:
        await self._patients.foresee(target)

    async def check(self) -> None:
        try:
            self._opened()
            self._follow()
        except OSError as error:
            raise Unavailable("The audit trail cannot be opened for writing; see to the folder of the audit file") from error

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._signing is not None:
            await self._signing
        if self._chain is not None:
            self._sign(self._file, self._chain, "end")
            self._chain = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _opened(self) -> Keys:
        if self._keys is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._keys = open_keys(self._key)
        return self._keys

    def _begun(self, keys: Keys) -> Chain:
        """A new chain, of which the beginning is signed before its first record stands."""
        chain = Chain(secrets.token_hex(8), 0, "")
        chain.digest = self._heads.append(keys, "begin", chain, self._now())
        return chain

    def _due(self) -> None:
        self._timer = None
        self._signing = asyncio.get_running_loop().create_task(self._sign_aside())

    async def _sign_aside(self) -> None:
        """In a thread: two flushes take milliseconds."""
        chain = self._chain
        if chain is None:
            return
        standing = Chain(chain.writer, chain.sequence, chain.digest)
        file = os.dup(self._file)
        try:
            await asyncio.to_thread(self._sign, file, standing, "mark")
        finally:
            os.close(file)

    def _sign(self, file: int, chain: Chain, kind: Kind) -> None:
        """The records first, then the head: a power cut must not look like a cut end. What fails is tried again with the next record."""
        try:
            os.fsync(file)
            self._heads.append(self._opened(), kind, chain, self._now())
        except (OSError, Unavailable) as error:
            log.error("the head of the audit trail could not be signed (%s): its last records are not covered yet", type(error).__name__)

    def _follow(self) -> None:
        """Have the file open that lies at the path now: after a rotation, or a deletion, that is another one."""
        if self._file >= 0 and self._is_current():
            return
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._torn = False
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._is = os.fstat(self._file)

    def _is_current(self) -> bool:
        try:
            there = os.stat(self._name)
            return there.st_ino == self._is.st_ino and there.st_dev == self._is.st_dev
        except FileNotFoundError:
            return False

    def _append(self, line: bytes, chain: Chain, digest: str) -> None:
        """One write for one line, so that lines of several processes never mix; a line that was cut short is ended before the next. Only
        its end may be lacking: then the record stands."""
        data = b"\n" + line if self._torn else line
        written = os.write(self._file, data)
        self._torn = written < len(data) and (self._torn or written > 0)
        if written >= len(data) - 1:
            chain.advance(digest)
        else:
            raise OSError("the line was cut short")


class MemorySink:
    """`ports.AuditSink` in a list, for tests and embedding."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    async def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def foresee(self, target: Target) -> None:
        """Whom an entry concerns is not asked."""

    async def check(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        """Nothing is held."""


class FailOpen:
    """Any sink, without which there are answers all the same: each loss is told in the log, and counted in the next record that stands."""

    def __init__(self, sink: AuditSink) -> None:
        self._sink = sink
        self._lost = 0

    async def record(self, entry: AuditEntry) -> None:
        if self._lost:
            entry = AuditEntry(
                entry.caller, entry.action, entry.target, entry.outcome, {**entry.detail, "lost_before": self._lost}, entry.patients
            )
        try:
            await self._sink.record(entry)
            self._lost = 0
        except Unavailable:
            self._lost += 1
            log.critical("request %s is not on record: the audit trail cannot be written (%d lost)", entry.caller.request_id, self._lost)

    async def foresee(self, target: Target) -> None:
        await self._sink.foresee(target)

    async def check(self) -> None:
        await self._sink.check()

    async def close(self) -> None:
        await self._sink.close()


_Who = tuple[str, str, str, str, str, str, frozenset[str], frozenset[str], str]


def as_json(entry: AuditEntry, at: float, patients: Sequence[str]) -> str:
    """What a record says, in the order of its line. Written by hand: this is done for each frame of a study."""
    caller, target = entry.caller, entry.target
    who = _who(
        (
            caller.subject,
            caller.issuer,
            caller.kind,
            caller.key,
            caller.organisation,
            caller.tenant,
            caller.roles,
            caller.purposes,
            caller.address,
        )
    )
    return (
        f'{{"time":"{_second(int(at))}.{int(at % 1 * 1000):03}Z",{who},"action":"{entry.action.value}",'
        f'"study":{_uid(target.study)},"series":{_uid(target.series)},"instance":{_uid(target.instance)},"patients":{_digests(patients)},"outcome":{_text(entry.outcome)},'
        f'"request_id":{_text(caller.request_id)},"detail":{encoded(entry.detail)}}}'
    )


@lru_cache(maxsize=1024)
def _who(who: _Who) -> str:
    subject, issuer, kind, key, organisation, tenant, roles, purposes, address = who
    fields = {
        "subject": subject,
        "issuer": issuer,
        "kind": kind,
        "key": key,
        "organisation": organisation,
        "tenant": tenant,
        "roles": sorted(roles),
        "purposes": sorted(purposes),
        "address": address,
    }
    return encoded(fields)[1:-1]


@lru_cache(maxsize=16)
def _second(at: int) -> str:
    """Many records stand within one second."""
    return moment(at, "seconds")[:-1]


def _digests(patients: Sequence[str]) -> str:
    joined = '","'.join(patients)  # hexadecimal digits
    return f'["{joined}"]' if patients else "[]"


def _uid(uid: str | None) -> str:
    return "null" if uid is None else _text(uid)
