"""Many rows with one statement: its text is made once for each table and set of columns, and the driver is given all rows at a time.

What SQLAlchemy does anew for each row costs more than the database's own work. Ids are known before anything is written, so that rows which
refer to one another need no answer in between. Knows no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Table, bindparam, text, update
from sqlalchemy.dialects import postgresql, sqlite

from app.index.database import Raced

Row = dict[str, Any]

_ROW = "row_id"


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns. Raced if a unique key of one of them is taken."""
    if rows and _run(connection, *_insert(connection.dialect, table, tuple(rows[0])), rows) != len(rows):
        raise Raced


def insert_new_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """As `insert_rows`, but where any unique key is taken the old row stays."""
    if rows:
        _run(connection, *_insert(connection.dialect, table, tuple(rows[0])), rows)


def update_rows(connection: Connection, table: Table, changes: Sequence[tuple[int, Row]]) -> None:
    """New values for rows by their id; one statement for each set of columns."""
    sets: dict[tuple[str, ...], list[Row]] = {}
    for row, values in changes:
        sets.setdefault(tuple(values), []).append({_ROW: row, **values})
    for columns, rows in sets.items():
        _run(connection, *_update(connection.dialect, table, columns), rows)


def new_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """So many ids that no row of the table has, for a table whose column `id` the database would fill, ascending.

    On SQLite they are free because a transaction that writes is alone; on PostgreSQL they come from the column's own sequence.
    """
    if not count:
        return ()
    if connection.dialect.name == "postgresql":
        drawn = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
        return sorted(connection.scalars(drawn, {"name": table.name, "count": count}))
    last = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}").scalar_one()  # noqa: S608  # a table of ours
    return range(last + 1, last + 1 + count)


def _run(connection: Connection, statement: str, order: tuple[str, ...] | None, rows: Sequence[Row]) -> int:
    """How many rows it wrote."""
    given: Any = rows if order is None else [tuple(row[name] for name in order) for row in rows]
    return connection.exec_driver_sql(statement, given).rowcount


@lru_cache(maxsize=64)
def _insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    made = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    return _compiled(dialect, made.on_conflict_do_nothing().inline(), columns)


@lru_cache(maxsize=64)
def _update(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    return _compiled(dialect, update(table).where(table.c.id == bindparam(_ROW)), columns)


def _compiled(dialect: Dialect, statement: Executable, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    """The text, and in which order the driver wants the values; None if it takes them by name."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(columns))  # type: ignore[attr-defined]  # every statement has it
    return str(compiled), None if compiled.positiontup is None else tuple(compiled.positiontup)
