"""The schema's version: bringing a database up to it, and telling whether it is there. Steps are in `migrations/versions/`.

Several processes may start at once: one migrates while the others wait for its lock, then find nothing to do.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.errors import Unavailable
from app.index.database import Database, unavailable

PATIENCE = 600.0
"""Seconds that a migration, or the wait for another process's, may take."""

_LOCK = 0x52414450


def migrate(database: Database | str) -> None:
    """Make the schema, or bring it to this version; nothing happens if it is there. Unavailable if the database does not answer."""
    if isinstance(database, str):
        opened = Database(database)
        try:
            migrate(opened)
        finally:
            opened.dispose()
        return
    engine = database.migrating(PATIENCE)
    try:
        _settle(engine)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise unavailable() from error
    except CommandError as error:
        raise Unavailable("The index database belongs to a newer release, which has changed its schema: start that release") from error
    finally:
        database.migrated(engine)


def _settle(engine: Engine) -> None:
    """A new SQLite file becomes a WAL file at the first connection; two processes that do so at once are told so without waiting."""
    deadline = time.monotonic() + 10
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if engine.dialect.name != "sqlite" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def check(connection: Connection) -> None:
    """Unavailable if the schema is of another version than this program; any statement that fails tells that the database is away."""
    found = MigrationContext.configure(connection).get_current_revision()
    if found != head():
        raise Unavailable("The index database has the schema of another version: run `radiolucent migrate`, or a newer release")


@cache
def head() -> str | None:
    """The newest version that this program knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
