"""A zip archive as it goes out: local headers, data, data descriptors, central directory, without seeking back (APPNOTE.TXT 6.3.10).

The length of the whole is known beforehand where those of the entries are: data that need no compression travel in stored blocks of a
Deflate stream (RFC 1951 3.2.4), whose overhead is arithmetic. A plain stored entry with a data descriptor is what some readers refuse,
for they cannot find its end. Zip64 where a size, an offset or the number of entries asks for it, and nowhere else. Equal entries make
equal bytes: all bear the same date. Must not know what the entries are. Memory: one directory record of some 60 bytes for each entry.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BLOCK = 65535
"""Bytes of one stored block, at most."""

_LIMIT = 0xFFFFFFFF
_MANY = 0xFFFF
_FLAGS = 0x0008  # sizes and CRC follow the data
_DEFLATED = 8
_DATE = 0x0021  # 1980-01-01, the first day of the format
_LAST_BLOCK = b"\x01\x00\x00\xff\xff"
_REGULAR_FILE = 0o100644 << 16
_MADE_ON_UNIX = 3 << 8
_NAME = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]*+(?>(?:/[0-9A-Za-z_-][0-9A-Za-z._-]*+)*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive: where its local header stands, its sizes before and after packing, the CRC-32 of its data."""

    name: str
    offset: int
    size: int
    packed: int
    crc: int
    wide: bool


def local_header(name: str, *, wide: bool) -> bytes:
    """What goes before the data; `wide`: the sizes behind the data have 8 bytes. ValueError for a name that could leave its folder."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a safe name for an entry")
    extra = struct.pack("<HHQQ", 1, 16, 0, 0) if wide else b""
    size = _LIMIT if wide else 0
    version = 45 if wide else 20
    fixed = struct.pack("<IHHHHHIIIHH", 0x04034B50, version, _FLAGS, _DEFLATED, 0, _DATE, 0, size, size, len(name), len(extra))
    return fixed + name.encode("ascii") + extra


def descriptor(entry: Entry) -> bytes:
    """What follows the data."""
    return struct.pack("<IIQQ" if entry.wide else "<IIII", 0x08074B50, entry.crc, entry.packed, entry.size)


def directory_record(entry: Entry) -> bytes:
    """The entry's record in the central directory."""
    large = [number for number in (entry.size, entry.packed, entry.offset) if number >= _LIMIT]
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    size, packed, offset = (min(number, _LIMIT) for number in (entry.size, entry.packed, entry.offset))
    version = 45 if large or entry.wide else 20
    head = struct.pack("<IHHHHHHIII", 0x02014B50, _MADE_ON_UNIX | version, version, _FLAGS, _DEFLATED, 0, _DATE, entry.crc, packed, size)
    rest = struct.pack("<HHHHHII", len(entry.name), len(extra), 0, 0, 0, _REGULAR_FILE, offset)
    return head + rest + entry.name.encode("ascii") + extra


def end_record(count: int, start: int, size: int) -> bytes:
    """What closes the archive: `count` records of `size` bytes, the first of them at `start`."""
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *[min(count, _MANY)] * 2, min(size, _LIMIT), min(start, _LIMIT), 0)
    if count < _MANY and start < _LIMIT and size < _LIMIT:
        return end
    large = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, _MADE_ON_UNIX | 45, 45, 0, 0, count, count, size, start)
    return large + struct.pack("<IIQI", 0x07064B50, 0, start + size, 1) + end


def packed_size(size: int) -> int:
    """The bytes of `size` bytes in stored blocks, however they are cut on the way in."""
    return size + 5 * -(-size // BLOCK) + len(_LAST_BLOCK)


def archive_length(entries: Iterable[tuple[str, int]]) -> int:
    """The bytes of a whole archive of stored entries, given as (name, size)."""
    at = records = count = 0
    for name, size in entries:
        entry = Entry(name, at, size, packed_size(size), 0, _is_wide(size))
        at += len(local_header(name, wide=entry.wide)) + entry.packed + len(descriptor(entry))
        records += len(directory_record(entry))
        count += 1
    return at + records + len(end_record(count, at, records))


class ZipWriter:
    """Gives the bytes of an archive: `begin`, `data` as often as there is some, `end`, for each entry; `close` at last."""

    def __init__(self) -> None:
        self._at = 0
        self._records: list[bytes] = []
        self._name, self._offset, self._wide = "", 0, False
        self._crc = self._size = self._packed = 0
        self._packer: Stored | Deflated = Stored()

    def begin(self, name: str, most: int, *, compress: bool = False) -> bytes:
        """An entry of at most so many bytes; `compress` is for text, whose packed size is then not known beforehand.

        The bound decides about Zip64, which some readers that cannot seek (Java's) take only where it is needed.
        """
        self._name, self._offset, self._wide = name, self._at, _is_wide(most)
        self._crc = self._size = self._packed = 0
        self._packer = Deflated() if compress else Stored()
        return self._sent(local_header(name, wide=self._wide))

    def data(self, chunk: bytes) -> bytes:
        self._crc = zlib.crc32(chunk, self._crc)
        self._size += len(chunk)
        return self._pack(self._packer.feed(chunk))

    def end(self) -> bytes:
        """ValueError if an entry announced as small has become too large for the sizes behind it."""
        last = self._pack(self._packer.close())
        entry = Entry(self._name, self._offset, self._size, self._packed, self._crc, self._wide)
        if not entry.wide and max(entry.size, entry.packed) > _LIMIT:
            raise ValueError("the entry is larger than announced")
        self._records.append(directory_record(entry))
        return last + self._sent(descriptor(entry))

    def close(self) -> Iterator[bytes]:
        yield from self._records
        yield end_record(len(self._records), self._at, sum(map(len, self._records)))

    def _pack(self, packed: bytes) -> bytes:
        self._packed += len(packed)
        return self._sent(packed)

    def _sent(self, written: bytes) -> bytes:
        self._at += len(written)
        return written


class Stored:
    """A Deflate stream of stored blocks, each but the last of BLOCK bytes."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        data = self._held + chunk if self._held else chunk
        whole = len(data) - len(data) % BLOCK
        self._held = data[whole:]
        return b"".join(piece for start in range(0, whole, BLOCK) for piece in (_FULL_BLOCK, data[start : start + BLOCK]))

    def close(self) -> bytes:
        return (_block(len(self._held)) + self._held if self._held else b"") + _LAST_BLOCK


class Deflated:
    """A Deflate stream that is quick to make."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1, zlib.DEFLATED, -15)

    def feed(self, chunk: bytes) -> bytes:
        return self._packer.compress(chunk)

    def close(self) -> bytes:
        return self._packer.flush()


def _block(length: int) -> bytes:
    return struct.pack("<BHH", 0, length, length ^ 0xFFFF)


_FULL_BLOCK = _block(BLOCK)


def _is_wide(size: int) -> bool:
    """Whether the packed size may need 8 bytes: neither kind of packing adds more than a thousandth to what it cannot make smaller."""
    return size + size // 1000 + 1024 >= _LIMIT
