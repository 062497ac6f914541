"""Times in texts of ours (RFC 3339). Pure: no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal


def moment(seconds: float, precision: Literal["milliseconds", "seconds"] = "milliseconds") -> str:
    """Seconds since 1970 in UTC: 2026-01-31T08:15:00.123Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
