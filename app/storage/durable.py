"""Durable files: the blocking calls behind `local.py` that change something, each made to run whole in one thread.

Order is everything here: write, flush the file, rename, flush the folder. A folder that was just made is only durable once its parent
is flushed too, up to the root.

Must not know: asyncio, what is in a file. Raises OSError as it comes; `local.py` names it.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from app.storage.files import ensure_room, sorted_names, write_all

T = TypeVar("T")

_REMEMBERED = 4096
_TURNS = 16


class SharedFlush:
    """Flushes of folders that are shared by all who wait for them: one that begins after a rename makes it durable, whoever began it.

    While one is under way, those who come wait for the next, which one of them does for all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[Path, Future[None]] = {}
        self._turns = [threading.Lock() for _ in range(_TURNS)]

    def flush(self, folder: Path) -> None:
        """Every entry that `folder` has now is on the disk when this returns. OSError for all who shared a flush that failed."""
        with self._lock:
            shared = self._next.get(folder)
            begun = shared is not None
            if shared is None:
                shared = self._next[folder] = Future()
        if begun:
            shared.result()
            return
        with self._turns[hash(folder) % _TURNS]:
            with self._lock:
                del self._next[folder]
            try:
                flush_folder(folder)
            except BaseException as error:
                shared.set_exception(error)
                raise
            shared.set_result(None)


class Folders:
    """Makes folders below `root` so that they survive a crash, and remembers which ones already do."""

    def __init__(self, root: Path, reserve: int = 0) -> None:
        """`reserve`: bytes of the disk that are left free."""
        self.root = root
        self.reserve = reserve
        self._durable: set[Path] = set()
        self._flushing = SharedFlush()

    def make(self, folder: Path) -> None:
        """`folder` exists and every entry that leads to it is on the disk. Folders made by another process are flushed as well."""
        if folder in self._durable:
            return
        if folder == self.root and folder.is_dir():
            # Perhaps made just now, by whoever wrote the first spool into it; or a mount in a folder that is not ours to open.
            with suppress(PermissionError):
                flush_folder(folder.parent)
        elif not (folder in self.root.parents and folder.is_dir()):
            self.make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            flush_folder(folder.parent)
        if len(self._durable) >= _REMEMBERED:
            self._durable.clear()
        self._durable.add(folder)

    def create(self, path: Path) -> int:
        """A new file of our own, open for reading and writing."""
        return self._within(path.parent, lambda: os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def place(self, source: Path, target: Path) -> None:
        """Rename a flushed file to its place; what was there is replaced. Durable only once the folder was flushed."""
        self._within(target.parent, lambda: os.replace(source, target))

    def flush(self, folder: Path) -> None:
        """What was placed in this folder stays."""
        self._flushing.flush(folder)

    def remove(self, path: Path) -> None:
        """Delete a file, durably; fine if it is not there."""
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        self._flushing.flush(path.parent)

    def _within(self, folder: Path, step: Callable[[], T]) -> T:
        """A step in a folder that is made first; made again if someone took it away since."""
        self.make(folder)
        try:
            return step()
        except FileNotFoundError:
            self._durable.clear()
            self.make(folder)
            return step()


class Writing:
    """One unfinished put. Nothing is opened before the first byte; every method may run in a thread of its own, one after another.

    The lock makes `discard` safe while a step that nobody waits for any more still runs. If that step is `finish`, the blob stays: a put
    that is cancelled at its very end leaves the whole blob or nothing.
    """

    def __init__(self, folders: Folders, temporary: Path, target: Path) -> None:
        self._folders = folders
        self._path = temporary / f"put-{secrets.token_hex(8)}"
        self._target = target
        self._file = -1
        self._over = False
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        with self._lock:
            self._write(chunk)

    def finish(self, last: bytes) -> tuple[int, float]:
        """Write the last chunk, make the bytes durable and put them at their place; size and time of writing. The folder is not flushed."""
        with self._lock:
            self._write(last)
            os.fsync(self._file)
            status = os.fstat(self._file)
            self._close()
            self._folders.place(self._path, self._target)
            return status.st_size, status.st_mtime

    def discard(self) -> None:
        """Leave nothing behind; fine after `finish`, which moved the file away."""
        with self._lock:
            self._over = True
            self._close()
            self._path.unlink(missing_ok=True)

    def _write(self, chunk: bytes) -> None:
        if self._over:
            raise ValueError("this put was given up")
        ensure_room(self._folders.root, self._folders.reserve)
        if self._file < 0:
            self._file = self._folders.create(self._path)
        write_all(self._file, chunk)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def adopted(folders: Folders, source: Path, target: Path) -> tuple[int, float] | None:
    """Make the complete file `source` the blob at `target` without copying it, as `Writing.finish`. None if it lies on another disk."""
    file = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        folders.make(target.parent)
        if status.st_dev != target.parent.stat().st_dev:
            return None
        os.fsync(file)
    finally:
        os.close(file)
    try:
        folders.place(source, target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return None
        raise
    return status.st_size, status.st_mtime


def stale(temporary: Path, older_than: float) -> int:
    """Delete files last written before `older_than`; how many."""
    count = 0
    for name in sorted_names(temporary):
        path = temporary / name
        try:
            if path.stat().st_mtime < older_than:
                path.unlink()
                count += 1
        except FileNotFoundError:
            continue
    return count


def probe(folders: Folders, temporary: Path) -> None:
    """Write a file, read it back, delete it."""
    ensure_room(folders.root, folders.reserve)
    path = temporary / f"probe-{secrets.token_hex(8)}"
    try:
        file = folders.create(path)
        try:
            write_all(file, b"probe")
            os.fsync(file)
            if os.pread(file, 8, 0) != b"probe":
                raise OSError(errno.EIO, "read back something else")
        finally:
            os.close(file)
    finally:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """`folder` exists, for its owner only, and so does the way to it after a power cut, as far as we may open it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    with suppress(PermissionError):
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
