"""What comes before a body is bounded: a head without an end is refused long before it fills the memory (H1, H9)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server

MEGABYTE = 1024 * 1024
FLOOD = 64


def resident(server: Server) -> int:
    """The memory that the process holds now, in bytes (VmRSS)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def one_value() -> Iterator[bytes]:
    yield b"GET /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "
    for _ in range(FLOOD):
        yield b"a" * MEGABYTE


def many_lines() -> Iterator[bytes]:
    yield b"GET /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    for _ in range(FLOOD):
        yield b"X-Short: a\r\n" * (MEGABYTE // 12)


def address() -> Iterator[bytes]:
    yield b"GET /dicom-web/studies/"
    for _ in range(FLOOD):
        yield b"1" * MEGABYTE


def trailer() -> Iterator[bytes]:
    yield b"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/dicom\r\n"
    yield b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    for _ in range(FLOOD):
        yield b"X-Short: a\r\n" * (MEGABYTE // 12)


def taken(server: Server, flood: Iterator[bytes]) -> int:
    """How many bytes the server lets through before it hangs up."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for piece in flood:
            try:
                connection.sendall(piece)
            except ConnectionError:
                break
            sent += len(piece)
    return sent


@pytest.mark.parametrize("flood", [one_value, many_lines, address, trailer])
def test_a_head_without_an_end_is_cut_off(server: Server, flood: Callable[[], Iterator[bytes]]) -> None:
    before = resident(server)
    assert taken(server, flood()) < FLOOD // 2 * MEGABYTE
    assert resident(server) - before < 16 * MEGABYTE


def test_a_head_of_sixty_kilobytes_is_read(server: Server) -> None:
    request = b"GET /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Long: " + b"a" * 60_000 + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        assert connection.recv(64).startswith(b"HTTP/1.1 200 ")
