"""Where one incoming instance waits while it is read: in memory as long as it is small, then in a file of our own.

Nothing here is durable: a blob store makes it so, by `put(spool.body())` or, where it can, by `adopt(spool.path())`. With `size` and
`read` a spool is a `dicom.elements.Source`.

Must not know: DICOM, which store comes after.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from app.errors import InsufficientStorage, Unavailable
from app.storage.bodies import CHUNK
from app.storage.files import ensure_room, is_full, write_all

MEMORY = 1024 * 1024


class FileSpool:
    """`ports.Spool`: up to `memory` bytes in memory, beyond that a file in `folder` (None: the system's folder for temporary files).

    The lock makes `close` wait for a thread that still reads or writes: the number of a closed file may be another instance's by then.
    """

    def __init__(self, folder: Path | None = None, memory: int = MEMORY, reserve: int = 0) -> None:
        self._folder = folder
        self._memory = memory
        self._reserve = reserve
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0
        self._file = -1
        self._path: Path | None = None
        self._closed = False
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return self._size

    @property
    def digest(self) -> str:
        """Of what is in memory in one go, in the thread that asks; of a file run by run, as it was written."""
        if self._path is None:
            return hashlib.sha256(self._buffer).hexdigest()
        return self._hash.hexdigest()

    def write(self, chunk: bytes | bytearray) -> None:
        """Unavailable if there is no room for it."""
        with self._lock:
            self._open_only()
            if self._path is None and self._size + len(chunk) <= self._memory:
                self._buffer += chunk
            else:
                self._write_file(chunk)
                self._hash.update(chunk)
            self._size += len(chunk)

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0:
            raise ValueError("offset and length cannot be negative")
        with self._lock:
            self._open_only()
            wanted = max(0, min(length, self._size - offset))
            if self._path is None:
                return bytes(memoryview(self._buffer)[offset : offset + wanted])
            return self._read_file(offset, wanted)

    async def body(self) -> AsyncIterator[bytes]:
        for offset in range(0, self._size, CHUNK):
            if self._path is None:
                yield self.read(offset, CHUNK)
            else:
                yield await asyncio.to_thread(self.read, offset, CHUNK)

    def path(self) -> Path | None:
        return self._path

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._buffer = bytearray()
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            if self._path is not None:
                self._path.unlink(missing_ok=True)
                self._path = None

    def _open_only(self) -> None:
        if self._closed:
            raise ValueError("this spool is closed")

    def _write_file(self, chunk: bytes | bytearray) -> None:
        try:
            ensure_room(self._folder or Path(tempfile.gettempdir()), self._reserve)
            if self._path is None:
                self._move_to_file()
            write_all(self._file, chunk)
        except OSError as error:
            if is_full(error):
                raise InsufficientStorage("The disk where incoming instances wait is full; space has to be made there") from error
            raise Unavailable("The place where incoming instances wait cannot be written; try again later") from error

    def _move_to_file(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(prefix="spool-", dir=self._folder)
        self._path = Path(name)
        write_all(self._file, self._buffer)
        self._hash.update(self._buffer)
        self._buffer = bytearray()

    def _read_file(self, offset: int, length: int) -> bytes:
        """One read may give less than asked for."""
        parts = []
        while length and (part := os.pread(self._file, length, offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def spools(folder: Path | None = None, memory: int = MEMORY, reserve: int = 0) -> Callable[[], FileSpool]:
    """A maker of spools for `Archive.spool`: each keeps up to `memory` bytes in memory, then a file in `folder`.

    While the disk of `folder` has fewer than `reserve` free bytes, no file takes any more.
    """
    return lambda: FileSpool(folder, memory, reserve)
