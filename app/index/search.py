"""Search: one statement for the matches of a page, and one more for what remains, only if the page is full (PS3.18 10.6, 8.3.4.4).

The order is total: it is written in `dicomweb.matching`, and stands in unique b-trees. An order that the query asks for has two parts
(`ordering`), each with a statement of its own, unless few match.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select

from app.dicomweb.query import Query
from app.dicomweb.search_results import Needs, Stored, answer, needs
from app.index import ordering, rows, site_keys
from app.index.conditions import conditions
from app.index.ordering import Part
from app.index.tables import DOCUMENT, INSTANCE, LEVELS, SERIES, STUDY
from app.index.visibility import visible
from app.model import Access, Level, Mark, Page

FEW = 5000
"""Matches up to which sorting them is quicker than walking an order's b-tree in search of them."""

LONG = 256 * 1024
"""Characters of a Metadata from which it is not parsed to be given whole: while the parser is at it, nothing else runs."""

AT_ONCE = 500
STEP = 100

_ATTRIBUTES = {Level.STUDY: STUDY.c.attributes, Level.SERIES: SERIES.c.attributes, Level.INSTANCE: DOCUMENT.c.metadata}


def search(connection: Connection, query: Query, access: Access) -> Page:
    """The matches from `offset` on, or behind `after`; at most `limit`, and how many more there are.

    What is invisible is neither given nor counted. Behind a cursor what remains is all that match now without what was given before: to
    count from a place on would cost as much as walking to the end.
    """
    wanted = needs(query)
    terms = [visible(access), *conditions(query)]
    narrowed = not access.is_everything or query.target.study is not None or bool(terms[1:])
    few = bool(query.order) and narrowed and _are_few(connection, query, terms)
    parts = ordering.parts(query, few=few)
    # One more than asked for tells whether there are more, whatever comes or goes before the page.
    found = _found(connection, replace(query, limit=query.limit + 1) if query.limit else query, wanted, terms, parts)
    more = found.cut or (query.limit is not None and (len(found.matches) > query.limit or not query.limit))
    matches = tuple(found.matches[: query.limit])
    total = _count(connection, terms, [Part(ordering.SOURCES[query.level], ())]) if query.count or more else 0
    remaining = max(len(matches[:1]), total - query.seen - query.offset - len(matches)) if more else 0
    last = _marks(*found.rows[len(matches) - len(found.matches) - 1]) if matches and more else ()
    return Page(matches, remaining, last, total if query.count else None, site_keys.warnings(connection, query))


def page_statement(query: Query, wanted: Needs, terms: Sequence[ColumnElement[bool]], part: Part) -> Select[Any]:
    """The statement for one page of a part: what `wanted` names, of the rows for which all terms hold, in order."""
    columns = [LEVELS[level].c.ready.label(f"{level.value}_ready") for level in wanted.levels]
    columns += [_ATTRIBUTES[level].label(f"{level.value}_attributes") for level in wanted.attributes]
    columns += [step.value.label(f"mark_{number}") for number, step in enumerate(part.steps)] if query.limit is not None else []
    source = part.source
    if Level.INSTANCE in wanted.attributes:
        source = source.join(DOCUMENT, DOCUMENT.c.instance_id == INSTANCE.c.id)
    statement = select(*columns).select_from(source).where(*terms, *part.terms).order_by(*part.order_by)
    if query.limit is not None:
        statement = statement.limit(query.limit)
    return statement.offset(query.offset) if query.offset else statement


@dataclass(slots=True)
class _Found:
    """The matches of a page; `rows` are the last two they came from, `cut` tells that there was no more room."""

    matches: list[bytes] = field(default_factory=list)
    rows: deque[tuple[Part, Row[Any]]] = field(default_factory=lambda: deque(maxlen=2))
    cut: bool = False

    def take(self, part: Part, row: Row[Any], match: bytes, room: int) -> int:
        self.matches.append(match)
        self.rows.append((part, row))
        self.cut = len(match) > room
        return room - len(match)


def _found(connection: Connection, query: Query, wanted: Needs, terms: Sequence[ColumnElement[bool]], parts: Sequence[Part]) -> _Found:
    found = _Found()
    # Few rows that stand ready are quickest read at once; many, or whole attributes, might not all have room.
    if wanted.only_ready and query.limit is not None and query.limit <= AT_ONCE:
        _fill(found, connection, query, wanted, terms, parts, {})
        return found
    with _steps(connection):
        _fill(found, connection, query, wanted, terms, parts, {"yield_per": STEP})
    return found


@contextmanager
def _steps(connection: Connection) -> Iterator[None]:
    """PostgreSQL gives rows step by step within a transaction only; readers have none (`database`)."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _fill(
    found: _Found,
    connection: Connection,
    query: Query,
    wanted: Needs,
    terms: Sequence[ColumnElement[bool]],
    parts: Sequence[Part],
    options: dict[str, int],
) -> None:
    limit, offset, room = query.limit, query.offset, sys.maxsize if query.room is None else query.room
    for number, part in enumerate(parts):
        if limit == 0:
            break
        before = len(found.matches)
        page = replace(query, limit=limit, offset=offset)
        with connection.execute(page_statement(page, wanted, terms, part), execution_options=options) as result:
            for row in result:
                room = found.take(part, row, _answer(query, wanted, row), room)
                if found.cut:
                    return
        some = len(found.matches) - before
        limit = None if limit is None else limit - some
        if offset and number + 1 < len(parts):
            offset = 0 if some else max(0, offset - _count(connection, terms, [part]))


def _are_few(connection: Connection, query: Query, terms: Sequence[ColumnElement[bool]]) -> bool:
    """Whether at most FEW match; looks at no more."""
    some = select(literal(1)).select_from(ordering.SOURCES[query.level]).where(*terms).limit(FEW + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _count(connection: Connection, terms: Sequence[ColumnElement[bool]], parts: Sequence[Part]) -> int:
    return sum(connection.scalar(select(func.count()).select_from(part.source).where(*terms, *part.terms)) or 0 for part in parts)


def _marks(part: Part, row: Row[Any]) -> tuple[Mark, ...]:
    return part.marks([row._mapping[f"mark_{number}"] for number in range(len(part.steps))])


def _answer(query: Query, wanted: Needs, row: Row[Any]) -> bytes:
    if wanted.only_ready:
        ready: bytes = row[0]
        return ready
    stored = {level: _stored(query, level, wanted, row._mapping) for level in wanted.levels}
    return answer(query, study=stored.get(Level.STUDY), series=stored.get(Level.SERIES), instance=stored.get(Level.INSTANCE))


def _stored(query: Query, level: Level, wanted: Needs, row: Any) -> Stored:
    ready = row[f"{level.value}_ready"]
    if level not in wanted.attributes:
        return Stored(ready)
    attributes = row[f"{level.value}_attributes"]
    if level is Level.INSTANCE and query.include_all and len(text := rows.inflated(attributes)) > LONG:
        return Stored(ready, metadata=text)
    return Stored(ready, rows.parsed(attributes))
