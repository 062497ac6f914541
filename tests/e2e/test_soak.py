"""Half a minute of `make soak`: mixed traffic with faults leaves the server as it was. Ten minutes tell more, this one tells soon."""

from __future__ import annotations

from pathlib import Path

from tests.soak import faults, report, soak

SECONDS = 30
STEEP = 4 * 1024**2
"""In so short a time caches are still filling; what leaks with each request is steeper by far."""


def test_half_a_minute_of_mixed_traffic_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = soak(tmp_path, SECONDS)
    assert faults(seen, most=STEEP) == [], report(seen)
    assert sum(seen.statuses.values()) > 50
