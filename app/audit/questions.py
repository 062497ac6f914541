"""What is asked of the trail: records by who, what, when and on whom. Reads dictionaries; must not know where they stand.

Who saw a patient is answered from the trail itself, also after the study was deleted: each record on a study holds the digest of its
patient. What holds studies only, which is what searches have shown, and records from before there were digests, counts by whose those
studies were at that time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from operator import itemgetter

from app.dicomweb.times import instant, moment
from app.records import Question, Record

Owners = Mapping[str, list[tuple[str, bool]]]

Trail = Callable[[Collection[str]], Iterable[Record]]
"""Gives the records in whose line one of these words stands; without words every record."""


def asked(question: Question, trail: Trail, studies: Collection[str] = ()) -> Iterator[Record]:
    """The records that are asked for, in the order of the trail, which is read several times if a patient is asked for. `studies` are those
    that the index knows of the patient."""
    owned = owners(question, trail, studies)
    yield from (record for record in trail(words(question, owned)) if fits(question, record, owned))


def words(question: Question, owned: Owners) -> Collection[str]:
    """Of which one stands in each line that can be an answer; none if any line can."""
    return {question.study} if question.study else {question.patient, *owned} if question.patient else ()


def fits(question: Question, record: Record, owned: Owners) -> bool:
    return (
        question.subject in ("", record.get("subject"))
        and question.action in ("", record.get("action"))
        and question.outcome in ("", record.get("outcome"))
        and (not question.study or question.study in studies_of(record))
        and (not question.since or record["time"] >= question.since)
        and (not question.until or record["time"] < question.until)
        and (not question.patient or _concerns(question.patient, record, owned))
    )


def owners(question: Question, trail: Trail, studies: Collection[str]) -> Owners:
    """For each study that ever was of the patient who is asked for: since when it was, and since when no more."""
    patient = question.patient
    if not patient:
        return {}
    ever = {study for record in trail({patient}) if patient in (record.get("patients") or ()) for study in _sole(record)}
    found: dict[str, list[tuple[str, bool]]] = {study: [] for study in ever}
    for record in trail(ever) if ever else ():
        for study in _sole(record):
            if study in found and record.get("patients"):
                found[study].append((record["time"], patient in record["patients"]))
    for times in found.values():
        times.sort(key=itemgetter(0))
        times[:] = [each for place, each in enumerate(times) if place == 0 or each[1] != times[place - 1][1]]
    return {study: [("", True)] for study in studies} | {study: times for study, times in found.items() if times}


def time_of(text: str) -> str:
    """A date, or a date and time, as it stands in records: of no zone it is UTC. ValueError."""
    return moment(instant(text))


def studies_of(record: Record) -> list[str]:
    """The studies that a record names."""
    listed = record.get("detail", {}).get("studies")
    named = [record["study"]] if record.get("study") else []
    return named + ([uid for uid in listed if isinstance(uid, str)] if isinstance(listed, list) else [])


def _concerns(patient: str, record: Record, owned: Owners) -> bool:
    told = record.get("patients")
    if told:
        return patient in told
    return any(_owned(owned[study], record["time"]) for study in studies_of(record) if study in owned)


def _sole(record: Record) -> list[str]:
    """The study of a record whose patients are that study's: of several studies nobody knows whose is which."""
    named = studies_of(record)
    return named if len(named) == 1 else []


def _owned(times: list[tuple[str, bool]], at: str) -> bool:
    """Whether the study was the patient's then; what was before anything is told of it, it was already."""
    return times[max(0, bisect_right(times, at, key=itemgetter(0)) - 1)][1]
