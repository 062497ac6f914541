"""That the service was started and stopped stands in the audit trail (PS3.15 A.5.3.1)."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType

from app.audit.sinks import FileSink
from app.model import Action, AuditEntry, Caller, Target
from app.settings import Settings

SERVICE = Caller("radiolucent", "service")


@contextmanager
def on_record(settings: Settings) -> Iterator[None]:
    """Start on entering, stop on leaving: also by SIGTERM, with which the server ends itself once it has ended its work. Unavailable if the
    trail cannot be written."""

    def stopped(number: int, _: FrameType | None) -> None:
        _record(settings, "stop")
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    _record(settings, "start")
    before = signal.signal(signal.SIGTERM, stopped)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _record(settings, "stop")


def _record(settings: Settings, what: str) -> None:
    async def write() -> None:
        sink = FileSink(settings.audit_path, time.time, settings.audit_key, settings.audit.sign_seconds)
        await sink.record(AuditEntry(SERVICE, Action.ADMINISTER, Target(), "success", {"application": what}))
        await sink.close()

    # In a thread of its own: a signal may come while the server's loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(write())).result()
