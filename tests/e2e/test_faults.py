"""What is full, locked, slow or away: 507 or 503 with Retry-After within ten seconds, reads go on, and it heals by itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.services import postgres as postgres_service
from tests.services import seaweedfs as seaweedfs_service
from tests.services.faulty import Fault, Proxy, faulty
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS

IN_TIME = 10.0
BUSY_MACHINE = 2.0
"""Seconds that the test's own machine may add."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running server, the way to what is behind it, and an instance that was stored while all was well."""

    server: Server
    database: Proxy
    blobs: Proxy
    content: bytes
    path: str


def store(server: Server, content: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/dicom"}
    return httpx.post(server.base + "/studies", content=content, headers=headers, timeout=60)


def health(server: Server, which: str) -> int:
    return httpx.get(f"http://127.0.0.1:{server.port}/health/{which}", timeout=30).status_code


def stored(server: Server, **size: int) -> tuple[bytes, str]:
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    content = instance(**uids, **size)
    answer = store(server, content)
    assert answer.status_code == 200, answer.text
    return content, "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)


def read(server: Server, path: str) -> httpx.Response:
    return httpx.get(server.base + path, headers={"Accept": "application/dicom; transfer-syntax=*"}, timeout=60)


def refused(server: Server, status: int, **size: int) -> None:
    """A Store is refused in time, with a sentence and with when to come again."""
    begun = time.monotonic()
    answer = store(server, instance(**size))
    took = time.monotonic() - begun
    assert answer.status_code == status, answer.text
    assert took < IN_TIME + BUSY_MACHINE, f"it took {took:.1f} s"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


def heals(server: Server, seconds: float = 30) -> None:
    """Without a restart."""
    end = time.monotonic() + seconds
    while health(server, "ready") != 200:
        assert time.monotonic() < end, "it does not become ready again"
        time.sleep(0.2)
    stored(server)


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[Postgres, SeaweedFS]]:
    """Services of this file's own, for they are stopped and started."""
    with postgres_service.running() as postgres, seaweedfs_service.running() as seaweedfs:
        yield postgres, seaweedfs


@pytest.fixture(scope="module")
def site(services: tuple[Postgres, SeaweedFS], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    postgres, seaweedfs = services
    with faulty(postgres.port) as database, faulty(int(seaweedfs.endpoint.rpartition(":")[2])) as blobs, postgres.database() as url:
        environment = {
            "RADIOLUCENT_DATABASE__URL": url.replace(str(postgres.port), str(database.port)),
            "RADIOLUCENT_STORAGE__URL": seaweedfs.url("faults", f"http://127.0.0.1:{blobs.port}"),
            "RADIOLUCENT_STORAGE__ACCESS_KEY_ID": seaweedfs.access_key_id,
            "RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": seaweedfs.secret_access_key,
        }
        with running(tmp_path_factory.mktemp("faults") / "data", environment=environment) as server:
            content, path = stored(server, rows=200, columns=200)
            yield Site(server, database, blobs, content, path)


@pytest.mark.parametrize("fault", [Fault.REFUSES, Fault.SILENT, Fault.BUSY])
def test_s21_an_object_store_that_is_away(site: Site, fault: Fault) -> None:
    site.blobs.fault = fault
    try:
        refused(site.server, 503)
        assert health(site.server, "ready") == 503
        assert health(site.server, "live") == 200
        assert httpx.get(f"{site.server.base}/studies?limit=1", timeout=20).status_code == 200
        assert httpx.get(f"{site.server.base}{site.path}/metadata", timeout=20).status_code == 200
        assert read(site.server, site.path).status_code == 503
    finally:
        site.blobs.fault = Fault.NONE
    heals(site.server)
    assert read(site.server, site.path).content == site.content


def test_a_slow_object_store_is_slow_and_no_more(site: Site) -> None:
    site.blobs.fault = Fault.SLOW
    try:
        begun = time.monotonic()
        answer = store(site.server, instance())
        assert answer.status_code in {200, 503}
        assert time.monotonic() - begun < IN_TIME + BUSY_MACHINE
        assert httpx.get(f"{site.server.base}/studies?limit=1", timeout=3).status_code == 200
    finally:
        site.blobs.fault = Fault.NONE
    heals(site.server)


def test_bytes_that_change_on_the_way_to_the_object_store_are_never_acknowledged(site: Site) -> None:
    site.blobs.fault = Fault.FLIPS
    try:
        refused(site.server, 503, rows=64, columns=64)
    finally:
        site.blobs.fault = Fault.NONE
    heals(site.server)


@pytest.mark.parametrize("fault", [Fault.REFUSES, Fault.SILENT])
def test_a_database_that_is_away(site: Site, fault: Fault) -> None:
    site.database.fault = fault
    try:
        refused(site.server, 503)
        begun = time.monotonic()
        assert httpx.get(f"{site.server.base}/studies?limit=1", timeout=30).status_code == 503
        assert time.monotonic() - begun < IN_TIME + BUSY_MACHINE
        assert health(site.server, "ready") == 503
        assert health(site.server, "live") == 200
    finally:
        site.database.fault = Fault.NONE
    heals(site.server)
    assert read(site.server, site.path).content == site.content


def test_services_that_are_stopped_and_started(site: Site, services: tuple[Postgres, SeaweedFS]) -> None:
    postgres, seaweedfs = services
    postgres.stop()
    refused(site.server, 503)
    assert health(site.server, "live") == 200
    postgres.start()
    heals(site.server)
    seaweedfs.stop()
    refused(site.server, 503)
    assert httpx.get(f"{site.server.base}/studies?limit=1", timeout=20).status_code == 200
    seaweedfs.start()
    heals(site.server)
    assert read(site.server, site.path).content == site.content


def test_a_database_file_that_another_program_has_locked(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        content, path = stored(server)
        with sqlite3.connect(tmp_path / "data" / "index.sqlite3", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            refused(server, 503)
            assert httpx.get(f"{server.base}/studies?limit=1", timeout=10).status_code == 200
            assert read(server, path).content == content
            other.execute("ROLLBACK")
        other.close()
        heals(server)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    """A small disk of its own at `folder`."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk; CI does")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_s21_a_full_disk_is_507_and_deleting_makes_room(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    environment = {"RADIOLUCENT_STORAGE__RESERVE": str(16 * 1024**2), "RADIOLUCENT_PIXELS__CACHE_BYTES": "0"}
    with mounted(folder, "64m"), running(folder / "data", environment=environment) as server:
        content, path = stored(server, rows=1000, columns=2000)
        answer = store(server, instance(rows=1000, columns=2000))
        for _ in range(20):
            if answer.status_code != 200:
                break
            answer = store(server, instance(rows=1000, columns=2000))
        assert answer.status_code == 507, answer.text
        refused(server, 507)
        assert health(server, "ready") == 503
        assert health(server, "live") == 200
        assert httpx.get(f"{server.base}/studies", timeout=20).status_code == 200
        assert read(server, path).content == content
        for study in [row["0020000D"]["Value"][0] for row in httpx.get(f"{server.base}/studies", timeout=20).json()][:3]:
            assert httpx.delete(f"{server.base}/studies/{study}", timeout=20).status_code == 204
        command = [sys.executable, "-m", "app", "purge", "--now", "--data", str(folder / "data")]
        subprocess.run(command, check=True, env={**os.environ, **environment}, capture_output=True)
        heals(server)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024**2))


def test_a_disk_that_is_full_to_its_last_byte_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    with mounted(folder, "64m"), running(folder / "data", environment={"RADIOLUCENT_STORAGE__RESERVE": "0"}) as server:
        content, path = stored(server)
        filler = folder / "filler"
        _fill(filler)
        assert store(server, instance(rows=1000, columns=2000)).status_code in {503, 507}
        assert health(server, "live") == 200
        filler.unlink()
        heals(server)
        assert read(server, path).content == content


def test_a_folder_that_has_become_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    environment = {"RADIOLUCENT_STORAGE__URL": (folder / "blobs").as_uri()}
    with (
        mounted(folder, "64m"),
        running(tmp_path / "data", environment={**environment, "RADIOLUCENT_STORAGE__RESERVE": "0"}) as server,
    ):
        content, path = stored(server)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        try:
            refused(server, 503)
            assert health(server, "ready") == 503
            assert read(server, path).content == content
            assert httpx.get(f"{server.base}/studies", timeout=20).status_code == 200
        finally:
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        heals(server)
