"""Leaky buckets: how often something may happen to somebody. One for each name, in this process. Must not know: what happens, to whom."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_NAMES = 10_000


class Buckets:
    """`a_minute` drops run out of each bucket each minute, and as many fit in; `now` gives seconds, of any clock that never goes back."""

    def __init__(self, a_minute: int, now: Callable[[], float]) -> None:
        self._most = a_minute
        self._now = now
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def seconds_until_room(self, name: Hashable) -> int:
        """0 if a further drop fits in now."""
        level = self._level(name)
        return math.ceil((level - self._most + 1) * 60 / self._most) if level > self._most - 1 else 0

    def drop(self, name: Hashable) -> None:
        self._levels[name] = self._level(name) + 1, self._now()
        self._levels.move_to_end(name)
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)

    def _level(self, name: Hashable) -> float:
        level, since = self._levels.get(name, (0.0, 0.0))
        return max(0.0, level - (self._now() - since) * self._most / 60)
