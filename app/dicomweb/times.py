"""Times in texts of ours (RFC 3339). Pure: no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal


def moment(seconds: float, precision: Literal["milliseconds", "seconds"] = "milliseconds") -> str:
    """Seconds since 1970 in UTC: 2026-01-31T08:15:00.123Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def instant(text: str) -> float:
    """An ISO 8601 date, or date and time, as seconds since 1970; without a zone it is UTC. ValueError, OverflowError."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
