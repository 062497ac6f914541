"""Values that are believed for a few seconds without asking again; the least recently kept go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """At most so many; `now` gives seconds."""

    def __init__(self, most: int, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if until <= self._now():
            del self._kept[key]
            return None
        return value

    def keep(self, key: Hashable, value: T, seconds: float) -> None:
        """For so many seconds from the first time on: what is kept already stays until its own time."""
        if key in self._kept or seconds <= 0:
            return
        self._kept[key] = self._now() + seconds, value
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        self._kept.clear()
