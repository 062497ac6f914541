"""Answers whose bytes cannot all be read: an error before the first byte, a broken connection after it, and never a false end."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server

SIZE = 2 * 3000 * 3000
PART10 = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


def stored(server: Server) -> tuple[str, Path]:
    """The address of an instance of 18 MB, and the file that holds its bytes."""
    before = set(server.data.rglob("*"))
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    sent = instance(rows=3000, columns=3000, **uids)
    answer = httpx.post(server.base + "/studies", content=sent, headers={"Content-Type": "application/dicom"}, timeout=60)
    assert answer.status_code == 200
    (blob,) = (path for path in set(server.data.rglob("*")) - before if path.is_file() and path.stat().st_size == len(sent))
    return server.base + "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids), blob


@pytest.mark.parametrize(
    ("suffix", "accept"), [("", PART10), ("", "application/dicom"), ("", "application/zip"), ("/bulkdata/7FE00010", "*/*")]
)
def test_m9_bytes_that_end_too_early_break_the_connection(server: Server, suffix: str, accept: str) -> None:
    address, blob = stored(server)
    with blob.open("r+b") as file:
        file.truncate(SIZE // 2)
    with httpx.stream("GET", address + suffix, headers={"Accept": accept}, timeout=60) as answer:
        assert answer.status_code >= 500 or answer.status_code == 200
        if answer.status_code == 200:
            with pytest.raises(httpx.RemoteProtocolError):
                answer.read()


@pytest.mark.parametrize(
    ("suffix", "accept"),
    [("", PART10), ("", "application/dicom"), ("", "application/zip"), ("/frames/1", OCTETS), ("/bulkdata/7FE00010", "*/*")],
)
def test_m9_bytes_that_have_gone_are_an_error_answer(server: Server, suffix: str, accept: str) -> None:
    address, blob = stored(server)
    blob.unlink()
    answer = httpx.get(address + suffix, headers={"Accept": accept}, timeout=60)
    assert answer.status_code == 500, "the index says that it is there"
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(blob) not in answer.text
    assert httpx.get(server.base + "/studies?limit=1", timeout=20).status_code == 200
