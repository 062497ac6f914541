"""Equal work at one time is done once: whoever asks while it is under way waits for the same outcome (single flight).

Within this process; several server processes each do their own. Must not know: what is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

Name = tuple[str, ...]

GRACE = 1.0
"""Seconds that work goes on for which nobody waits any more: a viewer that scrolls gives up many requests and soon comes back, and ending
a job on pixels costs a worker process."""


@dataclass(slots=True)
class _Flight:
    work: asyncio.Task[bytes]
    waiting: int = 0


class Flights:
    """What is being made now, by name."""

    def __init__(self) -> None:
        self._going: dict[Name, _Flight] = {}

    async def join(self, name: Name, make: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """What `make` gives, or raises, to everyone who asked for this name meanwhile.

        The work belongs to nobody: a waiter that is cancelled takes only itself away. Once none is left, the work is soon cancelled too.
        """
        flight = self._going.get(name)
        if flight is None:
            flight = self._going[name] = _Flight(asyncio.ensure_future(make()))
            flight.work.add_done_callback(lambda work: self._landed(name, work))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.work)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.work.done():
                asyncio.get_running_loop().call_later(GRACE, self._give_up, name, flight)

    def _give_up(self, name: Name, flight: _Flight) -> None:
        if not flight.waiting and not flight.work.done():
            # Whoever comes from now on must not join what is about to end.
            self._landed(name, flight.work)
            flight.work.cancel()

    def _landed(self, name: Name, work: asyncio.Task[bytes]) -> None:
        flight = self._going.get(name)
        if flight is not None and flight.work is work:
            del self._going[name]
        if work.done() and not work.cancelled():
            work.exception()  # seen, also where the last waiter was cancelled at this very moment

    async def close(self) -> None:
        """End what is still under way."""
        work = [flight.work for flight in self._going.values()]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
