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

TURNS = 150
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
    took: dict[str, list[float]] = {SOUTH: [], MISSING: []}
    for turn in range(TURNS):
        for uid in (SOUTH, MISSING) if turn % 2 else (MISSING, SOUTH):  # whoever comes second may find something warm
            began = time.process_time()
            await guarded.get(PATHS[kind](uid), **caller)
            took[uid].append(time.process_time() - began)
    hidden, missing = statistics.median(took[SOUTH]), statistics.median(took[MISSING])
    assert abs(hidden - missing) < 0.25 * missing, f"{hidden * 1e6:.0f} us hidden, {missing * 1e6:.0f} us missing"
