"""Several workers on one store: on SQLite with files, and on PostgreSQL with an S3 server."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pydicom

from tests.builders import multipart, study
from tests.e2e.server import Server, running
from tests.parts import parts_of
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS

PART10 = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


def walk(server: Server) -> None:
    """Store from many connections at once; whichever worker answers, it knows all of it at once."""
    parts = study(series=3, instances=8)
    uid = str(pydicom.dcmread(io.BytesIO(parts[0])).StudyInstanceUID)

    def send(part: bytes) -> int:
        body, content_type = multipart([part])
        return httpx.post(server.base + "/studies", content=body, headers={"Content-Type": content_type}, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, parts)) == {200}
    for _ in range(10):
        (found,) = httpx.get(f"{server.base}/studies?StudyInstanceUID={uid}").json()
        assert (found["00201206"]["Value"], found["00201208"]["Value"]) == ([3], [24])
        assert len(httpx.get(f"{server.base}/studies/{uid}/metadata").json()) == 24
    answer = httpx.get(f"{server.base}/studies/{uid}", headers=PART10, timeout=60)
    assert {part.body for part in parts_of(answer)} == set(parts)
    assert httpx.delete(f"{server.base}/studies/{uid}", timeout=60).status_code == 204
    assert {httpx.get(f"{server.base}/studies/{uid}/metadata").status_code for _ in range(10)} == {404}


def test_workers_on_sqlite_and_files(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=3) as server:
        walk(server)


def test_workers_on_postgresql_and_s3(tmp_path: Path, postgres: Postgres, seaweedfs: SeaweedFS) -> None:
    with postgres.database() as database:
        environment = {
            "RADIOLUCENT_DATABASE__URL": database,
            "RADIOLUCENT_STORAGE__URL": seaweedfs.url("scale-out"),
            "RADIOLUCENT_STORAGE__ACCESS_KEY_ID": seaweedfs.access_key_id,
            "RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": seaweedfs.secret_access_key,
        }
        with running(tmp_path / "data", workers=2, environment=environment) as server:
            walk(server)
        command = [sys.executable, "-m", "app", "purge", "--now", "--data", str(tmp_path / "data")]
        subprocess.run(command, check=True, env={**os.environ, **environment})
        assert seaweedfs.keys("scale-out") <= {"probe"}, "deleted instances left blobs behind"
