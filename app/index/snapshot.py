"""The whole index as one SQLite file, as it was at one moment, while writes go on; and such a file back into an empty database.

Whatever the database is, the file is the same: an index moves from SQLite to PostgreSQL, and back, by way of it. Left out is what tells of
blobs that are not in a backup (`unused_blob`), who works on what (`upkeep`), and who is told of changes (`webhook`): a copy that is only
tried out must tell nobody, and secrets stand in no file.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Conflict
from app.index.database import engine, parse, unavailable
from app.index.schema import migrate
from app.index.tables import CHANGE, INSTANCE, STUDY, UNDELIVERED, UNUSED_BLOB, UPKEEP, WEBHOOK

ROWS = 1000
_LEFT_OUT = (UNUSED_BLOB, UPKEEP, WEBHOOK, UNDELIVERED)


def save(url: str, path: Path) -> None:
    """The index at `url` as it is at one moment, into a new file, flushed. Unavailable if the database does not answer."""
    path.unlink(missing_ok=True)
    source = parse(url)
    if source.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(source.database or "")) as reading, closing(sqlite3.connect(path)) as writing:
            reading.backup(writing, pages=2000, sleep=0.001)
            writing.execute("PRAGMA secure_delete=ON").close()
            if writing.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [WEBHOOK.name]).fetchone():  # not in an older schema
                writing.execute(f"DELETE FROM {WEBHOOK.name}")  # noqa: S608 - a name of ours
                writing.commit()
            writing.execute("PRAGMA journal_mode=DELETE").close()
    else:
        migrate(f"sqlite:///{path}")
        _copy(url, f"sqlite:///{path}")
    _flush(path)


def load(path: Path, url: str) -> None:
    """Fill the empty database at `url` from a file of `save`, of this release or an older one. Conflict if it is not empty."""
    migrate(url)
    newest = path.with_name(path.name + ".loading")
    shutil.copyfile(path, newest)
    try:
        migrate(f"sqlite:///{newest}")
        _copy(f"sqlite:///{newest}", url)
    finally:
        for suffix in ("", "-wal", "-shm"):
            newest.with_name(newest.name + suffix).unlink(missing_ok=True)


def _copy(source: str, goal: str) -> None:
    reading, writing = engine(parse(source), 1, reading=True, patience=600), engine(parse(goal), 1, patience=600)
    # A server that is new to the file waits for nobody; a snapshot of PostgreSQL is one transaction that reads as of its beginning.
    options = {} if reading.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with reading.connect().execution_options(**options) as old, writing.begin() as new:
            if new.scalar(select(func.count()).select_from(STUDY)) or new.scalar(select(func.count()).select_from(CHANGE)):
                raise Conflict("The index is not empty: restore fills an empty database, such as a new file or a new schema")
            _copy_tables(old, new)
            _after(new)
    except SQLAlchemyError as error:
        raise unavailable() from error
    finally:
        reading.dispose()
        writing.dispose()


def _copy_tables(old: Connection, new: Connection) -> None:
    for table in STUDY.metadata.sorted_tables:
        if table in _LEFT_OUT:
            continue
        found = old.execution_options(stream_results=True, yield_per=ROWS).execute(select(table)).mappings()
        for rows in found.partitions(ROWS):
            new.execute(insert(table), [dict(row) for row in rows])


def _after(connection: Connection) -> None:
    for table in _LEFT_OUT:
        connection.execute(delete(table))
    if connection.dialect.name != "postgresql":
        return
    # Rows came with their numbers; the next ones have to be beyond.
    for table in STUDY.metadata.sorted_tables:
        key = next(iter(table.primary_key.columns))
        if key.autoincrement is True:
            next_one = (connection.scalar(select(func.max(key))) or 0) + 1
            connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, key.name), next_one, False)))


def _flush(path: Path) -> None:
    for place in (path, path.parent):
        file = os.open(place, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def instances(path: Path) -> int:
    """How many instances a file of `save` holds."""
    reading = engine(parse(f"sqlite:///{path}"), 1, reading=True)
    try:
        with reading.connect() as connection:
            return connection.scalar(select(func.count()).select_from(INSTANCE)) or 0
    finally:
        reading.dispose()
