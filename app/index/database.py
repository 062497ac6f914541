"""The database: engines, threads, transactions, and the border where its errors become ours.

Each transaction is one hop to a thread and runs there as a plain function of a Connection. Knows no table and no DICOM. A write that has
begun runs to its end even if the task that waits for it is cancelled: whoever cancels does not know the outcome.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, StaticPool, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from app.errors import Busy, Unavailable

READERS = 8
PATIENCE = 8.0
"""Seconds that anything waits for anything, by default: a caller has its 503 within ten."""

_ATTEMPTS = 6
_RETRIED = {"40001", "40P01"}
_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-16000",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
)

T = TypeVar("T")


class Raced(Exception):
    """Another transaction was quicker, and what this one read is no longer so: begin anew."""


class Database:
    """Readers beside one writer (SQLite) or several (PostgreSQL), each with a connection and a thread of its own."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        """`sqlite:///relative`, `sqlite:////absolute`, `sqlite://` (memory, for tests), `postgresql://...`. ValueError for others.

        `patience` is how many seconds a transaction waits for its turn, for a lock or for an answer.
        """
        self._patience = patience
        self.url = parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._in_memory = in_memory = self.is_sqlite and self.url.database in (None, "", ":memory:")
        writers = 1 if self.is_sqlite else 4
        self._writer = engine(self.url, writers, in_memory=in_memory, patience=patience)
        self._reader = self._writer if in_memory else engine(self.url, READERS, reading=True, patience=patience)
        # SQLite takes one writer at a time: the others wait at this gate, not in threads. In memory there is one connection for all.
        self._writing = asyncio.Semaphore(writers)
        self._reading = self._writing if in_memory else asyncio.Semaphore(READERS)
        self._threads = ThreadPoolExecutor(READERS + writers, thread_name_prefix="index")

    async def read(self, work: Callable[[Connection], T]) -> T:
        """`work` on a connection that commits nothing: each of its statements sees a state of its own. Unavailable, Busy."""
        return await self._run(self._reading, lambda: _attempt(self._reader.connect, work, self._patience))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, on stable storage when this returns; run anew, a few times, if it lost a race. Unavailable, Busy."""
        return await self._run(self._writing, lambda: _attempt(self._writer.begin, work, self._patience))

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self.dispose()

    def migrating(self, patience: float) -> Engine:
        """An engine for one long transaction; give it back to `migrated`."""
        return self._writer if self._in_memory else engine(self.url, 1, patience=patience)

    def migrated(self, used: Engine) -> None:
        if used is not self._writer:
            used.dispose()

    def dispose(self) -> None:
        """Drop all connections; for a database that nobody reads from."""
        self._threads.shutdown()
        self._reader.dispose()
        self._writer.dispose()

    async def _run(self, gate: asyncio.Semaphore, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                await gate.acquire()
        except TimeoutError:
            raise Busy("The database has more work than it can do just now; try again") from None
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(lambda _: gate.release())
        return await asyncio.shield(future)


def parse(url: str) -> URL:
    """The address with the driver that we bring. ValueError for a database that we do not know."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://") from None
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    backend = parsed.drivername.partition("+")[0]
    if backend not in drivers:
        raise ValueError("a database URL begins with sqlite:/// or postgresql://")
    return parsed.set(drivername=drivers[backend])


def engine(url: URL, connections: int, *, reading: bool = False, in_memory: bool = False, patience: float = PATIENCE) -> Engine:
    """An engine with at most this many connections, tuned as the module says. Parameters never stand in its error texts."""
    if url.get_backend_name() == "postgresql":
        return _postgresql(url, connections, reading, patience)
    pool: dict[str, Any] = (
        {"poolclass": StaticPool} if in_memory else {"pool_size": connections, "max_overflow": 0, "pool_timeout": patience}
    )
    made = sqlalchemy.create_engine(url, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": patience}, **pool)
    event.listen(made, "connect", partial(_prepare_sqlite, patience))
    if not reading:
        event.listen(made, "begin", _begin_immediate)
    return made


def _postgresql(url: URL, connections: int, reading: bool, patience: float) -> Engine:
    milliseconds = int(patience * 1000)
    settings = {"synchronous_commit": "on", "statement_timeout": milliseconds, "lock_timeout": milliseconds, "jit": "off"}
    return sqlalchemy.create_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
        connect_args={
            "connect_timeout": 4,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "tcp_user_timeout": milliseconds,
        },
        **({"isolation_level": "AUTOCOMMIT"} if reading else {}),
    )


def _prepare_sqlite(patience: float, connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: it would begin them DEFERRED, and a read that becomes a write can fail at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _attempt(connect: Callable[[], Any], work: Callable[[Connection], T], patience: float) -> T:
    deadline = time.monotonic() + patience
    for attempt in range(_ATTEMPTS):
        try:
            with connect() as connection:
                return work(connection)
        except Raced:
            pass
        except DBAPIError as error:
            if not _passing(error):
                raise unavailable() from error
        except SQLAlchemyError as error:
            raise unavailable() from error
        if time.monotonic() > deadline:
            break
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # spreads rivals, guards nothing
    raise Busy("The database has more work than it can do just now; try again")


def _passing(error: DBAPIError) -> bool:
    """Whether the same work may well succeed at once: a lost race, a deadlock, or a connection that had died in the pool."""
    return isinstance(error, IntegrityError) or error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _RETRIED


def unavailable() -> Unavailable:
    return Unavailable("The index database does not answer; ask whoever runs it to look at its log, then try again")
