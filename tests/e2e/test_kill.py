"""kill -9 in the middle of everything: nothing acknowledged is lost, nothing is half visible; on SQLite with files, on PostgreSQL with S3.

The short run; `make crash` runs the same for a hundred cycles and more (CRASH_CYCLES).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.builders import multipart
from tests.e2e.crash import ABSENT, Figures, Ledger, campaign
from tests.e2e.server import start
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS

SECONDS = 20.0


def enough() -> Callable[[Figures], bool]:
    """Long runs are counted in cycles, the short one in seconds."""
    if cycles := int(os.environ.get("CRASH_CYCLES", "0")):
        return lambda figures: figures.cycles >= cycles
    end = time.monotonic() + SECONDS
    return lambda figures: figures.cycles >= 3 and time.monotonic() > end


def tell(figures: Figures) -> None:
    if "CRASH_CYCLES" in os.environ and figures.cycles % 10 == 0:
        sys.__stdout__ and print(figures, file=sys.__stdout__, flush=True)


@contextmanager
def s3_environment(postgres: Postgres, seaweedfs: SeaweedFS, prefix: str) -> Iterator[dict[str, str]]:
    with postgres.database() as database:
        yield {
            "RADIOLUCENT_DATABASE__URL": database,
            "RADIOLUCENT_STORAGE__URL": seaweedfs.url(prefix),
            "RADIOLUCENT_STORAGE__ACCESS_KEY_ID": seaweedfs.access_key_id,
            "RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": seaweedfs.secret_access_key,
        }


def run(data: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments, "--data", str(data)]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def end(data: Path, environment: Mapping[str, str], ledger: Ledger) -> int:
    """Leftovers are swept, nothing else is wrong, and what was interrupted can be sent again. How many blobs belong to instances now."""
    assert ledger.figures.stored, "nothing was acknowledged: the run has shown nothing"
    assert ledger.figures.interrupted, "nothing was interrupted: the run has shown nothing"
    # In this order: of a deletion that was killed, the record may tell of nothing any more once all is purged.
    assert run(data, environment, "purge", "--now").returncode == 0
    swept = run(data, environment, "verify", "--repair", "--grace", "0")
    assert swept.returncode == 0, swept.stdout
    assert " 0 missing, 0 damaged, 0 wrong" in swept.stdout
    sound = run(data, environment, "verify", "--grace", "0")
    assert (sound.returncode, sound.stdout.count("\n")) == (0, 1), sound.stdout
    there = [content for (content,) in ledger.possible.values() if content != ABSENT]
    assert sound.stdout.startswith(f"{len(there)} instances checked")
    if there:
        server = start(data, environment=environment)
        try:
            body, content_type = multipart(there[:40])
            again = httpx.post(server.base + "/studies", content=body, headers={"Content-Type": content_type}, timeout=60)
            assert again.status_code == 200, "what is there can be sent again"
        finally:
            server.stop()
    return sum(2 if b"1.2.840.10008.1.2.2\x00" in content[:1000] else 1 for content in there)


def test_s22_nothing_acknowledged_is_lost_and_nothing_is_half_visible(tmp_path: Path) -> None:
    data = tmp_path / "data"
    ledger = campaign(data, environment={}, enough=enough(), seed=22, tell=tell)
    blobs = end(data, {}, ledger)
    assert len([path for path in (data / "blobs").rglob("*") if path.is_file()]) == blobs, "leftovers"


def test_nor_on_postgresql_and_s3(tmp_path: Path, postgres: Postgres, seaweedfs: SeaweedFS) -> None:
    with s3_environment(postgres, seaweedfs, "kill") as environment:
        ledger = campaign(tmp_path / "data", environment=environment, enough=enough(), seed=23, tell=tell)
        blobs = end(tmp_path / "data", environment, ledger)
        assert len([key for key in seaweedfs.keys("kill") if "/" in key and not key.startswith(".uploads")]) == blobs, "leftovers"
