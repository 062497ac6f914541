"""A moving window over a Source, so that reading many small things costs few reads. Must not know: what the bytes mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

WINDOW = 64 * 1024


class Source(Protocol):
    """Random access to the bytes of one object: `size` in bytes, `read` gives fewer bytes only at the end."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Memory:
    """A Source over bytes at hand."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class Window:
    """`data` holds the bytes of the source from `base`; behind the end of the source stand zero bytes."""

    __slots__ = ("base", "data", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.base = 0
        self.data = b""

    def seek(self, offset: int, need: int, ahead: int = WINDOW) -> int:
        """Where in `data` the `need` bytes from `offset` stand; `ahead` is how much to read when they are not there yet."""
        at = offset - self.base
        if 0 <= at <= len(self.data) - need:
            return at
        data = self.source.read(offset, max(need, ahead))
        if len(data) < need:
            data += bytes(need - len(data))
        self.base = offset
        self.data = data
        return 0

    def take(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; zero bytes where the source has none."""
        at = self.seek(offset, length)
        return self.data[at : at + length]
