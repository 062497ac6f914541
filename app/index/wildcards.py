"""Wildcard matching in SQL (PS3.4 C.2.2.2.4): `*` for any characters, `?` for one; everything else stands for itself.

SQLite's GLOB and PostgreSQL's LIKE are both case-sensitive and need no regular expression; each has its own characters to protect. The
text before the first wildcard is a range of a b-tree as well, which neither planner finds by itself for a parameter.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, and_, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_GLOB = str.maketrans({"[": "[[]"})
_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_", "*": "%", "?": "_"})
_HIGHEST = 0x10FFFF


def wild(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """The column's text fits the whole pattern."""
    fits = _Fits(column, bindparam(None, pattern.translate(_GLOB), type_=Text), bindparam(None, pattern.translate(_LIKE), type_=Text))
    return and_(begins(column, prefix(pattern)), fits) if prefix(pattern) else and_(column.is_not(None), fits)


def prefix(pattern: str) -> str:
    """What stands before the first wildcard."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def begins(column: ColumnElement[str], start: str) -> ColumnElement[bool]:
    """The column's text begins with `start`, as a range in code point order."""
    after = successor(start)
    return and_(column >= start, column < after) if after else column >= start


def successor(start: str) -> str:
    """The least text above all that begin with `start`; "" if there is none."""
    while start:
        last = ord(start[-1])
        if last < _HIGHEST:
            return start[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
        start = start[:-1]
    return ""


class _Fits(FunctionElement[bool]):
    """column, pattern for GLOB, pattern for LIKE: each dialect takes its own."""

    inherit_cache = True
    name = "fits"
    type = Boolean()


@compiles(_Fits, "sqlite")
def _sqlite(element: _Fits, compiler: SQLCompiler, **options: Any) -> str:
    column, glob, _ = element.clauses
    return f"({compiler.process(column, **options)} GLOB {compiler.process(glob, **options)})"


@compiles(_Fits, "postgresql")
def _postgresql(element: _Fits, compiler: SQLCompiler, **options: Any) -> str:
    column, _, like = element.clauses
    return f"({compiler.process(column, **options)} LIKE {compiler.process(like, **options)} ESCAPE '\\')"
