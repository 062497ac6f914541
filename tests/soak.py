"""`make soak`: mixed traffic against a real server for minutes, with faults; memory, open files and latency are looked at all the while.

    python -m tests.soak --seconds 600

After a warm-up memory has to be flat: the bar is on the slope of a straight line through it, and on open files. Faults: damaged objects,
bodies that break off, answers that are not read to their end, clients that say nothing, requests in doubt. Must not know the server's code.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.builders import fresh_uid, instance, multipart
from tests.e2e.server import Server, running
from tests.mutants import mutant, seeds
from tests.processes import open_files, resident, resident_of_all

CLIENTS = 6
EVERY = 1.0
WARM = 0.5
"""The part of the run whose memory does not count: caches fill, worker processes start."""

SLOPE = 256 * 1024
"""Bytes a second that memory may grow by after it: of a run of minutes, what measuring leaves in doubt. A leak of one part is more."""

FILES = 64
"""How many more open files there may be at the end than in the middle."""

DOCUMENTED = frozenset({501, 503, 507})


@dataclass(slots=True)
class Seen:
    """What the run has shown, as (second, number): `memory` of all processes, of the `server` alone, open `files`; the seconds that each
    kind of request `took`; what is `wrong`."""

    memory: list[tuple[float, float]] = field(default_factory=list)
    server: list[tuple[float, float]] = field(default_factory=list)
    files: list[tuple[float, float]] = field(default_factory=list)
    took: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One of those who use the server at the same time."""

    def __init__(self, server: Server, seed: int, seen: Seen, files: Sequence[bytes]) -> None:
        self.server, self.rng, self.seen, self.files = server, random.Random(seed), seen, files
        self.http = httpx.Client(timeout=60)
        self.stored: list[tuple[str, str]] = []

    def run(self, until: float) -> None:
        ordinary: list[Callable[[], None]] = [self.store, self.search, self.search, self.metadata, self.frame, self.picture, self.delete]
        faults: list[Callable[[], None]] = [self.damaged, self.broken_off, self.unread, self.silent, self.in_doubt]
        with self.http:
            while time.monotonic() < until:
                self.rng.choice(ordinary if self.rng.random() < 0.8 else faults)()

    def ask(self, kind: str, method: str, path: str, **arguments: object) -> httpx.Response:
        begun = time.monotonic()
        answer = self.http.request(method, self.server.base + path, **arguments)  # type: ignore[arg-type]
        self.seen.took.setdefault(kind, []).append(time.monotonic() - begun)
        self.seen.statuses[answer.status_code] += 1
        if answer.status_code >= 500 and answer.status_code not in DOCUMENTED:
            self.seen.wrong.append(f"{answer.status_code} to {kind}")
        return answer

    def store(self) -> None:
        study = fresh_uid()
        made = [(fresh_uid(), fresh_uid()) for _ in range(self.rng.randint(1, 5))]
        body, kind = multipart(
            [instance(study_uid=study, series_uid=a, instance_uid=b, rows=self.rng.choice((16, 128, 512)), columns=128) for a, b in made]
        )
        if self.ask("store", "POST", "/studies", content=body, headers={"Content-Type": kind}).status_code == 200:
            self.stored += [(study, f"/studies/{study}/series/{a}/instances/{b}") for a, b in made]

    def one(self) -> str:
        return self.rng.choice(self.stored)[1] if self.stored else f"/studies/{fresh_uid()}/series/1/instances/1"

    def search(self) -> None:
        query = self.rng.choice(("limit=20", "PatientName=Doe*&limit=5", "StudyDate=20240101-20241231&limit=50&includefield=all"))
        self.ask("search", "GET", f"/{self.rng.choice(('studies', 'series', 'instances'))}?{query}")

    def metadata(self) -> None:
        self.ask(
            "metadata",
            "GET",
            self.one() + "/metadata",
            headers={"Accept": self.rng.choice(("application/dicom+json", "application/dicom+xml"))},
        )

    def frame(self) -> None:
        self.ask("frame", "GET", self.one() + "/frames/1")

    def picture(self) -> None:
        self.ask("picture", "GET", self.one() + self.rng.choice(("/rendered", "/thumbnail")), headers={"Accept": "image/*"})

    def delete(self) -> None:
        if len(self.stored) > 50:
            study, _ = self.stored[0]
            self.stored = [each for each in self.stored if each[0] != study]
            self.ask("delete", "DELETE", f"/studies/{study}")

    def damaged(self) -> None:
        body, kind = multipart([mutant(self.rng, self.files) for _ in range(3)])
        answer = self.ask("damaged", "POST", "/studies", content=body, headers={"Content-Type": kind})
        with suppress(httpx.RemoteProtocolError):
            for item in answer.json().get("00081199", {}).get("Value", []):
                path = item["00081190"]["Value"][0].removeprefix(self.server.base)
                self.ask("damaged picture", "GET", path + "/rendered", headers={"Accept": "image/png"})

    def raw(self, data: bytes, *, wait: float = 0.0, read: int = 0) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(data)
            time.sleep(wait)
            if read:
                connection.recv(read)

    def broken_off(self) -> None:
        data = instance(rows=256, columns=256)
        head = b"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/dicom\r\nContent-Length: %d\r\n\r\n"
        self.raw(head % len(data) + data[: self.rng.randrange(len(data))])

    def unread(self) -> None:
        self.raw(f"GET /dicom-web{self.one()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/dicom\r\n\r\n".encode(), read=10)

    def silent(self) -> None:
        self.raw(self.rng.choice((b"", b"GET /dicom", b"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\n")), wait=0.5)

    def in_doubt(self) -> None:
        self.raw(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", read=100)


def soak(folder: Path, seconds: float) -> Seen:
    """One server in `folder`, under load for so long."""
    seen, files = Seen(), seeds()
    with running(folder / "data", environment={"RADIOLUCENT_PIXELS__CACHE_BYTES": str(32 * 1024**2)}) as server:
        begun = time.monotonic()
        clients = [Client(server, seed, seen, files) for seed in range(CLIENTS)]
        threads = [threading.Thread(target=_guarded, args=(client, begun + seconds, seen)) for client in clients]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seen.memory.append((time.monotonic() - begun, resident_of_all(server.process.pid)))
            seen.server.append((time.monotonic() - begun, resident(server.process.pid)))
            seen.files.append((time.monotonic() - begun, open_files(server.process.pid)))
            time.sleep(EVERY)
        if server.process.poll() is not None:
            seen.wrong.append("the server has ended")
        elif httpx.get(f"http://127.0.0.1:{server.port}/health/ready", timeout=20).status_code != 200:
            seen.wrong.append("the server is not ready")
    return seen


def _guarded(client: Client, until: float, seen: Seen) -> None:
    try:
        client.run(until)
    except Exception as error:  # noqa: BLE001 - told at the end, whatever it is
        seen.wrong.append(f"a client ended: {type(error).__name__}: {error}")


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line through what comes after the warm-up, in units a second."""
    late = points[int(len(points) * WARM) :]
    return statistics.linear_regression(*zip(*late, strict=True)).slope if len(late) > 2 else 0.0


def faults(seen: Seen, *, most: float = SLOPE) -> list[str]:
    """What is not as it has to be."""
    found = list(seen.wrong)
    if (growth := slope(seen.memory)) > most:
        found.append(f"memory grows by {growth / 1024:.0f} KiB a second")
    middle, end = seen.files[len(seen.files) // 2][1], seen.files[-1][1]
    if end > middle + FILES:
        found.append(f"{end - middle:.0f} more open files at the end than in the middle")
    return found


def report(seen: Seen) -> str:
    """For people: memory, files, latency by kind of request."""
    files = [count for _, count in seen.files]
    mebibytes = [size / 1024**2 for _, size in seen.memory]
    lines = [
        f"memory      {mebibytes[0]:.0f} MiB at first, {max(mebibytes):.0f} at most, {mebibytes[-1]:.0f} at the end; "
        f"slope after warm-up {slope(seen.memory) / 1024:+.1f} KiB/s, of the server process alone {slope(seen.server) / 1024:+.1f}",
        f"open files  {files[0]:.0f} at first, {max(files):.0f} at most, {files[-1]:.0f} at the end",
        f"answers     {dict(sorted(seen.statuses.items()))}",
    ]
    for kind, took in sorted(seen.took.items()):
        ordered = sorted(took)
        some = (ordered[int(part * (len(ordered) - 1))] * 1000 for part in (0.5, 0.95, 0.99, 1))
        lines.append(
            f"{kind:16}{len(took):6} requests; ms: "
            + ", ".join(f"{name} {value:.0f}" for name, value in zip(("p50", "p95", "p99", "max"), some, strict=True))
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mixed traffic with faults against a real server")
    parser.add_argument("--seconds", type=float, default=600)
    with tempfile.TemporaryDirectory() as folder:
        seen = soak(Path(folder), parser.parse_args().seconds)
    sys.stdout.write(report(seen) + "\n")
    for fault in faults(seen):
        sys.stdout.write(f"WRONG: {fault}\n")
    return 1 if faults(seen) else 0


if __name__ == "__main__":
    sys.exit(main())
