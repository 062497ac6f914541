"""Files as they are: the blocking calls of `local.py` and `spool.py` that read whole spans, write whole chunks and name errors.

Must not know: asyncio, what is in a file. Raises OSError as it comes, save where it says otherwise.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from app.errors import InsufficientStorage, Unavailable
from app.model import Span
from app.storage.bodies import CHUNK, absent, inside, missing, truncated, unreadable


class Reading:
    """One read in progress. The file stays open, so that a blob which is deleted meanwhile is still read to its end."""

    def __init__(self, path: Path, span: Span | None) -> None:
        self._path = path
        self._span = span
        self._offset = 0
        self._end = 0
        self._file = -1
        self._over = False
        self._lock = threading.Lock()

    def next(self) -> bytes:
        """The next chunk, at most 1 MiB; nothing at the end. The span is checked before the first byte goes out."""
        with self._lock:
            if self._over:
                return b""
            if self._file < 0:
                self._open()
            chunk = read_exactly(self._file, Span(self._offset, min(CHUNK, self._end - self._offset)))
            self._offset += len(chunk)
            return chunk

    @property
    def finished(self) -> bool:
        """Whether all bytes were handed out."""
        return self._offset >= self._end

    def close(self) -> None:
        with self._lock:
            self._over = True
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _open(self) -> None:
        self._file = open_blob(self._path)
        size = os.fstat(self._file).st_size
        wanted = self._span or Span(0, size)
        inside([wanted], size)
        self._offset, self._end = wanted.offset, wanted.end


def spans_of(path: Path, spans: Sequence[Span]) -> list[bytes]:
    """All spans of one file, which is opened once."""
    file = open_blob(path)
    try:
        inside(spans, os.fstat(file).st_size)
        return [read_exactly(file, span) for span in spans]
    finally:
        os.close(file)


class Resident:
    """Reads of what the page cache holds already: they never wait for the disk, so they may be made in the event loop, and nowhere else."""

    def __init__(self) -> None:
        self._scratch = memoryview(bytearray(CHUNK)) if hasattr(os, "RWF_NOWAIT") else memoryview(b"")

    def spans(self, path: Path, spans: Sequence[Span]) -> list[bytes] | None:
        """As `spans_of`, CHUNK bytes in all at most; None if it cannot be done at once."""
        if sum(span.length for span in spans) > len(self._scratch) or not all(span.length for span in spans):
            return None
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = []
            for span in spans:
                buffer = self._scratch[: span.length]
                if os.preadv(file, [buffer], span.offset, os.RWF_NOWAIT) != span.length:
                    return None
                found.append(bytes(buffer))
        except OSError:
            return None
        else:
            return found
        finally:
            os.close(file)


def status_of(path: Path) -> tuple[int, float]:
    """Size and time of writing; NotFound if absent."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise absent() from None
    return status.st_size, status.st_mtime


def sorted_names(folder: Path) -> list[str]:
    """What lies in a folder, in ascending order; nothing if there is no such folder."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def open_blob(path: Path) -> int:
    """Missing if absent."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise missing() from None


def read_exactly(file: int, span: Span) -> bytes:
    """The whole span, for one read may give less than asked for; Corrupt if the file ends before, or the disk cannot give it."""
    try:
        first = os.pread(file, span.length, span.offset)
        if len(first) == span.length:
            return first
        parts = [first]
        missing = span.length - len(first)
        while missing and parts[-1]:
            parts.append(os.pread(file, missing, span.end - missing))
            missing -= len(parts[-1])
    except OSError as error:
        # A bad sector is the damage of one blob, which `verify` has to tell, and no reason to call the whole store away.
        raise unreadable() if error.errno == errno.EIO else error from None
    if missing:
        raise truncated()
    return b"".join(parts)


def write_all(file: int, chunk: bytes | bytearray) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]


def is_full(error: OSError) -> bool:
    """No room: on the disk, in a quota, or under the largest size that a file may have."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def ensure_room(folder: Path, reserve: int) -> None:
    """ENOSPC while the disk of `folder` has fewer free bytes than `reserve`: these are for the index, the audit trail, and deletions."""
    if reserve and _free(folder) < reserve:
        raise OSError(errno.ENOSPC, "the reserve is reached")


def _free(folder: Path) -> int:
    while True:
        try:
            status = os.statvfs(folder)
        except FileNotFoundError:
            # What is yet to be made will lie on the disk of the folder that holds it.
            folder = folder.parent
        else:
            return status.f_bavail * status.f_frsize


def unavailable(error: OSError) -> Unavailable:
    """The error of the file system in our words, without its path."""
    if is_full(error):
        return InsufficientStorage("The disk of the blob store is full; space has to be made before anything can be stored")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Unavailable("The blob store may not be written or read by this service; its folder needs this service's user as owner")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Unavailable("Too many files are open; try again later")
    return Unavailable("The file system of the blob store does not answer as it should")
