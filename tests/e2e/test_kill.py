"""kill -9 in the middle of stores: nothing acknowledged is lost, nothing is half visible; on SQLite with files, on PostgreSQL with S3."""

from __future__ import annotations

import io
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pydicom

from tests.builders import fresh_uid, instance, multipart
from tests.e2e.server import Server, start
from tests.parts import parts_of
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS

SENDERS = 4
PART10 = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@dataclass(slots=True)
class Ledger:
    """What was sent, and what of it the server has acknowledged; by SOP Instance UID."""

    sent: dict[str, bytes] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


def send_until_it_breaks(server: Server, ledger: Ledger, study: str, seed: int) -> None:
    """Store batch after batch until the server is gone; only a complete answer counts as an acknowledgement."""
    chance = random.Random(seed)
    with httpx.Client(base_url=server.base, timeout=30) as client:
        while True:
            batch = {
                uid: instance(
                    study_uid=study, series_uid=f"{study}.{seed % 3}", instance_uid=uid, rows=chance.choice([8, 64, 700]), columns=800
                )
                for uid in (fresh_uid() for _ in range(chance.randint(1, 4)))
            }
            with ledger.lock:
                ledger.sent.update(batch)
            body, content_type = multipart(list(batch.values()))
            try:
                answer = client.post("/studies", content=body, headers={"Content-Type": content_type})
            except httpx.TransportError:
                return
            assert answer.status_code == 200, answer.text
            with ledger.lock:
                ledger.acknowledged |= {item["00081155"]["Value"][0] for item in answer.json()["00081199"]["Value"]}


def check(server: Server, ledger: Ledger) -> None:
    """Every acknowledged instance is whole in search at three levels, metadata and retrieval; every other one whole or nowhere."""
    with httpx.Client(base_url=server.base, timeout=60) as client:
        rows = client.get("/instances?limit=10000").json()
        visible = {row["00080018"]["Value"][0]: row for row in rows}
        assert ledger.acknowledged <= set(visible), "an acknowledged instance is lost"
        assert set(visible) <= set(ledger.sent)
        counts = {row["0020000D"]["Value"][0]: row["00201208"]["Value"][0] for row in client.get("/studies?limit=10000").json()}
        seen: dict[str, int] = {}
        for row in rows:
            study = row["0020000D"]["Value"][0]
            seen[study] = seen.get(study, 0) + 1
        assert counts == seen, "a study's count is not that of its instances"
        for study, count in counts.items():
            parts = parts_of(client.get(f"/studies/{study}", headers=PART10))
            found = {str(pydicom.dcmread(io.BytesIO(part.body), stop_before_pixels=True).SOPInstanceUID): part.body for part in parts}
            assert len(found) == count
            assert all(ledger.sent[uid] == body for uid, body in found.items()), "an instance came back damaged"
            metadata = client.get(f"/studies/{study}/metadata").json()
            assert {item["00080018"]["Value"][0] for item in metadata} == set(found)


def test_s22_nothing_acknowledged_is_lost_and_nothing_is_half_visible(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "data", cycles=20, environment={})


def test_nor_on_postgresql_and_s3(tmp_path: Path, postgres: Postgres, seaweedfs: SeaweedFS) -> None:
    with postgres.database() as database:
        environment = {
            "RADIOLUCENT_DATABASE__URL": database,
            "RADIOLUCENT_STORAGE__URL": seaweedfs.url("kill"),
            "RADIOLUCENT_STORAGE__ACCESS_KEY_ID": seaweedfs.access_key_id,
            "RADIOLUCENT_STORAGE__SECRET_ACCESS_KEY": seaweedfs.secret_access_key,
        }
        kill_again_and_again(tmp_path / "data", cycles=5, environment=environment)


def kill_again_and_again(data: Path, *, cycles: int, environment: Mapping[str, str]) -> None:
    ledger = Ledger()
    chance = random.Random(20)
    cycles_with_loss = 0
    for cycle in range(cycles):
        server = start(data, environment=environment)
        try:
            if cycle % 5 == 0:
                check(server, ledger)
            study = fresh_uid()
            with ThreadPoolExecutor(SENDERS) as pool:
                senders = [pool.submit(send_until_it_breaks, server, ledger, study, cycle * SENDERS + n) for n in range(SENDERS)]
                time.sleep(chance.uniform(0.05, 0.6))
                server.kill()
                for sender in senders:
                    sender.result()
        finally:
            server.stop()
        cycles_with_loss += len(ledger.sent) > len(ledger.acknowledged)
    server = start(data, environment=environment)
    try:
        check(server, ledger)
        assert ledger.acknowledged, "nothing was acknowledged: the test has shown nothing"
        assert cycles_with_loss, "no store was interrupted: the test has shown nothing"
        again = list(ledger.sent.values())[:40]
        body, content_type = multipart(again)
        retried = httpx.post(server.base + "/studies", content=body, headers={"Content-Type": content_type}, timeout=60)
        assert retried.status_code == 200, "what was interrupted can be sent again"
    finally:
        server.stop()
