"""The order of answers in SQL, and where a page begins in it (`dicomweb.matching` says in plain Python what the order is).

What a query orders by may be absent, which comes last; no b-tree holds the absent ones. So such an order is walked in two parts: first
what has a value, along the b-tree of the first key; then what has none, in the rest of the order. Each part is one Part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, func, literal, or_, select

from app.dicom.attributes import DEPTH
from app.dicomweb.query import Order, Query
from app.errors import InvalidQuery
from app.index.tables import INSTANCE, LEVELS, SERIES, STUDY, VALUE, key_column, own_values
from app.model import Level, Mark

SOURCES: dict[Level, FromClause] = {
    Level.STUDY: STUDY,
    Level.SERIES: SERIES.join(STUDY),
    Level.INSTANCE: INSTANCE.join(SERIES).join(STUDY),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One value by which rows are ordered; `nullable` if some rows have none."""

    value: ColumnElement[Any]
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the answer: rows of `source` for which `terms` hold, ordered by `steps`; `absent` if those without a first value."""

    source: FromClause
    steps: tuple[Step, ...]
    terms: tuple[ColumnElement[bool], ...] = field(default=())
    absent: bool = False

    @property
    def order_by(self) -> list[ColumnElement[Any]]:
        found: list[ColumnElement[Any]] = []
        for step in self.steps:
            if step.nullable:
                found.append(_missing(step))
            found.append(step.value.desc() if step.descending else step.value)
        return found

    def marks(self, values: Sequence[Mark]) -> tuple[Mark, ...]:
        """What a cursor has to hold, from the values of the steps."""
        return (None, *values) if self.absent else tuple(values)


_STUDY_STEPS = (Step(STUDY.c.position, True), Step(STUDY.c.uid, True))
_SERIES_STEPS = (Step(SERIES.c.position), Step(SERIES.c.uid))
_STEPS: dict[Level, tuple[Step, ...]] = {
    Level.STUDY: _STUDY_STEPS,
    Level.SERIES: (*_STUDY_STEPS, *_SERIES_STEPS),
    Level.INSTANCE: (*_STUDY_STEPS, *_SERIES_STEPS, Step(INSTANCE.c.position), Step(INSTANCE.c.uid)),
}


def parts(query: Query, *, few: bool = False) -> list[Part]:
    """The parts of the query's answer, in their order, from `after` on. InvalidQuery if that is none of its places.

    If only `few` match, they are one part, found by what they match and then sorted: in a b-tree they would lie far from one another.
    """
    source, usual = SOURCES[query.level], _STEPS[query.level]
    if not query.order or few:
        return [_begun(Part(source, (*map(_step, query.order), *usual)), query.after)]
    first, *others = query.order
    rest = (*(_step(order) for order in others), *usual)
    absent = _absent(first, source, rest)
    if query.after and query.after[0] is None:
        return [_begun(absent, query.after[1:])]
    return [_begun(_present(first, source, rest), query.after), absent]


def _present(order: Order, source: FromClause, rest: tuple[Step, ...]) -> Part:
    key = order.key
    if key.column is not None:
        column = key_column(key)
        return Part(source, (Step(column, order.descending), *rest), (column.is_not(None),))
    least, less = VALUE.alias(), VALUE.alias()
    level, owner = DEPTH[key.level], LEVELS[key.level].c.id
    lesser = select(less.c.id).where(own_values(less, key.level, least.c.owner, key.path[0]), less.c.value < least.c.value)
    is_least = ~lesser.correlate(least).exists()
    joined = source.join(least, and_(least.c.path == key.path[0], least.c.level == level, least.c.owner == owner))
    return Part(joined, (Step(least.c.value, order.descending), *rest), (is_least,))


def _absent(order: Order, source: FromClause, rest: tuple[Step, ...]) -> Part:
    return Part(source, rest, (_value(order).is_(None),), absent=True)


def _step(order: Order) -> Step:
    return Step(_value(order), order.descending, nullable=True)


def _value(order: Order) -> ColumnElement[Any]:
    key = order.key
    if key.column is not None:
        return key_column(key)
    table = LEVELS[key.level]
    least = select(func.min(VALUE.c.value)).where(own_values(VALUE, key.level, table.c.id, key.path[0]))
    return least.correlate(table).scalar_subquery()


def _missing(step: Step) -> ColumnElement[int]:
    return case((step.value.is_(None), 1), else_=0)


def _begun(part: Part, after: Sequence[Mark]) -> Part:
    """The part from behind a place on."""
    if not after:
        return part
    if len(after) != len(part.steps) or not all(_fits(step, mark) for step, mark in zip(part.steps, after, strict=True)):
        raise InvalidQuery("The cursor does not belong to this search", clause="extension")
    beyond = _beyond(part.steps, after)
    if not part.steps[0].nullable:
        # Said once more on its own, it is where the planner begins in the b-tree.
        first, value = part.steps[0], literal(after[0], part.steps[0].value.type)
        beyond = and_(first.value <= value if first.descending else first.value >= value, beyond)
    return Part(part.source, part.steps, (*part.terms, beyond), part.absent)


def _beyond(steps: Sequence[Step], marks: Sequence[Mark]) -> ColumnElement[bool]:
    step, mark = steps[0], marks[0]
    rest = _beyond(steps[1:], marks[1:]) if len(steps) > 1 else None
    if mark is None:
        # What has no value comes last: only its equals can follow.
        return and_(step.value.is_(None), rest) if rest is not None else step.value.is_(None)
    value = literal(mark, step.value.type)
    further = step.value < value if step.descending else step.value > value
    if step.nullable:
        further = or_(step.value.is_(None), further)
    return or_(further, and_(step.value == value, rest)) if rest is not None else further


def _fits(step: Step, mark: Mark) -> bool:
    if mark is None:
        return step.nullable
    wanted = step.value.type.python_type
    return isinstance(mark, wanted) or (wanted is float and isinstance(mark, int))
