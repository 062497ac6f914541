"""What is hidden takes as long as what is missing: of many answers in turns the middles are about the same."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

from tests.api.conftest import Site
from tests.security.conftest import SOUTH, north
from tests.security.test_every_route import MISSING
from tests.services.provider import Provider

TURNS = 100
ATTEMPTS = 4
"""A busy machine may disturb one measurement; what takes another way through the server differs in all of them."""

PATHS: dict[str, Callable[[str], str]] = {
    "metadata": lambda uid: f"/studies/{uid}/metadata",
    "frame": lambda uid: f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/1",
    "file": lambda uid: f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1",
    "bulkdata": lambda uid: f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/bulkdata/7FE00010",
    "picture": lambda uid: f"/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/rendered",
    "thumbnail": lambda uid: f"/studies/{uid}/thumbnail",
    "study": lambda uid: f"/studies/{uid}",
    "series": lambda uid: f"/studies/{uid}/series",
    "labels": lambda uid: f"/studies/{uid}/labels",
    "search": lambda uid: f"/studies?StudyInstanceUID={uid}",
}


@pytest.mark.parametrize("kind", list(PATHS))
async def test_the_same_time(guarded: Site, provider: Provider, kind: str) -> None:
    caller = north(provider)
    for _ in range(ATTEMPTS):
        hidden, missing = await medians(guarded, caller, PATHS[kind])
        if abs(hidden - missing) < 0.25 * missing:
            return
    raise AssertionError(f"{hidden * 1e6:.0f} us hidden, {missing * 1e6:.0f} us missing")


async def medians(site: Site, caller: dict[str, str], path: Callable[[str], str]) -> tuple[float, float]:
    took: dict[str, list[float]] = {SOUTH: [], MISSING: []}
    for turn in range(TURNS):
        for uid in (SOUTH, MISSING) if turn % 2 else (MISSING, SOUTH):  # whoever comes second may find something warm
            began = time.process_time()
            await site.get(path(uid), **caller)
            took[uid].append(time.process_time() - began)
    return statistics.median(took[SOUTH]), statistics.median(took[MISSING])
