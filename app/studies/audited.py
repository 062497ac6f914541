"""The frame round every transaction: grant, run, leave exactly one audit record; also when the answer is a refusal.

The record stands before the first byte of an answer goes out: a transaction returns its answer from inside the frame, and bodies are
streamed afterwards. If the record cannot be written there is no answer (`AuditSink.record` raises).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from app.errors import DicomwebError
from app.model import NOTHING, Access, Action, AuditEntry, Caller, Target
from app.ports import Archive
from app.studies.answers import NotModified


@dataclass(slots=True)
class Frame:
    """Whether the request at hand has left its record, or has tried to: there is one for each, never a second."""

    recorded: bool = False


FRAME: ContextVar[Frame | None] = ContextVar("radiolucent.frame", default=None)
"""Of the request that this task serves; whoever asks in other ways than by HTTP has none."""


@dataclass(slots=True)
class Granted:
    """What a transaction works with: its `access`, and what it adds to the audit record: facts (counts, query text), and patients whom no
    study in it tells of."""

    access: Access
    detail: dict[str, Any] = field(default_factory=dict)
    patients: set[str] = field(default_factory=set)


@asynccontextmanager
async def audited(archive: Archive, caller: Caller, action: Action, target: Target, **detail: Any) -> AsyncIterator[Granted]:
    """Give Access or raise Forbidden; on leaving, record the outcome: "success", "NotModified", or the name of the error."""
    granted = Granted(NOTHING, dict(detail))
    outcome = "success"
    try:
        granted.access = await archive.policy.grant(caller, action)
        if action is Action.DELETE:
            await archive.audit.foresee(target)
        yield granted
    except (DicomwebError, NotModified) as error:
        outcome = type(error).__name__
        raise
    except asyncio.CancelledError:
        outcome = "Cancelled"
        raise
    except BaseException:
        outcome = "Failed"
        raise
    finally:
        if (frame := FRAME.get()) is not None:
            frame.recorded = True
        await archive.audit.record(AuditEntry(caller, action, target, outcome, granted.detail, frozenset(granted.patients)))
