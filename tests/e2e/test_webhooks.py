"""Webhooks of a real server: the lines of the how-to page, kill -9 in between, several workers; no change is lost, each order is kept."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.server import Server, running, start
from tests.e2e.test_changes import some, store
from tests.e2e.test_kill import run
from tests.services.postgres import Server as Postgres
from tests.services.receiver import Receiver, Taken, receiving

PATIENCE = 90.0


def until(true: Callable[[], Any], told: Callable[[], object] = lambda: "not in time") -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def add(data: Path, receiver: Receiver, *more: str, environment: Mapping[str, str] | None = None) -> str:
    """Add the receiver as a webhook; its secret."""
    done = run(data, environment or {}, "webhooks", "add", "ai", receiver.url, *more)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[1]


def in_order(numbers: list[int]) -> bool:
    """Each sequence is there, and comes for the first time after all lower ones."""
    return list(dict.fromkeys(numbers)) == list(range(1, max(numbers) + 1))


def test_kill_9_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    """The server is killed while it delivers to a receiver that fails now and then, and while it waits for one that hangs."""
    data = tmp_path / "data"
    with receiving() as receiver:
        count = 0

        def answer(_: Taken) -> tuple[int, dict[str, str]] | None:
            return {2: (503, {}), 7: None}.get(len(receiver.tried) % 10, (204, {}))

        receiver.answer = answer
        server = start(data)
        secret = add(data, receiver)
        try:
            for hanging in (False, True):
                parts, _ = some(12)
                count += len(parts)
                if hanging:
                    until(lambda: receiver.taken)
                    receiver.hanging.clear()
                    receiver.answer = receiver.silence
                before = len(receiver.tried)
                for part in parts:
                    store(server, part)
                until(lambda: len(receiver.tried) > before)  # noqa: B023 - called at once
                server.kill()
                receiver.hanging.set()
                receiver.answer = answer
                server = start(data)
            until(lambda: set(receiver.numbers) == set(range(1, count + 1)), lambda: receiver.numbers)
        finally:
            server.stop()
        assert in_order(receiver.numbers), receiver.numbers
        assert all(taken.is_signed(secret) for taken in receiver.taken)


def test_of_several_workers_one_delivers(tmp_path: Path, postgres: Postgres) -> None:
    data = tmp_path / "data"
    with postgres.database() as database, receiving() as receiver:
        environment = {"RADIOLUCENT_DATABASE__URL": database}
        with running(data, workers=2, environment=environment) as server:
            add(data, receiver, "--batch", "10", environment=environment)
            parts, _ = some(40)
            for part in parts:
                store(server, part)
            until(lambda: len(receiver.numbers) >= 40)
        assert receiver.numbers == list(range(1, 41)), "in order, each once"


@contextmanager
def program(code: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_lines_of_the_how_to_page(tmp_path: Path, root: Path, server: Server) -> None:
    page = (root / "docs" / "how-to" / "webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    with receiving() as probe:
        port = probe.port  # free again in a moment
    added = run(server.data, {}, "webhooks", "add", "page", f"http://127.0.0.1:{port}/hook")
    secret = added.stdout.split()[1]
    with program(code.replace("9000", str(port)).replace("whsec_…", secret)) as listening:
        parts, uids = some(3)
        for part in parts:
            store(server, part)
        assert listening.stdout is not None
        lines: list[str] = []
        reading = threading.Thread(target=lambda: lines.extend(listening.stdout or ()), daemon=True)
        reading.start()
        until(lambda: len(lines) >= 3)
        assert [line.split()[1] for line in lines[:3]] == uids
    assert run(server.data, {}, "webhooks", "remove", "page").returncode == 0
