"""What it costs to be on record: a request for a small frame, with the trail and with a sink that keeps nothing.

Over HTTP: processor time of the server process as the system counts it, for thousands of requests on one connection. By ASGI alone: the
shortest of many. In turns, so that what else the machine does adds to both.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import Message

from app.api.request import Service
from app.audit.sinks import FileSink
from app.index import migrate
from app.main import create_app
from app.model import Action, AuditEntry, Caller, Target, Uid
from app.settings import load_settings
from tests.bench.timing import Row, shortest_awaited
from tests.builders import instance, multipart

SECTION = "audit"
TURNS = 8
HTTP_TURNS = 3
WARM, REQUESTS = 300, 2000
RECORDED, SILENT = "recorded", "silent"
FRAME = "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1"


class Nothing:
    """A sink that keeps nothing: what a request costs without a trail."""

    async def record(self, entry: AuditEntry) -> None:
        pass

    async def foresee(self, target: Target) -> None:
        pass

    async def check(self) -> None:
        pass

    async def close(self) -> None:
        pass


def measure() -> Iterator[Row]:
    yield _over_http()
    yield from asyncio.run(_measured())


def _over_http() -> Row:
    """Milliseconds of processor time for a request."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        migrate(load_settings(storage={"data_dir": data}).database_url)
        took: dict[str, list[float]] = {RECORDED: [], SILENT: []}
        for turn in range(2 * HTTP_TURNS):
            how = RECORDED if turn % 2 else SILENT
            took[how].append(_served(data, how))
    return Row(SECTION, "one frame, over HTTP, on record", min(took[RECORDED]), min(took[SILENT]), "the same without a record")


def _served(data: Path, how: str) -> float:
    command = [sys.executable, "-m", "tests.bench.audit", str(data), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            connection = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline()), timeout=30)
            body, kind = multipart([instance(study_uid="1.2", series_uid="1.3", instance_uid="1.4")])
            connection.request("POST", "/dicom-web/studies", body, {"Content-Type": kind})
            assert connection.getresponse().read()
            for count in (WARM, REQUESTS):
                before = _processor(server.pid)
                for _ in range(count):
                    connection.request("GET", FRAME, headers={"Accept": "*/*"})
                    answer = connection.getresponse()
                    assert answer.status == 200
                    answer.read()
            return (_processor(server.pid) - before) * 1000 / REQUESTS
        finally:
            server.kill()


def _processor(pid: int) -> float:
    """Seconds that the process has had (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _serve(data: Path, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    app = create_app(load_settings(storage={"data_dir": data}))
    server = uvicorn.Server(
        uvicorn.Config(app, http="app.cli.connections:GuardedHttp", ws="none", port=port, access_log=False, log_level="error")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    if how == SILENT:
        app.state.service = _silent(app.state.service)
    print(port, flush=True)
    await serving


def _silent(service: Service) -> Service:
    return replace(service, archive=replace(service.archive, audit=Nothing()))


async def _measured() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        settings = load_settings(storage={"data_dir": data})
        data.mkdir()
        migrate(settings.database_url)
        app = create_app(settings)

        async def ask(method: str, path: str, body: bytes = b"", kind: str = "") -> int:
            return await asgi(app, method, path, body, kind)

        async with app.router.lifespan_context(app):
            body, kind = multipart([instance(study_uid="1.2", series_uid="1.3", instance_uid="1.4")])
            assert await ask("POST", "/dicom-web/studies", body, kind) == 200
            assert await ask("GET", FRAME) == 200
            service = app.state.service
            silent = _silent(service)
            took: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(2 * TURNS):
                recorded = bool(turn % 2)
                app.state.service = service if recorded else silent
                took[recorded].append(await shortest_awaited(lambda: ask("GET", FRAME)))
            app.state.service = service
        sink = FileSink(data / "other.jsonl", time.time)
        caller = Caller("ann", "user", "192.0.2.1", "0123456789abcdef", "https://login.example.org", roles=frozenset({"reader"}))
        entry = AuditEntry(caller, Action.RETRIEVE, Target(Uid("1.2"), Uid("1.3"), Uid("1.4")), "success", {"frames": 1})
        alone = await shortest_awaited(lambda: sink.record(entry))
        await sink.close()
    with_record, without = min(took[True]), min(took[False])
    return [
        Row(SECTION, "one frame, by ASGI alone, on record", with_record, without, "the same without a record"),
        Row(SECTION, "one record, chained and written", alone, without, "one frame without a record"),
    ]


async def asgi(app: Any, method: str, path: str, body: bytes, kind: str) -> int:
    """The status of the answer, which is read to its end."""
    statuses: list[int] = []
    headers = [(b"host", b"127.0.0.1"), (b"accept", b"*/*"), (b"content-type", kind.encode())]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2]))
