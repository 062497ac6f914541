"""What is needed to leave audit records, and to ask for them: a sink, a trail, and an index that tells whom a study concerns.

Must not know: who fulfils it, who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.model import AuditEntry, Target, Uid

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the trail; what is empty is not asked. `since` (included) and `until` (not) are times as they stand in records;
    `patient` is in the words of `Whose.patients`, and for the trail itself a digest."""

    patient: str = ""
    study: str = ""
    subject: str = ""
    action: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Portion:
    """Some records, and the cursor behind them; none at the end of what there is."""

    records: Sequence[Record]
    cursor: str = ""


class AuditSink(Protocol):
    async def record(self, entry: AuditEntry) -> None:
        """Raises if it cannot be written: no record, no answer."""

    async def foresee(self, target: Target) -> None:
        """Remember whom the target concerns, since the index will not know it any more when its record is written."""

    async def check(self) -> None: ...

    async def close(self) -> None: ...


class Whose(Protocol):
    """For the audit trail alone, whence no Access: whoever asks."""

    async def patients(self, studies: Collection[Uid]) -> Mapping[Uid, str]:
        """Those of these studies that tell of a patient, with PatientID and its issuer around U+001F."""

    async def studies_of(self, patient: str) -> Collection[Uid]:
        """The studies of a patient, in the words of `patients`."""


class Trail(Protocol):
    """What was recorded, for whoever may review it. `studies` are those that the index knows of the patient who is asked for."""

    def records(self, question: Question, studies: Collection[str] = ()) -> Iterator[Record]:
        """All that are asked for, oldest first. Blocking; OSError."""

    async def page(self, question: Question, studies: Collection[str], cursor: str, limit: int) -> Portion:
        """At most so many of them behind the cursor. BadRequest if it is none; Unavailable."""

    def events(self, records: Sequence[Record]) -> Sequence[Mapping[str, Any]]:
        """As FHIR R4 AuditEvents, each an entry of a Bundle."""
