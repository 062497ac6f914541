"""What is counted while the server works, for those who watch over it: the words, and the Protocol beside `ports`.

Labels are names of routes, actions and jobs: never a UID, an address, a name. Must not know: who fulfils it, in what form it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""In this variable of the environment stands the folder into which several server processes count; set before any of them starts."""


class Meter(Protocol):
    def request(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        """A request that was answered to its end, or was given up: its route's template, and bytes of both bodies."""

    def transaction(self, action: str, outcome: str) -> None:
        """A transaction with its outcome, as the audit record has them."""

    def stored(self, stored: int, failed: int) -> None:
        """Instances of a Store."""

    def job(self, name: str, outcome: str, seconds: float) -> None:
        """A job on pixel data, from when it was wanted to its end."""

    def level(self, name: str, value: float) -> None:
        """How much of something there is now; `LEVELS` has the names."""

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All of it, of every worker, and its media type."""


LEVELS = {
    "store_waiting": "Received instances that wait for a thread, or are worked on",
    "pixel_jobs": "Jobs on pixel data that wait or run",
    "pixel_workers": "Worker processes for pixel data",
    "resident_bytes": "Memory of the server processes, without that of their workers",
    "open_files": "Open files of the server processes",
}


class Tracer(Protocol):
    """Traces of requests, for whoever gathers them."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Callable[[str, int, str], None]]:
        """Open for as long as the request is answered; what it gives is told the route's template, the status and the request id."""


class NoMeter:
    """Counts nothing."""

    def request(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None: ...

    def transaction(self, action: str, outcome: str) -> None: ...

    def stored(self, stored: int, failed: int) -> None: ...

    def job(self, name: str, outcome: str, seconds: float) -> None: ...

    def level(self, name: str, value: float) -> None: ...

    def exposition(self, accept: str) -> tuple[bytes, str]:
        return b"", "text/plain"
