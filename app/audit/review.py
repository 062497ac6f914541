"""The trail as it is asked over HTTP: page by page, each in bounded time, behind a cursor that outlives rotations. Commands read all of it.

Must not know: who asks, and whether he may.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from app.audit import questions, trail
from app.audit.dicom_message import Site
from app.audit.events import aggregated
from app.audit.fhir import resource
from app.audit.keys import Keys
from app.audit.trail import Cursor
from app.errors import BadRequest, Unavailable
from app.records import Portion, Question, Record

MOST_LINES = 50_000
"""Lines that are read for one page: a few tenths of a second. Whoever asks for what is rare gets short pages, and goes on."""

_CURSOR = re.compile(r"([0-9a-f]{64})\.([0-9]{1,15})\.([0-9TZ:.-]{0,40})")


class Review:
    """`records.Trail` of the trail at `path`; `keys` gives its keys, `site` says who speaks in events."""

    def __init__(self, path: Path, keys: Callable[[], Keys], site: Site) -> None:
        self._path = path
        self._keys = keys
        self._site = site
        self._turn = asyncio.Lock()

    def records(self, question: Question, studies: Collection[str] = ()) -> Iterator[Record]:
        return questions.asked(self._inner(question), partial(trail.records, self._path), studies)

    async def page(self, question: Question, studies: Collection[str], cursor: str, limit: int) -> Portion:
        place = _read(cursor)
        async with self._turn:  # one at a time: it is reading and parsing, which the requests of viewers should not wait for
            try:
                return await asyncio.to_thread(self._page, question, studies, place, limit)
            except OSError as error:
                raise Unavailable("The audit trail cannot be read; see to the disk of the audit file") from error

    def events(self, records: Sequence[Record]) -> Sequence[Mapping[str, Any]]:
        found = []
        for event in aggregated(records):
            digest = event.record.get("hash")  # of the first of its records: the same event has the same name again
            name = {"fullUrl": f"urn:uuid:{UUID(digest[:32])}"} if digest else {}
            found.append({**name, "resource": resource(event, self._site)})
        return found

    def _inner(self, question: Question) -> Question:
        return replace(question, patient=self._keys().patient(question.patient)) if question.patient else question

    def _page(self, question: Question, studies: Collection[str], place: Cursor, limit: int) -> Portion:
        question = self._inner(question)
        owned = questions.owners(question, partial(trail.records, self._path), studies)
        words = [word.encode() for word in questions.words(question, owned)]
        found: list[Record] = []
        for number, (after, line) in enumerate(trail.behind(self._path, place)):
            if len(found) == limit or number == MOST_LINES:
                return Portion(found, f"{place.file}.{place.offset}.{place.time}")
            if not line.data.endswith(b"\n"):
                break  # it is just being written
            place = replace(after, time=_time(line.data) or place.time)
            if _may_answer(line.data, question, words) and (record := line.record) and questions.fits(question, record, owned):
                found.append(record)
        return Portion(found)


def _may_answer(line: bytes, question: Question, words: Sequence[bytes]) -> bool:
    """What is too old or of others is passed over without parsing it."""
    time = _time(line)
    return (not time or time >= question.since) and (not words or any(word in line for word in words))


def _time(line: bytes) -> str:
    """When, as a line of ours begins with it; empty of another line."""
    return line[9:33].decode("ascii", "replace") if line.startswith(b'{"time":"') and line[33:34] == b'"' else ""


def _read(cursor: str) -> Cursor:
    if not cursor:
        return Cursor()
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadRequest("cursor has to be what an answer has given; leave it out to begin anew")
    return Cursor(found[1], int(found[2]), found[3])
