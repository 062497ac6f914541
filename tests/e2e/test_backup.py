"""Restore drill: a backup made while writes go on gives back every instance that was acknowledged before it, from either kind of archive
into either, and nothing that has no bytes or no row."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance, study
from tests.e2e.server import Server, running
from tests.e2e.test_faults import read, store
from tests.e2e.test_kill import run, s3_environment
from tests.services.postgres import Server as Postgres
from tests.services.seaweedfs import SeaweedFS


def answers(server: Server) -> object:
    """All that a search shows, at each level."""
    return [
        httpx.get(f"{server.base}/{level}?limit=1000&includefield=all", timeout=60).json() for level in ("studies", "series", "instances")
    ]


def everything(server: Server, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        assert read(server, path).content == content


@pytest.mark.parametrize("way", ["files to files", "s3 to files", "files to s3"])
def test_a_backup_beside_writes_is_restored_whole(tmp_path: Path, postgres: Postgres, seaweedfs: SeaweedFS, way: str) -> None:
    first, _, second = way.partition(" to ")
    with s3_environment(postgres, seaweedfs, f"backup-{first}-{second}") as remote:
        environments: dict[str, dict[str, str]] = {"files": {}, "s3": remote}
        contents: dict[str, bytes] = {}
        with running(tmp_path / "old", environment=environments[first]) as server:
            for content in [*study(series=2, instances=2), instance(transfer_syntax="1.2.840.10008.1.2.2")]:
                assert store(server, content).status_code == 200
            uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
            contents["/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)] = instance(**uids)
            assert store(server, next(iter(contents.values()))).status_code == 200
            over = threading.Event()
            writer = threading.Thread(target=_write, args=(server, over))
            writer.start()
            backed_up = run(tmp_path / "old", environments[first], "backup", str(tmp_path / "backup"))
            over.set()
            writer.join()
            assert backed_up.returncode == 0, backed_up.stdout + backed_up.stderr
            again = run(tmp_path / "old", environments[first], "backup", "--prune", str(tmp_path / "backup"))
            assert again.returncode == 0, again.stdout
            before = answers(server)
        restored = run(tmp_path / "new", environments[second], "restore", str(tmp_path / "backup"))
        assert restored.returncode == 0, restored.stdout + restored.stderr
        sound = run(tmp_path / "new", environments[second], "verify", "--grace", "0")
        assert sound.returncode == 0, sound.stdout
        with running(tmp_path / "new", environment=environments[second]) as server:
            assert answers(server) == _at(before, server)
            everything(server, contents)
            assert store(server, instance()).status_code == 200, "numbers of rows go on beyond the restored ones"
        refused = run(tmp_path / "new", environments[second], "restore", str(tmp_path / "backup"))
        assert refused.returncode == 2
        assert "not empty" in refused.stderr


def test_a_folder_without_a_whole_backup_is_refused_and_damage_in_it_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "old") as server:
        assert store(server, instance()).status_code == 200
    (tmp_path / "empty").mkdir()
    nothing = run(tmp_path / "new", {}, "restore", str(tmp_path / "empty"))
    assert (nothing.returncode, "no complete backup" in nothing.stderr) == (2, True)
    assert run(tmp_path / "old", {}, "backup", str(tmp_path / "backup")).returncode == 0
    (blob,) = [path for path in (tmp_path / "backup" / "blobs" / "instances").rglob("*") if path.is_file()]
    blob.write_bytes(blob.read_bytes()[:-1] + b"\x00")
    damaged = run(tmp_path / "new", {}, "restore", str(tmp_path / "backup"))
    assert damaged.returncode == 1
    assert "not those that were received" in damaged.stdout


def _write(server: Server, over: threading.Event) -> None:
    while not over.is_set():
        assert store(server, instance(rows=100, columns=100)).status_code == 200


def _at(answer: object, server: Server) -> object:
    """Addresses begin with the address of the server that was asked."""
    return json.loads(re.sub(r"http://127\.0\.0\.1:\d+", f"http://127.0.0.1:{server.port}", json.dumps(answer)))
