"""What leaves the house: events, made of records. Hundreds of requests of one caller on one study within a minute are one event.

The trail keeps each record; an event counts them, and holds every series and instance that they named. Pure: records in, events out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.audit.questions import studies_of

WINDOW_SECONDS = 60
MOST_INSTANCES = 200
"""Instances that one event names, beyond which another begins: a message stays below the 32 KiB that receivers of audit messages must
take."""

Record = Mapping[str, Any]

GOOD = frozenset({"success", "NotModified"})
REFUSED = frozenset({"Unauthorized", "Forbidden", "TooMany"})
SERIOUS = frozenset({"Failed", "Corrupt", "Missing", "Unavailable", "Busy", "InsufficientStorage"})


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value (PS3.16)."""

    code: str
    meaning: str
    system: str = "DCM"


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of event: its code of CID 400, the sort within that (CID 401), what was done (C, R, U, D, E), and FHIR's word for it."""

    event: Code
    action: str
    interaction: str
    type: Code | None = None


ACTIVITY = Code("110100", "Application Activity")
LOG_USED = Code("110101", "Audit Log Used")
BEGIN_TRANSFERRING = Code("110102", "Begin Transferring DICOM Instances")
ACCESSED = Code("110103", "DICOM Instances Accessed")
TRANSFERRED = Code("110104", "DICOM Instances Transferred")
STUDY_DELETED = Code("110105", "DICOM Study Deleted")
QUERY = Code("110112", "Query")
ALERT = Code("110113", "Security Alert")
AUTHENTICATION = Code("110114", "User Authentication")
START, STOP = Code("110120", "Application Start"), Code("110121", "Application Stop")
LOGIN = Code("110122", "Login")
NODE_AUTHENTICATION = Code("110126", "Node Authentication")
SECURITY_CONFIGURATION = Code("110129", "Security Configuration")
RESTRICTED_FUNCTION = Code("110132", "Use of Restricted Function")
SEEN = frozenset({"rendered", "thumbnail", "metadata", "volume"})
"""What a Retrieve notes if it sends what is to be seen or read, not the instances themselves."""


@dataclass(slots=True)
class Event:
    """One event, of `count` records from `record["time"]` until `until`."""

    record: Record
    kind: Kind
    until: str
    count: int = 1
    studies: set[str] = field(default_factory=set)
    series: set[str] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """One more record of the same."""
        self.until = max(self.until, record["time"])
        listing = self.kind.event is QUERY and not record.get("study")
        if not listing:  # what a search over all studies has shown may be thousands: the trail alone holds that
            self.studies.update(studies_of(record))
            self.patients.update(record.get("patients") or ())
        for name, found in (("series", self.series), ("instance", self.instances)):
            if record.get(name):
                found.add(record[name])
        self.requests.append(record.get("request_id") or "")

    @property
    def outcome(self) -> str:
        """EventOutcomeIndicator (PS3.15 A.5.2): 0 success, 4 minor failure, 8 serious failure."""
        outcome = self.record["outcome"]
        return "0" if outcome in GOOD else "8" if outcome in SERIOUS else "4"


def kind_of(record: Record) -> Kind:
    """The event that PS3.15 A.5.3 has for a record."""
    action, detail = record["action"], record.get("detail") or {}
    if record["outcome"] in REFUSED:
        return Kind(ALERT, "E", "read", NODE_AUTHENTICATION if record["outcome"] != "Forbidden" else RESTRICTED_FUNCTION)
    if "application" in detail:
        return Kind(ACTIVITY, "E", "operation", START if detail["application"] == "start" else STOP)
    if action == "store":
        return Kind(TRANSFERRED, "C", "create")
    if action == "search":
        return Kind(QUERY, "E", "search-type")
    if action == "delete":
        return Kind(STUDY_DELETED if record.get("series") is None else ACCESSED, "D", "delete")
    if action == "update":
        return Kind(ACCESSED, "U", "update")
    if action == "sign-in":
        return Kind(AUTHENTICATION, "E", "operation", LOGIN)
    if action == "review":
        return Kind(LOG_USED, "R", "read")
    if action == "administer":
        return Kind(ALERT, "E", "operation", SECURITY_CONFIGURATION)
    return Kind(ACCESSED, "R", "read") if SEEN & detail.keys() else Kind(BEGIN_TRANSFERRING, "E", "read")


def aggregated(records: Iterable[Record]) -> list[Event]:
    """The events in the order of their beginnings. Joined are retrievals and searches in one study: by the same caller for the same
    purpose, of the same kind and outcome, within a minute from the first of them, MOST_INSTANCES at most."""
    events: list[Event] = []
    running: dict[tuple[Any, ...], Event] = {}
    for record in records:
        kind = kind_of(record)
        key = _key(record, kind)
        event = running.get(key) if key else None
        if (
            event is not None
            and len(event.instances) < MOST_INSTANCES
            and _seconds(record["time"]) - _seconds(event.record["time"]) < WINDOW_SECONDS
        ):
            event.count += 1
        else:
            event = Event(record, kind, record["time"])
            events.append(event)
            if key:
                running[key] = event
        event.take(record)
    return events


def _key(record: Record, kind: Kind) -> tuple[Any, ...] | None:
    if record["action"] not in ("retrieve", "search") or not record.get("study"):
        return None
    who = tuple(record.get(name) for name in ("subject", "issuer", "kind", "key", "organisation", "tenant", "address"))
    sets = tuple(tuple(record.get(name) or ()) for name in ("roles", "purposes", "patients"))
    asked = (record.get("detail") or {}).get("query")
    return (*who, *sets, kind, record["outcome"], record["study"], asked)


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
