"""What a person types: the README's curl lines against a real server."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.builders import fresh_uid, instance
from tests.e2e.server import Server


def curl(*arguments: str) -> str:
    done = subprocess.run(["curl", "--silent", "--show-error", *arguments], check=True, capture_output=True, timeout=60)
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, Path]:
    study = fresh_uid()
    path = tmp_path / "image.dcm"
    path.write_bytes(instance(study_uid=study, patient_name="Curl^Test"))
    return study, path


def test_store_search_metadata_retrieve_delete(server: Server, files: tuple[str, Path], tmp_path: Path) -> None:
    study, path = files
    report = json.loads(curl("-H", "Content-Type: application/dicom", "--data-binary", f"@{path}", f"{server.base}/studies"))
    assert report["00081199"]["Value"]
    (found,) = json.loads(curl("-H", "Accept: application/dicom+json", f"{server.base}/studies?StudyInstanceUID={study}"))
    assert found["00100010"]["Value"] == [{"Alphabetic": "Curl^Test"}]
    (metadata,) = json.loads(curl("--compressed", f"{server.base}/studies/{study}/metadata"))
    series, one = metadata["0020000E"]["Value"][0], metadata["00080018"]["Value"][0]
    copy = tmp_path / "copy.dcm"
    curl("-o", str(copy), "-H", "Accept: application/dicom", f"{server.base}/studies/{study}/series/{series}/instances/{one}")
    assert copy.read_bytes() == path.read_bytes()
    status = curl("-o", "/dev/null", "-w", "%{http_code}", "-X", "DELETE", f"{server.base}/studies/{study}")
    assert status == "204"


def test_a_chunked_body_of_several_files(server: Server, tmp_path: Path) -> None:
    study = fresh_uid()
    for number in range(3):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(instance(study_uid=study))
    boundary = "Content-Type: multipart/related; type=application/dicom; boundary=xyz"
    body = tmp_path / "body"
    parts = b"".join(b"--xyz\r\nContent-Type: application/dicom\r\n\r\n" + (tmp_path / f"{n}.dcm").read_bytes() + b"\r\n" for n in range(3))
    body.write_bytes(parts + b"--xyz--\r\n")
    report = json.loads(curl("-H", boundary, "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{body}", f"{server.base}/studies"))
    assert len(report["00081199"]["Value"]) == 3
    assert len(json.loads(curl(f"{server.base}/studies/{study}/instances"))) == 3


def test_head(server: Server, files: tuple[str, Path]) -> None:
    study, path = files
    curl("-H", "Content-Type: application/dicom", "--data-binary", f"@{path}", f"{server.base}/studies")
    head = curl("--head", f"{server.base}/studies/{study}/metadata").lower()
    assert head.startswith("http/1.1 200")
    assert "etag:" in head
