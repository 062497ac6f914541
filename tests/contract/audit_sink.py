"""What every audit sink promises (`ports.AuditSink`): a backend's test module subclasses `AuditSinkContract`.

It brings two fixtures: `sink`, and `recorded`, which gives back the outcome of each record behind it, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.model import Action, AuditEntry, Caller, Target, Uid
from app.records import AuditSink

Recorded = Callable[[], list[str]]


def an_entry(outcome: str = "success", **detail: object) -> AuditEntry:
    return AuditEntry(Caller("ann", "local", "127.0.0.1", "r-1"), Action.RETRIEVE, Target(Uid("1.2"), Uid("1.2.3")), outcome, detail=detail)


class AuditSinkContract:
    async def test_every_record_is_there_when_record_returns(self, sink: AuditSink, recorded: Recorded) -> None:
        for number in range(5):
            await sink.record(an_entry(str(number)))
            assert recorded() == [str(each) for each in range(number + 1)]

    async def test_records_made_at_once_are_all_kept(self, sink: AuditSink, recorded: Recorded) -> None:
        await asyncio.gather(*(sink.record(an_entry(str(number))) for number in range(50)))
        assert sorted(recorded(), key=int) == [str(number) for number in range(50)]

    async def test_nothing_in_a_record_can_make_another(self, sink: AuditSink, recorded: Recorded) -> None:
        await sink.record(an_entry("one\n{}", query='x\r\n"} \ud800\x00\u2028é', other=object(), nested={"a": [1, None]}))
        await sink.record(an_entry("two"))
        assert recorded() == ["one\n{}", "two"]

    async def test_checking_records_nothing(self, sink: AuditSink, recorded: Recorded) -> None:
        await sink.check()
        await sink.record(an_entry("one"))
        await sink.check()
        assert recorded() == ["one"]

    async def test_foreseeing_records_nothing(self, sink: AuditSink, recorded: Recorded) -> None:
        await sink.foresee(Target(Uid("1.2")))
        await sink.record(an_entry("one"))
        assert recorded() == ["one"]

    async def test_closing_twice_is_fine(self, sink: AuditSink) -> None:
        await sink.record(an_entry())
        await sink.close()
        await sink.close()
