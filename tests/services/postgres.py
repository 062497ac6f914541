"""A real PostgreSQL server for the tests: a cluster of its own in a temporary folder, on a free port of 127.0.0.1, gone at the end.

It does not wait for disks (fsync off), for nothing that a test writes has to outlive the machine.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

MISSING = "PostgreSQL's server programs are missing: install them with `apt-get install postgresql`"


@dataclass(frozen=True, slots=True)
class Cluster:
    """How the server of a folder is started and ended, and where it tells of itself."""

    command: list[str]
    stop: list[str]
    log: Path


class Server:
    """A running server; every database in it belongs to one test."""

    def __init__(self, port: int, cluster: Cluster, bin_: Path) -> None:
        self.port = port
        self._cluster = cluster
        self._bin = bin_
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, or begin again with all that was there."""
        with self._cluster.log.open("ab") as output:
            self._process = subprocess.Popen(self._cluster.command, stdout=output, stderr=output, cwd="/")
        _wait(self._bin, self.port, self._process, self._cluster.log)

    def stop(self) -> None:
        """End at once, as if it had crashed."""
        if self._process is not None:
            subprocess.run(self._cluster.stop, capture_output=True, check=False)
            self._process.wait(30)
            self._process = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, dropped afterwards."""
        name = f"test_{secrets.token_hex(6)}"
        self._run(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        yield self.url(name)
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def programs() -> Path:
    """The folder of initdb and postgres. Fails, never skips, if there is none: a suite that passes has run."""
    found = shutil.which("pg_config")
    folders = [subprocess.run([found, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()] if found else []
    folders += [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    for folder in folders:
        if (Path(folder) / "initdb").exists() and (Path(folder) / "postgres").exists():
            return Path(folder)
    pytest.fail(MISSING)


@contextmanager
def running(settings: dict[str, str] | None = None) -> Iterator[Server]:
    """A server with these settings, on a fresh cluster."""
    bin_ = programs()
    # Not pytest's temporary folder: only its owner may enter that one, and the server does not run as root.
    with tempfile.TemporaryDirectory(prefix="radiolucent-postgres-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        who = _as_owner(data)
        log = Path(folder) / "log"
        initdb = [bin_ / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
        _run([*who, *initdb])
        port = _free_port()
        wanted = {
            "fsync": "off",
            "max_connections": "200",
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            **(settings or {}),
        }
        options = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
        command = [str(word) for word in [*who, bin_ / "postgres", "-D", data, "-p", port, *options]]
        cluster = Cluster(command, [str(word) for word in (*who, bin_ / "pg_ctl", "stop", "-m", "immediate", "-D", data)], log)
        server = Server(port, cluster, bin_)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _as_owner(data: Path) -> list[str]:
    """PostgreSQL refuses to run as root; then its own user, which the package makes, takes over."""
    if os.geteuid() != 0:
        return []
    shutil.chown(data, "postgres", "postgres")
    return ["runuser", "-u", "postgres", "--"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(bin_: Path, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    ready = [str(bin_ / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(600):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-2000:]}")


def _run(command: list[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        pytest.fail(f"PostgreSQL's initdb failed: {done.stderr[-2000:]}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests of a run; each test takes a `database()` of its own."""
    with running() as server:
        yield server
