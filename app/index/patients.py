"""The patients of the studies that match (an extension: `/patients`). There is no table of patients (ADR 0004): studies tell who they are.

A patient is a PatientID with its issuer. What the newest visible study says of the patient is the answer, counts are over all visible
studies. A study without a PatientID tells of no patient. Order: PatientID, then issuer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from app.dicomweb.query import Query
from app.dicomweb.search_results import patient
from app.errors import InvalidQuery
from app.index import rows, site_keys
from app.index.conditions import conditions
from app.index.lists import one_of
from app.index.tables import STUDY
from app.index.visibility import visible
from app.model import Access, JsonObject, Page


def search(connection: Connection, query: Query, access: Access) -> Page:
    """The patients from `offset` on, or behind `after`; at most `limit`."""
    terms = [visible(access), *conditions(query), STUDY.c.patient.is_not(None)]
    begun = [*terms, STUDY.c.patient > _mark(query)] if query.after else terms
    found = [row.patient for row in connection.execute(page_statement(query, begun))]
    matches = _answers(connection, query, found, access)
    full = query.limit is not None and len(found) == query.limit
    remaining = max(0, _count(connection, begun) - query.offset - len(found)) if full else 0
    total = _count(connection, terms) if query.count else None
    return Page(matches, remaining, (found[-1],) if remaining and found else (), total, site_keys.warnings(connection, query))


def page_statement(query: Query, terms: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Who is on the page, in order."""
    statement = select(STUDY.c.patient).where(*terms).distinct().order_by(STUDY.c.patient).offset(query.offset or None)
    return statement if query.limit is None else statement.limit(query.limit)


def _mark(query: Query) -> str:
    (mark, *others) = query.after
    if not isinstance(mark, str) or others:
        raise InvalidQuery("The cursor does not belong to this search", clause="extension")
    return mark


def _count(connection: Connection, terms: Sequence[ColumnElement[bool]]) -> int:
    return connection.scalar(select(func.count(STUDY.c.patient.distinct())).where(*terms)) or 0


def _answers(connection: Connection, query: Query, found: Sequence[str], access: Access) -> tuple[bytes, ...]:
    if not found:
        return ()
    own = [visible(access), one_of(STUDY.c.patient, found)]
    counted = select(STUDY.c.patient, func.count(), func.sum(STUDY.c.series), func.sum(STUDY.c.instances)).where(*own)
    counts = {who: (int(studies), int(series), int(instances)) for who, studies, series, instances in
              connection.execute(counted.group_by(STUDY.c.patient))}  # fmt: skip
    place = func.row_number().over(partition_by=STUDY.c.patient, order_by=(STUDY.c.position.desc(), STUDY.c.uid.desc()))
    ranked = select(STUDY.c.id, place.label("place")).where(*own).subquery()
    newest = select(STUDY.c.patient, STUDY.c.attributes).join(ranked, ranked.c.id == STUDY.c.id).where(ranked.c.place == 1)
    said = {who: rows.parsed(attributes) for who, attributes in connection.execute(newest)}
    # Each statement sees a state of its own: who is gone by the last one is left out.
    there = [who for who in found if who in counts and who in said]
    return tuple(_answer(query, said[who], counts[who]) for who in there)


def _answer(query: Query, attributes: JsonObject, counts: tuple[int, int, int]) -> bytes:
    studies, series, instances = counts
    return patient(query, attributes, studies=studies, series=series, instances=instances)
