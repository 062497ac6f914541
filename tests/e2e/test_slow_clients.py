"""Clients that keep the server waiting are let go, and nobody waits for them (H10; RFC 9110 15.5.9)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.e2e.test_connections import HOST, POST, answered, statuses
from tests.e2e.test_heads import taken

HURRIED = {
    "RADIOLUCENT_CONNECTIONS__HEAD_SECONDS": "2",
    "RADIOLUCENT_CONNECTIONS__BODY_SECONDS": "3",
    "RADIOLUCENT_CONNECTIONS__ANSWER_SECONDS": "3",
    "RADIOLUCENT_CONNECTIONS__IDLE_SECONDS": "2",
    "RADIOLUCENT_CONNECTIONS__RATE": "100000",
    "RADIOLUCENT_CONNECTIONS__PER_WORKER": "60",
    "RADIOLUCENT_CONNECTIONS__PER_ADDRESS": "40",
}
SLACK = 3.0
"""The watch looks round once a second, and this machine may be busy."""


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("hurried") / "data", environment=HURRIED) as started:
        yield started


def seconds_until_end(connection: socket.socket) -> tuple[float, bytes]:
    begun, received = time.monotonic(), b""
    connection.settimeout(30)
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return time.monotonic() - begun, received


def open_to(server: Server, stack: ExitStack) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))


@pytest.mark.parametrize(
    ("begin", "most", "status"),
    [
        (b"", 2, []),
        (b"GET /health/live HT", 2, [408]),
        (b"GET /health/live HTTP/1.1\r\n" + HOST, 2, [408]),
        (b"\r\n\r\n", 2, [408]),
        (POST + b"Content-Length: 1000\r\n\r\n", 3, [408]),
        (POST + b"Content-Length: 1000\r\n\r\n" + bytes(999), 3, [408]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", 3, [408]),
        (POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 3, [408]),
        (b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n", 2, [200]),
    ],
)
def test_a_silent_client_is_let_go(hurried: Server, begin: bytes, most: float, status: list[int]) -> None:
    with ExitStack() as stack:
        connection = open_to(hurried, stack)
        connection.sendall(begin)
        seconds, received = seconds_until_end(connection)
    assert statuses(received) == status
    assert 1 < seconds < most + SLACK


def test_a_body_that_drips_is_cut_off_and_nothing_of_it_is_stored(hurried: Server) -> None:
    study = fresh_uid()
    data = instance(study_uid=study)

    def dripping() -> Iterator[bytes]:
        yield POST + b"Content-Length: %d\r\n\r\n" % len(data)
        for byte in data:
            yield bytes([byte])
            time.sleep(0.05)

    begun = time.monotonic()
    assert taken(hurried, dripping()) < len(data)
    assert time.monotonic() - begun < 3 + 2 * SLACK
    assert httpx.get(f"{hurried.base}/studies/{study}/instances").json() == []


def test_a_body_that_is_slow_but_fast_enough_is_stored(hurried: Server) -> None:
    data = instance(rows=700, columns=700)

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(data), 65536):
            yield data[at : at + 65536]
            time.sleep(0.5)

    answer = httpx.post(f"{hurried.base}/studies", content=pieces(), headers={"Content-Type": "application/dicom"}, timeout=30)
    assert answer.status_code == 200


def test_a_server_that_takes_its_time_does_not_blame_the_client(hurried: Server) -> None:
    """More than the socket holds is sent at once: what is not read yet is the server's affair."""
    data = instance(rows=4000, columns=4000)
    answer = httpx.post(f"{hurried.base}/studies", content=data, headers={"Content-Type": "application/dicom"}, timeout=60)
    assert answer.status_code == 200


def test_an_answer_that_nobody_takes_is_given_up(hurried: Server) -> None:
    made = {uid: fresh_uid() for uid in ("study_uid", "series_uid", "instance_uid")}
    data = instance(rows=4000, columns=4000, **made)
    httpx.post(f"{hurried.base}/studies", content=data, headers={"Content-Type": "application/dicom"}, timeout=60).raise_for_status()
    path = "/dicom-web/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}/frames/1".format(**made)
    with ExitStack() as stack:
        connection = open_to(hurried, stack)
        connection.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        time.sleep(3 + SLACK)
        _, received = seconds_until_end(connection)
    assert len(received) < len(data)


def test_connections_beyond_the_bound_of_an_address_are_answered_503(hurried: Server) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            open_to(hurried, stack).sendall(b"GET /health/live HTTP/1.1\r\n")
        time.sleep(0.3)
        received = answered(hurried, b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        assert statuses(received) == [503]
        assert b"retry-after" in received
        assert b"connections.per_address" in received
    time.sleep(0.3)
    assert httpx.get(f"http://127.0.0.1:{hurried.port}/health/live").status_code == 200


def test_trusted_proxies_may_have_as_many_as_the_worker_takes(tmp_path: Path) -> None:
    trusting = {**HURRIED, "RADIOLUCENT_HTTP__TRUSTED_PROXIES": "127.0.0.1"}
    with running(tmp_path / "data", environment=trusting) as server, ExitStack() as stack:
        for _ in range(55):
            open_to(server, stack).sendall(b"GET /health/live HTTP/1.1\r\n")
        assert statuses(answered(server, b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")) == [200]
        for _ in range(5):
            open_to(server, stack).sendall(b"GET /health/live HTTP/1.1\r\n")
        received = answered(server, b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        assert statuses(received) == [503]
        assert b"connections.per_worker" in received


def test_a_plain_query_takes_less_than_three_seconds_while_120_slow_clients_hang_on(server: Server) -> None:
    httpx.post(f"{server.base}/studies", content=instance(), headers={"Content-Type": "application/dicom"}).raise_for_status()
    data = instance(rows=400, columns=400)
    slow = (
        b"GET /dicom-web/studies HT",
        b"GET /dicom-web/studies HTTP/1.1\r\n" + HOST + b"X-Slow: ",
        POST + b"Content-Length: %d\r\n\r\n" % len(data) + data[:100_000],
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % 70_000 + data[:70_000],
    )
    with ExitStack() as stack:
        clients = [open_to(server, stack) for _ in range(120)]
        for number, client in enumerate(clients):
            client.sendall(slow[number % len(slow)])
        until, slowest = time.monotonic() + 6, 0.0
        while time.monotonic() < until:
            for client in clients[1 :: len(slow)]:
                client.sendall(b"A")
            begun = time.monotonic()
            assert httpx.get(f"{server.base}/studies?limit=5", timeout=10).status_code == 200
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(0.1)
    assert slowest < 3
