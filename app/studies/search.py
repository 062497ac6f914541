"""Search (PS3.18 10.6): the index gives ready objects; they are joined into one answer, parsed only where XML is asked for."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from app.dicomweb import framing, resources
from app.dicomweb.query import Query, next_cursor
from app.model import Action, Caller
from app.ports import Archive
from app.studies.answers import Wanted, documents
from app.studies.audited import audited


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
        warnings = query.warnings + page.warnings
        if page.remaining:
            warnings += (f"There are {page.remaining} additional results that can be requested",)
        frame = framing.frame(offer, uuid.uuid4().hex)
        matches = await documents(offer, [resources.with_base(match, base) for match in page.matches])
        cursor = next_cursor(query, page.last, len(page.matches)) if page.last else ""
        return SearchAnswer(frame.content_type, frame.joined(matches), warnings, cursor, page.total)
