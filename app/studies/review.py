"""The audit trail, for those who may review it: what was asked for is on record before anything is told, as PS3.15 A.5.3.2 wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any

from app.dicomweb.who import named
from app.errors import BadRequest
from app.model import Action, Caller, Target
from app.ports import Archive
from app.records import Portion, Question, Record
from app.studies.audited import audited

PRIVATE = frozenset({"patient", "study"})
"""What a record tells by its own members, the patient as a digest."""


def whom(patient: str, issuer: str) -> str:
    """A patient as a Question names him; nobody if there is no id. BadRequest if it cannot be one."""
    found = named(patient, issuer) if patient else ""
    if found is None:
        raise BadRequest("patient: this is no PatientID", clause="PS3.5 6.2")
    return found


async def review_all(archive: Archive, caller: Caller, question: Question, **how: Any) -> Iterator[Record]:
    """All records that are asked for, oldest first; reading them blocks. Forbidden."""
    async with _on_record(archive, caller, question, **how) as studies:
        return archive.trail.records(question, studies)


async def review(archive: Archive, caller: Caller, question: Question, cursor: str, limit: int) -> Portion:
    """Some of them, behind the cursor. Forbidden, BadRequest, Unavailable."""
    async with _on_record(archive, caller, question, what="audit") as studies:
        return await archive.trail.page(question, studies, cursor, limit)


@asynccontextmanager
async def _on_record(archive: Archive, caller: Caller, question: Question, **how: Any) -> AsyncIterator[Collection[str]]:
    """The studies of the patient who is asked for."""
    facts = {name: value for name in Question.__slots__ if name not in PRIVATE and (value := getattr(question, name))}
    async with audited(archive, caller, Action.REVIEW, Target(), **how, asked=facts) as granted:
        if question.study:
            granted.detail["studies"] = [question.study]
        if question.patient:
            granted.patients.add(question.patient)
        yield [str(uid) for uid in await archive.index.studies_of(question.patient)] if question.patient else ()
