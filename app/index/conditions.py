"""From the terms of a search to SQL conditions (PS3.4 C.2.2.2). `dicomweb.matching` says in plain Python what they mean.

Keys with a column compare it; the others ask `attribute_value` for their owners. Terms below the level of the search ask for one child
that fulfils them all. Every condition names ids or columns that have a b-tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, or_, select

from app.dicom.attributes import DEPTH, KEY_BY_PATH, Kind
from app.dicomweb.query import Match, Query, Rule
from app.dicomweb.search_keys import WORDS
from app.index.tables import INSTANCE, LEVELS, SERIES, STUDY, VALUE, key_column
from app.index.visibility import one_of
from app.index.wildcards import begins, prefix, successor, wild
from app.model import Level

_LEAST_DATE = "0"
"""Below every date, above the spaces that stand in a study's position for an absent one."""


def conditions(query: Query) -> list[ColumnElement[bool]]:
    """What the rows of the query's level, joined with those above, have to fulfil; the target's UIDs included."""
    found: list[ColumnElement[bool]] = []
    for column, uid in ((STUDY.c.uid, query.target.study), (SERIES.c.uid, query.target.series), (INSTANCE.c.uid, query.target.instance)):
        if uid is not None:
            found.append(column == uid)
    matches = [match for match in query.matches if match.rule is not Rule.UNIVERSAL]
    gathered = [match for match in matches if KEY_BY_PATH[match.path].computed_from]
    matches = [match for match in matches if match not in gathered]
    found += _all([match for match in matches if DEPTH[match.level] <= DEPTH[query.level]])
    # Half of all studies may have a modality: where another term leaves few studies, those are asked, instead of listing that half.
    found += [_gathered(match, few=bool(found)) for match in gathered]
    below = [match for match in matches if DEPTH[match.level] > DEPTH[query.level]]
    if below:
        found.append(_some_child(query.level, below))
    return found


def _gathered(match: Match, *, few: bool) -> ColumnElement[bool]:
    """A list that the study has gathered from below, such as ModalitiesInStudy."""
    owners = _owners(VALUE, match.level, match.path[0], _compare(VALUE.c.value, match, Kind.TEXT))
    return owners.where(VALUE.c.owner == STUDY.c.id).correlate(STUDY).exists() if few else STUDY.c.id.in_(owners)


def _some_child(level: Level, matches: Sequence[Match]) -> ColumnElement[bool]:
    lowest = max((match.level for match in matches), key=DEPTH.__getitem__)
    if level is Level.SERIES:
        return SERIES.c.id.in_(select(INSTANCE.c.series_id).where(*_all(matches)))
    source = SERIES.join(INSTANCE) if lowest is Level.INSTANCE else SERIES
    return STUDY.c.id.in_(select(SERIES.c.study_id).select_from(source).where(*_all(matches)))


def _all(matches: Sequence[Match]) -> list[ColumnElement[bool]]:
    flat = [_one(match) for match in matches if len(match.path) == 1]
    nested = sorted((match for match in matches if len(match.path) > 1), key=lambda match: (DEPTH[match.level], match.path[0]))
    return flat + [_same_item(list(found)) for _, found in groupby(nested, key=lambda match: (match.level, match.path[0]))]


def _one(match: Match) -> ColumnElement[bool]:
    key = KEY_BY_PATH[match.path]
    if key.column is None:
        if match.rule is Rule.FUZZY:
            return and_(*(_owned(match.level, [(f"{match.path[0]}{WORDS}", begins(VALUE.c.value, word))]) for word in match.values))
        return _owned(match.level, [(match.path[0], _compare(VALUE.c.value, match, Kind.TEXT))])
    if match.rule is Rule.COMBINED:
        return _combined(key_column(key), key_column(KEY_BY_PATH[match.time_path]), match.values)
    column = key_column(key)
    condition = _compare(column, match, key.kind)
    if match.rule is Rule.WILDCARD and not prefix(match.values[0]):
        # Without a beginning every value has to be looked at: those of the narrow b-tree, not the wide rows of the table.
        table = LEVELS[match.level].alias()
        column = table.c[column.name]
        return LEVELS[match.level].c.id.in_(select(table.c.id).where(_compare(column, match, key.kind)))
    return condition


def _compare(column: Column[Any], match: Match, kind: Kind) -> ColumnElement[bool]:
    if match.rule is Rule.UID_LIST:
        return one_of(column, match.values)
    if match.rule is Rule.WILDCARD:
        return wild(column, match.values[0])
    if column is STUDY.c.study_date:
        return _on_days(match.values[0], match.values[-1])
    if match.rule is Rule.RANGE:
        return _between(column, *match.values)
    return column == _value(match.values[0], kind)


def _value(text: str, kind: Kind) -> str | int | float:
    if kind is Kind.INTEGER:
        return int(text)
    return float(text) if kind is Kind.DECIMAL else text


def _between(column: ColumnElement[str], first: str, last: str) -> ColumnElement[bool]:
    ends = [column >= first] if first else []
    return and_(*ends, column <= last) if last else and_(*ends)


def _on_days(first: str, last: str) -> ColumnElement[bool]:
    """Studies from one day to another, by their position: one range of the b-tree that has them in the order of the answer."""
    since = STUDY.c.position >= (first or _LEAST_DATE)
    return and_(since, STUDY.c.position < successor(last)) if last else since


def _combined(date: Column[str], time: Column[str], values: tuple[str, ...]) -> ColumnElement[bool]:
    first, first_time, last, last_time = values
    days = _on_days(first, last) if date is STUDY.c.study_date else _between(date, first, last)
    terms = [days]
    if first_time:
        terms.append(or_(date > first, time.is_(None), time >= first_time))
    if last_time:
        terms.append(or_(date < last, time.is_(None), time <= last_time))
    return and_(*terms)


def _same_item(matches: Sequence[Match]) -> ColumnElement[bool]:
    """Terms on leaves of one sequence hold in one and the same item (PS3.4 C.2.2.2.6)."""
    terms: list[tuple[str, ColumnElement[bool]]] = []
    rest: list[Match] = list(matches)
    tables = [VALUE, *(VALUE.alias() for _ in rest[1:])]
    for table, match in zip(tables, rest, strict=True):
        terms.append((".".join(match.path), _compare(table.c.value, match, Kind.TEXT)))
    first = tables[0]
    statement = _owners(first, matches[0].level, *terms[0])
    for table, (path, condition) in zip(tables[1:], terms[1:], strict=True):
        same = and_(table.c.level == first.c.level, table.c.owner == first.c.owner, table.c.item == first.c.item)
        statement = statement.join(table, same).where(table.c.path == path, condition)
    return LEVELS[matches[0].level].c.id.in_(statement)


def _owned(level: Level, terms: Iterable[tuple[str, ColumnElement[bool]]]) -> ColumnElement[bool]:
    (path, condition), *_ = terms
    return LEVELS[level].c.id.in_(_owners(VALUE, level, path, condition))


def _owners(table: Any, level: Level, path: str, condition: ColumnElement[bool]) -> Select[Any]:
    return select(table.c.owner).select_from(table).where(table.c.path == path, condition, table.c.level == DEPTH[level])
