"""The files of volumes: the blocking calls behind `volumes.py`. They lie in the folder of the derived cache and count in its bound.

    <root>/volumes/<40 hex digits of the volume's form>/voxels            voxels
    <root>/volumes/<40 hex digits of the volume's form>/<40 hex digits>   a picture of them

A file begins with 8 bytes of magic, the number of blobs that went in, the length of the facts, the length of the body (big endian), and a
SHA-256 of all that and of what follows; then 16 bytes for each blob's key, the facts, and zeros up to a multiple of 4096, where the body
begins, so that it can be mapped. The hash covers a picture's body but not voxels, which are flushed before the file gets its name instead.
The time of writing is that of the last use. Must not know: asyncio, what is in a body. Raises OSError as it comes.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from app.storage.derived_files import TEMPORARY
from app.storage.files import write_all

MAGIC = b"RLVOLUM1"
FACTS = 1024
"""Bytes of facts, at most."""

FOLDER, VOXELS = "volumes", "voxels"

_HEAD = Struct(">8sIIQ32s")
_MARK = 16
_PAGE = 4096
_MOST_MARKS = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    offset: int
    facts: bytes


def folder_of(root: Path, form: str) -> Path:
    return root / FOLDER / hashlib.sha256(form.encode()).hexdigest()[:40]


def begun(root: Path, keys: Sequence[str], length: int) -> Found:
    """A new file, as yet without a name of its own, with room for so many bytes of body."""
    temporary = root / TEMPORARY
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary.mkdir(mode=0o700, exist_ok=True)
    path = temporary / secrets.token_hex(8)
    offset = body_offset(len(keys))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, offset + length)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return Found(path, offset, b"")


def finished(root: Path, form: str, keys: Sequence[str], made: Found, facts: bytes, length: int) -> Found:
    """Give the file its name, now that its body is written."""
    file = os.open(made.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(file, _head(keys, facts, length, VOXELS, b""), 0)
        os.fsync(file)
    finally:
        os.close(file)
    return Found(_named(root, form, VOXELS, made.path), made.offset, facts)


def voxels(root: Path, form: str, keys: Sequence[str], length: int) -> Found | None:
    """The volume, marked as used just now; None if it is not there, or not whole."""
    path = folder_of(root, form) / VOXELS
    read = _read(path, keys, VOXELS, with_body=False)
    if read is None:
        return None
    facts, _ = read
    return Found(path, body_offset(len(keys)), facts) if path.stat().st_size == body_offset(len(keys)) + length else None


def picture(root: Path, form: str, keys: Sequence[str], name: str) -> bytes | None:
    """A picture that was kept, marked as used just now; None if it is not there, or damaged."""
    named = _hashed(name)
    read = _read(folder_of(root, form) / named, keys, named, with_body=True)
    return None if read is None else read[1]


def keep_picture(root: Path, form: str, keys: Sequence[str], name: str, body: bytes) -> None:
    named = _hashed(name)
    made = begun(root, keys, len(body))
    file = os.open(made.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(file, _head(keys, b"", len(body), named, body), 0)
        os.lseek(file, made.offset, os.SEEK_SET)
        write_all(file, body)
    except OSError:
        made.path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    _named(root, form, named, made.path)


def forgotten(root: Path, keys: Iterable[str]) -> None:
    """Remove every volume into which one of these blobs went, and its pictures."""
    gone = {_mark(key) for key in keys}
    for folder in _entries(root / FOLDER):
        files = _entries(folder)
        if any(not gone.isdisjoint(_marks(path)) for path in files[:1]):
            removed(folder)


def removed(folder: Path) -> None:
    for path in _entries(folder):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _read(path: Path, keys: Sequence[str], name: str, *, with_body: bool) -> tuple[bytes, bytes] | None:
    """Facts and body of a file that is what its place says."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        head = os.pread(file, body_offset(len(keys)), 0)
        if len(head) < _HEAD.size:
            return None
        _, count, facts_length, length, _ = _HEAD.unpack_from(head)
        start = _HEAD.size + count * _MARK
        facts = head[start : start + min(facts_length, FACTS)]
        body = _all_of(file, body_offset(len(keys)), length) if with_body else b""
        if count != len(keys) or head != _head(keys, facts, length, name, body):
            return None
        now = time.time_ns()
        os.utime(file, ns=(now, now))
        return facts, body
    finally:
        os.close(file)


def _all_of(file: int, offset: int, length: int) -> bytes:
    parts: list[bytes] = []
    left = min(length, os.fstat(file).st_size - offset)
    while left > 0 and (part := os.pread(file, left, offset)):
        parts.append(part)
        offset, left = offset + len(part), left - len(part)
    return b"".join(parts)


def _marks(path: Path) -> set[bytes]:
    """Of the blobs that went into a file; none if it is no file of ours."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size or not head.startswith(MAGIC):
                return set()
            count = min(_HEAD.unpack(head)[1], _MOST_MARKS)
            marks = file.read(count * _MARK)
    except FileNotFoundError:
        return set()
    return {marks[at : at + _MARK] for at in range(0, len(marks), _MARK)}


def _head(keys: Sequence[str], facts: bytes, length: int, name: str, body: bytes) -> bytes:
    marks = b"".join(_mark(key) for key in keys)
    digest = hashlib.sha256(f"{name}\n{len(facts)}\n{length}\n".encode() + facts + marks)
    digest.update(body)
    head = _HEAD.pack(MAGIC, len(keys), len(facts), length, digest.digest()) + marks + facts
    return head.ljust(body_offset(len(keys)), b"\0")


def _named(root: Path, form: str, name: str, path: Path) -> Path:
    folder = folder_of(root, form)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.replace(path, folder / name)
    return folder / name


def body_offset(keys: int) -> int:
    """Where the body of a file begins into which so many blobs went."""
    return -(-(_HEAD.size + keys * _MARK + FACTS) // _PAGE) * _PAGE


def _mark(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()[:_MARK]


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:40]


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []
