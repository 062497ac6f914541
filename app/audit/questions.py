"""What is asked of the trail: records by who, what, when and on whom. Reads dictionaries; must not know where they stand.

Who saw a patient is answered from the trail itself, also after the study was deleted: each record on a study holds the digest of its
patient. What holds studies only, which is what searches have shown, and records from before there were digests, counts by whose those
studies were at that time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from app.dicomweb.times import moment

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is empty is not asked. `since` (included) and `until` (not) are times as they stand in records; `patient` is a digest."""

    patient: str = ""
    study: str = ""
    subject: str = ""
    action: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""


def asked(question: Question, trail: Callable[[], Iterable[Record]], studies: Collection[str] = ()) -> Iterator[Record]:
    """The records that are asked for, in the order of the trail, which is read several times if a patient is asked for. `studies` are those
    that the index knows of the patient."""
    owners = _owners(question.patient, trail, studies) if question.patient else {}
    for record in trail():
        if _fits(question, record) and (not question.patient or _concerns(question.patient, record, owners)):
            yield record


def time_of(text: str) -> str:
    """A date, or a date and time, as it stands in records: of no zone it is UTC. ValueError."""
    found = datetime.fromisoformat(text)
    return moment((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def studies_of(record: Record) -> list[str]:
    """The studies that a record names."""
    listed = record.get("detail", {}).get("studies")
    named = [record["study"]] if record.get("study") else []
    return named + ([uid for uid in listed if isinstance(uid, str)] if isinstance(listed, list) else [])


def _fits(question: Question, record: Record) -> bool:
    return (
        question.subject in ("", record.get("subject"))
        and question.action in ("", record.get("action"))
        and question.outcome in ("", record.get("outcome"))
        and (not question.study or question.study in studies_of(record))
        and (not question.since or record["time"] >= question.since)
        and (not question.until or record["time"] < question.until)
    )


def _concerns(patient: str, record: Record, owners: Mapping[str, list[tuple[str, bool]]]) -> bool:
    told = record.get("patients")
    if told:
        return patient in told
    return any(_owned(owners[study], record["time"]) for study in studies_of(record) if study in owners)


def _owners(patient: str, trail: Callable[[], Iterable[Record]], studies: Collection[str]) -> dict[str, list[tuple[str, bool]]]:
    """For each study that ever was of the patient: since when it was, and since when no more."""
    ever = {study for record in trail() if patient in (record.get("patients") or ()) for study in _sole(record)}
    owners: dict[str, list[tuple[str, bool]]] = {study: [] for study in ever}
    for record in trail():
        for study in _sole(record):
            if study in owners and record.get("patients"):
                owners[study].append((record["time"], patient in record["patients"]))
    for times in owners.values():
        times.sort(key=itemgetter(0))
        times[:] = [each for place, each in enumerate(times) if place == 0 or each[1] != times[place - 1][1]]
    return {study: [("", True)] for study in studies} | {study: times for study, times in owners.items() if times}


def _sole(record: Record) -> list[str]:
    """The study of a record whose patients are that study's: of several studies nobody knows whose is which."""
    named = studies_of(record)
    return named if len(named) == 1 else []


def _owned(times: list[tuple[str, bool]], at: str) -> bool:
    """Whether the study was the patient's then; what was before anything is told of it, it was already."""
    return times[max(0, bisect_right(times, at, key=itemgetter(0)) - 1)][1]
