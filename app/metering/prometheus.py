"""`meter.Meter` in the forms of Prometheus and OpenMetrics.

Several server processes count into files of one folder (prometheus-client's multiprocess mode: memory-mapped, no lock between them);
whichever is asked answers for all. The environment says so before the library is imported: `MULTIPROCESS`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app import __version__
from app.meter import LEVELS, MULTIPROCESS

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
NAMESPACE = "radiolucent"


class PrometheusMeter:
    """See `meter.Meter`. What is counted for a route is looked up once, for a look-up by labels costs more than counting."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        space: Any = {"namespace": NAMESPACE, "registry": own}
        self._requests = Counter("requests", "Requests answered, by route, method and status", ("route", "method", "status"), **space)
        self._seconds = Histogram(
            "request_seconds", "From the head of a request to the end of its answer", ("route", "method"), buckets=SECONDS, **space
        )
        self._received = Counter("received_bytes", "Bytes of the bodies of requests", ("route",), **space)
        self._sent = Counter("sent_bytes", "Bytes of the bodies of answers", ("route",), **space)
        self._transactions = Counter(
            "transactions", "Transactions by action and outcome, as the audit trail has them", ("action", "outcome"), **space
        )
        self._instances = Counter("instances", "Instances received by Store, by what became of them", ("outcome",), **space)
        self._jobs = Counter("pixel_jobs_done", "Jobs on pixel data, by job and outcome", ("job", "outcome"), **space)
        self._job_seconds = Histogram(
            "pixel_job_seconds", "From when a job on pixel data was wanted to its end", ("job",), buckets=SECONDS, **space
        )
        self._levels = {name: Gauge(name, text, multiprocess_mode="livesum", **space) for name, text in LEVELS.items()}
        Gauge("build_info", "1, with the version as label", ("version",), multiprocess_mode="max", **space).labels(__version__).set(1)
        self._outcomes: dict[tuple[str, str], Counter] = {}
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter, Counter]] = {}

    def request(self, route: str, method: str, status: int, seconds: float, received: int, sent: int) -> None:
        known = self._known.get((route, method, status))
        if known is None:
            known = self._known[route, method, status] = (
                self._requests.labels(route, method, str(status)),
                self._seconds.labels(route, method),
                self._received.labels(route),
                self._sent.labels(route),
            )
        count, duration, inward, outward = known
        count.inc()
        duration.observe(seconds)
        if received:
            inward.inc(received)
        if sent:
            outward.inc(sent)

    def transaction(self, action: str, outcome: str) -> None:
        known = self._outcomes.get((action, outcome))
        if known is None:
            known = self._outcomes[action, outcome] = self._transactions.labels(action, outcome)
        known.inc()

    def stored(self, stored: int, failed: int) -> None:
        self._instances.labels("stored").inc(stored)
        self._instances.labels("failed").inc(failed)

    def job(self, name: str, outcome: str, seconds: float) -> None:
        self._jobs.labels(name, outcome).inc()
        self._job_seconds.labels(name).observe(seconds)

    def level(self, name: str, value: float) -> None:
        self._levels[name].set(value)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        registry = self._registry
        folder = os.environ.get(MULTIPROCESS)
        if folder:
            _forget_the_dead(Path(folder))
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type


def _forget_the_dead(folder: Path) -> None:
    """Levels of worker processes that are no more; what they have counted stays."""
    for file in folder.glob("gauge_livesum_*.db"):
        number = file.stem.rpartition("_")[2]
        with suppress(ValueError, PermissionError):
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                mark_process_dead(int(number), str(folder))  # type: ignore[no-untyped-call]
