"""The shortest of many times: what else the machine does only ever adds to one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

BUDGET = 0.25
"""Seconds for one figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in milliseconds, and `limit`: that of the least that must be done for it, `by` whom."""

    section: str
    name: str
    took: float
    limit: float | None = None
    by: str = ""


def shortest(call: Callable[[], object], budget: float = BUDGET) -> float:
    """Milliseconds that the call takes at best."""
    best, end = float("inf"), time.perf_counter() + budget
    while True:
        began = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - began)
        if now > end:
            return best * 1000


async def shortest_awaited(call: Callable[[], Awaitable[object]], budget: float = BUDGET) -> float:
    """The same for what is awaited; the first time, which may have to start something, does not count."""
    await call()
    best, end = float("inf"), time.perf_counter() + budget
    while True:
        began = time.perf_counter()
        await call()
        now = time.perf_counter()
        best = min(best, now - began)
        if now > end:
            return best * 1000
