"""Memory stays flat whatever the size, and bodies may come in any way HTTP allows."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance, multipart
from tests.e2e.server import Server, running

CHUNK = 1024 * 1024
TWO_GB = 2000 * CHUNK
MEMORY = 200 * 1024 * 1024


def peak_rss(server: Server) -> int:
    """The most memory that the process has ever held, in bytes (VmHWM)."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel tells no VmHWM")


def large_instance(uids: dict[str, str]) -> tuple[bytes, int]:
    """The head of an instance whose Pixel Data are TWO_GB of zeros, and the length of all."""
    small = instance(**uids, rows=1, columns=1)
    at = small.index(b"\xe0\x7f\x10\x00OW\0\0") + 8
    return small[:at] + struct.pack("<I", TWO_GB), at + 4 + TWO_GB


def large_body(head: bytes) -> Iterator[bytes]:
    yield b"--b\r\nContent-Type: application/dicom\r\n\r\n" + head
    for _ in range(TWO_GB // CHUNK):
        yield bytes(CHUNK)
    yield b"\r\n--b--\r\n"


def test_m8_s23_an_instance_of_two_gigabytes_is_stored_and_read_within_200_mb(tmp_path: Path) -> None:
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    head, length = large_instance(uids)
    with running(tmp_path / "data") as server, httpx.Client(base_url=server.base, timeout=300) as client:
        headers = {"Content-Type": "multipart/related; type=application/dicom; boundary=b"}
        stored = client.post("/studies", content=large_body(head), headers=headers)
        assert stored.status_code == 200, stored.text
        assert peak_rss(server) < MEMORY
        path = "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids)
        with client.stream("GET", path, headers={"Accept": "application/dicom"}) as answer:
            assert sum(len(chunk) for chunk in answer.iter_bytes(CHUNK)) == length == int(answer.headers["content-length"])
        assert peak_rss(server) < MEMORY


def test_m7_a_reader_that_goes_away_leaves_the_server_well(server: Server) -> None:
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    body, content_type = multipart([instance(**uids, rows=4000, columns=4000)])
    httpx.post(server.base + "/studies", content=body, headers={"Content-Type": content_type}, timeout=60).raise_for_status()
    path = "/dicom-web/studies/{study_uid}".format(**uids)
    handles = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(handles.iterdir()))
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode())
            assert connection.recv(1000)
    assert httpx.get(server.base + "/studies?limit=1", timeout=20).status_code == 200
    deadline = time.monotonic() + 30
    while len(list(handles.iterdir())) > before + 5:  # a busy machine takes its time to notice that a reader is gone
        assert time.monotonic() < deadline, f"{before} files were open before, {len(list(handles.iterdir()))} are now"
        time.sleep(0.1)


def test_a_sender_that_goes_away_leaves_nothing(server: Server) -> None:
    uid = fresh_uid()
    part10 = instance(study_uid=uid)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = (
            "POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/related; type=application/dicom; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: application/dicom\r\n\r\n"
        )
        connection.sendall(head.encode() + part10 + b"\r\n--b\r\n")
    assert httpx.get(f"{server.base}/studies?StudyInstanceUID={uid}").json() == []


def test_s8_chunked_bodies_and_expect_continue_are_taken(server: Server) -> None:
    body, content_type = multipart([instance()])
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = httpx.post(server.base + "/studies", content=pieces, headers={"Content-Type": content_type, "Expect": "100-continue"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(b"application/dicom", [b"HTTP/1.1 100", b"HTTP/1.1 200"]), (b"text/plain", [b"HTTP/1.1 415"])],
)
def test_s8_who_waits_is_told_to_go_on_or_is_refused_before_the_body(server: Server, content_type: bytes, expected: list[bytes]) -> None:
    """RFC 9110 10.1.1: a body that will not be taken need not be sent."""
    body = instance()
    head = b"POST /dicom-web/studies HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
    head += b"Content-Type: " + content_type + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head)
        got = connection.recv(65536)
        assert got.startswith(expected[0])
        if len(expected) > 1:
            connection.sendall(body)
            while chunk := connection.recv(65536):
                got += chunk
            assert expected[1] in got


def test_m9_an_answer_that_cannot_be_finished_is_broken_off(tmp_path: Path) -> None:
    study, series = fresh_uid(), fresh_uid()
    parts = [instance(study_uid=study, series_uid=series, InstanceNumber=n, rows=2000, columns=2000) for n in (1, 2)]
    body, content_type = multipart(parts)
    with running(tmp_path / "data") as server, httpx.Client(base_url=server.base, timeout=60) as client:
        client.post("/studies", content=body, headers={"Content-Type": content_type}).raise_for_status()
        blobs = [path for path in (tmp_path / "data" / "blobs" / "instances").rglob("*") if path.is_file()]
        second = next(path for path in blobs if path.read_bytes() == parts[1])
        with second.open("r+b") as file:
            file.truncate(CHUNK)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"/studies/{study}")
        assert client.get("/studies?limit=1").status_code == 200
