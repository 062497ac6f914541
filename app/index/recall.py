"""Answers of reads, kept for as long as the database has not changed: SQLite tells each connection whether others have committed.

`PRAGMA data_version` reads a few bytes of shared memory, whoever wrote: this process, another worker, another program. So a kept answer is
never older than the last commit, and since the Access of a caller is part of the key, never wider than his rights. PostgreSQL has nothing
of the kind, and nothing is kept there. Used in the event loop only. Must not know: what is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

MOST_BYTES = 32 * 1024**2
LARGEST = MOST_BYTES // 8
"""One answer may take at most this much: a single large one shall not drive out all others."""

_OVERHEAD = 512
"""Bytes that an entry takes beside its value, roughly."""


class Recall:
    """Least recently used answers go first. `version` is None where nothing can tell whether the database has changed."""

    def __init__(self, version: Callable[[], int | None], most_bytes: int = MOST_BYTES) -> None:
        self._version = version
        self._most = most_bytes
        self._seen: int | None = None
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable) -> Any | None:
        """The answer that was kept under the key and still holds. To be called before a read whose answer is to be kept."""
        version = self._version()
        if version is None or version != self._seen:
            self._kept.clear()
            self._bytes = 0
            self._seen = version
            return None
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def keep(self, key: Hashable, value: Any, weight: int) -> None:
        """What a read gave that began after `find`: should something have been committed meanwhile, the next `find` forgets it."""
        weight += _OVERHEAD
        if self._seen is None or weight > min(LARGEST, self._most):
            return
        replaced = self._kept.pop(key, None)
        self._bytes += weight - (replaced[1] if replaced else 0)
        self._kept[key] = value, weight
        while self._bytes > self._most:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone
