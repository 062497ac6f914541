"""Date and time terms that belong together make one range of instants (PS3.4 C.2.2.2.5, PS3.18 8.3.4.1).

`StudyDate=20240101-20240103&StudyTime=12-13` means from the 1st, 12:00 to the 3rd, 13:59:59.999999; not noon on three days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.dicom import values
from app.dicom.attributes import tag
from app.dicomweb.terms import Match, Rule

_PAIRS: dict[tuple[str, ...], tuple[str, ...]] = {
    (tag(name + "Date"),): (tag(name + "Time"),)
    for name in (
        *("Study", "Series", "Content", "Acquisition", "PerformedProcedureStepStart", "PerformedProcedureStepEnd"),
        *("InstanceCreation", "PresentationCreation"),
    )
}
OFFSETS = range(-12 * 60, 14 * 60 + 1, 15)
"""The UTC offsets that are in use, in minutes; a record with another one is compared as if it had none."""

_DATED = (Rule.SINGLE, Rule.RANGE)


def combine(matches: Sequence[Match]) -> tuple[Match, ...]:
    """The terms, where each range of dates that has a time beside it has become one COMBINED term with that time.

    On a single date the two mean the same apart from each other, and stay so.
    """
    times = {match.path: match for match in matches if match.vr == "TM" and match.rule in _DATED}
    found = []
    taken = set()
    for match in matches:
        time = times.get(_PAIRS.get(match.path, ()))
        if time is None or match.rule is not Rule.RANGE:
            found.append(match)
            continue
        taken.add(time.path)
        found.append(_combined(match, time))
    return tuple(match for match in found if match.path not in taken)


def _combined(date: Match, time: Match) -> Match:
    first, last = date.values
    low, high = time.values if time.rule is Rule.RANGE else time.values * 2
    return replace(date, rule=Rule.COMBINED, values=(first, low if first else "", last, high if last else ""), time_path=time.path)


def zone(matches: Sequence[Match], offset: int) -> tuple[Match, ...]:
    """The same for a query with a Timezone Offset From UTC, in minutes: every date that has a time, asked for or not, becomes a ZONED term.

    Dates without a time (a birth date) are days of the calendar, and stay.
    """
    times = {match.path: match for match in matches if match.vr == "TM" and match.rule in _DATED}
    found = [_zoned(match, times, offset) if match.path in _PAIRS and match.rule in _DATED else match for match in matches]
    taken = {match.time_path for match in found if match.rule is Rule.ZONED}
    return tuple(match for match in found if match.path not in taken)


def bounds(match: Match, offset: int | None) -> tuple[str, str]:
    """The two instants of a ZONED term for a record with this offset; "" stays open."""
    first, last = match.values
    if offset is None or offset not in OFFSETS:
        return first, last
    minutes = offset - match.offset
    return values.shifted(first, minutes) if first else "", values.shifted(last, minutes) if last else ""


def _zoned(date: Match, times: dict[tuple[str, ...], Match], offset: int) -> Match:
    path = _PAIRS[date.path]
    time = times.get(path)
    low, high = ("", "") if time is None else time.values if time.rule is Rule.RANGE else time.values * 2
    first, last = date.values[0], date.values[-1]
    instants = (first and first + (low or "000000.000000"), last and last + (high or "235959.999999"))
    return replace(date, rule=Rule.ZONED, values=instants, time_path=path, offset=offset)
