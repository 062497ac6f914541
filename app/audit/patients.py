"""Whom a record concerns: the patients of its study, or of the studies that it lists, as the index knows them at that moment.

A study's patient is asked for once and remembered for a minute, so that hundreds of frames of a study cost one question. Before a
deletion it is asked for ahead (`foresee`): afterwards nobody would know. Must not know: the index, in what form a patient stands in the
trail.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from app.errors import DicomwebError
from app.model import Action, AuditEntry, Target, Uid

Lookup = Callable[[Collection[Uid]], Awaitable[Mapping[Uid, str]]]
"""Studies -> study and patient, for those that are there and have one."""

SECONDS = 60.0
MOST = 10_000


class Patients:
    """`clock` tells any seconds that only grow."""

    def __init__(self, lookup: Lookup, clock: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._known: OrderedDict[Uid, tuple[float, str | None]] = OrderedDict()

    async def of(self, entry: AuditEntry) -> Collection[str]:
        """Each patient once. What a search has shown is told by its studies alone: their patients stand with those."""
        if entry.action is Action.SEARCH and entry.target.study is None:
            return entry.patients
        studies = set(_studies(entry))
        if not studies:
            return entry.patients
        if entry.action is Action.STORE:
            self._forget(studies)
        return {*entry.patients, *await self._of(studies)}

    async def foresee(self, target: Target) -> None:
        if target.study is not None:
            self._forget([target.study])
            await self._of([target.study])

    async def _of(self, studies: Iterable[Uid]) -> list[str]:
        now = self._clock()
        found: list[str] = []
        unknown: list[Uid] = []
        for study in studies:
            kept = self._known.get(study)
            if kept is None or kept[0] < now:
                unknown.append(study)
            elif kept[1] is not None:
                found.append(kept[1])
        if unknown:
            try:
                told = await self._lookup(unknown)
            except DicomwebError:
                return found  # without the index nothing of a patient goes out; that it was tried stays on record
            for study in unknown:
                if (patient := told.get(study)) is not None:
                    found.append(patient)
                self._known[study] = now + SECONDS, patient
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return found

    def _forget(self, studies: Iterable[Uid]) -> None:
        for study in studies:
            self._known.pop(study, None)


def _studies(entry: AuditEntry) -> Iterable[Uid]:
    if entry.target.study is not None:
        yield entry.target.study
    listed = entry.detail.get("studies")
    if isinstance(listed, list):
        yield from (Uid(str(uid)) for uid in listed)


async def _nobody(studies: Collection[Uid]) -> Mapping[Uid, str]:
    return {}


NOBODY = Patients(_nobody, lambda: 0.0)
"""For trails beside which there is no index."""
