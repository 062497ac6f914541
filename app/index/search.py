"""Search: one statement for the matches of a page, and one more for what remains, only if the page is full (PS3.18 10.6, 8.3.4.4).

The order is total: it is written in `dicomweb.matching`, and stands in unique b-trees. An order that the query asks for has two parts
(`ordering`), each with a statement of its own, unless few match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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

_ATTRIBUTES = {Level.STUDY: STUDY.c.attributes, Level.SERIES: SERIES.c.attributes, Level.INSTANCE: DOCUMENT.c.metadata}


def search(connection: Connection, query: Query, access: Access) -> Page:
    """The matches from `offset` on, or behind `after`; at most `limit`, and how many more there are.

    What is invisible is neither given nor counted. Behind a cursor what remains is all that match now without what was given before: to
    count from a place on would cost as much as walking to the end.
    """
    wanted = needs(query)
    terms = [visible(access), *conditions(query)]
    narrowed = access.studies is not None or query.target.study is not None or bool(terms[1:])
    few = bool(query.order) and narrowed and _are_few(connection, query, terms)
    parts = ordering.parts(query, few=few)
    # One more than asked for tells whether there are more, whatever comes or goes before the page.
    found = _found(connection, replace(query, limit=query.limit + 1) if query.limit else query, wanted, terms, parts)
    more = query.limit is not None and (len(found) > query.limit or not query.limit)
    found = found[: query.limit]
    matches = tuple(_answer(query, wanted, row) for _, row in found)
    total = _count(connection, terms, [Part(ordering.SOURCES[query.level], ())]) if query.count or more else 0
    remaining = max(len(found[:1]), total - query.seen - query.offset - len(found)) if more else 0
    last = _marks(*found[-1]) if found and more else ()
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


def _found(
    connection: Connection, query: Query, wanted: Needs, terms: Sequence[ColumnElement[bool]], parts: Sequence[Part]
) -> list[tuple[Part, Row[Any]]]:
    found: list[tuple[Part, Row[Any]]] = []
    limit, offset = query.limit, query.offset
    for number, part in enumerate(parts):
        if limit == 0:
            break
        page = replace(query, limit=limit, offset=offset)
        some = connection.execute(page_statement(page, wanted, terms, part)).all()
        found += [(part, row) for row in some]
        limit = None if limit is None else limit - len(some)
        if offset and number + 1 < len(parts):
            offset = 0 if some else max(0, offset - _count(connection, terms, [part]))
    return found


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
    stored = {level: _stored(level, wanted, row._mapping) for level in wanted.levels}
    return answer(query, study=stored.get(Level.STUDY), series=stored.get(Level.SERIES), instance=stored.get(Level.INSTANCE))


def _stored(level: Level, wanted: Needs, row: Any) -> Stored:
    attributes = rows.parsed(row[f"{level.value}_attributes"]) if level in wanted.attributes else {}
    return Stored(row[f"{level.value}_ready"], attributes)
