"""A zip archive of Part 10 files as the body of a Store: an extension; bounded, and its names are never used (P11)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.conftest import Site, open_site
from tests.builders import instance, study

ZIP = {"Content-Type": "application/zip"}


def zipped(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
async def narrow_site(tmp_path: Path) -> AsyncIterator[Site]:
    limits = {"instance_bytes": 8 * 1024 * 1024, "inflate_ratio": 50, "parts": 20}
    async for opened in open_site(tmp_path / "data", limits=limits):
        yield opened


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
async def test_every_file_of_the_archive_is_stored(site: Site, compression: int) -> None:
    files = study()
    body = zipped(*((f"folder/{number}.dcm", data) for number, data in enumerate(files)), compression=compression)
    answer = await site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["00081199"]["Value"]) == len(files)


async def test_what_is_no_dicom_fails_alone_and_what_macos_adds_is_passed_over(site: Site) -> None:
    body = zipped(("a.dcm", instance()), ("__MACOSX/._a.dcm", b"x"), ("folder/", b""), ("notes.txt", b"hello " * 100))
    answer = await site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert len(answer.json()["0008119A"]["Value"]) == 1


async def test_names_that_could_be_paths_lead_nowhere(site: Site) -> None:
    body = zipped(("../../../../tmp/radiolucent-evil.dcm", instance()), ("/etc/radiolucent-evil", instance()))
    answer = await site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 200
    assert not Path("/tmp/radiolucent-evil.dcm").exists()
    assert not list(site.settings.data_dir.rglob("*evil*"))


async def test_a_damaged_member_fails_alone(site: Site) -> None:
    good, bad = instance(), instance()
    body = bytearray(zipped(("bad.dcm", bad), ("good.dcm", good), compression=zipfile.ZIP_STORED))
    body[body.index(bad) + 300] ^= 0xFF
    answer = await site.http.post("/studies", content=bytes(body), headers=ZIP)
    assert answer.status_code == 202
    assert "damaged" in answer.json()["0008119A"]["Value"][0]["00000902"]["Value"][0]
    assert len(await site.objects("/instances")) == 1


@pytest.mark.parametrize("body", [b"", b"no zip", zipped(("a.dcm", instance()))[:-10]])
async def test_what_is_no_archive_is_400(site: Site, body: bytes) -> None:
    answer = await site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 400
    assert await site.objects("/instances") == []


async def test_an_archive_without_files_is_400(site: Site) -> None:
    assert (await site.http.post("/studies", content=zipped(), headers=ZIP)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        zipped(("bomb", bytes(7 * 1024 * 1024))),
        zipped(*((f"{number}", bytes(range(256)) * 16_000) for number in range(3)), compression=zipfile.ZIP_STORED)[: 8 * 1024 * 1024 + 1],
        zipped(*((f"{number}", bytes(3 * 1024 * 1024)) for number in range(4))),
        zipped(*((f"{number}", b"x") for number in range(21))),
    ],
    ids=["ratio", "body", "total", "count"],
)
async def test_bombs_are_413_and_leave_nothing(narrow_site: Site, body: bytes) -> None:
    answer = await narrow_site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 413, answer.text
    temporary = narrow_site.settings.data_dir / "blobs" / "tmp"
    assert not temporary.exists() or list(temporary.iterdir()) == []


async def test_a_directory_too_large_for_the_memory_is_refused(narrow_site: Site) -> None:
    body = zipped(*(("n" * 60_000 + f"{number}", b"") for number in range(30)))
    answer = await narrow_site.http.post("/studies", content=body, headers=ZIP)
    assert answer.status_code == 400
