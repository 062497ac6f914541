"""From the terms of a search to SQL conditions (PS3.4 C.2.2.2). `dicomweb.matching` says in plain Python what they mean.

Keys with a column compare it; the others ask `attribute_value` for their owners. Terms below the level of the search ask for one child
that fulfils them all. Every condition names ids or columns that have a b-tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, case, not_, or_, select

from app.dicom import values as normal
from app.dicom.attributes import DEPTH, KEY_BY_PATH, Key, Kind
from app.dicom.site_keys import SiteKeys
from app.dicomweb.combined import OFFSETS, bounds
from app.dicomweb.query import Match, Query, Rule
from app.dicomweb.search_keys import WORDS, kept
from app.index.lists import one_of
from app.index.tables import INSTANCE, LEVELS, SERIES, STUDY, VALUE, key_column, own_values
from app.index.wildcards import begins, prefix, successor, wild
from app.model import Level

_WIDEST = (14 + 12) * 60
"""Minutes between the UTC offsets that are farthest apart."""

_LEAST_DATE = "0"
"""Below every date, above the spaces that stand in a study's position for an absent one."""


def conditions(query: Query) -> list[ColumnElement[bool]]:
    """What the rows of the query's level, joined with those above, have to fulfil; the target's UIDs included."""
    found: list[ColumnElement[bool]] = []
    for column, uid in ((STUDY.c.uid, query.target.study), (SERIES.c.uid, query.target.series), (INSTANCE.c.uid, query.target.instance)):
        if uid is not None:
            found.append(column == uid)
    matches = [match for match in query.matches if match.rule is not Rule.UNIVERSAL]
    gathered = [match for match in matches if _is_computed(match) and match.rule is not Rule.EMPTY]
    matches = [match for match in matches if match not in gathered]
    found += _all([match for match in matches if DEPTH[match.level] <= DEPTH[query.level]], query.site)
    # Half of all studies may have a modality: where another term leaves few studies, those are asked, instead of listing that half.
    found += [_gathered(match, few=bool(found)) for match in gathered]
    below = [match for match in matches if DEPTH[match.level] > DEPTH[query.level]]
    if below:
        found.append(_some_child(query.level, below, query.site))
    return found


def _is_computed(match: Match) -> bool:
    key = KEY_BY_PATH.get(match.path)
    return key is not None and bool(key.computed_from)


def _gathered(match: Match, *, few: bool) -> ColumnElement[bool]:
    """A list that the study has gathered from below, such as ModalitiesInStudy."""
    owners = _owners(VALUE, match.level, match.path[0], _compare(VALUE.c.value, match, Kind.TEXT))
    return owners.where(VALUE.c.owner == STUDY.c.id).correlate(STUDY).exists() if few else STUDY.c.id.in_(owners)


def _some_child(level: Level, matches: Sequence[Match], site: SiteKeys) -> ColumnElement[bool]:
    lowest = max((match.level for match in matches), key=DEPTH.__getitem__)
    if level is Level.SERIES:
        return SERIES.c.id.in_(select(INSTANCE.c.series_id).where(*_all(matches, site)).correlate(None))
    source = SERIES.join(INSTANCE) if lowest is Level.INSTANCE else SERIES
    # Not those of the statement around it, which may itself read series and instances: any child will do.
    return STUDY.c.id.in_(select(SERIES.c.study_id).select_from(source).where(*_all(matches, site)).correlate(None))


def _all(matches: Sequence[Match], site: SiteKeys) -> list[ColumnElement[bool]]:
    flat = [_one(match, site) for match in matches if len(match.path) == 1]
    nested = sorted((match for match in matches if len(match.path) > 1), key=lambda match: (DEPTH[match.level], match.path[0]))
    return flat + [_same_item(list(found), site) for _, found in groupby(nested, key=lambda match: (match.level, match.path[0]))]


def _one(match: Match, site: SiteKeys) -> ColumnElement[bool]:
    key = site.get(match.path)
    if key is None or key.column is None:
        if match.rule is Rule.EMPTY:
            return _none_owned(match.level, match.path[0])
        if match.rule is Rule.FUZZY:
            return and_(*(_owned(match.level, [(f"{match.path[0]}{WORDS}", begins(VALUE.c.value, word))]) for word in match.values))
        return _owned(match.level, [(match.path[0], _compare(VALUE.c.value, _as_kept(match, key), Kind.TEXT))])
    column = key_column(key)
    if match.rule is Rule.EMPTY:
        return column.is_(None)
    if match.rule is Rule.COMBINED:
        return _combined(column, key_column(KEY_BY_PATH[match.time_path]), match.values)
    if match.rule is Rule.ZONED:
        return _zoned(match, column, key_column(KEY_BY_PATH[match.time_path]))
    condition = _compare(column, match, key.kind)
    if match.rule is Rule.WILDCARD and not prefix(match.values[0]):
        # Without a beginning every value has to be looked at: those of the narrow b-tree, not the wide rows of the table.
        table = LEVELS[match.level].alias()
        column = table.c[column.name]
        return LEVELS[match.level].c.id.in_(select(table.c.id).where(_compare(column, match, key.kind)))
    return condition


def _as_kept(match: Match, key: Key | None) -> Match:
    """The term in the form in which single values stand: numbers are there as text."""
    if key is None or key.kind not in (Kind.INTEGER, Kind.DECIMAL):
        return match
    number = int if key.kind is Kind.INTEGER else float
    return replace(match, values=tuple(kept(key.kind, number(value)) for value in match.values))


def _none_owned(level: Level, path: str) -> ColumnElement[bool]:
    """No value at all: asked of each row, for its values are few, while most rows may have none."""
    table = LEVELS[level]
    own = select(VALUE.c.id).where(own_values(VALUE, level, table.c.id, path))
    return not_(own.correlate(table).exists())


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


def _zoned(match: Match, date: Column[str], time: Column[str]) -> ColumnElement[bool]:
    """As `_combined`, with bounds that depend on the row's UTC offset. Days around them are a range of a b-tree first."""
    table = LEVELS[match.level]
    early = normal.shifted(match.values[0], -_WIDEST)[:8] if match.values[0] else ""
    late = normal.shifted(match.values[1], _WIDEST)[:8] if match.values[1] else ""
    near = _on_days(early, late) if date is STUDY.c.study_date else _between(date, early, late) if early or late else date.is_not(None)
    first_day, last_day = (value[:8] for value in match.values)
    moment = date.concat(time)
    by_moment: list[ColumnElement[bool]] = [time.is_not(None)]
    by_day: list[ColumnElement[bool]] = [time.is_(None)]
    if first_day:
        by_moment.append(moment >= _bound(match, table.c.utc_offset, 0))
        by_day.append(date >= first_day)
    if last_day:
        by_moment.append(moment <= _bound(match, table.c.utc_offset, 1))
        by_day.append(date <= last_day)
    return and_(near, or_(and_(*by_moment), and_(*by_day)))


def _bound(match: Match, offset: Column[int], end: int) -> ColumnElement[str]:
    return case({minutes: bounds(match, minutes)[end] for minutes in OFFSETS}, value=offset, else_=match.values[end])


def _same_item(matches: Sequence[Match], site: SiteKeys) -> ColumnElement[bool]:
    """Terms on leaves of one sequence hold in one and the same item (PS3.4 C.2.2.2.6)."""
    empty = [".".join(match.path) for match in matches if match.rule is Rule.EMPTY]
    rest = [_as_kept(match, site.get(match.path)) for match in matches if match.rule is not Rule.EMPTY]
    if not rest:
        return and_(*(_none_owned(matches[0].level, path) for path in empty))
    terms: list[tuple[str, ColumnElement[bool]]] = []
    tables = [VALUE, *(VALUE.alias() for _ in rest[1:])]
    for table, match in zip(tables, rest, strict=True):
        terms.append((".".join(match.path), _compare(table.c.value, match, Kind.TEXT)))
    first = tables[0]
    statement = _owners(first, matches[0].level, *terms[0])
    for table, (path, condition) in zip(tables[1:], terms[1:], strict=True):
        same = and_(table.c.level == first.c.level, table.c.owner == first.c.owner, table.c.item == first.c.item)
        statement = statement.join(table, same).where(table.c.path == path, condition)
    for path in empty:
        other = VALUE.alias()
        there = select(other.c.id).where(own_values(other, matches[0].level, first.c.owner, path), other.c.item == first.c.item)
        statement = statement.where(not_(there.correlate(first).exists()))
    return LEVELS[matches[0].level].c.id.in_(statement)


def _owned(level: Level, terms: Iterable[tuple[str, ColumnElement[bool]]]) -> ColumnElement[bool]:
    (path, condition), *_ = terms
    return LEVELS[level].c.id.in_(_owners(VALUE, level, path, condition))


def _owners(table: Any, level: Level, path: str, condition: ColumnElement[bool]) -> Select[Any]:
    return select(table.c.owner).select_from(table).where(table.c.path == path, condition, table.c.level == DEPTH[level])
