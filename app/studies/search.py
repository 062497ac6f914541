"""Search (PS3.18 10.6): the index gives ready objects; they are joined into one answer, parsed only where XML is asked for."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.dicomweb import framing, resources
from app.dicomweb.query import Query, next_cursor
from app.dicomweb.who import who
from app.model import BASE_MARK, Action, Caller
from app.ports import Archive
from app.studies.answers import Wanted, documents
from app.studies.audited import audited

STUDY_INSTANCE_UID = "0020000D"
_STUDY = re.compile(rb'"0020000D":\{"vr":"UI","Value":\["([0-9.]+)"\]\}')


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """`body`: all matches, as JSON one array, `[]` if there are none. `warnings`: sentences for `Warning: 299` (PS3.18 8.3.4.4).

    `cursor`: where the same search goes on, if more matches; `total`: how many there are, if the query asks for it.
    """

    content_type: str
    body: bytes
    warnings: tuple[str, ...]
    cursor: str = ""
    total: int | None = None


async def search(archive: Archive, caller: Caller, query: Query, wanted: Wanted, *, base: str, text: str) -> SearchAnswer:
    """One page of matches; `text` is the query as the user agent wrote it, kept in the audit record. NotAcceptable."""
    level = "patient" if query.by_patient else query.level.value
    async with audited(archive, caller, Action.SEARCH, query.target, level=level, query=text) as granted:
        offer = wanted.choose(framing.OFFERS)
        most = archive.limits.search_results
        page = await archive.index.search(
            replace(query, limit=most if query.limit is None else min(query.limit, most), room=archive.limits.search_bytes),
            access=granted.access,
        )
        granted.detail.update(matches=len(page.matches))
        if query.by_patient:
            granted.patients.update(shown_patients(page.matches))
        elif query.target.study is None:
            granted.detail.update(studies=shown_studies(page.matches))
        warnings = query.warnings + page.warnings
        if page.remaining:
            warnings += (f"There are {page.remaining} additional results that can be requested",)
        frame = framing.frame(offer, uuid.uuid4().hex)
        matches = await documents(offer, [resources.with_base(match, base) for match in page.matches])
        cursor = next_cursor(query, page.last, len(page.matches)) if page.last else ""
        return SearchAnswer(frame.content_type, frame.joined(matches), warnings, cursor, page.total)


def shown_studies(matches: Sequence[bytes]) -> list[str]:
    """The studies that an answer tells of, each once: the audit trail says who has seen which patient, not just who has asked."""
    return sorted({uid for match in matches if (uid := _study(match)) is not None})


def _study(match: bytes) -> str | None:
    """Without parsing what holds one Study Instance UID only; more of them stand in sequences."""
    found = _STUDY.findall(match)
    if len(found) == 1:
        return str(found[0].decode())
    values = json.loads(match.replace(BASE_MARK, b"")).get(STUDY_INSTANCE_UID, {}).get("Value") if found else None
    return str(values[0]) if values else None


def shown_patients(matches: Sequence[bytes]) -> list[str]:
    """The patients of an answer that lists patients."""
    return [patient for match in matches if (patient := who(json.loads(match))) is not None]
