"""Date and time terms that belong together make one range of instants (PS3.4 C.2.2.2.5, PS3.18 8.3.4.1).

`StudyDate=20240101-20240103&StudyTime=12-13` means from the 1st, 12:00 to the 3rd, 13:59:59.999999; not noon on three days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.dicom.attributes import tag
from app.dicomweb.terms import Match, Rule

_PAIRS: dict[tuple[str, ...], tuple[str, ...]] = {
    (tag(name + "Date"),): (tag(name + "Time"),)
    for name in ("Study", "Series", "Content", "Acquisition", "PerformedProcedureStepStart", "PerformedProcedureStepEnd")
}


def combine(matches: Sequence[Match]) -> tuple[Match, ...]:
    """The terms, where each range of dates that has a time beside it has become one COMBINED term with that time.

    On a single date the two mean the same apart from each other, and stay so.
    """
    times = {match.path: match for match in matches if match.vr == "TM" and match.rule is not Rule.UNIVERSAL}
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
