"""Store of metadata and bulkdata against a real server: the lines of the how-to page, and memory that stays flat (S17, S23)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server, running
from tests.e2e.test_streaming import CHUNK, MEMORY, peak_rss
from tests.unit.dicom.corpus_files import corpus_file
from tests.unit.dicom.test_image_pixel import first_frame

SIZE = 400 * CHUNK


def test_s17_the_lines_of_the_how_to_page_store_a_photograph(server: Server, tmp_path: Path, root: Path) -> None:
    page = (root / "docs" / "how-to" / "store-metadata.md").read_text(encoding="utf-8")
    found = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "photo.jpg").write_bytes(first_frame(corpus_file("SC_rgb_dcmtk_+eb+cy+np.dcm")))
    environment = {"BASE": server.base, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", found[1]], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)
    assert json.loads(done.stdout)["00081199"]["Value"][0]["00081155"]["Value"] == ["2.25.101"]
    address = f"{server.base}/studies/2.25.102/series/2.25.103/instances/2.25.101"
    answer = httpx.get(address, headers={"Accept": "application/dicom; transfer-syntax=*"})
    (tmp_path / "copy.dcm").write_bytes(answer.content)
    read = pydicom.dcmread(tmp_path / "copy.dcm")
    assert (read.Rows, read.Columns, str(read.PatientName)) == (100, 100, "Müller^Jörg")
    assert read.pixel_array.shape == (100, 100, 3)


def test_a_zip_is_stored_by_the_line_of_the_how_to_page(server: Server, tmp_path: Path) -> None:
    study = fresh_uid()
    folder = tmp_path / "FOLDER"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(instance(study_uid=study))
    lines = (
        "python3 -m zipfile -c images.zip FOLDER && "
        "curl --silent -H 'Content-Type: application/zip' --data-binary @images.zip \"$BASE/studies\""
    )
    environment = {"BASE": server.base, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", lines], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)
    assert len(json.loads(done.stdout)["00081199"]["Value"]) == 3


def large_body(metadata: bytes) -> Iterator[bytes]:
    yield b"--b\r\nContent-Type: application/dicom+json\r\n\r\n" + metadata
    yield b"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\n"
    for _ in range(SIZE // CHUNK):
        yield bytes(CHUNK)
    yield b"\r\n--b--\r\n"


def test_s17_s23_bulkdata_of_any_size_is_stored_within_200_mb(tmp_path: Path) -> None:
    uids = {tag: {"vr": "UI", "Value": [fresh_uid()]} for tag in ("00080018", "0020000D", "0020000E")}
    numbers = {"00280002": 1, "00280010": 20_000, "00280011": 20_000, "00280100": 8, "00280101": 8, "00280102": 7, "00280103": 0}
    metadata = uids | {tag: {"vr": "US", "Value": [number]} for tag, number in numbers.items()}
    metadata["00080016"] = {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]}
    metadata["00280004"] = {"vr": "CS", "Value": ["MONOCHROME2"]}
    text = json.dumps([metadata | {"7FE00010": {"vr": "OB", "BulkDataURI": "pixels"}}]).encode()
    headers = {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=b'}
    with running(tmp_path / "data") as server, httpx.Client(base_url=server.base, timeout=300) as client:
        answer = client.post("/studies", content=large_body(text), headers=headers)
        assert answer.status_code == 200, answer.text
        assert peak_rss(server) < MEMORY
        assert [path.stat().st_size > SIZE for path in (tmp_path / "data" / "blobs" / "instances").rglob("*") if path.is_file()] == [True]


@pytest.mark.parametrize("path", ["metadata", "instances"])
def test_xml_and_lines_come_from_a_real_server(server: Server, path: str) -> None:
    study = fresh_uid()
    httpx.post(
        f"{server.base}/studies", content=instance(study_uid=study), headers={"Content-Type": "application/dicom"}
    ).raise_for_status()
    for accept in ('multipart/related; type="application/dicom+xml"', "application/x-ndjson"):
        answer = httpx.get(f"{server.base}/studies/{study}/{path}", headers={"Accept": accept})
        assert answer.status_code == 200
        assert study.encode() in answer.content
