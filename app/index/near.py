"""Reads of SQLite in the event loop itself: those so short that the way to a thread and back would cost several times as much.

One connection that never writes and never waits: it tells whether anything has been committed since (`version`), and reads the record of
one instance (`one`), a few pages of the file that are nearly always in memory. Whatever it cannot do at once, it leaves to the threads.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.dialects import sqlite

from app.index import lookup
from app.model import Access, Target, Uid

_PRAGMAS = ("query_only=ON", "cache_size=-8000", "temp_store=MEMORY", "trusted_schema=OFF")


class Near:
    """The connection, opened when it is first needed. Not for threads: the event loop's alone."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._record, self._names = _compiled()

    def version(self) -> int | None:
        """A number that changes with every commit of anybody else, in whatever process; None if the file cannot be read just now."""
        try:
            (version,) = self._open().execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self.close()
            return None
        return int(version)

    def one(self, target: Target) -> sqlite3.Row | None:
        """The row of `lookup.RECORD` for a target that names an instance, whoever may see it; None if it is absent, or not to be had at
        once."""
        values = {"study": target.study, "series": target.series, "instance": target.instance}
        try:
            found: sqlite3.Row | None = self._open().execute(self._record, [values[name] for name in self._names]).fetchone()
        except sqlite3.Error:
            self.close()
            return None
        return found

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            made = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=16)
            made.row_factory = sqlite3.Row
            for pragma in _PRAGMAS:
                made.execute(f"PRAGMA {pragma}").close()
            self._connection = made
        return self._connection


def _compiled() -> tuple[str, list[str]]:
    """The statement that the threads run for an instance, as text for the driver, and which of the three UIDs goes where in it."""
    marks = {"study": Uid("study"), "series": Uid("series"), "instance": Uid("instance")}
    compiled = lookup.under(lookup.RECORD, Target(**marks), Access()).compile(dialect=sqlite.dialect())
    return str(compiled), [str(compiled.params[name]) for name in compiled.positiontup or ()]
