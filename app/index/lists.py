"""Conditions on columns that have to be one of many values, which travel as one parameter."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def one_of(column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of the values, however many: they travel as one parameter, so that statements stay few and short."""
    if len(values) == 1:
        return column == next(iter(values))
    members = _members(bindparam(None, listed(values), type_=Text)).table_valued("value")
    return column.in_(select(members.c.value))


def among(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """As `one_of`, for a statement that is made once: the values come as its parameter `name`, written by `listed`."""
    members = _members(bindparam(name, type_=Text)).table_valued("value")
    return column.in_(select(members.c.value))


def listed(values: Collection[str]) -> str:
    """Texts as one parameter of a statement."""
    return json.dumps(sorted(values))


class _members(FunctionElement[Any]):  # named as the SQL function that it is
    """The texts of a JSON array, as rows."""

    inherit_cache = True
    name = "members"


@compiles(_members, "sqlite")
def _sqlite(element: _members, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_members, "postgresql")
def _postgresql(element: _members, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb))"
