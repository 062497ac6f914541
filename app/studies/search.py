"""Search (PS3.18 10.6): the index gives ready objects; they are joined into one JSON array."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.dicomweb import resources
from app.dicomweb.negotiate import select
from app.dicomweb.query import Query
from app.model import Action, Caller
from app.ports import Archive
from app.studies.answers import Wanted
from app.studies.audited import audited
from app.studies.metadata import OFFERS


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """`body`: one JSON array, `[]` if nothing matches. `warnings`: sentences for `Warning: 299` (PS3.18 8.3.4.4)."""

    body: bytes
    warnings: tuple[str, ...]


async def search(archive: Archive, caller: Caller, query: Query, wanted: Wanted, *, base: str, text: str) -> SearchAnswer:
    """One page of matches; `text` is the query as the user agent wrote it, kept in the audit record. NotAcceptable."""
    async with audited(archive, caller, Action.SEARCH, query.target, level=query.level.value, query=text) as granted:
        select(OFFERS, accept=wanted.accept, parameter=wanted.parameter)
        most = archive.limits.search_results
        page = await archive.index.search(
            replace(query, limit=most if query.limit is None else min(query.limit, most)), access=granted.access
        )
        granted.detail.update(matches=len(page.matches))
        warnings = query.warnings
        if page.remaining:
            warnings += (f"There are {page.remaining} additional results that can be requested",)
        return SearchAnswer(resources.with_base(b"[" + b",".join(page.matches) + b"]", base), warnings)
