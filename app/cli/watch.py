"""All connections of one worker: how many there are, whose they are, and which of them keep the server waiting.

A look round once a second, over all of them, instead of timers for each request: what a sound client asks costs nothing here. Must not
know: requests, and how HTTP is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from app.settings.groups import Connections

log = logging.getLogger("radiolucent")
EVERY = 1.0
"""Seconds from one look round to the next."""

TELL_SECONDS = 60.0
"""Refusals are told in the log by their number, so that a flood of them does not become a flood of lines."""


class Watched(Protocol):
    """A connection as the watch sees it."""

    @property
    def address(self) -> str: ...

    def look(self, seconds: float) -> None:
        """So much time has gone by since the last look: whoever keeps us waiting for too long is to be let go."""


@dataclass(slots=True)
class Patience:
    """How long we still wait for a peer that ought to move bytes: seconds, of which each second takes one, and bytes give some back.

    So a peer that is silent has `most` seconds, and one that goes on for longer moves `rate` bytes a second on average.
    """

    most: float
    rate: float
    left: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.most

    def spend(self, seconds: float, moved: int) -> bool:
        """Whether it is at its end."""
        self.left = min(self.most, self.left - seconds + moved / self.rate)
        return self.left <= 0

    def renew(self) -> None:
        self.left = self.most


class Watch:
    """One for each worker. `trusted`: addresses of proxies, behind which there are many clients."""

    def __init__(self, bounds: Connections, trusted: Collection[str], loop: asyncio.AbstractEventLoop) -> None:
        self.bounds = bounds
        self._trusted = frozenset(trusted)
        self._loop = loop
        self._all: set[Watched] = set()
        self._by_address: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._looked = self._told = loop.time()

    def enter(self, connection: Watched) -> str:
        """Take it up; a sentence why it may not stay, or nothing."""
        address = connection.address
        self._all.add(connection)
        self._by_address[address] += 1
        if self._timer is None:
            self._looked = self._loop.time()
            self._timer = self._loop.call_later(EVERY, self._look)
        if len(self._all) > self.bounds.per_worker:
            return "This server has as many connections as it takes (setting connections.per_worker); come again in a few seconds"
        if self._by_address[address] > self.bounds.per_address and address not in self._trusted:
            return "There are as many connections from this address as the server takes (setting connections.per_address)"
        return ""

    @property
    def crowded(self) -> bool:
        """Not even a refusal can be waited for."""
        return len(self._all) > 2 * self.bounds.per_worker

    def leave(self, connection: Watched) -> None:
        if connection in self._all:
            self._all.discard(connection)
            self._by_address[connection.address] -= 1
            if self._by_address[connection.address] <= 0:
                del self._by_address[connection.address]

    def refused(self, why: str) -> None:
        self._refused[why] += 1

    def _look(self) -> None:
        now = self._loop.time()
        seconds, self._looked = min(now - self._looked, 2 * EVERY), now  # what held this worker up is no client's fault
        for connection in list(self._all):
            connection.look(seconds)
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._tell()
        self._timer = self._loop.call_later(EVERY, self._look) if self._all else None

    def _tell(self) -> None:
        if self._refused:
            listed = ", ".join(f"{count} for {why}" for why, count in sorted(self._refused.items()))
            log.warning("connections refused or given up lately: %s", listed)
            self._refused.clear()
