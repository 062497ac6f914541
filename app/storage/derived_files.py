"""The files of the derived cache: the blocking calls behind `derived.py`.

    <root>/0f/<40 hex digits of the key>/<40 hex digits of the form>      one derived form
    <root>/tmp/<16 hex digits>                                            what is being written

A file is 8 bytes of magic, 8 of length (big endian), the SHA-256 of key, form and body, and the body; so one that is cut off, spoilt, or
lies in another's place is none. The time of writing is that of the last use. Nothing is flushed: after a crash a file is whole, or found
out. Must not know: asyncio, what is in a body. Raises OSError as it comes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct

from app.storage.files import write_all

MAGIC = b"RLDERIV1"
TEMPORARY = "tmp"
LEFTOVER_SECONDS = 3600

_HEAD = Struct(">8sQ32s")
_BLOCK = 4096


def folder_of(root: Path, key: str) -> Path:
    """Where all that is derived of the blob under this key lies."""
    name = hashlib.sha256(key.encode()).hexdigest()[:40]
    return root / name[:2] / name


def place_of(root: Path, key: str, form: str) -> Path:
    return folder_of(root, key) / hashlib.sha256(form.encode()).hexdigest()[:40]


def taken(root: Path, key: str, form: str) -> bytes | None:
    """The body, marked as used just now; None if it is not there. A damaged file is removed."""
    path = place_of(root, key, form)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(file).st_size
        head = os.pread(file, _HEAD.size, 0)
        body = _rest(file, size)
        if len(head) == _HEAD.size and _HEAD.unpack(head) == (MAGIC, len(body), _digest(key, form, body)):
            now = time.time_ns()
            os.utime(file, ns=(now, now))
            return body
    finally:
        os.close(file)
    path.unlink(missing_ok=True)
    return None


def kept(root: Path, key: str, form: str, body: bytes) -> int:
    """Put a body in its place; the bytes that it takes on the disk."""
    temporary = root / TEMPORARY
    path = temporary / secrets.token_hex(8)
    place = place_of(root, key, form)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary.mkdir(mode=0o700, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            write_all(file, _HEAD.pack(MAGIC, len(body), _digest(key, form, body)))
            write_all(file, body)
        finally:
            os.close(file)
        for folder in (place.parent.parent, place.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.replace(path, place)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return _room(_HEAD.size + len(body))


def forgotten(root: Path, key: str) -> None:
    """Remove all that is derived of this blob; fine if there is nothing."""
    folder = folder_of(root, key)
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # one who writes meanwhile looks after it himself
        folder.rmdir()


def trimmed(root: Path, most: int) -> int:
    """Remove what was used longest ago until nine tenths of `most` bytes are left, if there are more than `most`; the bytes that are left.

    What crashes have left in tmp/ goes as well.
    """
    _without_leftovers(root / TEMPORARY)
    found = sorted(_files(root))
    total = sum(size for _, size, _ in found)
    if total <= most:
        return total
    for _, size, path in found:
        if total <= most * 9 // 10:
            break
        path.unlink(missing_ok=True)
        total -= size
        with suppress(OSError):
            path.parent.rmdir()
    return total


def _files(root: Path) -> Iterator[tuple[int, int, Path]]:
    """Time of last use (nanoseconds), bytes on the disk and path of each file, whoever wrote it."""
    for outer in _entries(root):
        if outer.name == TEMPORARY:
            continue
        for folder in _entries(outer):
            for path in _entries(folder):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    yield status.st_mtime_ns, _room(status.st_size), path


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _without_leftovers(temporary: Path) -> None:
    oldest = time.time() - LEFTOVER_SECONDS
    for path in _entries(temporary):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _rest(file: int, size: int) -> bytes:
    parts, at = [], _HEAD.size
    while at < size and (part := os.pread(file, size - at, at)):
        parts.append(part)
        at += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _digest(key: str, form: str, body: bytes) -> bytes:
    digest = hashlib.sha256(f"{key}\n{form}\n".encode())
    digest.update(body)
    return digest.digest()


def _room(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
