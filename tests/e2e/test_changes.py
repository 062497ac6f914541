"""Following changes of a real server: by the lines of the how-to page, over broken connections, from several workers, until it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.services.postgres import Server as Postgres

EVENTS = {"Accept": "text/event-stream"}
PATIENT = httpx.Timeout(60)


def store(server: Server, *parts: bytes) -> None:
    assert server.store(*parts).status_code == 200


def some(count: int) -> tuple[list[bytes], list[str]]:
    uids = [fresh_uid() for _ in range(count)]
    return [instance(instance_uid=uid) for uid in uids], uids


def events(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Events as they come, without the comments between them."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


@contextmanager
def following(server: Server, query: str = "after=latest", **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    with httpx.stream("GET", f"{server.base}/changes?{query}", headers={**EVENTS, **headers}, timeout=PATIENT) as answer:
        assert answer.status_code == 200, answer.read()
        yield events(answer)


def instances(found: Iterator[dict[str, str]], count: int) -> list[str]:
    return [json.loads(next(found)["data"])["instance"] for _ in range(count)]


def test_the_follower_of_the_how_to_page(server: Server, root: Path) -> None:
    page = (root / "docs" / "how-to" / "changes.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    program = subprocess.Popen([sys.executable, "-c", f"BASE = {server.base!r}\n{found[1]}"], stdout=subprocess.PIPE, text=True)
    try:
        parts, uids = some(3)
        store(server, *parts)
        assert program.stdout is not None
        seen: list[str] = []
        while set(uids) - set(seen):
            kind, uid = program.stdout.readline().split()
            assert kind == "stored"
            seen.append(uid)
        assert [uid for uid in seen if uid in uids] == uids
    finally:
        program.kill()
        program.communicate()


def test_the_stream_of_the_how_to_page(server: Server, root: Path) -> None:
    page = (root / "docs" / "how-to" / "changes.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(curl .*?)```", page, re.DOTALL)
    assert found is not None
    line = "exec " + found[1].replace("after=0", "after=latest").replace("curl", "curl --silent", 1)
    with subprocess.Popen(
        ["sh", "-c", line], env={"BASE": server.base, "PATH": "/usr/local/bin:/usr/bin:/bin"}, stdout=subprocess.PIPE
    ) as curl:
        assert curl.stdout is not None
        assert curl.stdout.readline() == b"retry: 2000\n"
        (part,), (uid,) = some(1)
        store(server, part)
        while uid.encode() not in curl.stdout.readline():
            pass
        curl.kill()


def test_whoever_comes_again_goes_on_where_he_was(server: Server) -> None:
    parts, uids = some(6)
    with following(server) as found:
        next(found)
        store(server, *parts[:2])
        first, second = next(found), next(found)
    store(server, *parts[2:4])
    with following(server, "after=latest", **{"Last-Event-ID": second["id"]}) as found:
        assert next(found)["id"] == second["id"]
        store(server, *parts[4:])
        told = [json.loads(event["data"])["instance"] for event in (first, second)] + instances(found, 4)
    assert told == uids


def test_seats_of_clients_that_have_gone_are_free_again(tmp_path: Path) -> None:
    with running(tmp_path / "data", environment={"RADIOLUCENT_CHANGES__STREAMS": "2"}) as server:
        for _ in range(4):
            with following(server) as found, following(server) as other:
                next(found), next(other)
                refused = httpx.get(f"{server.base}/changes?wait=60")
                assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
            with pytest.raises(httpx.ReadTimeout):
                httpx.get(f"{server.base}/changes?wait=60", timeout=httpx.Timeout(60, read=0.3))
            deadline = time.monotonic() + 30
            while httpx.get(f"{server.base}/changes?wait=0.01").status_code == 503:
                assert time.monotonic() < deadline, "a seat is held by a client that has gone"


def test_streams_end_with_the_server_and_do_not_hold_it_up(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=2) as server, httpx.Client(timeout=60) as http:
        while server.log.read_text().count("startup complete") < 2:  # a worker that is just starting does not end at once
            time.sleep(0.05)
        streams = [http.send(http.build_request("GET", server.base + "/changes", headers=EVENTS), stream=True) for _ in range(4)]
        ends = [events(stream) for stream in streams]
        assert {next(end)["id"] for end in ends} == {"0"}
        begun = time.monotonic()
        server.stop()
        assert time.monotonic() - begun < 25, "the server had to be killed"
        assert [list(end) for end in ends] == [[], [], [], []], "each stream came to a clean end"


def all_workers_tell(server: Server) -> None:
    """Several followers, of whichever workers; several writers to whichever workers."""
    parts, uids = some(24)
    with following(server) as one, following(server) as two, following(server) as three:
        for found in (one, two, three):
            next(found)
        for part in parts:
            store(server, part)
        assert instances(one, 24) == instances(two, 24) == instances(three, 24) == uids


def test_followers_of_several_workers_hear_the_same_on_sqlite(tmp_path: Path) -> None:
    with running(tmp_path / "data", workers=3) as server:
        all_workers_tell(server)


def test_and_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    with (
        postgres.database() as database,
        running(tmp_path / "data", workers=2, environment={"RADIOLUCENT_DATABASE__URL": database}) as server,
    ):
        all_workers_tell(server)


def test_the_guard_of_connections_lets_streams_be(tmp_path: Path) -> None:
    """A stream is silent for longer than any other answer may be: nobody keeps anybody waiting."""
    bounds = {"HEAD_SECONDS": "1", "BODY_SECONDS": "1", "ANSWER_SECONDS": "1", "IDLE_SECONDS": "1"}
    environment = {f"RADIOLUCENT_CONNECTIONS__{name}": value for name, value in bounds.items()}
    with running(tmp_path / "data", environment=environment) as server, following(server) as found:
        next(found)
        assert httpx.get(f"{server.base}/changes?wait=4", timeout=60).json()["changes"] == []
        (part,), uids = some(1)
        store(server, part)
        assert instances(found, 1) == uids
