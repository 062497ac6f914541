"""What is needed to leave audit records: a sink, and an index that tells whom a study concerns. Their words are in `model`.

Must not know: who fulfils it, who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from app.model import AuditEntry, Target, Uid


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
