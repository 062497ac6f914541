"""Downloads over a real socket: zip archives in flat memory, resumed downloads, seeking in what is large."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.e2e.test_streaming import MEMORY, peak_rss

SIDE = 8192  # pixels; an instance has 128 MiB
MANY = 4


def test_r24_a_zip_of_half_a_gigabyte_goes_out_within_200_mb(tmp_path: Path) -> None:
    study = fresh_uid()
    target = tmp_path / "study.zip"
    with running(tmp_path / "data") as server, httpx.Client(base_url=server.base, timeout=120) as client:
        for number in range(MANY):
            part10 = instance(study_uid=study, rows=SIDE, columns=SIDE, InstanceNumber=number)
            client.post("/studies", content=part10, headers={"Content-Type": "application/dicom"}).raise_for_status()
        with client.stream("GET", f"/studies/{study}", headers={"Accept": "application/zip"}) as answer, target.open("wb") as file:
            for chunk in answer.iter_bytes(1024 * 1024):
                file.write(chunk)
            assert int(answer.headers["content-length"]) == target.stat().st_size > MANY * SIDE * SIDE * 2
        assert peak_rss(server) < MEMORY
    with zipfile.ZipFile(target) as archive:
        assert len(archive.namelist()) == MANY
        assert archive.testzip() is None


@pytest.fixture
def stored(server: Server) -> tuple[str, bytes]:
    uids = {"study_uid": fresh_uid(), "series_uid": fresh_uid(), "instance_uid": fresh_uid()}
    part10 = instance(**uids, rows=2000, columns=2000)
    httpx.post(server.base + "/studies", content=part10, headers={"Content-Type": "application/dicom"}).raise_for_status()
    return server.base + "/studies/{study_uid}/series/{series_uid}/instances/{instance_uid}".format(**uids), part10


def test_r23_curl_goes_on_where_a_download_broke_off(stored: tuple[str, bytes], tmp_path: Path) -> None:
    url, part10 = stored
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(part10[:3_000_000])
    command = [
        "curl",
        "-sS",
        "--fail",
        "-C",
        "-",
        "-o",
        str(copy),
        "-w",
        "%{http_code} %{size_download}",
        "-H",
        "Accept: application/dicom",
    ]
    done = subprocess.run([*command, url], check=True, capture_output=True, timeout=60)
    assert done.stdout.decode() == f"206 {len(part10) - 3_000_000}"
    assert copy.read_bytes() == part10


def test_curl_fetches_again_only_what_is_newer(stored: tuple[str, bytes], tmp_path: Path) -> None:
    url, _ = stored
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Accept: application/dicom", "-z"]
    for since, status in (("Fri, 01 Jan 2100 00:00:00 GMT", "304"), ("Mon, 01 Jan 2001 00:00:00 GMT", "200")):
        assert subprocess.run([*command, since, url], check=True, capture_output=True, timeout=60).stdout.decode() == status
