"""Several workers, one instance: of rivals one wins, of equals there is one, and who reads gets one version whole or is told it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.e2e.test_faults import read, store
from tests.e2e.test_kill import s3_environment
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS

SECONDS = 6.0


@pytest.fixture(params=["sqlite and files", "postgresql and s3"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    replacing = {"RADIOLUCENT_STORE__ON_CONFLICT": "replace"}
    if request.param == "sqlite and files":
        with running(tmp_path / "data", workers=2, environment=replacing) as server:
            yield server, replacing
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    seaweedfs: SeaweedFS = request.getfixturevalue("seaweedfs")
    with (
        s3_environment(postgres, seaweedfs, f"races-{fresh_uid()}") as environment,
        running(tmp_path / "data", workers=2, environment={**environment, **replacing}) as server,
    ):
        yield server, {**environment, **replacing}


def test_s13_s14_equal_stores_at_one_moment_are_one_row_and_one_object(site: tuple[Server, dict[str, str]]) -> None:
    server, environment = site
    study, series, uid = fresh_uid(), fresh_uid(), fresh_uid()
    one = instance(study_uid=study, series_uid=series, instance_uid=uid, PatientID="NEW")
    others = [instance(study_uid=study, series_uid=series, PatientID="NEW") for _ in range(8)]
    with ThreadPoolExecutor(16) as pool:
        assert {answer.status_code for answer in pool.map(lambda content: store(server, content), [one, *others] + [one] * 7)} == {200}
    (found,) = httpx.get(f"{server.base}/studies?StudyInstanceUID={study}", timeout=20).json()
    assert found["00201208"]["Value"] == [9]
    assert len(httpx.get(f"{server.base}/patients?PatientID=NEW", timeout=20).json()) == 1
    command = [sys.executable, "-m", "app", "verify", "--grace", "0", "--data", str(server.data)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:20]) == (0, "9 instances checked:"), done.stdout


def test_who_reads_while_it_is_replaced_or_deleted_gets_one_version_whole(site: tuple[Server, dict[str, str]]) -> None:
    server, _ = site
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    versions = [instance(**uids, rows=400, columns=400, PatientComments=word) for word in ("first", "second")]
    path = "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)
    assert store(server, versions[0]).status_code == 200
    end = time.monotonic() + SECONDS

    def reading(allowed: set[int]) -> int:
        count = 0
        while time.monotonic() < end:
            answer = read(server, path)
            assert answer.status_code in allowed, answer.text
            assert answer.status_code == 404 or answer.content in versions
            count += 1
        return count

    def replacing() -> None:
        while time.monotonic() < end:
            for version in versions:
                assert store(server, version).status_code in {200, 202}

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(reading, {200}) for _ in range(3)]
        pool.submit(replacing).result()
        assert sum(reader.result() for reader in readers)
    end = time.monotonic() + SECONDS

    def deleting() -> None:
        while time.monotonic() < end:
            assert httpx.delete(server.base + path, timeout=30).status_code == 204
            assert store(server, versions[0]).status_code == 200

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(reading, {200, 404}) for _ in range(3)]
        pool.submit(deleting).result()
        assert sum(reader.result() for reader in readers)
