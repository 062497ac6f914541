"""The database: engines, threads, transactions, and the border where its errors become ours.

Each transaction is one hop to a thread and runs there as a plain function of a Connection. Knows no table and no DICOM. A write that has
begun runs to its end even if the task that waits for it is cancelled: whoever cancels does not know the outcome.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, StaticPool, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from app.errors import Busy, InsufficientStorage, Unavailable

READERS = 8
PATIENCE = 8.0
"""Seconds that anything waits for anything, by default: a caller has its 503 within ten."""

_GRACE = 1.0
"""Seconds beyond, for a database that gives up by itself."""

_SECONDS_A_ROW = 0.02
_ATTEMPTS = 6
_DISK_FULL = "53100"
_RETRIED = {"40001", "40P01"}
_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-4000",  # KiB, of each of its connections: what they share lies in the memory of the operating system
    "temp_store=MEMORY",
    "trusted_schema=OFF",
)

T = TypeVar("T")

_waiting = threading.local()
"""`deadline` of the transaction that this thread runs."""


class Raced(Exception):
    """Another transaction was quicker, and what this one read is no longer so: begin anew."""


class Database:
    """Readers beside one writer (SQLite) or several (PostgreSQL), each with a connection and a thread of its own."""

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        """`sqlite:///relative`, `sqlite:////absolute`, `sqlite://` (memory, for tests), `postgresql://...`. ValueError for others.

        `patience` is how many seconds a transaction waits for its turn, for a lock or for an answer. `file` is the path of a SQLite file.
        """
        self._patience = patience
        self.url = parse(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.file = self.url.database if self.is_sqlite and self.url.database != ":memory:" else None
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
        return await self._run(self._reading, self._reader.connect, work, 0)

    async def write(self, work: Callable[[Connection], T], *, rows: int = 0) -> T:
        """`work` in one transaction, on stable storage when this returns; run anew, a few times, if it lost a race. Unavailable, Busy.

        `rows` says how much there is to do, and so how long it may take.
        """
        return await self._run(self._writing, self._writer.begin, work, rows * _SECONDS_A_ROW)

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

    async def _run(self, gate: asyncio.Semaphore, connect: Callable[[], Any], work: Callable[[Connection], T], more: float) -> T:
        """One deadline for the wait for a turn, for locks and for answers: they do not add up."""
        deadline = time.monotonic() + self._patience
        try:
            async with asyncio.timeout(self._patience):
                await gate.acquire()
        except TimeoutError:
            raise busy() from None
        future = asyncio.get_running_loop().run_in_executor(self._threads, _attempt, connect, work, deadline)
        future.add_done_callback(lambda _: gate.release())
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0) + _GRACE + more):
                return await asyncio.shield(future)
        except TimeoutError:
            # A database that was halted says nothing, not even that it is too late. Its thread waits on; the gate bounds how many do.
            future.add_done_callback(_heard)
            raise unavailable() from None


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
    deadline = getattr(_waiting, "deadline", None)
    if deadline is not None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={max(int((deadline - time.monotonic()) * 1000), 1)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _heard(outcome: asyncio.Future[Any]) -> None:
    """Nobody waits for this outcome any more; an error in it is no news."""
    if not outcome.cancelled():
        outcome.exception()


def _attempt(connect: Callable[[], Any], work: Callable[[Connection], T], deadline: float) -> T:
    _waiting.deadline = deadline
    for attempt in range(_ATTEMPTS):
        try:
            with connect() as connection:
                return work(connection)
        except Raced:
            pass
        except DBAPIError as error:
            if not _passing(error):
                raise named(error) from error
        except SQLAlchemyError as error:
            raise unavailable() from error
        if time.monotonic() > deadline:
            break
        time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # spreads rivals, guards nothing
    raise busy()


def _passing(error: DBAPIError) -> bool:
    """Whether the same work may well succeed at once: a lost race, a deadlock, or a connection that had died in the pool."""
    return isinstance(error, IntegrityError) or error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _RETRIED


def named(error: DBAPIError) -> Unavailable:
    """What a failed statement means to whoever runs the database."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL:
        return InsufficientStorage("The disk of the index database is full; space has to be made there before anything can be stored")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy("Another program has locked the index database; end it, or try again later")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return Unavailable("The index database may not be read or written by this service; its folder needs this service's user as owner")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Unavailable("The index database is damaged; restore it from a backup, or make it anew with `radiolucent reindex`")
    return unavailable()


def busy() -> Busy:
    return Busy("The database has more work than it can do just now; try again")


def unavailable() -> Unavailable:
    return Unavailable("The index database does not answer; ask whoever runs it to look at its log, then try again")
