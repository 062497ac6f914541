"""Transactions and instances, counted where each of them leaves its audit record."""

from __future__ import annotations

from app.meter import Meter
from app.model import Action, AuditEntry
from app.records import AuditSink


class CountedSink:
    """A `records.AuditSink` before another one."""

    def __init__(self, sink: AuditSink, meter: Meter) -> None:
        self._sink = sink
        self._meter = meter
        self.foresee = sink.foresee
        self.check = sink.check
        self.close = sink.close

    async def record(self, entry: AuditEntry) -> None:
        self._meter.transaction(entry.action.value, entry.outcome)
        stored, failed = entry.detail.get("stored", 0), entry.detail.get("failed", 0)
        if entry.action is Action.STORE and isinstance(stored, int) and isinstance(failed, int):
            self._meter.stored(stored, failed)
        await self._sink.record(entry)
