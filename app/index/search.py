"""Search: one statement for the matches of a page, and one more for what remains, only if the page is full (PS3.18 10.6, 8.3.4.4).

The order is total: it is written in `dicomweb.matching`, and stands in unique b-trees.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, func, select

from app.dicomweb.query import Query
from app.dicomweb.search_results import Needs, Stored, answer, needs
from app.index.conditions import conditions
from app.index.tables import DOCUMENT, INSTANCE, LEVELS, SERIES, STUDY
from app.index.visibility import visible
from app.model import Access, JsonObject, Level, Page

_SOURCES: dict[Level, FromClause] = {
    Level.STUDY: STUDY,
    Level.SERIES: SERIES.join(STUDY),
    Level.INSTANCE: INSTANCE.join(SERIES).join(STUDY),
}
_STUDY_ORDER = (STUDY.c.position.desc(), STUDY.c.uid.desc())
_SERIES_ORDER = (SERIES.c.position, SERIES.c.uid)
_ORDERS: dict[Level, tuple[ColumnElement[Any], ...]] = {
    Level.STUDY: _STUDY_ORDER,
    Level.SERIES: (*_STUDY_ORDER, *_SERIES_ORDER),
    Level.INSTANCE: (*_STUDY_ORDER, *_SERIES_ORDER, INSTANCE.c.position, INSTANCE.c.uid),
}
_ATTRIBUTES = {Level.STUDY: STUDY.c.attributes, Level.SERIES: SERIES.c.attributes, Level.INSTANCE: DOCUMENT.c.metadata}


def search(connection: Connection, query: Query, access: Access) -> Page:
    """The matches from `offset` on, at most `limit`, and how many more there are. What is invisible is neither given nor counted."""
    wanted = needs(query)
    terms = [visible(access), *conditions(query)]
    found = connection.execute(page_statement(query, wanted, terms)).all()
    matches = tuple(_answer(query, wanted, row) for row in found)
    if query.limit is None or len(matches) < query.limit:
        return Page(matches)
    total = connection.scalar(select(func.count()).select_from(_SOURCES[query.level]).where(*terms)) or 0
    return Page(matches, max(0, total - query.offset - len(matches)))


def page_statement(query: Query, wanted: Needs, terms: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The statement for one page: what `wanted` names, of the rows for which all terms hold, in order."""
    columns = [LEVELS[level].c.ready.label(f"{level.value}_ready") for level in wanted.levels]
    columns += [_ATTRIBUTES[level].label(f"{level.value}_attributes") for level in wanted.attributes]
    source = _SOURCES[query.level]
    if Level.INSTANCE in wanted.attributes:
        source = source.join(DOCUMENT, DOCUMENT.c.instance_id == INSTANCE.c.id)
    statement = select(*columns).select_from(source).where(*terms).order_by(*_ORDERS[query.level])
    if query.limit is not None:
        statement = statement.limit(query.limit)
    return statement.offset(query.offset) if query.offset else statement


def _answer(query: Query, wanted: Needs, row: Row[Any]) -> bytes:
    if wanted.only_ready:
        ready: bytes = row[0]
        return ready
    stored = {level: _stored(level, wanted, row._mapping) for level in wanted.levels}
    return answer(query, study=stored.get(Level.STUDY), series=stored.get(Level.SERIES), instance=stored.get(Level.INSTANCE))


def _stored(level: Level, wanted: Needs, row: Any) -> Stored:
    attributes = _parsed(row[f"{level.value}_attributes"]) if level in wanted.attributes else {}
    return Stored(row[f"{level.value}_ready"], attributes)


def _parsed(stored: str | bytes) -> JsonObject:
    """Attributes from their text, or a whole Metadata; not strict, because BASE_MARK stands in it as it is."""
    text = zlib.decompress(stored) if isinstance(stored, bytes) else stored
    parsed: JsonObject = json.loads(text, strict=False)
    return parsed
