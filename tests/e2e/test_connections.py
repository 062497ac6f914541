"""Requests that two servers could read in two ways end their connection, and what is smuggled behind them is never answered (H9).

Raw sockets against a real server: no client library sends such things.
"""

from __future__ import annotations

import re
import socket
import time
from contextlib import closing

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server
from tests.e2e.test_heads import resident, taken

HOST = b"Host: 127.0.0.1\r\n"
SMUGGLED = b"GET /health/live?smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /dicom-web/studies HTTP/1.1\r\n" + HOST + b"Content-Type: application/dicom\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"

IN_DOUBT = {
    "length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + LAST,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST,
    "one length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED),
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "an empty length": POST + b"Content-Length: \r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + LAST,
    "a coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + LAST,
    "a coding behind chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + LAST,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\n" + CHUNKED + LAST,
    "another coding in a line before": POST + b"Transfer-Encoding: identity\r\n" + CHUNKED + LAST,
    "a control character before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + LAST,
    "chunked in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + LAST,
    "chunks in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\n" + CHUNKED + LAST,
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + LAST,
    "a folded header": POST + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + LAST,
    "a space before the colon of a length": POST + b"Content-Length : 5\r\n\r\n" + LAST,
    "a space before the name": POST + b" Content-Length: 5\r\n\r\n" + LAST,
    "lines that end with LF": (POST + b"Content-Length: 0\r\n\r\n").replace(b"\r\n", b"\n"),
    "one line that ends with LF": POST + b"X: y\nContent-Length: 0\r\n\r\n",
    "a blank line of LF": POST + b"Content-Length: 0\r\n\n",
    "a line that ends with CR": POST + b"X: y\rContent-Length: 5\r\n\r\n",
    "NUL in a header": POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "LF in a chunk extension": POST + CHUNKED + b"0;a\nb\r\n\r\n",
    "CR in a chunk extension": POST + CHUNKED + b"0;a\rb\r\n\r\n",
    "a chunk size that ends with LF": POST + CHUNKED + b"0\n\n",
    "a chunk size with a space": POST + CHUNKED + b"0 \r\n\r\n",
    "a chunk size with a prefix": POST + CHUNKED + b"0x0\r\n\r\n",
    "a chunk size with a sign": POST + CHUNKED + b"+0\r\n\r\n",
    "a negative chunk size": POST + CHUNKED + b"-0\r\n\r\n",
    "a chunk size beyond 64 bits": POST + CHUNKED + b"10000000000000000\r\n",
    "a chunk without its end": POST + CHUNKED + b"1\r\nA" + LAST,
    "a chunk that ends with LF": POST + CHUNKED + b"1\r\nA\n" + LAST,
    "a length in a trailer": POST + CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "a method in small letters": b"get /health/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method that is none": b"FOO /health/live HTTP/1.1\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version that is none": b"GET /health/live HTTP/1.2\r\n" + HOST + b"\r\n",
    "a beginning of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
}


def answered(server: Server, raw: bytes, *, seconds: float = 20) -> bytes:
    """All that comes back until the server hangs up, or for so many seconds."""
    received = b""
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=seconds)) as connection:
        connection.sendall(raw)
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            return received
        except TimeoutError:
            return received + b"<open>"
    return received


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


@pytest.mark.parametrize("name", IN_DOUBT)
def test_a_request_in_doubt_is_refused_and_nothing_behind_it_is_read(server: Server, name: str) -> None:
    received = answered(server, IN_DOUBT[name] + SMUGGLED)
    assert statuses(received) == [400]
    assert not received.endswith(b"<open>")
    assert b"application/problem+json" in received


@pytest.mark.parametrize("method", [b"TRACE /health/live", b"CONNECT 127.0.0.1:22", b"CONNECT /health/live"])
def test_trace_and_connect_are_refused(server: Server, method: bytes) -> None:
    received = answered(server, method + b" HTTP/1.1\r\n" + HOST + b"X-Secret: echo\r\n\r\n" + SMUGGLED)
    assert statuses(received) == [405]
    assert b"allow: GET" in received
    assert b"echo" not in received


def test_other_versions_of_http_are_refused(server: Server) -> None:
    assert statuses(answered(server, b"GET /health/live HTTP/2.0\r\n" + HOST + b"\r\n" + SMUGGLED)) == [505]


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
def test_no_other_protocol_is_upgraded_to(server: Server, protocol: bytes) -> None:
    head = b"GET /health/live HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    received = answered(server, head + SMUGGLED)
    assert statuses(received) == [200]
    assert not received.endswith(b"<open>")


def test_the_method_of_a_header_is_not_believed(server: Server) -> None:
    made = {uid: fresh_uid() for uid in ("study_uid", "series_uid", "instance_uid")}
    stored = httpx.post(f"{server.base}/studies", content=instance(**made), headers={"Content-Type": "application/dicom"})
    assert stored.status_code == 200
    study = f"{server.base}/studies/{made['study_uid']}"
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"):
        assert httpx.get(f"{study}/instances", headers={name: "DELETE"}).status_code == 200
        assert httpx.get(f"{study}/instances?_method=DELETE", headers={name: "DELETE"}).status_code == 200
    assert len(httpx.get(f"{study}/instances").json()) == 1


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    received = answered(server, SMUGGLED * 3 + SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert statuses(received) == [200] * 4


def test_a_flood_of_requests_sent_ahead_neither_fills_the_memory_nor_is_answered(server: Server) -> None:
    before = resident(server)
    assert taken(server, (SMUGGLED * 1000 for _ in range(200))) < 150 * 1000 * len(SMUGGLED)
    assert resident(server) - before < 32 * 1024**2


def test_rubbish_behind_a_request_ends_the_connection_after_the_answer(server: Server) -> None:
    received = answered(server, SMUGGLED + b"\0\0rubbish\r\n\r\n" + SMUGGLED)
    assert statuses(received) == [200]
    assert received.endswith(b"}")


def test_more_headers_than_the_limit_are_refused(server: Server) -> None:
    received = answered(server, b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n" + SMUGGLED)
    assert statuses(received) == [431]
    assert b"connections.headers" in received


def test_a_body_that_is_asked_for_is_stored(server: Server) -> None:
    data = instance()
    head = POST + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data)
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=20)) as connection:
        connection.sendall(head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(data)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_refusal_before_the_body_was_asked_for_ends_the_connection(server: Server) -> None:
    """Its client may leave the body out and send its next request, or send the body: a proxy and we might disagree about which."""
    head = POST.replace(b"application/dicom", b"text/plain") + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED)
    received = answered(server, head + SMUGGLED)
    assert statuses(received) == [415]
    assert b"connection: close" in received
    assert not received.endswith(b"<open>")


def test_the_rest_of_a_refused_body_is_read_for_a_while_so_that_its_sender_sees_why(server: Server) -> None:
    answer = httpx.post(f"{server.base}/studies", content=bytes(8 * 1024**2), headers={"Content-Type": "text/plain"}, timeout=20)
    assert answer.status_code == 415
    begun = time.monotonic()
    received = answered(server, POST.replace(b"application/dicom", b"text/plain") + b"Content-Length: 99999999\r\n\r\n" + SMUGGLED)
    assert statuses(received) == [415]
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("asked", "parts"),
    [("bytes=0-,0-,0-,0-", 1), ("bytes=" + ",".join(["0-0"] * 17), 1), ("bytes=0-1,4-5", 2), ("bytes=" + "0-," * 5000, 1)],
)
def test_many_or_overlapping_ranges_never_give_more_than_the_whole(server: Server, asked: str, parts: int) -> None:
    made = {uid: fresh_uid() for uid in ("study_uid", "series_uid", "instance_uid")}
    data = instance(**made)
    httpx.post(f"{server.base}/studies", content=data, headers={"Content-Type": "application/dicom"}).raise_for_status()
    url = f"{server.base}/studies/{made['study_uid']}/series/{made['series_uid']}/instances/{made['instance_uid']}"
    answer = httpx.get(url, headers={"Range": asked, "Accept": "application/dicom"})
    assert answer.status_code == (206 if parts > 1 else 200)
    assert len(answer.content) < 2 * len(data)
