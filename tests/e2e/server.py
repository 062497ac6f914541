"""A real server process on a free port, for what cannot be seen in-process: sockets, streams, kill -9."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.builders import multipart

START_SECONDS = 60.0


@dataclass(slots=True)
class Server:
    """A running `radiolucent serve`; `base` is its DICOMweb base URL."""

    process: subprocess.Popen[bytes]
    port: int
    data: Path
    log: Path
    scheme: str = "http"

    @property
    def root(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def base(self) -> str:
        return f"{self.root}/dicom-web"

    def store(self, *files: bytes) -> httpx.Response:
        """Store Part 10 files; what is not a success is an error."""
        body, content_type = multipart(list(files))
        return httpx.post(self.base + "/studies", content=body, headers={"Content-Type": content_type}, timeout=120).raise_for_status()

    def kill(self) -> None:
        """As a power cut would: no chance to tidy up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: Path, *, workers: int = 1, environment: Mapping[str, str] | None = None) -> Server:
    """Start a server on `data` and wait until it is ready; its output goes to a file beside the data folder."""
    port = free_port()
    log = data.parent / f"{data.name}.log"
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--data", str(data), "--workers", str(workers)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **(environment or {})}
        )
    server = Server(process, port, data, log, "https" if environment and "RADIOLUCENT_TLS__CERTIFICATE" in environment else "http")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended at its start: {log.read_text()}")
        try:
            # Whose certificate it has is for the tests to find out; here it is only asked whether it is ready.
            if httpx.get(f"{server.root}/health/ready", timeout=5, verify=False).status_code == 200:
                return server
        except httpx.TransportError:
            time.sleep(0.05)
    server.kill()
    raise RuntimeError(f"the server was not ready in {START_SECONDS:g} s: {log.read_text()}")


@contextmanager
def running(data: Path, *, workers: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    server = start(data, workers=workers, environment=environment)
    try:
        yield server
    finally:
        server.stop()
