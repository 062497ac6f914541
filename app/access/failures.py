"""How often one address may show credentials that do not verify (ASVS 5, "anti-automation"): a leaky bucket for each, in this process.

Whoever is known keeps getting in: only what has not verified lately is held up, so that one wrong client behind a hospital's proxy does not
lock out the others. Must not know: what was wrong.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from app.errors import TooMany

MOST_ADDRESSES = 10_000


class Failures:
    """`a_minute` failures of one address are let pass each minute; `now` gives seconds, of any clock that never goes back."""

    def __init__(self, a_minute: int, now: Callable[[], float]) -> None:
        self._most = a_minute
        self._now = now
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def ensure_few(self, address: str) -> None:
        """TooMany if the address has failed too often of late."""
        level = self._level(address)
        if level > self._most - 1:
            seconds = math.ceil((level - self._most + 1) * 60 / self._most)
            raise TooMany("Too many credentials from this address did not verify; wait, and check the one that is sent", seconds=seconds)

    def note(self, address: str) -> None:
        self._levels[address] = self._level(address) + 1, self._now()
        self._levels.move_to_end(address)
        if len(self._levels) > MOST_ADDRESSES:
            self._levels.popitem(last=False)

    def _level(self, address: str) -> float:
        level, since = self._levels.get(address, (0.0, 0.0))
        return max(0.0, level - (self._now() - since) * self._most / 60)
