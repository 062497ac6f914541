"""Damaged real files through the whole server, as far as a picture: a refusal or an answer, soon, and the server lives on (H1)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from tests.builders import multipart
from tests.e2e.server import Server, running
from tests.mutants import mutants, seeds
from tests.processes import resident_of_all

ROUNDS = 8
TOGETHER = 12
DOCUMENTED = frozenset({501, 503, 507})
LONGEST = 20.0
GROWTH = 700 * 1024**2
ASKED = (
    ("", "application/dicom; transfer-syntax=*"),
    ("/metadata", "application/dicom+json"),
    ("/metadata", "application/dicom+xml"),
    ("/frames/1", "*/*"),
    ("/rendered", "image/png"),
    ("/rendered?viewport=64,64&window=100,2000,linear", "image/jpeg"),
    ("/rendered", "*/*"),
    ("/thumbnail", "image/jpeg"),
    ("/bulkdata", "*/*"),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("mutants") / "data") as started:
        yield started


@pytest.mark.parametrize("seed", range(2))
def test_damaged_files_are_answered_soon_and_never_bring_the_server_down(own: Server, seed: int) -> None:
    files = seeds()
    source = mutants(seed, files)
    before = resident_of_all(own.process.pid)
    with httpx.Client(timeout=2 * LONGEST) as http:

        def asked(method: str, url: str, **arguments: object) -> httpx.Response:
            begun = time.monotonic()
            try:
                answer = http.request(method, url, **arguments)  # type: ignore[arg-type]
            except httpx.RemoteProtocolError:
                # Of several pictures a later one cannot be made: the answer breaks off, and no false end is sent (M9).
                assert "rendered" in url
                answer = httpx.Response(422)
            assert answer.status_code < 500 or answer.status_code in DOCUMENTED, (method, url, answer.status_code, answer.text[:200])
            assert time.monotonic() - begun < LONGEST, (method, url)
            return answer

        for _ in range(ROUNDS):
            body, kind = multipart(list(islice(source, TOGETHER)))
            stored = asked("POST", f"{own.base}/studies", content=body, headers={"Content-Type": kind})
            assert stored.status_code in (200, 202, 409)
            for item in stored.json().get("00081199", {}).get("Value", []):
                place = item["00081190"]["Value"][0]
                for resource, accept in ASKED:
                    asked("GET", place + resource, headers={"Accept": accept})
        for level in ("studies", "series", "instances"):
            asked("GET", f"{own.base}/{level}?includefield=all&limit=500", headers={"Accept": "application/dicom+json"})
        assert http.get(f"http://127.0.0.1:{own.port}/health/ready").status_code == 200
    assert own.process.poll() is None
    assert resident_of_all(own.process.pid) - before < GROWTH


def test_the_log_of_it_names_no_failure(own: Server) -> None:
    text = Path(own.log).read_text()
    assert "Traceback" not in text
    assert " failed: " not in text, text[-2000:]
