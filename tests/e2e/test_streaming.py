"""Memory stays flat whatever the size, and bodies may come in any way HTTP allows."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx

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


def test_an_instance_of_two_gigabytes_is_stored_and_read_within_200_mb(tmp_path: Path) -> None:
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


def test_a_reader_that_goes_away_leaves_the_server_well(server: Server) -> None:
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
    assert len(list(handles.iterdir())) <= before + 5


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


def test_chunked_bodies_and_expect_continue_are_taken(server: Server) -> None:
    body, content_type = multipart([instance()])
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = httpx.post(server.base + "/studies", content=pieces, headers={"Content-Type": content_type, "Expect": "100-continue"})
    assert answer.status_code == 200
